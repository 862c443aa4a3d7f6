"""What a clone learns beyond what it has: history, trees, and only a folder of a commit."""

from __future__ import annotations

import io
import re
import socket
import tarfile
from typing import TYPE_CHECKING

import pytest

from accelerator.errors import RepositoryProblem
from accelerator.models import Ancestry
from accelerator.repository import Lineage, Repository
from accelerator.waiting import Deadline, SystemClock
from tests.unit.fakes import FakeClock
from tests.unit.githost import git_environment, run

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.git


class Origin:
    """A repository with one—two—three—four on main, and side from two."""

    def __init__(self, path: Path, environment: dict[str, str]) -> None:
        self.path, self.environment = path, environment
        path.mkdir()
        self.git("init", "-q", "-b", "main")
        self.shas = {name: self.commit(name) for name in ("one", "two")}
        self.git("checkout", "-q", "-b", "side")
        self.shas["side"] = self.commit("side")
        self.git("checkout", "-q", "main")
        self.shas |= {name: self.commit(name) for name in ("three", "four")}

    def git(self, *arguments: str) -> str:
        return run(["git", *arguments], self.path, self.environment)

    def commit(self, subject: str) -> str:
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", subject)
        return self.git("rev-parse", "HEAD")

    def clone(self, path: Path, *options: str) -> Repository:
        self.git("clone", "-q", *options, self.path.as_uri(), str(path))
        return Repository.open(path, self.environment)


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    return Origin(tmp_path / "shop", git_environment(tmp_path / "home"))


