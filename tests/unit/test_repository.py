from __future__ import annotations

import errno
import gzip
import hashlib
import io
import os
import stat
import struct
import subprocess
import sys
import tarfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from accelerator.errors import ExitCode, NotFound, RepositoryProblem
from accelerator.models import Ancestry
from accelerator.repository import Lineage, Packed, Repository
from accelerator.repository.packing import exact

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.git

MOMENT = datetime(2024, 2, 29, 12, 30, 15, tzinfo=UTC)


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Give git a clean configuration, a name, and a fixed time."""
    home = tmp_path / "home"
    home.mkdir()
    who = {
        f"GIT_{role}_{what}": "dev@example.com"
        for role in ("AUTHOR", "COMMITTER")
        for what in ("NAME", "EMAIL")
    }
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "GIT_CONFIG_GLOBAL": str(home / ".gitconfig"),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_DATE": MOMENT.isoformat(),
        "GIT_COMMITTER_DATE": MOMENT.isoformat(),
        **who,
    }


class Checkout:
    """A real repository to try things in."""

    def __init__(self, path: Path, environment: dict[str, str]) -> None:
        self.path, self.environment = path, environment

    def git(self, *arguments: str, stdin: bytes = b"") -> bytes:
        command = ["git", *arguments]
        return subprocess.run(
            command,
            cwd=self.path,
            env=self.environment,
            input=stdin,
            check=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        ).stdout

    def commit(self, subject: str) -> str:
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", subject)
        return self.git("rev-parse", "HEAD").decode().strip()

    def clone(self, path: Path, *options: str) -> Checkout:
        self.git("clone", "-q", *options, self.path.as_uri(), str(path))
        return Checkout(path, self.environment)


@pytest.fixture
def checkout(tmp_path: Path, environment: dict[str, str]) -> Checkout:
    path = tmp_path / "shop"
    path.mkdir()
    made = Checkout(path, environment)
    made.git("init", "-q", "-b", "main")
    return made


@pytest.fixture
def repository(checkout: Checkout) -> Iterator[Repository]:
    with Repository.open(checkout.path, checkout.environment) as opened:
        yield opened


def files_in(archive: bytes) -> dict[str, tuple[str, bytes]]:
    """Read mode and content of every member, as git writes modes."""
    found = {}
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tar:
        for member in tar:
            if member.issym():
                found[member.name] = ("120000", os.fsencode(member.linkname))
                continue
            if member.isdir():
                continue
            content = tar.extractfile(member)
            assert content is not None
            found[member.name] = (f"100{member.mode:o}", content.read())
    return found


def tree_of(checkout: Checkout, sha: str) -> dict[str, tuple[str, bytes]]:
    """Read what git itself says is in the commit."""
    found = {}
    for line in checkout.git("ls-tree", "-r", "-z", sha).split(b"\0")[:-1]:
        head, _, path = line.partition(b"\t")
        mode, _, object_id = head.decode().split(" ")
        name = path.decode("utf-8", "surrogateescape")
        found[name] = (mode, checkout.git("cat-file", "blob", object_id))
    return found


def archive_of(repository: Repository, revision: str = "HEAD") -> bytes:
    out = io.BytesIO()
    packed = repository.archive(repository.resolve(revision), out)
    checksum = f"SHA256:{hashlib.sha256(out.getvalue()).hexdigest()}"
    assert packed == Packed(len(out.getvalue()), checksum)
    return out.getvalue()


# Opening and resolving


def test_a_repository_is_found_from_deep_inside(checkout: Checkout) -> None:
    deep = checkout.path / "a" / "b"
    deep.mkdir(parents=True)
    sha = checkout.commit("First")

    with Repository.open(deep, checkout.environment) as repository:
        assert repository.root == checkout.path
        assert repository.resolve("HEAD").sha == sha


def test_a_folder_without_a_repository_is_a_problem(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    with pytest.raises(RepositoryProblem, match="not inside a git repository") as raised:
        Repository.open(tmp_path, environment)

    assert raised.value.exit_code == ExitCode.USAGE


def test_a_machine_without_git_is_told_so(checkout: Checkout, tmp_path: Path) -> None:
    script = (
        "import sys, pathlib\n"
        "from accelerator.errors import RepositoryProblem\n"
        "from accelerator.repository import Repository\n"
        "try:\n"
        "    Repository.open(pathlib.Path(sys.argv[1]), {})\n"
        "except RepositoryProblem as problem:\n"
        "    print(problem.message)\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", script, str(checkout.path)],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.stdout, done.stderr) == ("git was not found\n", "")


def test_importing_the_package_does_not_import_gitpython() -> None:
    script = "import accelerator.repository, sys; print('git' in sys.modules)"

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)

    assert done.stdout.strip() == b"False"


def test_a_commit_is_read_in_full(checkout: Checkout, repository: Repository) -> None:
    checkout.git("config", "log.showSignature", "true")
    sha = checkout.commit("Größe: \u201equoted\u201c\n\nand a body")
    tree = checkout.git("rev-parse", "HEAD^{tree}").decode().strip()

    commit = repository.resolve(sha[:9])

    assert (commit.sha, commit.tree, commit.committed_at) == (sha, tree, MOMENT)
    assert commit.subject == "Größe: \u201equoted\u201c"


@pytest.mark.parametrize("revision", ["main", "HEAD", "v1", "v1^{}", "other", "HEAD~0", "@"])
def test_branches_tags_and_expressions_name_commits(
    checkout: Checkout, repository: Repository, revision: str
) -> None:
    sha = checkout.commit("One")
    checkout.git("tag", "-a", "v1", "-m", "annotated")
    checkout.git("branch", "other")

    assert repository.resolve(revision).sha == sha


@pytest.mark.parametrize("depth", [1, 2])
def test_the_sha_of_an_annotated_tag_stands_for_its_commit(checkout: Checkout, depth: int) -> None:
    sha = checkout.commit("One")
    for number in range(depth):
        named = f"v{number - 1}" if number else "HEAD"
        checkout.git("tag", "-a", f"v{number}", "-m", "annotated", named)
    tag = checkout.git("rev-parse", f"v{depth - 1}").decode().strip()

    assert tag != sha
    assert Lineage(checkout.path, checkout.environment).peel(tag) == sha


@pytest.mark.parametrize("where", [".", "nowhere", ".."])
def test_a_full_sha_that_is_not_here_stays_as_it_is_named(checkout: Checkout, where: str) -> None:
    sha = checkout.commit("One")
    tree = checkout.git("rev-parse", "HEAD^{tree}").decode().strip()
    clone = Lineage(checkout.path / where, checkout.environment)

    assert clone.peel("0" * 40) == "0" * 40
    assert clone.peel(tree) == tree
    assert clone.peel(sha) == sha


@pytest.mark.parametrize(
    ("committer", "message", "moment", "subject"),
    [
        pytest.param("1709209815 +0000", "", MOMENT, "", id="no message"),
        pytest.param("1709209815 +0000", "\n\n", MOMENT, "", id="a message of blank lines"),
        pytest.param("1709209815 +99999999", "One", MOMENT, "One", id="no such time zone"),
        pytest.param("1709209815 soon", "One", None, "One", id="a word for a time zone"),
        pytest.param("253402300800 +0000", "One", None, "One", id="the year 10000"),
        pytest.param("9" * 30 + " +0000", "One", None, "One", id="beyond all years"),
        pytest.param("-5 +0000", "One", None, "One", id="before 1970"),
        pytest.param("", "One", None, "One", id="no date at all"),
    ],
)
def test_whatever_a_commit_claims_of_itself_it_is_read_and_packed(
    checkout: Checkout,
    repository: Repository,
    committer: str,
    message: str,
    moment: datetime | None,
    subject: str,
) -> None:
    (checkout.path / "web.py").write_text("serve\n")
    checkout.git("add", "-A")
    tree = checkout.git("write-tree").decode().strip()
    text = f"tree {tree}\nauthor A <a@b> 0 +0000\ncommitter C <c@d> {committer}\n\n{message}"
    told = checkout.git(
        "hash-object", "-tcommit", "--literally", "-w", "--stdin", stdin=text.encode()
    )
    sha, buffer = told.decode().strip(), io.BytesIO()

    commit = repository.resolve(sha)
    packed = repository.archive(commit, buffer)

    assert (commit.sha, commit.tree, commit.committed_at) == (sha, tree, moment)
    assert commit.subject == subject
    assert files_in(buffer.getvalue()) == {"web.py": ("100644", b"serve\n")}
    assert packed.checksum in repository.checksums(commit)


@pytest.mark.parametrize(
    "revision",
    ["nowhere", "0" * 40, "HEAD~9", "main..main", "--all", "-h", "", " ", "a\0b", "HEAD^{tree}x"],
)
def test_an_unknown_revision_is_not_found_and_named(
    checkout: Checkout, repository: Repository, revision: str
) -> None:
    checkout.commit("One")

    with pytest.raises(NotFound) as raised:
        repository.resolve(revision)

    assert repr(revision) in raised.value.message
    assert "shallow" not in str(raised.value.hint)


def test_in_a_shallow_clone_the_hint_is_to_fetch(checkout: Checkout, tmp_path: Path) -> None:
    first = checkout.commit("One")
    checkout.commit("Two")
    clone = checkout.clone(tmp_path / "clone", "--depth", "1")

    with Repository.open(clone.path, clone.environment) as repository:
        assert repository.is_shallow
        with pytest.raises(NotFound, match=first) as raised:
            repository.resolve(first)

    assert "git fetch --unshallow" in str(raised.value.hint)


def test_a_full_clone_is_not_shallow(checkout: Checkout, repository: Repository) -> None:
    checkout.commit("One")

    assert not repository.is_shallow


# Ancestry


@pytest.fixture
def history(checkout: Checkout) -> dict[str, str]:
    """Make one—two—three—four on main, and side from two."""
    shas = {name: checkout.commit(name) for name in ("one", "two")}
    checkout.git("checkout", "-q", "-b", "side")
    shas["side"] = checkout.commit("side")
    checkout.git("checkout", "-q", "main")
    shas |= {name: checkout.commit(name) for name in ("three", "four")}
    return shas | {"absent": "0" * 40, "text": "main", "short": shas["one"][:9]}


FULL = [
    pytest.param("one", "four", Ancestry.YES, id="ancestor"),
    pytest.param("four", "four", Ancestry.YES, id="the same"),
    pytest.param("four", "one", Ancestry.NO, id="descendant"),
    pytest.param("side", "four", Ancestry.NO, id="another line"),
    pytest.param("absent", "four", Ancestry.NO, id="missing, so no part of a whole history"),
    pytest.param("four", "absent", Ancestry.UNKNOWN, id="the newer one is missing"),
    pytest.param("text", "four", Ancestry.UNKNOWN, id="free text that happens to be a branch"),
    pytest.param("short", "four", Ancestry.UNKNOWN, id="an abbreviation"),
]


@pytest.mark.parametrize(("older", "newer", "expected"), FULL)
def test_ancestry_in_a_full_clone(
    repository: Repository, history: dict[str, str], older: str, newer: str, expected: Ancestry
) -> None:
    assert repository.ancestry(history[older], history[newer]) is expected


SHALLOW = [
    pytest.param("three", "four", Ancestry.YES, id="ancestor inside the cut"),
    pytest.param("four", "three", Ancestry.NO, id="descendant inside the cut"),
    pytest.param("one", "four", Ancestry.UNKNOWN, id="ancestor behind the cut"),
    pytest.param("side", "four", Ancestry.UNKNOWN, id="not fetched"),
    pytest.param("absent", "four", Ancestry.UNKNOWN, id="exists nowhere"),
]


@pytest.mark.parametrize(("older", "newer", "expected"), SHALLOW)
def test_ancestry_in_a_shallow_clone(
    checkout: Checkout,
    tmp_path: Path,
    history: dict[str, str],
    older: str,
    newer: str,
    expected: Ancestry,
) -> None:
    clone = checkout.clone(tmp_path / "clone", "--depth", "2")

    with Repository.open(clone.path, clone.environment) as repository:
        assert repository.ancestry(history[older], history[newer]) is expected


# Archives


LONG = "d" * 120 + "/" + "f" * 180

FILES: dict[str | bytes, bytes] = {
    ".gitattributes": b"docs export-ignore\n*.subst export-subst\n*.txt text eol=crlf\n"
    b"*.id ident\n*.scrub filter=scrub\n[attr]quiet export-ignore\nsecret quiet\n"
    b"*.wide working-tree-encoding=UTF-16\n",
    "spec/.gitattributes": b"* export-ignore\ndeep export-ignore\n",
    "spec/deep/test_a.py": b"assert True\n",
    "docs/index.md": b"# Docs\n",
    "secret": b"x" * 100,
    "version.subst": b"$Format:%H$\n",
    "dos.txt": b"one\r\ntwo\r\n",
    "unix.txt": b"one\ntwo\n",
    "key.id": b"$Id$\n",
    "a.scrub": b"plain\n",
    "utf.wide": "wide".encode("utf-16"),
    "empty": b"",
    "binary": bytes(range(256)) * 5,
    "block": b"b" * 1024,
    "run.sh": b"#!/bin/sh\n",
    "größe \u2603.txt": b"snow\n",
    "line\nbreak": b"odd\n",
    b"latin-\xe9": b"not UTF-8\n",
    LONG: b"long\n",
}


def awkward_tree(checkout: Checkout) -> None:
    """Fill the working tree with everything that archives and checkouts like to change."""
    for name, content in FILES.items():
        path = checkout.path / os.fsdecode(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (checkout.path / "run.sh").chmod(0o755)
    (checkout.path / "link").symlink_to("run.sh")
    (checkout.path / "broken").symlink_to("nowhere/" + "x" * 150)


def test_an_archive_is_exactly_the_tree_whatever_the_attributes_say(
    checkout: Checkout, repository: Repository
) -> None:
    checkout.git("config", "filter.scrub.clean", "cat")
    checkout.git("config", "filter.scrub.smudge", "tr a-z A-Z")
    checkout.git("config", "core.autocrlf", "true")
    awkward_tree(checkout)
    sha = checkout.commit("Awkward")

    found = files_in(archive_of(repository, sha))

    assert found == tree_of(checkout, sha)
    assert found["version.subst"] == ("100644", b"$Format:%H$\n")
    assert found["run.sh"][0] == "100755"
    assert {"docs/index.md", "secret", "spec/deep/test_a.py"} <= set(found)


def test_git_archive_would_have_given_something_else(
    checkout: Checkout, repository: Repository
) -> None:
    awkward_tree(checkout)
    sha = checkout.commit("Awkward")

    theirs = files_in(checkout.git("archive", "--format=tar.gz", sha))

    ours = files_in(archive_of(repository, sha))
    assert set(ours) > set(theirs)
    assert ours["unix.txt"] != theirs["unix.txt"]


def test_the_working_tree_has_no_say(checkout: Checkout, repository: Repository) -> None:
    (checkout.path / "web.py").write_text("committed\n")
    sha = checkout.commit("One")
    (checkout.path / "web.py").write_text("changed\n")
    (checkout.path / "new.py").touch()

    assert files_in(archive_of(repository, sha)) == {"web.py": ("100644", b"committed\n")}


def test_a_replaced_object_is_not_what_was_asked_for(
    checkout: Checkout, repository: Repository
) -> None:
    (checkout.path / "web.py").write_text("asked\n")
    sha = checkout.commit("One")
    (checkout.path / "web.py").write_text("other\n")
    checkout.git("replace", sha, checkout.commit("Two"))

    assert files_in(archive_of(repository, sha))["web.py"][1] == b"asked\n"


@pytest.mark.parametrize("depth", [[], ["--depth", "1"]], ids=["full", "shallow"])
def test_the_same_commit_is_the_same_archive_in_every_clone(
    checkout: Checkout, repository: Repository, tmp_path: Path, depth: list[str]
) -> None:
    awkward_tree(checkout)
    checkout.commit("Awkward")
    clone = checkout.clone(tmp_path / "clone", *depth)

    with Repository.open(clone.path, clone.environment) as cloned:
        assert archive_of(cloned) == archive_of(repository)


def test_members_have_the_time_of_the_commit_and_no_owner(
    checkout: Checkout, repository: Repository
) -> None:
    (checkout.path / "web.py").touch()
    checkout.commit("One")

    with tarfile.open(fileobj=io.BytesIO(archive_of(repository))) as tar:
        (member,) = tar.getmembers()

    assert (member.mtime, member.uid, member.uname) == (MOMENT.timestamp(), 0, "")


def test_other_tools_can_unpack_it(
    checkout: Checkout, repository: Repository, tmp_path: Path
) -> None:
    awkward_tree(checkout)
    checkout.commit("Awkward")
    target = tmp_path / "unpacked"
    target.mkdir()

    subprocess.run(["tar", "xz"], cwd=target, input=archive_of(repository), check=True)

    assert (target / "link").readlink() == Path("run.sh")
    assert stat.S_IMODE((target / "run.sh").stat().st_mode) & 0o100
    assert (target / "line\nbreak").read_text() == "odd\n"
    assert (target / LONG).read_text() == "long\n"
    assert (target / os.fsdecode(b"latin-\xe9")).read_text() == "not UTF-8\n"


def test_an_empty_tree_is_an_empty_archive(checkout: Checkout, repository: Repository) -> None:
    checkout.commit("Nothing")

    assert files_in(archive_of(repository)) == {}


def test_without_isal_the_same_files_come_out(
    checkout: Checkout, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    awkward_tree(checkout)
    sha = checkout.commit("Awkward")
    monkeypatch.setitem(sys.modules, "isal", None)

    first, second = archive_of(repository), archive_of(repository)

    assert first == second
    assert files_in(first) == tree_of(checkout, sha)


def test_an_exact_archive_has_the_same_files_in_blocks_that_nobody_chose(
    checkout: Checkout,
) -> None:
    awkward_tree(checkout)
    (checkout.path / "big").write_bytes(bytes(range(256)) * 1024)
    sha = checkout.commit("Awkward")
    lineage = Lineage(checkout.path, checkout.environment, is_exact=True)
    out = io.BytesIO()

    packed = lineage.archive(lineage.resolve(sha), out)

    data = out.getvalue()
    tar = gzip.decompress(data)
    blocks = [tar[at : at + 65535] for at in range(0, len(tar), 65535)]
    written = b"".join(
        struct.pack("<BHH", block is blocks[-1], len(block), 65535 - len(block)) + block
        for block in blocks
    )
    assert data[10:-8] == written
    assert data[:10] == b"\x1f\x8b\x08" + bytes(6) + b"\xff"
    assert files_in(data) == tree_of(checkout, sha)
    assert packed.checksum == f"SHA256:{hashlib.sha256(data).hexdigest()}"


@given(chunks=st.lists(st.binary(max_size=70_000), max_size=5))
@example(chunks=[bytes(65535)])
@example(chunks=[bytes(65534), b"1", b"2"])
def test_what_is_packed_exactly_is_whole_however_it_came(chunks: list[bytes]) -> None:
    out = io.BytesIO()

    with exact(out) as packing:
        for chunk in chunks:
            packing.write(chunk)

    assert gzip.decompress(out.getvalue()) == b"".join(chunks)
    at_once = io.BytesIO()
    with exact(at_once) as packing:
        packing.write(b"".join(chunks))
    assert at_once.getvalue() == out.getvalue()


@pytest.mark.parametrize("isal", [True, False], ids=["isal", "zlib"])
@pytest.mark.parametrize("is_exact", [True, False], ids=["exact", "fast"])
def test_another_clone_tells_the_checksum_of_an_archive_however_it_was_packed(
    checkout: Checkout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, isal: bool, is_exact: bool
) -> None:
    awkward_tree(checkout)
    sha = checkout.commit("Awkward")
    if not isal:
        monkeypatch.setitem(sys.modules, "isal", None)
    there = checkout.clone(tmp_path / "there", "--depth", "1")
    here = Lineage(checkout.path, checkout.environment, is_exact=is_exact)
    packed = here.archive(here.resolve(sha), io.BytesIO())

    told = Lineage(there.path, there.environment).checksums(sha)

    assert packed.checksum in told
    (checkout.path / "web.py").write_text("something else\n")
    other = checkout.commit("Another tree")
    assert packed.checksum not in Lineage(checkout.path, checkout.environment).checksums(other)


def test_the_checksums_are_those_of_the_folder_that_is_built(checkout: Checkout) -> None:
    (checkout.path / "shop").mkdir()
    (checkout.path / "shop" / "web.py").write_text("shop\n")
    (checkout.path / "other.py").write_text("other\n")
    sha = checkout.commit("Two apps")
    folder, whole = (Lineage(checkout.path, checkout.environment, each) for each in ("shop", None))

    packed = folder.archive(folder.resolve(sha), io.BytesIO())

    assert packed.checksum in folder.checksums(sha)
    assert packed.checksum not in whole.checksums(sha)


def test_submodules_are_named_and_refused(checkout: Checkout, repository: Repository) -> None:
    pointer = checkout.commit("One")
    checkout.git("update-index", "--add", "--cacheinfo", f"160000,{pointer},vendor/lib")
    checkout.git("commit", "-q", "-m", "Two")
    commit = repository.resolve("HEAD")

    with pytest.raises(RepositoryProblem, match=r"has submodules \(vendor/lib\)") as raised:
        repository.archive(commit, io.BytesIO())

    assert "--strategy git" in str(raised.value.hint)


def test_a_blob_that_this_clone_lacks_is_a_problem(
    checkout: Checkout, repository: Repository
) -> None:
    (checkout.path / "web.py").write_text("gone\n")
    checkout.commit("One")
    blob = checkout.git("rev-parse", "HEAD:web.py").decode().strip()
    loose = checkout.path / ".git" / "objects" / blob[:2] / blob[2:]
    loose.unlink()

    with pytest.raises(RepositoryProblem, match=r"web\.py is missing"):
        archive_of(repository)


class FullDisk(io.BytesIO):
    """Takes so many bytes, then no more."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self.room = room

    def write(self, data: Any) -> int:
        self.room -= len(data)
        if self.room < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().write(data)


