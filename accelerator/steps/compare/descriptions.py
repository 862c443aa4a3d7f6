"""What releases say of themselves in their descriptions, which the platform keeps for us.

An artifact says which commit it was built from. That it was shipped for another one with the same
source, its alias, stands in the description of the release only. Whatever makes another release
of that artifact (a config var, an add-on, a rollback, a promotion by hand) has other words for it.
So the alias is looked up by artifact, among all releases of the app.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from accelerator.models import Commit, Release


def find_alias(description: str) -> str | None:
    """Read the commit a release was made for when its artifact was built from another one."""
    found = _ALIAS.fullmatch(description)
    return found["sha"] if found else None


def describe_release(commit: Commit, built_from: str | None) -> str:
    """Write a release's description; the alias of an artifact is kept there, where it lasts."""
    if built_from is None or built_from == commit.sha:
        return f"Deploy {commit.short}"
    return f"Deploy {commit.sha} (same source as {built_from})"


def describe_rollback(previous: Release, alias: str | None, built_from: str | None) -> str:
    """Write the description of a rollback of ours, with the alias of what it goes back to."""
    said = f"Rollback to v{previous.version} (code only)"
    if alias is None or built_from is None or alias == built_from:
        return said
    return f"{said}: Deploy {alias} (same source as {built_from})"


def find_alias_of(release: Release, known: Iterable[Release]) -> str | None:
    """Find the commit that a release was made for, by what is known of releases, of any app.

    Its own word counts first; then that of the release which it brought back, or which was promoted
    to it; then the newest word of its app on the same artifact that was in effect until then.
    """
    same = sorted(
        (each for each in known if _may_speak_for(each, release)),
        key=lambda each: each.version,
        reverse=True,
    )
    return next(filter(None, map(find_alias, _list_words(release, same, set()))), None)


def _may_speak_for(other: Release, release: Release) -> bool:
    """Return whether another release has the same artifact and was in effect."""
    is_same = release.artifact is not None and other.artifact == release.artifact
    return is_same and other.status in IN_EFFECT


def _list_words(release: Release, same: list[Release], told: set[str]) -> Iterator[str]:
    """Yield descriptions that may have the alias of a release, the most telling first.

    `told` has the ids of those that were asked already: descriptions may name one another.
    """
    app, version = release.app_name, release.version
    own = [each for each in same if each.app_name == app and each.version < version]
    for each in (release, *own):
        if each.id in told:
            continue
        told.add(each.id)
        yield each.description
        named = _find_named(each)
        for other in same:
            if (other.app_name, str(other.version)) == named:
                yield from _list_words(other, same, told)


def _find_named(release: Release) -> tuple[str, str] | None:
    """Find the app and the version of the release that was brought back, or promoted to this."""
    if back := _ROLLBACK.match(release.description):
        return release.app_name, back["version"]
    promoted = _PROMOTION.match(release.description)
    return (promoted["app"], promoted["version"]) if promoted else None


IN_EFFECT = frozenset({"succeeded", "expired"})  # an expired one has lost its artifact since
_ALIAS = re.compile(
    r"(?:Rollback to v[0-9]{1,9} \(code only\): )?"
    r"Deploy (?P<sha>[0-9a-f]{40}) \(same (?:tree|source) as [0-9a-f]{40}\)"
)
_ROLLBACK = re.compile(r"Rollback to v(?P<version>[0-9]{1,9})\b")
_PROMOTION = re.compile(r"Promote (?P<app>[a-z0-9-]{1,64}) v(?P<version>[0-9]{1,9})\b")
