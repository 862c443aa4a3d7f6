"""Whether two commits are one source: what a build of them is made of is equal; pure.

Then what was built from one is what a build of the other would come to, and one build is enough.
Whether it is was told by the clone. What the clone cannot tell is not equal.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from accelerator.errors import RepositoryProblem
from accelerator.models import ArtifactKind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from accelerator.models import ArtifactRef, Build, BuildInput

    # What builds of commits are made of, by commit; None: only the very commit counts.
    Inputs = Mapping[str, BuildInput] | None

SLUG_STACKS = "heroku-"  # `container` and `cnb` build images


@dataclass(frozen=True, slots=True)
class SameSource:
    """What was compared to find that `commit`, which was built, is the source that is wanted."""

    commit: str
    compared: str
    id: str


def find_same(
    inputs: Inputs, wanted: str, built: str | None, build: Build | None, ref: ArtifactRef | None
) -> SameSource | None:
    """Return what is equal where what was built from another commit counts as built from `wanted`.

    ``build`` is the one that left, or leaves, the artifact ``ref``, as far as they are known. For
    images all files count: `.slugignore` belongs to slugs. Where only a folder is built, the build
    has to be of an archive of that folder: one by git push is of the whole repository, and one from
    before --subdir was changed of another folder.
    """
    if inputs is None or built is None or built == wanted:
        return None
    own, other = inputs.get(wanted), inputs.get(built)
    if own is None or other is None:
        return None
    if own.folder and (build is None or build.checksum not in other.archives):
        return None
    drops_ignored = _drops_ignored(build, ref)
    found = own.id_for(drops_ignored=drops_ignored)
    if found != other.id_for(drops_ignored=drops_ignored):
        return None
    return SameSource(built, own.describe(drops_ignored=drops_ignored), found)


def with_archives(
    inputs: Mapping[str, BuildInput], wanted: str, checksums: Callable[[str], frozenset[str]]
) -> Mapping[str, BuildInput]:
    """Add the checksums of archives where a folder is built, of what may be equal to `wanted`.

    Which folder was built is said by nothing else. What cannot be archived is equal to nothing.
    """
    own = inputs.get(wanted)
    if own is None or not own.folder:
        return inputs
    found = dict(inputs)
    for sha, each in inputs.items():
        if sha != wanted and own.kept == each.kept and not each.archives:
            with suppress(RepositoryProblem):
                found[sha] = replace(each, archives=checksums(sha))
    return found


def is_build_of(build: Build, wanted: str, inputs: Inputs) -> bool:
    """Return whether a build is of a commit, or of one with the same source."""
    if build.commit == wanted:
        return True
    return find_same(inputs, wanted, build.commit, build, build.artifact) is not None


def _drops_ignored(build: Build | None, ref: ArtifactRef | None) -> bool:
    """Return whether files that `.slugignore` names surely were not there when it was built."""
    if ref is not None and ref.kind is not ArtifactKind.SLUG:
        return False
    return build is not None and (build.stack or "").startswith(SLUG_STACKS)