@pytest.mark.parametrize("room", [0, 3 << 20], ids=["full from the start", "full in the middle"])
@pytest.mark.parametrize("isal", [True, False], ids=["isal", "zlib"])
def test_a_full_disk_ends_the_archive_with_the_reason(
    checkout: Checkout,
    repository: Repository,
    monkeypatch: pytest.MonkeyPatch,
    room: int,
    isal: bool,
) -> None:
    (checkout.path / "big").write_bytes(os.urandom(8 << 20))
    checkout.commit("One")
    commit = repository.resolve("HEAD")
    if not isal:
        monkeypatch.setitem(sys.modules, "isal", None)

    with pytest.raises(RepositoryProblem) as raised:
        repository.archive(commit, FullDisk(room))

    assert "No space left on device" in raised.value.message


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    files=st.dictionaries(
        st.binary(min_size=1, max_size=30)
        .map(lambda name: name.replace(b"/", b"_").replace(b"\0", b"0"))
        .filter(
            lambda name: (
                name not in (b".", b"..") and not name.lower().startswith((b".git", b"git~"))
            )
        ),
        st.binary(max_size=2000),
        max_size=5,
    )
)
def test_whatever_names_and_bytes_a_tree_has_the_archive_has_them_too(
    checkout: Checkout, repository: Repository, files: dict[bytes, bytes]
) -> None:
    lines = []
    for name, content in sorted(files.items()):
        blob = checkout.git("hash-object", "-w", "--stdin", stdin=content).strip()
        lines.append(b"100644 blob " + blob + b"\t" + name + b"\0")
    tree = checkout.git("mktree", "-z", stdin=b"".join(lines)).decode().strip()
    sha = checkout.git("commit-tree", tree, "-m", "made").decode().strip()

    found = files_in(archive_of(repository, sha))

    expected = {n.decode("utf-8", "surrogateescape"): ("100644", c) for n, c in files.items()}
    assert found == expected
