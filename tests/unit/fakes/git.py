"""Stand-ins for git, in memory: a lock remote with what stands before it, and a clone."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from threading import RLock
from typing import TYPE_CHECKING, BinaryIO

from accelerator.models import Ancestry, BuildInput, Commit, PushOutcome, Secret, Swap
from accelerator.repository import Packed
from accelerator.repository.checkout import Difference
from tests.unit.fakes.values import COMMIT, checksum_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path


class MemoryRefs:
    """A lock remote in memory: compare-and-swap, as git's own, and the troubles of a network.

    `trouble` fails every request, `refused` every change. `lose` names what becomes of the next
    changes: "before" is lost on the way there, "after" is done and its reply lost, "late" is done
    only at the next look. `undo` has for the next changes how many looks still see each, until a
    push beside it brings back what was there before.
    """

    is_metered = True
    is_advisory = False

    def __init__(self) -> None:
        self.refs: dict[str, str] = {}
        self.texts: dict[str, str] = {}
        self.trouble: Exception | None = None
        self.refused: Exception | None = None
        self.lose: list[str] = []
        self.undo: list[int] = []
        self.swaps: list[tuple[str, str | None, str | None]] = []
        self.looks = self.pushes = 0
        self.closed = self.is_hurried = False
        self._late: list[tuple[str, str | None, str | None]] = []
        self._before: tuple[int, dict[str, str]] | None = None
        self._guard = RLock()

    def find(self) -> dict[str, str]:
        with self._guard:
            self._answer()
            self._bring_back()
            found = dict(self.refs)
            self._arrive()
            return found

    def read(self, ref: str) -> tuple[str, str] | None:
        with self._guard:
            self._answer()
            sha = self.refs.get(ref)
            self._arrive()
            return (sha, self.texts[sha]) if sha else None

    def write(self, text: str) -> str:
        with self._guard:
            sha = f"{len(self.texts):040x}"
            self.texts[sha] = text.strip()
            return sha

    def swap(self, ref: str, old: str | None, new: str | None) -> Swap:
        with self._guard:
            self._answer()
            if self.refused is not None:
                raise self.refused
            self.swaps.append((ref, old, new))
            fate = self.lose.pop(0) if self.lose else ""
            if fate == "late":
                self._late.append((ref, old, new))
            elif fate != "before":
                done = self._change(ref, old, new)
            return Swap.UNKNOWN if fate else (Swap.DONE if done else Swap.LOST)

    def swap_all(self, changes: Mapping[str, tuple[str, str]]) -> dict[str, Swap]:
        self.pushes += 1
        return {ref: self.swap(ref, *change) for ref, change in changes.items()}

    def remove(self, refs: Mapping[str, str]) -> None:
        for ref, sha in refs.items():
            self.swap(ref, sha, None)

    def put(self, ref: str, text: str) -> None:
        """Place a note as somebody else would."""
        self.refs[ref] = self.write(text)

    def hurry(self) -> None:
        self.is_hurried = True

    def close(self) -> None:
        self.closed = True

    def _answer(self) -> None:
        self.looks += 1
        if self.trouble is not None:
            raise self.trouble

    def _arrive(self) -> None:
        while self._late:
            self._change(*self._late.pop())

    def _bring_back(self) -> None:
        if self._before is None:
            return
        looks, before = self._before
        self._before = (looks - 1, before) if looks else None
        self.refs = self.refs if looks else before

    def _change(self, ref: str, old: str | None, new: str | None) -> bool:
        if self.refs.get(ref) != old:
            return False
        if self.undo:
            self._before = self.undo.pop(0), dict(self.refs)
        if new is None:
            self.refs.pop(ref, None)
        else:
            self.refs[ref] = new
        return True


@dataclass
class FakeClone:
    """A clone that gives the same few bytes for any commit, and knows what it is told.

    `pusher` does what a git push does, and says how it ended.
    """

    ask: Callable[[str, str], Ancestry] = lambda _older, _newer: Ancestry.UNKNOWN
    trees: Mapping[str, str] = field(default_factory=dict)
    inputs: dict[str, BuildInput] = field(default_factory=dict)
    same: Mapping[tuple[str, str], str] = field(default_factory=dict)
    known: Commit | None = None
    trouble: Exception | None = None
    content: bytes = b"a tar of the commit"
    folder: str | None = None
    directory: Path | None = None
    pusher: Callable[[str, str, Callable[[str], None]], PushOutcome] | None = None
    push_seconds: float | None = None
    difference: Difference = field(default_factory=Difference)
    types: Mapping[str, frozenset[str] | None] = field(default_factory=dict)

    def process_types(self, sha: str) -> frozenset[str] | None:
        return self.types.get(sha, frozenset({"web"}))

    def find_difference(self, commit: Commit) -> Difference:
        assert commit.sha
        return self.difference

    def repository(self) -> FakeClone:
        return self

    def demand_history(self) -> None:
        """Have all of it."""

    def push(
        self,
        sha: str,
        url: str,
        *,
        key: Secret,
        on_line: Callable[[str], None],
        timeout_seconds: float,
    ) -> PushOutcome:
        assert self.pusher is not None
        assert key.reveal() == "key"
        assert timeout_seconds > 0
        self.push_seconds = timeout_seconds
        return self.pusher(sha, url, on_line)

    def ancestry(self, older: str, newer: str) -> Ancestry:
        return self.ask(older, newer)

    def contains(self, newer: str, older: str) -> bool:
        return older != newer and self.ask(older, newer) is Ancestry.YES

    def resolve(self, revision: str) -> Commit:
        if self.trouble is not None:
            raise self.trouble
        return self.known or replace(COMMIT, sha=revision)

    def find(self, sha: str) -> Commit | None:
        return self.known if self.known is not None and self.known.sha == sha else None

    def read_inputs(self, shas: frozenset[str]) -> dict[str, BuildInput]:
        told = {sha: BuildInput("", tree, tree) for sha, tree in self.trees.items()}
        return {sha: told for sha, told in (told | self.inputs).items() if sha in shas}

    def find_same_source(self, newer: str, other: str) -> str | None:
        return self.same.get((newer, other))

    def archive(self, commit: Commit, to: BinaryIO) -> Packed:
        assert commit.sha
        return Packed(to.write(self.content), checksum_of(commit.sha))

    def checksums(self, sha: str) -> frozenset[str]:
        if self.trouble is not None:
            raise self.trouble
        return frozenset({checksum_of(sha)})


@dataclass
class FakeFence:
    """A fence that lets everything pass, unless it has `trouble`; it notes who asked."""

    trouble: Exception | None = None
    demanded: list[str] = field(default_factory=list)
    begun: list[tuple[tuple[str, ...], str]] = field(default_factory=list)

    def demand(self, apps: Iterable[str]) -> None:
        self.demanded += apps
        if self.trouble is not None:
            raise self.trouble

    def admit(self, target: object, artifact: object) -> None:
        pass

    def remember(self, apps: Iterable[str], promotion: str) -> None:
        self.begun.append((tuple(apps), promotion))


@dataclass
class FakeHost:
    """Where locks are kept: a lock remote in memory, or trouble on the way there."""

    remote: MemoryRefs | None = None
    trouble: Exception | None = None

    def open(self) -> MemoryRefs:
        if self.trouble is not None:
            raise self.trouble
        assert self.remote is not None
        return self.remote
