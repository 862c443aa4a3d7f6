"""Whether tests of a checkout would run on what is shipped, in real repositories."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from accelerator.repository import Repository
from tests.unit.githost import run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from accelerator.repository.checkout import Difference

pytestmark = pytest.mark.git


class Work:
    """A checkout with a few files in it."""

    def __init__(self, path: Path, environment: dict[str, str]) -> None:
        self.path, self.environment = path, environment
        self.git("init", "-q", "-b", "main")
        self.write("web.py", "serve\n")
        self.write(".gitignore", "*.log\n")
        self.sha = self.commit()

    def git(self, *arguments: str) -> str:
        return run(["git", *arguments], self.path, self.environment)

    def write(self, name: str, text: str) -> None:
        (self.path / name).write_bytes(text.encode())

    def commit(self) -> str:
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "on")
        return self.git("rev-parse", "HEAD")

    def compare(self, revision: str = "HEAD") -> Difference:
        with Repository.open(self.path, self.environment) as repository:
            return repository.find_difference(repository.resolve(revision))


@pytest.fixture
def work(tmp_path: Path, environment: dict[str, str]) -> Work:
    path = tmp_path / "work"
    path.mkdir()
    return Work(path, environment)


def ignore(work: Work) -> None:
    work.write("some.log", "told")


def touch(work: Work) -> None:
    (work.path / "web.py").touch()


def keep_windows_lines(work: Work) -> None:
    """Keep a file whose ends of lines git would turn round when it is committed again."""
    work.write("dos.txt", "one\r\n")
    work.commit()
    work.write(".gitattributes", "* text=auto\n")
    work.commit()
    (work.path / "dos.txt").unlink()
    work.git("checkout", "--", "dos.txt")


def show_windows_lines(work: Work) -> None:
    work.git("config", "core.autocrlf", "true")
    (work.path / "web.py").unlink()
    work.git("checkout", "--", "web.py")
    assert (work.path / "web.py").read_bytes() == b"serve\r\n"


def have_the_same_files(work: Work) -> None:
    work.commit()


@pytest.mark.parametrize(
    "change", [ignore, touch, keep_windows_lines, show_windows_lines, have_the_same_files]
)
def test_what_tests_cannot_tell_from_the_commit_is_no_difference(
    work: Work, change: Callable[[Work], None]
) -> None:
    change(work)

    assert not work.compare()


def test_another_commit_with_the_same_files_is_no_difference(work: Work) -> None:
    work.commit()

    assert not work.compare(work.sha)


def hide(work: Work) -> None:
    """Hide from `git status`, by the user's own settings, what tests would see all the same."""
    work.git("config", "status.showUntrackedFiles", "no")
    work.git("config", "diff.ignoreSubmodules", "all")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("web.py", "has changes in web.py"),
        ("new.py", "has untracked files: new.py"),
        ("a\nb", r"has untracked files: a b"),
    ],
)
def test_what_is_changed_or_forgotten_is_named(work: Work, name: str, said: str) -> None:
    hide(work)
    work.write(name, "other\n")

    assert work.compare().describe() == said


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda work: (work.path / "web.py").unlink(), id="deleted"),
        pytest.param(lambda work: (work.path / "web.py").chmod(0o755), id="made executable"),
        pytest.param(lambda work: work.git("rm", "-q", "--cached", "web.py"), id="not kept on"),
        pytest.param(lambda work: work.git("mv", "web.py", "site.py"), id="renamed"),
    ],
)
def test_every_kind_of_change_counts(work: Work, change: Callable[[Work], object]) -> None:
    change(work)

    assert "web.py" in work.compare().changed


def test_a_submodule_at_another_commit_is_a_change(
    work: Work, tmp_path: Path, environment: dict[str, str]
) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    library = Work(inner, environment)
    file = "protocol.file.allow=always"
    work.git("-c", file, "submodule", "--quiet", "add", library.path.as_uri(), "lib")
    work.commit()
    assert not work.compare()
    hide(work)

    run(["git", "commit", "-q", "--allow-empty", "-m", "two"], work.path / "lib", environment)

    assert work.compare().changed == ("lib",)


def test_many_paths_are_counted_and_not_listed(work: Work) -> None:
    for number in range(9):
        work.write(f"{number}.py", "")

    assert work.compare().describe().endswith("0.py, 1.py, 2.py, 3.py, 4.py and 4 more")


def test_another_commit_is_named(work: Work) -> None:
    work.write("web.py", "serve more\n")
    later = work.commit()

    assert work.compare(work.sha).describe() == f"is of {later[:8]}"


def test_without_files_nothing_can_be_told(
    work: Work, tmp_path: Path, environment: dict[str, str]
) -> None:
    bare = tmp_path / "bare.git"
    run(["git", "clone", "-q", "--bare", str(work.path), str(bare)], tmp_path, environment)

    with Repository.open(bare, environment) as repository:
        found = repository.find_difference(repository.resolve("main"))

    assert "cannot be looked at: this operation must be run in a work tree" in found.describe()