@pytest.mark.parametrize("seconds", [0.5, 9.0])
def test_history_that_is_asked_for_is_said_and_more_so_where_it_took_long(
    origin: Origin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    clock = FakeClock()
    told: list[tuple[str, str]] = []
    deepen = Repository.deepen

    def slowly(clone: Repository, *shas: str, everything: bool = False) -> bool:
        clock.pass_seconds(seconds)
        return deepen(clone, *shas, everything=everything)

    monkeypatch.setattr(Repository, "deepen", slowly)
    origin.clone(tmp_path / "clone", "--depth", "2").close()
    lineage = Lineage(
        tmp_path / "clone",
        origin.environment,
        deadline=Deadline.after(clock, 60),
        tell=lambda text, level: told.append((level, text)),
    )

    assert lineage.ancestry(origin.shas["one"], origin.shas["four"]) is Ancestry.YES

    levels = [level for level, _ in told]
    assert levels == (["detail"] if seconds < 2 else ["detail", "info"])
    assert origin.shas["one"][:8] in told[0][1]


def test_a_shallow_clone_can_be_deepened(origin: Origin, tmp_path: Path) -> None:
    one, four = origin.shas["one"], origin.shas["four"]

    with origin.clone(tmp_path / "clone", "--depth", "2") as clone:
        before = clone.ancestry(one, four)
        deepened = clone.deepen(one, four)

        assert (before, deepened) == (Ancestry.UNKNOWN, True)
        assert clone.ancestry(one, four) is Ancestry.YES


def test_a_shallow_clone_can_be_filled_up(origin: Origin, tmp_path: Path) -> None:
    with origin.clone(tmp_path / "clone", "--depth", "1") as clone:
        assert clone.deepen(everything=True)
        assert not clone.is_shallow
        assert not clone.deepen(everything=True)


@pytest.mark.parametrize("depth", [(), ("--depth", "1")], ids=["whole", "shallow"])
def test_a_late_jobs_clone_fetches_the_newer_commit_it_lacks(
    origin: Origin, tmp_path: Path, depth: tuple[str, ...]
) -> None:
    with origin.clone(tmp_path / "clone", *depth) as late:
        own = origin.shas["four"]
        newer = origin.commit("five")
        before = late.ancestry(own, newer)
        late.deepen(own, newer)

        assert before is Ancestry.UNKNOWN
        assert late.ancestry(own, newer) is Ancestry.YES


def test_a_commit_of_another_branch_is_fetched_too(origin: Origin, tmp_path: Path) -> None:
    with origin.clone(tmp_path / "clone", "--depth", "1", "--branch", "main") as clone:
        clone.deepen(origin.shas["side"], origin.shas["four"])

        assert clone.ancestry(origin.shas["side"], origin.shas["four"]) is Ancestry.NO
        assert clone.ancestry(origin.shas["four"], origin.shas["side"]) is Ancestry.NO


def test_where_everything_is_here_nothing_is_fetched(origin: Origin, tmp_path: Path) -> None:
    with origin.clone(tmp_path / "clone") as clone:
        assert not clone.deepen(origin.shas["one"], origin.shas["four"])


@pytest.mark.parametrize("sha", ["0" * 40, "main", "--upload-pack=touch /tmp/x", ""])
def test_what_exists_nowhere_does_no_harm(origin: Origin, tmp_path: Path, sha: str) -> None:
    with origin.clone(tmp_path / "clone") as clone:
        clone.deepen(sha, origin.shas["four"])

        assert clone.ancestry(origin.shas["four"], sha) is Ancestry.UNKNOWN


def test_an_origin_that_is_gone_leaves_the_clone_as_it_is(origin: Origin, tmp_path: Path) -> None:
    with origin.clone(tmp_path / "clone", "--depth", "2") as clone:
        origin.path.rename(tmp_path / "moved")

        assert not clone.deepen(origin.shas["one"], origin.shas["four"])
        assert clone.ancestry(origin.shas["one"], origin.shas["four"]) is Ancestry.UNKNOWN


def test_fetching_moves_no_branch_and_no_tag_of_the_user(origin: Origin, tmp_path: Path) -> None:
    with origin.clone(tmp_path / "clone", "--depth", "1") as clone:
        heads = ["git", "for-each-ref", "refs/heads", "refs/tags"]
        before = run(heads, clone.root, origin.environment)
        newer = origin.commit("five")
        origin.git("tag", "v1")
        clone.deepen(newer)

        assert run(heads, clone.root, origin.environment) == before


def test_a_link_too_long_to_be_one_is_refused(origin: Origin, tmp_path: Path) -> None:
    (origin.path / "long").write_text("a" * 5000)
    blob = origin.git("hash-object", "-w", "long")
    origin.git("update-index", "--add", "--cacheinfo", f"120000,{blob},link")
    origin.git("commit", "--quiet", "--message", "link")

    with (
        origin.clone(tmp_path / "clone", "--no-checkout") as clone,
        pytest.raises(RepositoryProblem) as caught,
    ):
        clone.archive(clone.resolve("HEAD"), io.BytesIO())

    assert "link is a link that no system can make" in caught.value.message


def test_a_commit_without_a_subject_is_read(origin: Origin, tmp_path: Path) -> None:
    origin.git("commit", "--allow-empty", "--allow-empty-message", "--message", "")
    sha = origin.git("rev-parse", "HEAD")

    with origin.clone(tmp_path / "clone") as clone:
        found = clone.resolve(sha)

    assert (found.sha, found.subject) == (sha, "")


def names_in(repository: Repository, sha: str, folder: str | None) -> dict[str, bytes]:
    to = io.BytesIO()
    repository.archive(repository.resolve(sha), to, folder)
    with tarfile.open(fileobj=io.BytesIO(to.getvalue()), mode="r:gz") as tar:
        files = {member.name: tar.extractfile(member) for member in tar}
        return {name: file.read() for name, file in files.items() if file}


@pytest.mark.parametrize(
    "folder", ["services/web", "services/web/", "./services/web", "/services/web"]
)
def test_only_a_folder_of_a_commit_can_be_archived(origin: Origin, folder: str) -> None:
    web = origin.path / "services" / "web"
    (web / "lib").mkdir(parents=True)
    (web / "Procfile").write_text("web: ./serve")
    (web / "lib" / "a.py").write_text("a")
    (origin.path / "services" / "website.py").write_text("another")
    (origin.path / "Procfile").write_text("web: ./other")
    sha = origin.commit("services")

    with Repository.open(origin.path, origin.environment) as repository:
        found = names_in(repository, sha, folder)

    assert found == {"Procfile": b"web: ./serve", "lib/a.py": b"a"}


@pytest.mark.parametrize("folder", ["nowhere", "Procfile", "..", ""])
def test_a_folder_the_commit_does_not_have_is_refused(origin: Origin, folder: str) -> None:
    (origin.path / "Procfile").write_text("web: ./serve")
    sha = origin.commit("one file")

    with (
        Repository.open(origin.path, origin.environment) as repository,
        pytest.raises(RepositoryProblem, match="no files in the folder"),
    ):
        names_in(repository, sha, folder)


POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"


def test_a_file_kept_elsewhere_by_git_lfs_is_refused_by_name(origin: Origin) -> None:
    (origin.path / "logo.png").write_text(POINTER)
    sha = origin.commit("a pointer")

    with (
        Repository.open(origin.path, origin.environment) as repository,
        pytest.raises(RepositoryProblem, match=r"logo\.png is kept by Git LFS") as caught,
    ):
        names_in(repository, sha, None)

    assert caught.value.hint


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("see " + POINTER, id="a text that quotes one"),
        pytest.param(POINTER + "x" * 2000, id="a long file that begins like one"),
        pytest.param(POINTER.partition("oid")[0] + "text\n", id="a short one that goes on as text"),
    ],
)
def test_a_file_that_only_looks_like_a_pointer_is_archived(origin: Origin, content: str) -> None:
    (origin.path / "README.md").write_text(content)
    sha = origin.commit("a text")

    with Repository.open(origin.path, origin.environment) as repository:
        assert names_in(repository, sha, None) == {"README.md": content.encode()}


