"""What a lock's note tells beside its own fields, as far as it is what we write; pure."""

from __future__ import annotations

import re
from typing import Any

FULL_SHA = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_VERSIONS = range(1, 1_000_000_000)
_PROMOTION = re.compile(r"[0-9A-Za-z-]{1,64}")
_APP = re.compile(r"[0-9a-z-]{1,60}")
CLAIMS = 5  # of deploys cut short one after the other


def is_version(version: object) -> bool:
    """Return whether it is the version of a release, or none."""
    return version is None or (type(version) is int and version in _VERSIONS)


def pick_extra(extra: object) -> dict[str, Any]:
    """Return what we know of a note's extra, where it is what we write."""
    given = extra if isinstance(extra, dict) else {}
    promotion, apps = given.get("promotion"), given.get("from")
    picked: dict[str, Any] = {}
    if isinstance(promotion, str) and _PROMOTION.fullmatch(promotion):
        picked["promotion"] = promotion
    if isinstance(apps, list):
        named = [app for app in apps if isinstance(app, str) and _APP.fullmatch(app)]
        picked["from"] = named[:20]
    if isinstance(commit := given.get("instead_of"), str) and FULL_SHA.fullmatch(commit):
        picked["instead_of"] = commit
    if isinstance(left := given.get("left"), list):
        picked["left"] = [list(each) for each in left[:CLAIMS] if _is_claim(each)]
    return picked


def _is_claim(each: object) -> bool:
    if not isinstance(each, list | tuple) or len(each) != len(("commit", "version")):
        return False
    commit, version = each
    return isinstance(commit, str) and bool(FULL_SHA.fullmatch(commit)) and is_version(version)
