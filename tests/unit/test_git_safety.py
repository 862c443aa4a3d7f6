"""What git is given, and what it may not do with it: keys, logins, certificates, surroundings."""

from __future__ import annotations

import base64
import ssl
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
import trustme

from accelerator.connect import Connection
from accelerator.errors import (
    AcceleratorError,
    LockUnavailable,
    RepositoryProblem,
    Unreachable,
    UsageProblem,
)
from accelerator.events import Recorder
from accelerator.models import Ancestry, Secret, Swap
from accelerator.repository import LockHost, RefStore, Repository, for_git
from accelerator.repository.surroundings import Redactor
from accelerator.settings import load_settings
from accelerator.waiting import SystemClock
from tests.unit.githost import ENCODED, KEY, GitHost, hosting, run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.git

REF, FULL = "lock/shop", "refs/accelerator/lock/shop"
PASSWORD = "p@ss/w0rd#1"
LOGIN = base64.b64encode(f"ann:{PASSWORD}".encode()).decode()


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def stranger(
    tmp_path: Path, environment: dict[str, str], authority: trustme.CA
) -> Iterator[GitHost]:
    """Serve over TLS with a certificate that nobody here trusts."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with hosting(tmp_path / "stranger", environment, context) as server:
        server.create("shop")
        yield server


@pytest.fixture
def work(tmp_path: Path, environment: dict[str, str]) -> Path:
    path = tmp_path / "work"
    run(["git", "init", "-q", "-b", "main", str(path)], tmp_path, environment)
    run(["git", "commit", "-q", "--allow-empty", "-m", "one"], path, environment)
    return path


def connect(directory: Path, environment: dict[str, str], lock_remote: str) -> Connection:
    settings = load_settings({"lock_remote": lock_remote}, environment, None)
    return Connection(settings, environment, directory, Recorder(SystemClock(), []))


def note(store: RefStore, text: str = "held") -> Swap:
    return store.swap(REF, None, store.write(text))


def dump(to: Path) -> str:
    return f"env >> {to}\n"


# The environment of git's processes


def test_a_hook_of_a_lock_remote_finds_no_key(
    tmp_path: Path, environment: dict[str, str], host: GitHost, work: Path
) -> None:
    seen = tmp_path / "seen"
    bare = host.create("locks", dump(seen))
    environment |= {
        "HEROKU_API_KEY": KEY,
        "COPY": f"the key is {KEY}.",
        "HEADER": f"Basic {ENCODED}",
        "OTHER": "other",
    }

    with connect(work, environment, f"file://{bare}").lock_host.open() as store:
        assert note(store) is Swap.DONE

    assert "OTHER=other" in seen.read_text()
    for word in (KEY, ENCODED, "HEROKU_API_KEY"):
        assert word not in seen.read_text()


def test_the_variable_that_is_named_as_the_keys_is_no_childs_either(
    tmp_path: Path, environment: dict[str, str], host: GitHost, work: Path
) -> None:
    seen = tmp_path / "seen"
    bare = host.create("locks", dump(seen))
    environment |= {"ACCELERATOR_KEY_ENV": "SHOP_KEY", "SHOP_KEY": KEY, "COPY": KEY}

    with connect(work, environment, str(bare)).lock_host.open() as store:
        assert note(store) is Swap.DONE

    assert KEY not in seen.read_text()


def test_what_a_clone_fetches_by_finds_no_key(
    tmp_path: Path,
    environment: dict[str, str],
    host: GitHost,
    work: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = tmp_path / "seen"
    program = tmp_path / "upload-pack"
    program.write_text(f'#!/bin/sh\n{dump(seen)}exec git-upload-pack "$@"\n')
    program.chmod(0o755)
    run(["git", "commit", "-q", "--allow-empty", "-m", "two"], work, environment)
    clone = tmp_path / "clone"
    cloning = ["git", "clone", "-q", "--depth", "1", work.as_uri(), str(clone)]
    run(cloning, tmp_path, environment)
    run(["git", "config", "remote.origin.uploadpack", str(program)], clone, environment)
    monkeypatch.setenv("HEROKU_API_KEY", KEY)  # in our own process, as it is in CI
    newer = run(["git", "rev-parse", "HEAD"], work, environment)
    older = run(["git", "rev-parse", "HEAD^"], work, environment)

    connection = connect(clone, {**environment, "HEROKU_API_KEY": KEY}, f"{host.url}/locks.git")

    assert connection.clone.ancestry(older, newer) is Ancestry.YES
    assert "HOME=" in seen.read_text()
    assert KEY not in seen.read_text()


def test_configuration_with_the_key_is_dropped_and_the_rest_numbered_anew() -> None:
    key = Secret(KEY)
    given = {
        "GIT_CONFIG_COUNT": "4",
        "GIT_CONFIG_KEY_0": "http.extraHeader",
        "GIT_CONFIG_VALUE_0": f"Authorization: Basic {ENCODED}",
        "GIT_CONFIG_KEY_1": "http.proxy",
        "GIT_CONFIG_VALUE_1": "http://proxy:3128",
        "GIT_CONFIG_KEY_2": f"url.https://x:{KEY}@git.heroku.com/.insteadOf",
        "GIT_CONFIG_VALUE_2": "https://git.heroku.com/",
        "GIT_CONFIG_KEY_3": "core.empty",
        "GIT_CONFIG_VALUE_3": "",
        "GIT_DIR": "/elsewhere",
        "GIT_SSH_COMMAND": "ssh -i key",
        "ACCELERATOR_LOCK_REMOTE": "https://ann:word@host/locks.git",
        "PLAIN": "x",
    }

    assert for_git(given, [key]) == {
        "GIT_CONFIG_COUNT": "2",
        "GIT_CONFIG_KEY_0": "http.proxy",
        "GIT_CONFIG_VALUE_0": "http://proxy:3128",
        "GIT_CONFIG_KEY_1": "core.empty",
        "GIT_CONFIG_VALUE_1": "",
        "GIT_SSH_COMMAND": "ssh -i key",
        "PLAIN": "x",
    }


@pytest.mark.parametrize("count", ["x", "-1", "99999999", "\u0663", ""])
def test_a_count_of_settings_that_is_none_is_as_good_as_none(count: str) -> None:
    assert for_git({"GIT_CONFIG_COUNT": count})["GIT_CONFIG_COUNT"] == "0"


def test_a_word_too_short_for_a_key_hides_nothing() -> None:
    assert for_git({"PATH": "/bin"}, [Secret("bin"), Secret("")])["PATH"] == "/bin"


@pytest.mark.parametrize(
    "spelled",
    [
        pytest.param(PASSWORD, id="plain"),
        pytest.param(quote(PASSWORD, safe=""), id="as in an address"),
        pytest.param(LOGIN, id="with its user, as git sends it"),
        pytest.param(base64.b64encode(f":{PASSWORD}".encode()).decode(), id="and without one"),
    ],
)
def test_a_secret_is_shown_in_none_of_its_spellings(spelled: str) -> None:
    shown = Redactor(Secret(PASSWORD))(f"remote: {spelled}")

    assert "***" in shown
    assert spelled[4:-4] not in shown


def test_a_secret_is_dropped_from_the_environment_in_all_its_spellings() -> None:
    address = f"https://ann:{quote(PASSWORD, safe='')}@host/locks.git"

    left = for_git({"LOCKS": address, "HEADER": f"Basic {LOGIN}", "A": "x"}, [Secret(PASSWORD)])

    assert left == {"A": "x", "GIT_CONFIG_COUNT": "0"}


def test_notes_are_written_as_ever_whatever_git_is_pointed_at(
    tmp_path: Path, environment: dict[str, str], host: GitHost, work: Path
) -> None:
    bare = host.create("locks")
    touched = tmp_path / "touched"
    hooks = tmp_path / "hooks"
    (hooks / "hooks").mkdir(parents=True)
    for hook in (hooks / "reference-transaction", hooks / "hooks" / "reference-transaction"):
        hook.write_text(f"#!/bin/sh\ntouch {touched}\n")
        hook.chmod(0o755)
    before = sorted(path.name for path in work.rglob("*"))
    strange = {
        "GIT_DIR": str(work / ".git"),
        "GIT_WORK_TREE": str(work),
        "GIT_INDEX_FILE": str(work / "index"),
        "GIT_OBJECT_DIRECTORY": str(work / "objects"),
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(tmp_path),
        "GIT_COMMON_DIR": str(work / ".git"),
        "GIT_NAMESPACE": "other",
        "GIT_DEFAULT_HASH": "sha256",
        "GIT_TEMPLATE_DIR": str(hooks),
        "GIT_CONFIG_PARAMETERS": f"'core.hooksPath={hooks}'",
        "GIT_COMMITTER_DATE": "never",
    }
    settings = tmp_path / "settings"
    settings.write_text(f"[core]\n hooksPath = {hooks}\n[safe]\n bareRepository = explicit\n")
    strange["GIT_CONFIG_GLOBAL"] = str(settings)

    with LockHost(f"{host.url}/locks.git", Secret(KEY), {**environment, **strange}).open() as store:
        assert note(store) is Swap.DONE
        found = store.read(REF)

    assert found is not None
    assert found[1] == "held"
    assert run(["git", "--git-dir", str(bare), "rev-parse", FULL], bare, environment) == found[0]
    assert sorted(path.name for path in work.rglob("*")) == before
    assert not touched.exists()


def test_a_machine_without_git_is_told_so_and_nothing_is_left(
    tmp_path: Path, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    with pytest.raises(RepositoryProblem, match="git was not found"):
        LockHost("https://host/locks.git", None, {**environment, "PATH": str(tmp_path)}).open()

    assert not list(tmp_path.glob("accelerator-refs-*"))


# Addresses and names


@pytest.mark.parametrize("address", ["--upload-pack=touch {}", "ext::touch% {}", "-oX=touch {}:x"])
def test_an_address_that_would_run_a_program_is_refused(
    tmp_path: Path, environment: dict[str, str], address: str
) -> None:
    touched = tmp_path / "touched"

    with pytest.raises(UsageProblem, match="the address of a git repository must"):
        LockHost(address.format(touched), None, environment).open().find()

    assert not touched.exists()


def test_an_address_that_is_led_to_a_program_runs_none(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    touched = tmp_path / "touched"
    rule = (f"url.ext::touch {touched} .insteadOf", "https://host/")
    for setting in (rule, ("protocol.ext.allow", "always")):
        run(["git", "config", "--global", *setting], tmp_path, environment)

    with (
        LockHost("https://host/locks.git", None, environment).open() as store,
        pytest.raises(LockUnavailable, match="transport 'ext' not allowed"),
    ):
        store.find()

    assert not touched.exists()


def test_a_remote_without_a_secret_is_found_by_the_users_own_rules(
    tmp_path: Path, environment: dict[str, str], host: GitHost
) -> None:
    rule = f"url.{host.url}/.insteadOf"
    run(["git", "config", "--global", rule, "http://localhost:1/"], tmp_path, environment)

    with (
        LockHost("http://localhost:1/locks.git", None, environment).open() as store,
        pytest.raises(LockUnavailable, match="could not read Username"),
    ):
        store.find()

    assert [path for path, _ in host.seen] == ["/locks.git/info/refs"]


@pytest.mark.parametrize("ref", ["-d", "--all", "lock/a b", "lock/*", "lock/a:b", "lock/-\n", ""])
def test_a_ref_that_is_no_name_is_refused(
    environment: dict[str, str], host: GitHost, ref: str
) -> None:
    host.create("locks")

    with LockHost(f"{host.url}/locks.git", Secret(KEY), environment).open() as store:
        with pytest.raises(UsageProblem, match="name of a ref"):
            store.read(ref)
        with pytest.raises(UsageProblem, match="name of a ref"):
            store.swap(ref, None, store.write("x"))

    assert host.seen == []


@pytest.mark.parametrize("app", ["-x", "a/../b", "a b", "a?b", "", "a\nb", "a@b:c"])
def test_a_prepare_app_that_is_no_name_makes_no_address(
    work: Path, environment: dict[str, str], app: str
) -> None:
    settings = load_settings({"from": (app or " /",)}, environment, None)
    connection = Connection(settings, environment, work, Recorder(SystemClock(), []))

    with pytest.raises(UsageProblem, match="cannot be the name of an app"):
        _ = connection.lock_host


# Where the key goes


@pytest.mark.parametrize(
    ("address", "goes"),
    [
        pytest.param("https://git.heroku.com/locks.git", True, id="Heroku's own"),
        pytest.param("https://GIT.heroku.com:443/locks.git", True, id="the same, spelled out"),
        pytest.param("https://git.heroku.com:8443/locks.git", False, id="another port"),
        pytest.param("https://git.heroku.com@127.0.0.1/x.git", False, id="its name as a user"),
        pytest.param("https://u:p@git.heroku.com/x.git", False, id="with a login of its own"),
        pytest.param("https://github.com/x.git", False, id="another host"),
        pytest.param("git@git.heroku.com:x.git", False, id="by ssh"),
        pytest.param("/srv/git.heroku.com/x.git", False, id="a folder"),
    ],
)
def test_the_key_goes_to_herokus_origin_only(
    work: Path, environment: dict[str, str], address: str, goes: bool
) -> None:
    environment["HEROKU_API_KEY"] = KEY

    lock_host = connect(work, environment, address).lock_host

    assert (lock_host.key is not None) == goes
    assert KEY not in repr(lock_host)
    assert "u:p@" not in repr(lock_host)


def test_clear_text_beyond_this_machine_is_no_lock_remote(
    work: Path, environment: dict[str, str]
) -> None:
    with pytest.raises(UsageProblem, match="http://, which anybody on the way can read"):
        connect(work, environment, "http://git.heroku.com/locks.git")


@pytest.mark.parametrize("is_push", [True, False])
def test_the_key_does_not_follow_a_redirect(
    tmp_path: Path, environment: dict[str, str], host: GitHost, work: Path, is_push: bool
) -> None:
    with hosting(tmp_path / "other", environment) as other:
        other.create("shop")
        host.leads_to = other.url
        wished = f"http.{host.url}/shop.git.followRedirects"
        run(["git", "config", "--global", wished, "true"], tmp_path, environment)

        with pytest.raises(AcceleratorError):
            reach(is_push, work, f"{host.url}/shop.git", KEY, environment)

        assert other.seen == []


def reach(
    is_push: bool, work: Path, url: str, key: str | None, environment: dict[str, str]
) -> None:
    """Push a commit as `prepare` does, or a note as locks do."""
    if is_push:
        with Repository.open(work, environment) as repository:
            sha = repository.resolve("HEAD").sha
            repository.push(sha, url, key=Secret(key or ""), on_line=lambda _: None)
    else:
        with LockHost(url, Secret(key) if key else None, environment).open() as store:
            assert note(store) is Swap.DONE
            store.find()


# Certificates


def by_file(name: str) -> Callable[[Path, dict[str, str], str], None]:
    def configure(work: Path, environment: dict[str, str], url: str) -> None:
        named = name.format(url=url, origin=url.removesuffix("/shop.git"))
        for scope in ("--global", "--local"):
            run(["git", "config", scope, named, "false"], work, environment)

    return configure


def by_variables(name: str) -> Callable[[Path, dict[str, str], str], None]:
    def configure(_: Path, environment: dict[str, str], url: str) -> None:
        named = name.format(url=url)
        environment |= {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": named}
        environment |= {"GIT_CONFIG_VALUE_0": "false"}
        environment |= {"GIT_CONFIG_PARAMETERS": f"'{named}=false' '{named}'='false'"}

    return configure


UNCHECKED = [
    pytest.param(by_file("http.sslVerify"), id="for all"),
    pytest.param(by_file("http.{origin}/.sslVerify"), id="for the host"),
    pytest.param(by_file("http.{url}.sslVerify"), id="for the repository"),
    pytest.param(by_file("http.{url}/.sslVerify"), id="for the repository with a slash"),
    pytest.param(by_variables("http.{url}.sslVerify"), id="by variables"),
]


@pytest.mark.parametrize("is_push", [True, False], ids=["push", "lock"])
@pytest.mark.parametrize("configure", UNCHECKED)
def test_no_setting_switches_the_checks_of_certificates_off(
    configure: Callable[[Path, dict[str, str], str], None],
    is_push: bool,
    work: Path,
    environment: dict[str, str],
    stranger: GitHost,
) -> None:
    url = f"{stranger.url}/shop.git"
    configure(work, environment, url)

    with pytest.raises((Unreachable, LockUnavailable), match="certificate"):
        reach(is_push, work, url, KEY, environment)

    assert stranger.seen == []


def test_a_login_of_a_lock_remote_is_not_sent_unchecked_either(
    work: Path, environment: dict[str, str], stranger: GitHost
) -> None:
    url = f"{stranger.url}/shop.git"
    by_file("http.{url}.sslVerify")(work, environment, url)

    with pytest.raises(LockUnavailable, match="certificate"):
        reach(False, work, url.replace("://", "://ann:word@"), None, environment)

    assert stranger.seen == []


@pytest.mark.parametrize("is_push", [True, False], ids=["push", "lock"])
def test_a_certificate_of_a_named_authority_is_taken(
    is_push: bool,
    tmp_path: Path,
    work: Path,
    environment: dict[str, str],
    stranger: GitHost,
    authority: trustme.CA,
) -> None:
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    environment["GIT_SSL_CAINFO"] = str(tmp_path / "ca.pem")

    reach(is_push, work, f"{stranger.url}/shop.git", KEY, environment)

    assert {sent for _, sent in stranger.seen} == {f"Basic {ENCODED}"}


@pytest.mark.parametrize("value", ["1", "true", "", "false", "0"])
@pytest.mark.parametrize("is_push", [True, False], ids=["push", "lock"])
def test_the_variable_that_switches_the_checks_off_is_refused(
    value: str, is_push: bool, work: Path, environment: dict[str, str], stranger: GitHost
) -> None:
    environment["GIT_SSL_NO_VERIFY"] = value

    with pytest.raises(UsageProblem, match="GIT_SSL_NO_VERIFY is set: git would send the API key"):
        reach(is_push, work, f"{stranger.url}/shop.git", KEY, environment)

    assert stranger.seen == []


def test_without_a_secret_the_variable_is_the_users_own_matter(
    work: Path, environment: dict[str, str], stranger: GitHost
) -> None:
    environment["GIT_SSL_NO_VERIFY"] = "1"

    with pytest.raises(LockUnavailable, match="could not read Username"):
        reach(False, work, f"{stranger.url}/shop.git", None, environment)

    assert {sent for _, sent in stranger.seen} == {None}


# A login in the address of a lock remote


def with_login(host: GitHost, login: str) -> str:
    return f"{host.url}/locks.git".replace("://", f"://{login}@")


def test_a_login_is_used_and_shows_nowhere(
    tmp_path: Path, environment: dict[str, str], host: GitHost
) -> None:
    bare = host.create("locks")
    host.expected = f"Basic {LOGIN}"
    touched = tmp_path / "touched"
    helper = f"!touch {touched}; :"
    run(["git", "config", "--global", "credential.helper", helper], tmp_path, environment)
    environment["GIT_ASKPASS"] = str(touched)
    arguments: list[str] = []
    host.during_push = lambda: arguments.append(
        run(["ps", "axww", "-o", "args"], tmp_path, environment)
    )

    with LockHost(with_login(host, "ann:p@ss%2Fw0rd%231"), None, environment).open() as store:
        assert note(store) is Swap.DONE
        found = store.read(REF)
        assert store.find() == {REF: found[0] if found else ""}
        host.expected = "none"
        with pytest.raises(LockUnavailable) as caught:
            store.find()
        told = f"{store!r} {caught.value} {caught.value.hint}"

    assert "remote-http" in arguments[0]
    for word in (PASSWORD, "p@ss", "w0rd", LOGIN):
        assert word not in arguments[0]
        assert word not in told
    assert run(["git", "rev-parse", FULL], bare, environment) == (found and found[0])
    assert not touched.exists()


def test_a_user_alone_is_asked_for_at_the_users_own_helper(
    tmp_path: Path, environment: dict[str, str], host: GitHost
) -> None:
    host.create("locks")
    asked = tmp_path / "asked"
    host.expected = "Basic " + base64.b64encode(b"ghp_t0ken:word").decode()
    helper = f"!f() {{ cat >> {asked}; echo password=word; }}; f"
    run(["git", "config", "--global", "credential.helper", helper], tmp_path, environment)
    arguments: list[str] = []
    host.during_push = lambda: arguments.append(
        run(["ps", "axww", "-o", "args"], tmp_path, environment)
    )

    with LockHost(with_login(host, "ghp_t0ken"), None, environment).open() as store:
        assert note(store) is Swap.DONE

    assert "username=ghp_t0ken" in asked.read_text()
    assert "remote-http" in arguments[0]
    assert "ghp_t0ken" not in arguments[0]