def test_a_pointer_outside_the_folder_is_no_hindrance(origin: Origin) -> None:
    (origin.path / "web").mkdir()
    (origin.path / "web" / "Procfile").write_text("web: ./serve")
    (origin.path / "logo.png").write_text(POINTER)
    sha = origin.commit("both")

    with Repository.open(origin.path, origin.environment) as repository:
        assert names_in(repository, sha, "web") == {"Procfile": b"web: ./serve"}


class Broken(io.RawIOBase):
    """A disk with room for a few bytes."""

    def write(self, _: object) -> int:
        raise OSError(28, "No space left on device")


def test_a_full_disk_is_said_to_be_one(origin: Origin) -> None:
    (origin.path / "web.py").write_text("serve")
    sha = origin.commit("five")

    with (
        Repository.open(origin.path, origin.environment) as repository,
        pytest.raises(RepositoryProblem, match="No space left on device") as caught,
    ):
        repository.archive(repository.resolve(sha), Broken())  # type: ignore[arg-type]

    assert "TMPDIR" in str(caught.value.hint)


def test_a_commit_is_found_by_its_full_sha_alone_with_who_made_it(origin: Origin) -> None:
    sha, branch = origin.shas["two"], "a" * 64
    origin.git("branch", branch)
    clone = Lineage(origin.path, origin.environment)

    found = clone.find(sha)

    assert found is not None
    assert (found.sha, found.subject) == (sha, "two")
    assert found.author == origin.git("log", "-1", "--format=%an <%ae>", sha)
    assert [clone.find(other) for other in (branch, sha[:12], "main", "f" * 40, "--all")] == [
        None
    ] * 5


def test_where_there_is_no_clone_no_commit_is_found(origin: Origin, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()

    assert Lineage(empty, origin.environment).find(origin.shas["one"]) is None


@pytest.mark.parametrize("seconds", ["99999999999999", "18446744073709551615"])
def test_a_commit_that_claims_an_absurd_moment_is_read_all_the_same(
    origin: Origin, seconds: str
) -> None:
    raw = origin.git("cat-file", "commit", origin.shas["four"])
    body = re.sub(r"(?m)^(committer .*>) \d+ ", rf"\1 {seconds} ", raw) + "\n"
    (origin.path / "commit.txt").write_text(body)
    sha = origin.git("hash-object", "-t", "commit", "-w", "--literally", "commit.txt")

    with Repository.open(origin.path, origin.environment) as repository:
        found = repository.resolve(sha)

    assert (found.sha, found.subject, found.committed_at) == (sha, "four", None)


def test_an_origin_that_does_not_answer_is_left_with_the_time_of_the_run(
    origin: Origin, tmp_path: Path
) -> None:
    origin.clone(tmp_path / "clone", "--depth", "1").close()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/shop.git"
        run(["git", "remote", "set-url", "origin", address], tmp_path / "clone", origin.environment)
        deadline = Deadline.after(SystemClock(), 0.2)

        with Repository.open(tmp_path / "clone", origin.environment, deadline) as clone:
            assert not clone.deepen(origin.shas["one"], origin.shas["four"])
