"""The local clone's word on commits: which one is meant, which came first, what is in them.

The clone is opened in the background, beside the first requests to the platform: git's start and
the import of GitPython cost more than the look itself. What is known of two commits stays true, so
each question is put to git once.
"""

from __future__ import annotations

from contextlib import suppress
from threading import Lock, Thread
from typing import TYPE_CHECKING, BinaryIO

from accelerator.errors import AcceleratorError, RepositoryProblem, UsageProblem
from accelerator.models import Ancestry
from accelerator.repository.clone import Repository
from accelerator.repository.commands import Git
from accelerator.repository.packing import Packed, exact, fast
from accelerator.repository.surroundings import for_git

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from accelerator.models import BuildInput, Commit
    from accelerator.repository.own_remotes import OwnRemote
    from accelerator.waiting import Deadline

_MOST_COMPARED = 200
NOTABLE_SECONDS = 2.0


PEEL_SECONDS = 10.0


class Lineage:
    """What the clone around `directory` knows of commits; without a clone, nothing.

    `folder` is the part of the repository that is built (a monorepo's), or None for all of it.
    With `is_exact` the bytes of an archive follow from the commit alone: it is not compressed. Past
    the `deadline` git, which may ask a server for what the clone lacks, is not waited for. `tell`
    hears of that, with a level of `events.Note`.
    """

    def __init__(
        self,
        directory: Path,
        environment: Mapping[str, str],
        folder: str | None = None,
        *,
        is_exact: bool = False,
        deadline: Deadline | None = None,
        tell: Callable[[str, str], None] = lambda _text, _level: None,
    ) -> None:
        self.directory, self._environment, self.folder = directory, environment, folder
        self._deadline, self._tell = deadline, tell
        self._packing = exact if is_exact else fast
        self._told: dict[tuple[str, str], Ancestry] = {}
        self._checksums: dict[str, frozenset[str]] = {}
        self._inputs: dict[str, BuildInput] = {}
        self._opening = Lock()
        self._repository: Repository | None = None

    def open_ahead(self) -> None:
        """Begin to open the clone, beside what the caller does meanwhile."""
        Thread(target=self._open_quietly, name="clone", daemon=True).start()

    def repository(self) -> Repository:
        """Return the clone; raises `RepositoryProblem` where there is none."""
        with self._opening:
            if self._repository is None:
                self._repository = Repository.open(
                    self.directory, self._environment, self._deadline
                )
            return self._repository

    def resolve(self, revision: str) -> Commit:
        """Read the commit that a sha, branch, tag or expression names."""
        return self.repository().resolve(revision)

    def peel(self, sha: str) -> str:
        """Return the commit that the object of a full sha is, or names as an annotated tag.

        What is not in this clone stays as it is named: a full sha needs no clone, and no server is
        asked for it. GitPython is not imported for so little.
        """
        environment = for_git({**self._environment, "GIT_NO_LAZY_FETCH": "1"})
        git = Git(self.directory, environment, self._deadline)
        with suppress(RepositoryProblem):
            asked = ("rev-parse", "--verify", "--quiet", f"{sha}^{{commit}}")
            found = git.ask(*asked, seconds=PEEL_SECONDS)
            return found.text if found.status == 0 else sha
        return sha

    def archive(self, commit: Commit, to: BinaryIO) -> Packed:
        """Write a packed tar of what is built of the commit; return its size and checksum."""
        return self.repository().archive(commit, to, self.folder, self._packing)

    def checksums(self, sha: str) -> frozenset[str]:
        """Return the checksums an archive of the commit may have, made anew from this clone."""
        if sha not in self._checksums:
            commit = self.resolve(sha)
            self._checksums[sha] = self.repository().checksums(commit, self.folder)
        return self._checksums[sha]

    def find(self, sha: str) -> Commit | None:
        """Read a commit by its full sha; None where this clone does not have it."""
        with suppress(AcceleratorError):
            found = self.resolve(sha)
            if found.sha == sha:  # a branch may have the name of a sha
                return found
        return None

    def find_remote(self, name: str) -> OwnRemote:
        """Read where a remote of the clone is; raises `UsageProblem` where there is no clone."""
        try:
            return self.repository().find_remote(name)
        except RepositoryProblem as missing:
            raise UsageProblem(
                f"lock_remote is {name!r}, a remote of a clone, and {missing.message}",
                "run this in a checkout of the app, or name the lock remote by its address",
            ) from None

    def read_inputs(self, shas: frozenset[str]) -> dict[str, BuildInput]:
        """Read what builds of these commits are made of; those that cannot be told are left out."""
        missing = shas - self._inputs.keys()
        if missing:
            self._inputs.update(self.repository().read_inputs(missing, self.folder))
        return {sha: self._inputs[sha] for sha in shas if sha in self._inputs}

    def process_types(self, sha: str) -> frozenset[str] | None:
        """Return what a commit declares in its Procfile; None where that cannot be told."""
        with suppress(AcceleratorError):
            return self.repository().process_types(sha, self.folder)
        return None

    def find_same_source(self, newer: str, other: str) -> str | None:
        """Find the newest commit in the history of `newer` with the source of `other`.

        As far as the clone goes, and no further than what is compared quickly.
        """
        with suppress(AcceleratorError):
            history = self.repository().list_history(newer, _MOST_COMPARED)
            known = self.read_inputs(frozenset({*history, other}))
            same = known.get(other)
            return next((sha for sha in history if same and known.get(sha) == same), None)
        return None

    def ancestry(self, older: str, newer: str) -> Ancestry:
        """Ask the clone, with more history where it is shallow and the answer is not in it.

        What could not be found out is not asked again either: it would be fetched again and again.
        """
        if (older, newer) not in self._told:
            self._told[older, newer] = self._ask(older, newer)
        return self._told[older, newer]

    def contains(self, newer: str, older: str) -> bool:
        """Return whether `newer` surely contains `older`, without fetching anything for it."""
        return older != newer and self.repository().ancestry(older, newer) is Ancestry.YES

    def _ask(self, older: str, newer: str) -> Ancestry:
        try:
            repository = self.repository()
        except RepositoryProblem:
            return Ancestry.UNKNOWN
        told = repository.ancestry(older, newer)
        for everything in (False, True):
            if told is not Ancestry.UNKNOWN:
                break
            if self._deepen(repository, older, newer, everything=everything):
                told = repository.ancestry(older, newer)
        return told

    def _deepen(self, repository: Repository, *shas: str, everything: bool) -> bool:
        """Fetch what is missing to compare commits, and say so; return whether more may be known.

        As a `detail`; and as a note once it took long.
        """
        named = " and ".join(sha[:8] for sha in shas)
        self._tell(f"this clone cannot compare {named}: asking origin for more history", "detail")
        begun = self._deadline.clock.now() if self._deadline else 0.0
        is_more = repository.deepen(*shas, everything=everything)
        took = self._deadline.clock.now() - begun if self._deadline else 0.0
        if took > NOTABLE_SECONDS:
            self._tell(
                f"asking origin for the history of {named} took {took:.0f} s: a clone with more "
                "history saves that (fetch-depth: 0, GIT_DEPTH: 0)",
                "info",
            )
        return is_more

    def _open_quietly(self) -> None:
        with suppress(AcceleratorError):  # it is raised again where the clone is asked for
            self.repository()
