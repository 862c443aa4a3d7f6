"""What our releases say of themselves in their descriptions, which the platform keeps for us."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from accelerator.models import Commit


def find_alias(description: str) -> str | None:
    """Read the commit a release was made for when its artifact was built from an equal tree."""
    found = _ALIAS.fullmatch(description)
    return found["sha"] if found else None


def describe_release(commit: Commit, built_from: str | None) -> str:
    """Write a release's description; an equal tree's alias is kept there, where it lasts."""
    if built_from is None or built_from == commit.sha:
        return f"Deploy {commit.short}"
    return f"Deploy {commit.sha} (same tree as {built_from})"


_ALIAS = re.compile(r"Deploy (?P<sha>[0-9a-f]{40}) \(same tree as [0-9a-f]{40}\)")
