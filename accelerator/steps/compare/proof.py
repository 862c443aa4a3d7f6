"""Whether it is proven what an artifact was built from; pure.

What a build or a slug names as its commit is its caller's word. Its source has a checksum, which
the platform compared with the bytes it built.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from accelerator.models import Build

    # The checksums that the archive of a commit may have, by commit; None: nothing is to be proven.
    Archives = Mapping[str, frozenset[str]] | None


def doubt_of_build(build: Build | None, archives: Archives) -> str | None:
    """Return why the source of what a build left, or leaves, is not proven.

    None: it is proven, or need not be. Without a build nothing proves anything.
    """
    return None if archives is None else _find_doubt(build, archives)


def _find_doubt(build: Build | None, archives: Mapping[str, frozenset[str]]) -> str | None:
    if build is None:
        return "no build that left it is listed, so nothing tells what it was built from"
    if build.checksum is None:
        return "its build has no checksum of a source: it was pushed by git, or sent without"
    expected = archives.get(build.commit or "")
    if expected is None:
        return "its commit is not in this clone, or has another tree"
    if build.checksum not in expected:
        return "its build was of another source than the archive of the commit, made anew here"
    return None
