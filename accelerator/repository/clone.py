"""The repository that is deployed from: which commit, how related, its source, its push."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, BinaryIO

from accelerator.errors import NotFound, RepositoryProblem, ShallowClone
from accelerator.foreign import one_line
from accelerator.models import Ancestry, Commit, PushOutcome
from accelerator.repository import archives
from accelerator.repository.checkout import find_difference
from accelerator.repository.commands import LOW_SPEED, OUT_OF_TIME, Git, open_repo
from accelerator.repository.inputs import read_inputs
from accelerator.repository.own_remotes import find_own_remote
from accelerator.repository.packing import Packed, fast
from accelerator.repository.procfile import read_process_types
from accelerator.repository.pushing import Push, run_push
from accelerator.repository.surroundings import for_git

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from git import Repo

    from accelerator.models import BuildInput, Secret
    from accelerator.repository.checkout import Difference
    from accelerator.repository.own_remotes import OwnRemote
    from accelerator.repository.packing import Packing
    from accelerator.waiting import Deadline

FETCH_SECONDS = 60.0
_MOMENT = re.compile(r"[0-9]{1,11}")  # a commit may claim any; so many seconds are 3000 years
_FULL_SHA = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
# How git says that there is no such revision; any other complaint is told.
_IS_MISSING = "Needed a single revision"
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_FORMAT = "--format=%H%n%T%n%ct%n%an <%ae>%n%s"


class Repository:
    """A git repository, opened by `open`; closes with `close` or as a context manager.

    `root` is its top folder: that of the working tree, or of the bare repository.
    """

    def __init__(
        self,
        repo: Repo,
        root: Path,
        environment: Mapping[str, str],
        deadline: Deadline | None = None,
    ) -> None:
        self._repo, self.root = repo, root
        self._environment = dict(environment)
        self._git = Git(self.root, LOW_SPEED | for_git(environment), deadline)
        self._is_origin_silent = False

    @classmethod
    def open(
        cls, path: Path, environment: Mapping[str, str], deadline: Deadline | None = None
    ) -> Repository:
        """Open the repository around `path`; `environment` is all that git gets of one.

        Past the `deadline` git's answers are not waited for.
        """
        return cls(*open_repo(path), environment, deadline)

    def __enter__(self) -> Repository:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of what GitPython holds open."""
        self._repo.close()

    @property
    def is_shallow(self) -> bool:
        """True when this clone lacks history."""
        return self._git.ask("rev-parse", "--is-shallow-repository").text == "true"

    def resolve(self, revision: str) -> Commit:
        """Read the commit that a sha, branch, tag or expression names."""
        if revision.startswith("-") or _CONTROL.search(revision) or not revision.strip():
            raise self._not_found(revision, "that is no revision")
        found = self._git.ask("rev-parse", "--verify", f"{revision}^{{commit}}")
        if found.status != 0:
            raise self._not_found(revision, found.complaint)
        # rev-list, not log: the user's settings for `git log` have no say in it.
        read = self._git.ask("rev-list", "-1", "--encoding=UTF-8", _FORMAT, found.text, "--")
        lines = read.out.decode("utf-8", "replace").split("\n")
        # A commit may have no subject: the answer then ends a line early.
        _, sha, tree, seconds, author, subject = [*lines, ""][:6]
        return Commit(sha, tree, _moment(seconds), subject, one_line(author, 100))

    def ancestry(self, older: str, newer: str) -> Ancestry:
        """Return whether `older` is an ancestor of `newer`, or the same commit.

        ``UNKNOWN`` only where this clone cannot tell: `newer` is missing, one is no full sha (what
        Heroku keeps as commit is free text, which may happen to be the name of a branch here), or
        the history of `newer` is cut off before it could have met `older`.
        """
        if not all(_FULL_SHA.fullmatch(sha) for sha in (older, newer)) or not self._has(newer):
            return Ancestry.UNKNOWN
        if self._is_ancestor(older, newer):
            return Ancestry.YES
        # Where all history of `newer` is here, a commit that is missing is no part of it.
        if self._is_ancestor(newer, older) or not self._is_cut_off(newer):
            return Ancestry.NO
        return Ancestry.UNKNOWN

    def deepen(self, *shas: str, everything: bool = False) -> bool:
        """Fetch what this clone lacks to compare these commits; return whether it may know more.

        Fetched are the commits that are missing (a late job's clone ends before them), and 200
        commits of history where it is shallow. With `everything` it is all of its history.
        """
        is_shallow = self.is_shallow
        if everything:
            return is_shallow and self._fetch("--unshallow", "--", "origin")
        missing = [sha for sha in shas if _FULL_SHA.fullmatch(sha) and not self._has(sha)]
        more = ("--deepen", "200") if is_shallow else ()
        if not missing and not more:
            return False
        return self._fetch(*more, "--", "origin", *missing) or self._fetch(*more, "--", "origin")

    def _fetch(self, *what: str) -> bool:
        """Fetch, for a while; an origin that did not answer in time is not asked again."""
        if self._is_origin_silent:
            return False
        quietly = ("fetch", "--quiet", "--no-tags", "--no-recurse-submodules")
        status = self._git.ask(*quietly, *what, seconds=FETCH_SECONDS).status
        self._is_origin_silent = status == OUT_OF_TIME
        return status == 0

    def process_types(self, sha: str, folder: str | None = None) -> frozenset[str] | None:
        """Return what a commit declares in its Procfile; None where that cannot be told."""
        return read_process_types(self._git, sha, folder)

    def read_inputs(self, shas: Iterable[str], folder: str | None = None) -> dict[str, BuildInput]:
        """Return what a build of each of these commits is made of; unknown ones are left out."""
        return read_inputs(self._git, shas, folder)

    def list_history(self, sha: str, most: int) -> tuple[str, ...]:
        """Return a commit and its newest ancestors, as far as they are here."""
        if not _FULL_SHA.fullmatch(sha):
            return ()
        found = self._git.ask("rev-list", f"--max-count={most}", sha, "--")
        return tuple(found.text.split()) if found.status == 0 else ()

    def find_difference(self, commit: Commit) -> Difference:
        """Compare the files that are checked out with those of a commit."""
        return find_difference(self._git, commit.tree)

    def archive(
        self, commit: Commit, to: BinaryIO, folder: str | None = None, packing: Packing = fast
    ) -> Packed:
        """Stream a ``.tar.gz`` of exactly the commit's tree to `to`; return size and checksum.

        No attribute of the tree changes or leaves out anything. Submodules are not in the tree:
        a commit that has some is refused, rather than built without them; so is one with files
        kept by Git LFS. With `folder` only what is below it goes in, with paths from there.
        """
        entries = self._list_archived(commit, folder)
        return archives.write_archive(self._git, entries, _seconds(commit), to, packing)

    def checksums(self, commit: Commit, folder: str | None = None) -> frozenset[str]:
        """Return the checksums that the commit's archive may have, by how it was packed."""
        entries = self._list_archived(commit, folder)
        return archives.compute_checksums(self._git, entries, _seconds(commit))

    def _list_archived(self, commit: Commit, folder: str | None) -> list[archives.Entry]:
        entries = archives.list_tree(self._git, commit.sha)
        if folder is not None:
            entries = archives.below(entries, folder, commit.short)
        if paths := [entry.path for entry in entries if entry.is_submodule]:
            raise RepositoryProblem(
                f"{commit.short} has submodules ({', '.join(paths)}), "
                "which a source archive cannot carry",
                "use --strategy git: Heroku fetches public submodules of a pushed commit",
            )
        return entries

    def find_remote(self, name: str) -> OwnRemote:
        """Read where a remote of this clone is, and how its host is logged in to."""
        return find_own_remote(self._git, name)

    def demand_history(self) -> None:
        """Raise `ShallowClone` where a push from here would be rejected."""
        if self.is_shallow:
            raise ShallowClone

    def push(  # noqa: PLR0913  # the four without a default are what every caller has
        self,
        commit_sha: str,
        url: str,
        *,
        key: Secret,
        on_line: Callable[[str], None],
        branch: str = "main",
        force: bool = True,
        timeout_seconds: float | None = None,
    ) -> PushOutcome:
        """Push one commit with the key; the server's lines go to `on_line` as they come.

        Writes nothing into the repository's configuration. That the build failed or the branch
        has moved comes back as an outcome. Raises where the key, the app or the connection is the
        trouble; `OutcomeUnknown` where the build may be going on; and `ShallowClone` before
        anything is sent.
        """
        self.demand_history()
        # Never left to git: a sha of zeros would delete the branch.
        if not _FULL_SHA.fullmatch(commit_sha) or not self._has(commit_sha):
            raise self._not_found(commit_sha, "only a full sha in this clone can be pushed")
        push = Push(commit_sha, url, branch, force, timeout_seconds)
        return run_push(self._git, push, key, self._environment, on_line)

    def _has(self, sha: str) -> bool:
        return bool(sha) and self._git.ask("cat-file", "-e", f"{sha}^{{commit}}").status == 0

    def _is_ancestor(self, older: str, newer: str) -> bool:
        return self._git.ask("merge-base", "--is-ancestor", "--", older, newer).status == 0

    def _is_cut_off(self, sha: str) -> bool:
        """Return whether the history of a commit ends at the edge of a shallow clone."""
        path = self.root / self._git.ask("rev-parse", "--git-path", "shallow").text
        edge = set(path.read_text("ascii").split()) if path.is_file() else set()
        return bool(edge) and not edge.isdisjoint(self._git.ask("rev-list", sha, "--").text.split())

    def _not_found(self, revision: str, complaint: str) -> NotFound:
        if not self._git.ask("rev-list", "--all", "--max-count=1").text:
            return NotFound(f"{self.root.name} has no commit yet", "commit something first")
        hint = "check the spelling, or fetch the commit first"
        if self.is_shallow:
            hint = (
                "this clone is shallow: `git fetch --unshallow`, or fetch just this commit "
                f"with `git fetch --depth 1 origin {revision}`"
            )
        why = "" if _IS_MISSING in complaint else f": {complaint}"
        return NotFound(f"no commit {revision!r} in {self.root.name}{why}", hint)


def _seconds(commit: Commit) -> int:
    """Return the moment of a commit, which its files have in an archive."""
    return int(commit.committed_at.timestamp()) if commit.committed_at else 0


def _moment(seconds: str) -> datetime | None:
    known = _MOMENT.fullmatch(seconds)
    return datetime.fromtimestamp(int(seconds), UTC) if known else None
