"""Git's processes and what surrounds them: hooks' variables, users' settings, old versions."""

from __future__ import annotations

import io
import socket
import subprocess
from typing import TYPE_CHECKING

import pytest

from accelerator.errors import RepositoryProblem
from accelerator.models import Ancestry, Secret, Swap
from accelerator.repository import LockHost, Repository, clone, for_git
from accelerator.repository.lineage import Lineage
from accelerator.waiting import Deadline, SystemClock
from tests.unit.githost import KEY, GitHost, run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.git

REF = "lock/shop"
LOCAL = subprocess.run(
    ["git", "rev-parse", "--local-env-vars"], check=True, capture_output=True, text=True
).stdout.split()
OUR_OWN = {"GIT_CONFIG_COUNT"}  # numbered anew


@pytest.fixture
def work(tmp_path: Path, environment: dict[str, str]) -> Path:
    path = tmp_path / "work"
    run(["git", "init", "-q", "-b", "main", str(path)], tmp_path, environment)
    (path / "Procfile").write_text("web: true\n", encoding="utf-8")
    run(["git", "add", "."], path, environment)
    run(["git", "commit", "-q", "-m", "one"], path, environment)
    return path


@pytest.fixture
def silent() -> Iterator[str]:
    """Listen where nobody ever answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/shop.git"


@pytest.mark.parametrize("name", sorted({*LOCAL, "GIT_NAMESPACE"} - OUR_OWN))
def test_no_git_of_ours_inherits_what_points_at_a_repository(name: str) -> None:
    assert name not in for_git({name: "/elsewhere", "PATH": "/bin"})


def test_run_by_a_hook_in_a_linked_worktree_nothing_of_the_users_is_touched(
    tmp_path: Path,
    work: Path,
    environment: dict[str, str],
    host: GitHost,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    linked, other = tmp_path / "linked", tmp_path / "other"
    run(["git", "worktree", "add", "-q", "-b", "side", str(linked)], work, environment)
    run(["git", "init", "-q", str(other)], tmp_path, environment)
    run(["git", "commit", "-q", "--allow-empty", "-m", "another"], other, environment)
    host.create("locks")
    own = work / ".git" / "worktrees" / "linked"
    before = _look(work, linked, environment)
    hook = {
        "GIT_DIR": str(own),
        "GIT_COMMON_DIR": str(work / ".git"),
        "GIT_WORK_TREE": str(linked),
        "GIT_INDEX_FILE": str(own / "index"),
        "GIT_OBJECT_DIRECTORY": str(work / ".git" / "objects"),
        "GIT_PREFIX": "",
        "GIT_EXEC_PATH": run(["git", "--exec-path"], work, environment),
    }
    for name, value in hook.items():  # GitPython looks at those of our own process
        monkeypatch.setenv(name, value)

    with Repository.open(other, {**environment, **hook}) as repository:
        commit = repository.resolve("HEAD")
        repository.archive(commit, io.BytesIO())
        root = repository.root
    address = f"{host.url}/locks.git"
    with LockHost(address, Secret(KEY), {**environment, **hook}).open() as store:
        ended = store.swap(REF, None, store.write("held"))

    for name in hook:
        monkeypatch.delenv(name)
    assert (root, commit.subject, ended) == (other, "another", Swap.DONE)
    assert _look(work, linked, environment) == before


def _look(work: Path, linked: Path, environment: dict[str, str]) -> list[str]:
    """Return what a user would see of a repository and its linked worktree."""
    looks = (("config", "--list", "--local"), ("status", "--porcelain"), ("for-each-ref",))
    return [run(["git", *look], place, environment) for place in (work, linked) for look in looks]


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param("[init]\n defaultBranch = a..b\n", id="a branch that cannot be"),
        pytest.param("[safe]\n bareRepository = explicit\n", id="bare ones only when named"),
        pytest.param("[core]\n fsmonitor = touch {}\n hooksPath = {}\n", id="programs to run"),
        pytest.param("[init]\n defaultObjectFormat = sha256\n templateDir = {}\n", id="formats"),
        pytest.param("[transfer]\n fsckObjects = true\n", id="objects are checked"),
        pytest.param("[push]\n useForceIfIncludes = true\n default = nothing\n", id="pushes"),
        pytest.param("[fetch]\n prune = true\n pruneTags = true\n", id="pruning"),
        pytest.param("[submodule]\n recurse = true\n", id="submodules"),
        pytest.param("[protocol]\n version = 0\n", id="an old protocol"),
        pytest.param("[user]\n useConfigOnly = true\n", id="nobody by default"),
        pytest.param("[remote]\n pushDefault = nowhere\n", id="another remote by default"),
    ],
)
def test_notes_are_kept_whatever_the_user_has_set_for_git(
    tmp_path: Path, environment: dict[str, str], host: GitHost, settings: str
) -> None:
    host.create("locks")
    touched, mine = tmp_path / "touched", tmp_path / "settings"
    mine.write_text(settings.replace("{}", str(touched)), encoding="utf-8")
    environment["GIT_CONFIG_GLOBAL"] = str(mine)

    with LockHost(f"{host.url}/locks.git", Secret(KEY), environment).open() as store:
        sha = store.write("held")
        ended = store.swap(REF, None, sha)
        seen = (ended, store.find(), store.read(REF))

    assert seen == (Swap.DONE, {REF: sha}, (sha, "held"))
    assert not touched.exists()


# Versions


def pretend(tmp_path: Path, environment: dict[str, str], version: str) -> dict[str, str]:
    """Return an environment in which git says it is of another version."""
    program = tmp_path / "bin" / "git"
    program.parent.mkdir()
    real = run(["sh", "-c", "command -v git"], tmp_path, environment)
    program.write_text(
        f'#!/bin/sh\n[ "$1" = version ] && {{ echo "git version {version}"; exit; }}\n'
        f'exec {real} "$@"\n',
        encoding="utf-8",
    )
    program.chmod(0o755)
    return {**environment, "PATH": f"{program.parent}:{environment['PATH']}"}


@pytest.mark.parametrize(
    "version", ["2.31.0", "2.39.5 (Apple Git-154)", "2.45.1.windows.1", "3.0.rc1", "next"]
)
def test_a_git_that_is_new_enough_is_taken(
    tmp_path: Path, environment: dict[str, str], version: str
) -> None:
    with LockHost("https://host/x", None, pretend(tmp_path, environment, version)).open() as store:
        assert len(store.write("held")) == 40


@pytest.mark.parametrize("version", ["2.30.9", "2.17.1", "1.8.3.1"])
def test_a_git_that_is_too_old_is_named_with_what_is_wanted(
    tmp_path: Path, work: Path, environment: dict[str, str], version: str
) -> None:
    old = pretend(tmp_path, environment, version)
    said = f"git is of version {version}, and 2.31 or newer is needed"

    with pytest.raises(RepositoryProblem, match=said) as caught:
        LockHost("https://host/x", None, old).open()
    with Repository.open(work, old) as repository:
        head = repository.resolve("HEAD").sha
        with pytest.raises(RepositoryProblem, match=said):
            repository.push(head, "https://host/x.git", key=Secret(KEY), on_line=print)

    assert caught.value.exit_code == 2


# Servers that do not answer


def shallow(work: Path, to: Path, environment: dict[str, str], silent: str) -> tuple[str, str]:
    """Clone without history, with an origin that is silent; return two commits."""
    run(["git", "commit", "-q", "--allow-empty", "-m", "two"], work, environment)
    run(["git", "clone", "-q", "--depth", "1", work.as_uri(), str(to)], work, environment)
    run(["git", "remote", "set-url", "origin", silent], to, environment)
    older = run(["git", "rev-parse", "HEAD^"], work, environment)
    return older, run(["git", "rev-parse", "HEAD"], work, environment)


def test_an_origin_that_does_not_answer_is_waited_for_once_in_a_run(
    tmp_path: Path,
    work: Path,
    environment: dict[str, str],
    silent: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    older, newer = shallow(work, tmp_path / "clone", environment, silent)
    monkeypatch.setattr(clone, "FETCH_SECONDS", 0.2)
    fetched: list[tuple[str, ...]] = []
    ask = clone.Git.ask

    def count(git: clone.Git, *arguments: str, **options: float) -> object:
        if arguments[0] == "fetch":
            fetched.append(arguments)
        return ask(git, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(clone.Git, "ask", count)
    lineage = Lineage(tmp_path / "clone", environment)

    told = [lineage.ancestry(older, newer) for _ in range(2)]
    told.append(lineage.ancestry("c" * 40, newer))

    assert told == [Ancestry.UNKNOWN] * 3
    assert len(fetched) == 1


@pytest.mark.parametrize("question", ["tree", "archive"])
def test_what_a_partial_clone_lacks_is_waited_for_as_long_as_the_run_has(
    tmp_path: Path, work: Path, environment: dict[str, str], silent: str, question: str
) -> None:
    run(["git", "config", "uploadpack.allowFilter", "true"], work, environment)
    kind = {"tree": "tree:0", "archive": "blob:none"}[question]
    to = tmp_path / "clone"
    cloning = ["git", "clone", "-q", "--no-checkout", f"--filter={kind}", work.as_uri(), str(to)]
    run(cloning, work, environment)
    run(["git", "remote", "set-url", "origin", silent], to, environment)
    deadline = Deadline.after(SystemClock(), 0.3)

    with Repository.open(to, environment, deadline) as repository:
        commit = repository.resolve("HEAD")
        with pytest.raises(RepositoryProblem):
            repository.archive(commit, io.BytesIO())
