"""A lock remote named as the clone names it: its address, what logs in there, what is hidden."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest

from accelerator.connect import Connection
from accelerator.errors import LockUnavailable, UsageProblem
from accelerator.events import Recorder
from accelerator.models import Swap
from accelerator.settings import load_settings
from accelerator.waiting import SystemClock
from tests.unit.githost import ENCODED, KEY, GitHost, run

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.git

REF, FULL = "lock/shop", "refs/accelerator/lock/shop"


@pytest.fixture
def work(tmp_path: Path, environment: dict[str, str]) -> Path:
    path = tmp_path / "work"
    run(["git", "init", "-q", "-b", "main", str(path)], tmp_path, environment)
    return path


@pytest.fixture
def bare(host: GitHost) -> Path:
    return host.create("project")


def configure(work: Path, environment: dict[str, str], name: str, value: str) -> None:
    run(["git", "config", "--add", name, value], work, environment)


def connect(directory: Path, environment: dict[str, str], named: str) -> Connection:
    flags = {"lock_remote": named} if named else {}
    settings = load_settings({**flags, "from": ("prep",)}, environment, None)
    return Connection(settings, environment, directory, Recorder(SystemClock(), []))


def put(directory: Path, environment: dict[str, str], named: str = "origin") -> str:
    with connect(directory, environment, named).lock_host.open() as store:
        sha = store.write("held")
        assert store.swap(REF, None, sha) is Swap.DONE
        assert store.read(REF) == (sha, "held")
        assert store.find() == {REF: sha}
    return sha


def standing(bare: Path, environment: dict[str, str]) -> str:
    return run(["git", "rev-parse", FULL], bare, environment)


def log_in_by_header(work: Path, environment: dict[str, str], host: GitHost) -> None:
    host.expected = f"basic {ENCODED}"  # as actions/checkout spells it
    configure(work, environment, f"http.{host.url}/.extraheader", f"AUTHORIZATION: {host.expected}")


def write_credentials(work: Path, host: GitHost) -> Path:
    host.expected = f"basic {ENCODED}"
    own = work.parent / "credentials.config"
    login = f'[http "{host.url}/"]\n extraheader = AUTHORIZATION: {host.expected}\n'
    own.write_text(login, encoding="utf-8")
    return own


def log_in_by_an_included_file(work: Path, environment: dict[str, str], host: GitHost) -> None:
    own = write_credentials(work, host)
    configure(work, environment, f"includeIf.gitdir:{work}/.git.path", str(own))


def log_in_by_a_condition_of_the_user(
    work: Path, environment: dict[str, str], host: GitHost
) -> None:
    own = write_credentials(work, host)
    name = f"includeIf.gitdir:{work}/.git.path"
    run(["git", "config", "--global", name, str(own)], work, environment)


def log_in_by_helper(work: Path, environment: dict[str, str], host: GitHost) -> None:
    helper = f"!f() {{ echo username=x; echo password={KEY}; }}; f"
    host.expected = f"Basic {base64.b64encode(f'x:{KEY}'.encode()).decode()}"
    configure(work, environment, "credential.helper", helper)


def log_in_by_address(work: Path, environment: dict[str, str], host: GitHost) -> None:
    host.expected = f"Basic {base64.b64encode(f'gitlab-ci-token:{KEY}'.encode()).decode()}"
    address = f"{host.url.replace('://', f'://gitlab-ci-token:{KEY}@')}/project.git"
    run(["git", "remote", "set-url", "origin", address], work, environment)


@pytest.mark.parametrize(
    "log_in",
    [
        log_in_by_header,
        log_in_by_an_included_file,
        log_in_by_a_condition_of_the_user,
        log_in_by_helper,
        log_in_by_address,
    ],
)
def test_a_remote_of_the_clone_is_logged_in_to_as_the_clone_does(
    work: Path, environment: dict[str, str], host: GitHost, bare: Path, log_in: object
) -> None:
    run(["git", "remote", "add", "origin", f"{host.url}/project.git"], work, environment)
    assert callable(log_in)
    log_in(work, environment, host)

    sha = put(work, environment)

    assert standing(bare, environment) == sha


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        pytest.param({"remote.origin.url": "{}"}, "origin", id="its address"),
        pytest.param(
            {"remote.origin.url": "https://localhost:1/x.git", "remote.origin.pushurl": "{}"},
            "origin",
            id="an address of its own for pushes",
        ),
        pytest.param(
            {"remote.up.url": "gh:project.git", "url.{root}/.insteadOf": "gh:"},
            "up",
            id="a rule that rewrites it",
        ),
        pytest.param(
            {
                "remote.origin.url": "https://localhost:1/project.git",
                "url.{root}/.pushInsteadOf": "https://localhost:1/",
            },
            "origin",
            id="a rule for pushes",
        ),
        pytest.param({"remote.origin.url": "../host/project.git"}, "origin", id="a relative path"),
    ],
)
def test_a_remote_is_where_the_clone_pushes_to(
    work: Path, environment: dict[str, str], bare: Path, settings: dict[str, str], named: str
) -> None:
    for name, value in settings.items():
        place = {"root": str(bare.parent)}
        configure(work, environment, name.format(**place), value.format(str(bare), **place))
    (work / "below").mkdir()

    sha = put(work / "below", environment, named)

    assert standing(bare, environment) == sha


@pytest.mark.parametrize(
    ("pushurls", "said"),
    [
        pytest.param((), "has no remote of that name", id="there is none"),
        pytest.param(("/one.git", "/two.git"), "pushed to 2 repositories", id="there are two"),
        pytest.param(("ext::sh -c x",), "must", id="a program"),
    ],
)
def test_a_remote_that_is_no_one_place_is_a_mistake_in_the_settings(
    work: Path, environment: dict[str, str], pushurls: tuple[str, ...], said: str
) -> None:
    for address in pushurls:
        configure(work, environment, "remote.origin.pushurl", address)
        configure(work, environment, "remote.origin.url", address)

    with pytest.raises(UsageProblem, match=said) as caught:
        _ = connect(work, environment, "origin").lock_host

    assert type(caught.value) is UsageProblem


def test_without_a_clone_a_remotes_name_is_a_mistake_in_the_settings(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    with pytest.raises(UsageProblem, match="not inside a git repository") as caught:
        _ = connect(tmp_path, environment, "origin").lock_host

    assert type(caught.value) is UsageProblem


def test_who_may_not_push_is_told_so_and_never_led_to_another_place(
    work: Path, environment: dict[str, str], host: GitHost
) -> None:
    host.create("project", "echo 'You are not allowed to push' >&2; exit 1")
    run(["git", "remote", "add", "origin", f"{host.url}/project.git"], work, environment)
    log_in_by_header(work, environment, host)

    with pytest.raises(LockUnavailable) as caught:
        put(work, environment)

    assert type(caught.value) is LockUnavailable  # others hold locks there: nothing can be told


def test_what_logs_a_clone_in_is_shown_nowhere_and_in_no_other_command(
    tmp_path: Path, work: Path, environment: dict[str, str], host: GitHost
) -> None:
    seen = tmp_path / "seen"
    host.create("project", f'env >> {seen}; echo "{KEY} {ENCODED}" >&2; exit 1')
    run(["git", "remote", "add", "origin", f"{host.url}/project.git"], work, environment)
    log_in_by_header(work, environment, host)
    environment["COPY"] = f"Basic {ENCODED}"
    running: list[str] = []
    host.during_push = lambda: running.append(
        run(["ps", "axww", "-o", "args"], tmp_path, environment)
    )

    lock_host = connect(work, environment, "origin").lock_host
    with lock_host.open() as store, pytest.raises(LockUnavailable) as caught:
        store.swap(REF, None, store.write("held"))

    beside = " ".join(store._access.beside.values())
    told = f"{lock_host!r} {caught.value} {caught.value.hint} {beside}"
    assert "git push --porcelain" in running[0]
    for secret in (KEY, ENCODED):
        assert secret not in told
        assert secret not in "".join(running)


@pytest.mark.parametrize(
    ("named", "address", "is_heroku", "is_named"),
    [
        pytest.param("heroku", "https://git.heroku.com/prep.git", True, True, id="said"),
        pytest.param(None, "https://git.heroku.com/prep.git", True, False, id="nothing said"),
        pytest.param(
            "https://git.heroku.com/locks.git",
            "https://git.heroku.com/locks.git",
            True,
            False,
            id="an address there",
        ),
        pytest.param(
            "https://u:p@git.heroku.com/locks.git",
            "https://u:p@git.heroku.com/locks.git",
            True,
            False,
            id="with a login of its own",
        ),
        pytest.param(
            "git@heroku.com:locks.git", "git@heroku.com:locks.git", True, False, id="by ssh"
        ),
        pytest.param(
            "https://git.herokai.com/x.git",
            "https://git.herokai.com/x.git",
            True,
            False,
            id="another of Heroku's domains",
        ),
        pytest.param(
            "https://git.heroku.com./x.git",
            "https://git.heroku.com./x.git",
            True,
            False,
            id="with the dot at the end",
        ),
        pytest.param(
            "https://github.com/x/y", "https://github.com/x/y", False, False, id="elsewhere"
        ),
        pytest.param(
            "https://notheroku.com/x", "https://notheroku.com/x", False, False, id="alike"
        ),
    ],
)
def test_herokus_git_is_known_for_what_it_is_and_whether_it_was_asked_for(
    work: Path,
    environment: dict[str, str],
    named: str | None,
    address: str,
    is_heroku: bool,
    is_named: bool,
) -> None:
    environment["HEROKU_API_KEY"] = KEY
    run(["git", "remote", "add", "heroku", "https://elsewhere.example/x.git"], work, environment)
    connection = connect(work, environment, named or "")

    found = connection.lock_host

    assert (found.url, found.is_heroku, found.is_named_heroku) == (address, is_heroku, is_named)
    with found.open() as store:
        assert (store.is_advisory, store.is_metered) == (is_heroku, is_heroku)
