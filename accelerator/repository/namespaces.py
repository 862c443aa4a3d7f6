"""Where notes are among the refs of a remote, and under which names; pure.

On a git host notes have a namespace of their own, so they are no branches and start no pipelines.
On Heroku's they are branches, because those are what its git is known to store without building
them (platform facts, section 7).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from accelerator.errors import LockUnavailable, UsageProblem
from accelerator.foreign import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping

KINDS = ("lock", "freeze", "reject", "probe")
_BRANCHES = "refs/heads/"
# What a stranger may have named a ref: all that git takes, but nothing it could misunderstand.
_NAME = re.compile(r"(?!-)[^\x00-\x20\x7f~^:?*\[\\]+")


@dataclass(frozen=True, slots=True)
class Namespace:
    """A place for notes: each ref of ours begins with `prefix`."""

    prefix: str

    def full(self, name: str) -> str:
        """Return the whole name of a note's ref; never one that git would take for a pattern."""
        if not _NAME.fullmatch(name):
            raise UsageProblem(
                f"{one_line(name, 100)!r} cannot be the name of a ref",
                "names of apps on Heroku are of letters, digits and dashes",
            )
        return f"{self.prefix}{name}"

    def pick(self, found: Mapping[str, str]) -> dict[str, str]:
        """Return those refs that are ours, by our names.

        Raises `LockUnavailable` where something keeps us from knowing or writing notes.
        """
        if self.root in found:
            raise self.in_the_way()
        if self != ON_HEROKU:
            _demand_none_left(found)
        first, ours = len(self.prefix), found.items()
        return {ref[first:]: sha for ref, sha in ours if ref.startswith(self.prefix)}

    @property
    def root(self) -> str:
        """Return the ref whose place is taken by all of ours: git holds one or the others."""
        return self.prefix.removesuffix("/")

    def in_the_way(self) -> LockUnavailable:
        """Return the error that such a ref stands there."""
        kind = "branch" if self.root.startswith(_BRANCHES) else "ref"
        name = self.root.removeprefix(_BRANCHES)
        return LockUnavailable(
            f"its {kind} {name} keeps git from making {name}/…",
            f"rename or remove that {kind} (`git push REMOTE :{self.root}`), or name another "
            "repository with --lock-remote",
        )


OF_ITS_OWN = Namespace("refs/accelerator/")
ON_HEROKU = Namespace("refs/heads/accelerator/")


def parse_list(text: str) -> dict[str, str]:
    """Read refs with their shas, parted by line ends alone: names may hold what looks like one."""
    pairs = (line.split("\t", 1) for line in text.split("\n") if "\t" in line)
    return {ref: sha for sha, ref in pairs}


def _demand_none_left(found: Mapping[str, str]) -> None:
    """Refuse a remote in which an older version left notes among the branches: a freeze counts."""
    kinds = tuple(ON_HEROKU.full(f"{kind}/") for kind in KINDS)
    left = sorted(ref for ref in found if ref.startswith(kinds))
    if left:
        some = ", ".join(left[:3])
        raise LockUnavailable(
            f"an older version left notes among its branches ({some}); they are kept in "
            f"{OF_ITS_OWN.prefix} now",
            "freeze, reject or lock anew what still counts, then remove those branches: "
            f"`git push REMOTE :{left[0]}`, and so on",
        )
