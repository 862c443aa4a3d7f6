from __future__ import annotations

import base64
import os
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelerator import credentials
from accelerator.credentials import find_key, without_key
from accelerator.errors import ExitCode, KeyMissing, UsageProblem
from accelerator.models import Endpoint, Secret

if TYPE_CHECKING:
    from pathlib import Path

HEROKU = Endpoint("https://api.heroku.com", "https://git.heroku.com")
LOCAL = Endpoint("http://127.0.0.1:5001", "http://127.0.0.1:5001")
KEY = "01234567-89ab-cdef-0123-456789abcdef"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


@pytest.fixture
def environment(home: Path) -> dict[str, str]:
    """Give git nothing but an empty configuration of its own."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "GIT_CONFIG_GLOBAL": str(home / ".gitconfig"),
        "GIT_CONFIG_NOSYSTEM": "1",
    }


def configure_helper(home: Path, script: str, url: str = "https://git.heroku.com") -> Path:
    """Register a credential helper the way the Heroku CLI does; it notes what it is asked."""
    helper = home / "helper"
    helper.write_text(f"#!/bin/sh\necho asked >> {home}/asked\n{script}\n")
    helper.chmod(0o755)
    (home / ".gitconfig").write_text(f'[credential "{url}"]\n\thelper = !{helper}\n')
    return home / "asked"


def test_the_variable_comes_first(home: Path, environment: dict[str, str]) -> None:
    (home / ".netrc").write_text("machine api.heroku.com login x password other\n")
    asked = configure_helper(home, "echo password=other")

    key = find_key("SHOP_KEY", {**environment, "SHOP_KEY": KEY}, HEROKU, home)

    assert (key.reveal(), key.source) == (KEY, "SHOP_KEY")
    assert not asked.exists()


def test_a_line_end_after_the_key_is_no_part_of_it(home: Path, environment: dict[str, str]) -> None:
    key = find_key("SHOP_KEY", {**environment, "SHOP_KEY": f"{KEY}\n"}, HEROKU, home)

    assert key.reveal() == KEY


NETRC = [
    pytest.param(f"machine api.heroku.com login me password {KEY}", HEROKU, id="Heroku"),
    pytest.param(f"machine 127.0.0.1:5001 login me password {KEY}", LOCAL, id="loopback, port"),
    pytest.param(
        f"machine example.com login a password b\nmachine api.heroku.com\n"
        f"  login me\n  password {KEY}\nmachine git.heroku.com login me password c",
        HEROKU,
        id="among others",
    ),
]


@pytest.mark.parametrize(("content", "endpoint"), NETRC)
def test_the_netrc_entry_of_the_api_host_is_next(
    home: Path, environment: dict[str, str], content: str, endpoint: Endpoint
) -> None:
    (home / ".netrc").write_text(content + "\n")

    key = find_key("HEROKU_API_KEY", environment, endpoint, home)

    assert key.reveal() == KEY
    assert key.source.startswith("~/.netrc (machine ")


@pytest.mark.git
def test_gits_credential_helper_for_the_git_host_is_last(
    home: Path, environment: dict[str, str]
) -> None:
    configure_helper(home, f"cat > {home}/question\necho username=heroku\necho password={KEY}")

    key = find_key("HEROKU_API_KEY", environment, HEROKU, home)

    assert (key.reveal(), key.source) == (KEY, "git's credential helper for git.heroku.com")
    assert "host=git.heroku.com" in (home / "question").read_text()


NOWHERE = [
    pytest.param("default login x password somebodys", "exit 1", id="a default entry is no key"),
    pytest.param("machine git.heroku.com login x password y", "exit 1", id="another machine"),
    pytest.param("", "echo quit=1", id="a helper that gives up"),
    pytest.param("", "echo username=x", id="a helper without a password"),
]


@pytest.mark.git
@pytest.mark.parametrize(("content", "script"), NOWHERE)
def test_a_key_that_is_nowhere_is_missing(
    home: Path, environment: dict[str, str], content: str, script: str
) -> None:
    (home / ".netrc").write_text(content + "\n")
    configure_helper(home, script)

    with pytest.raises(KeyMissing) as raised:
        find_key("SHOP_KEY", environment, HEROKU, home)

    assert raised.value.exit_code == ExitCode.USAGE
    assert "SHOP_KEY" in raised.value.message
    assert "api.heroku.com" in raised.value.message


@pytest.mark.git
def test_a_helper_that_never_answers_is_ended_with_its_children(
    home: Path, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(credentials, "HELPER_SECONDS", 1.0)
    asked = configure_helper(home, f"exec 3> {home}/alive\nsleep 600 & wait")
    os.mkfifo(home / "alive")
    alive = os.open(home / "alive", os.O_RDONLY | os.O_NONBLOCK)

    with pytest.raises(KeyMissing):
        find_key("HEROKU_API_KEY", environment, HEROKU, home)

    assert asked.exists()
    # Reading ends only when nobody holds the other end any more.
    os.set_blocking(alive, True)
    assert os.read(alive, 1) == b""
    os.close(alive)


def test_without_git_there_is_no_helper_to_ask(home: Path) -> None:
    with pytest.raises(KeyMissing):
        find_key("HEROKU_API_KEY", {"PATH": str(home)}, HEROKU, home)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("two words", id="blank"),
        pytest.param("first\nsecond", id="line break"),
        pytest.param("first\x00second", id="control character"),
        pytest.param("schl\u00fcssel", id="not ASCII"),
    ],
)
def test_a_broken_key_is_refused_without_being_shown(home: Path, value: str) -> None:
    with pytest.raises(UsageProblem, match="SHOP_KEY") as raised:
        find_key("SHOP_KEY", {"SHOP_KEY": value}, HEROKU, home)

    shown = f"{raised.value} {raised.value.hint} {raised.value!r}"
    assert not any(part in shown for part in value.replace("\x00", "\n").split("\n"))


def test_a_malformed_netrc_file_is_named_without_what_is_in_it(
    home: Path, environment: dict[str, str]
) -> None:
    (home / ".netrc").write_text("machine api.heroku.com login x\npassword a p4ssword\n")

    with pytest.raises(UsageProblem, match=r"\.netrc is malformed at line \d") as raised:
        find_key("HEROKU_API_KEY", environment, HEROKU, home)

    assert "p4ssword" not in str(raised.value)
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__


UNREADABLE = [
    pytest.param(b"\xff\xfe", "is not UTF-8 text", id="not text"),
    pytest.param(None, "cannot be read", id="a directory"),
]


@pytest.mark.parametrize(("content", "expected"), UNREADABLE)
def test_an_unreadable_netrc_file_is_a_problem(
    home: Path, environment: dict[str, str], content: bytes | None, expected: str
) -> None:
    path = home / ".netrc"
    path.mkdir() if content is None else path.write_bytes(content)

    with pytest.raises(UsageProblem, match=expected):
        find_key("HEROKU_API_KEY", environment, HEROKU, home)


# Children that need no key


def test_the_helper_is_asked_without_the_key_of_another_variable(
    home: Path, environment: dict[str, str]
) -> None:
    configure_helper(home, 'echo username=x; echo "password=${HEROKU_API_KEY:-own}"')

    key = find_key("SHOP_KEY", {**environment, "HEROKU_API_KEY": KEY}, HEROKU, home)

    assert key.reveal() == "own"


def basic(user: str) -> str:
    return base64.b64encode(f"{user}:{KEY}".encode()).decode()


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        pytest.param("HEROKU_API_KEY", "another", id="the usual name"),
        pytest.param("SHOP_KEY", "whatever", id="the configured name"),
        pytest.param("HEROKU_STAGING_API_KEY", "another", id="the key of another stage"),
        pytest.param("HEROKU_OAUTH_TOKEN", "another", id="a token of Heroku's"),
        pytest.param("HEROKU_KEY", "another", id="a short name"),
        pytest.param("COPY", KEY, id="the value under another name"),
        pytest.param("REMOTE", f"https://x:{KEY}@git.heroku.com/shop.git", id="in an address"),
        pytest.param("HEADER", f"Authorization: Basic {basic('')}", id="as git sends it"),
        pytest.param("HEADER", f"Authorization: Basic {basic('ada')}", id="with a user"),
        pytest.param("HEADER", f"Authorization: Basic {basic('me@x')}", id="with another"),
        pytest.param("ACCELERATOR_LOCK_REMOTE", "https://a:b@x/y.git", id="a lock remote's own"),
        pytest.param("ACCELERATOR_LOCAL_TOKEN", "x", id="the token of a local platform"),
    ],
)
def test_what_holds_a_key_is_not_handed_to_tests_and_smoke_commands(
    variable: str, value: str
) -> None:
    given = {variable: value, "PATH": "/bin", "ACCELERATOR_TIMEOUT": "5m"}

    left = without_key(given, Secret(KEY), "SHOP_KEY")

    assert left == {"PATH": "/bin", "ACCELERATOR_TIMEOUT": "5m"}


def test_what_holds_no_key_is_handed_on() -> None:
    given = {
        "HEROKU_HOST": "heroku.com",
        "HEROKU_APP": "shop",
        "KEYBOARD": "qwerty",
        "ACCELERATOR_LOCK_REMOTE": "https://git.example/shop.git",
    }

    assert without_key(given, Secret(KEY), "SHOP_KEY") == given


def test_a_numbered_setting_of_gits_is_emptied_so_that_git_still_runs() -> None:
    given = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "http.extraHeader"}
    value = {"GIT_CONFIG_VALUE_0": f"Authorization: Basic {basic('')}"}

    left = without_key({**given, **value}, Secret(KEY), "SHOP_KEY")

    assert left == {**given, "GIT_CONFIG_VALUE_0": ""}


KEYS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=12, max_size=60)


@given(KEYS, st.binary(max_size=20), st.binary(max_size=20))
def test_a_key_is_found_in_any_text_in_base64(key: str, before: bytes, after: bytes) -> None:
    text = base64.b64encode(before + key.encode() + after).decode()

    assert any(word in text for word in Secret(key).spellings())
    assert any(word in quote(key, safe="") for word in Secret(key).spellings())


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=11))
def test_no_spelling_of_a_short_key_is_in_every_text(key: str) -> None:
    assert "" not in Secret(key).spellings()


def test_a_short_key_is_dropped_where_it_is_the_value_and_not_where_its_letters_are() -> None:
    given = {"PATH": "/usr/local/bin:/bin", "COPY": "local", "HEROKU_API_KEY": "local"}

    assert without_key(given, Secret("local"), "SHOP_KEY") == {"PATH": "/usr/local/bin:/bin"}


def test_a_key_of_bytes_that_are_no_text_is_found_too() -> None:
    key = os.fsdecode(b"HRKU-\xff-0123456789")

    assert without_key({"COPY": f"x{key}", "PATH": "/bin"}, Secret(key), "K") == {"PATH": "/bin"}
