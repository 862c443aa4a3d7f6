"""Whether the files that are checked out are those of a commit: what tests here would run on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from accelerator.foreign import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from accelerator.repository.commands import Git

MOST_COMPARED = 200
MOST_NAMED = 5
_PATH_LETTERS = 120

# What the user's configuration would hide is asked for by name; nothing is run or written for it.
_STATUS = (
    *("-c", "core.fsmonitor=false", "--no-optional-locks", "status", "--porcelain=v2", "-z"),
    *("--untracked-files=normal", "--ignored=no", "--ignore-submodules=none", "--no-renames"),
)


@dataclass(frozen=True, slots=True)
class Difference:
    """How the files checked out differ from a commit.

    ``head`` is the commit that is checked out, where it has other files; ``changed`` are paths
    that git keeps, ``unknown`` those that it neither keeps nor ignores. ``trouble`` is why nothing
    can be told.
    """

    head: str | None = None
    changed: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    trouble: str | None = None

    def __bool__(self) -> bool:
        return bool(self.head or self.changed or self.unknown or self.trouble)

    def describe(self) -> str:
        """Return it in words, which read on from "the checkout"."""
        if self.trouble is not None:
            return f"cannot be looked at: {self.trouble}"
        said = [f"is of {self.head[:8]}"] if self.head else []
        said += [f"has changes in {_name(self.changed)}"] if self.changed else []
        said += [f"has untracked files: {_name(self.unknown)}"] if self.unknown else []
        return ", and ".join(said)


def find_difference(git: Git, tree: str | None) -> Difference:
    """Compare the files checked out with a tree; files that git ignores do not count.

    A file that git would change when it is committed again (ends of lines, filters) is no
    difference where its bytes are those of the commit.
    """
    told = git.ask("rev-parse", "HEAD^{commit}", "HEAD^{tree}")
    state = git.ask(*_STATUS)
    if state.status != 0 or told.status != 0:
        return Difference(trouble=state.complaint if state.status else "nothing is checked out")
    head, own = told.text.split()
    entries = [entry.decode("utf-8", "surrogateescape") for entry in state.out.split(b"\0")]
    unknown = tuple(entry[2:] for entry in entries if entry.startswith("? "))
    changed = [_read_change(entry) for entry in entries if entry.startswith(("1 ", "u "))]
    is_same = _find_same(git, [change for change in changed if change.kept is not None])
    left = tuple(change.path for change in changed if change.path not in is_same)
    return Difference(head if own != tree else None, left, unknown)


@dataclass(frozen=True, slots=True)
class _Change:
    """A path in which git sees a change; ``kept`` is its blob where only its bytes can differ."""

    path: str
    kept: str | None


def _read_change(entry: str) -> _Change:
    """Read an entry of porcelain's second version: changed (``1``) or in conflict (``u``)."""
    if entry.startswith("u "):
        return _Change(entry.split(" ", 10)[10], None)
    _, state, _, mode, _, mode_here, blob, _, path = entry.split(" ", 8)
    is_plain = state == ".M" and mode == mode_here and mode.startswith("100")
    return _Change(path, blob if is_plain else None)


def _find_same(git: Git, changes: Sequence[_Change]) -> frozenset[str]:
    """Find the files whose bytes are those of the commit, whatever git would make of them."""
    if not changes or len(changes) > MOST_COMPARED:
        return frozenset()
    paths = [change.path for change in changes]
    hashed = git.ask("hash-object", "--no-filters", "--", *paths)
    if hashed.status != 0:
        return frozenset()
    pairs = zip(changes, hashed.text.split(), strict=True)
    return frozenset(change.path for change, sha in pairs if change.kept == sha)


def _name(paths: Sequence[str]) -> str:
    named = ", ".join(one_line(path, _PATH_LETTERS) for path in paths[:MOST_NAMED])
    return f"{named} and {len(paths) - MOST_NAMED} more" if len(paths) > MOST_NAMED else named
