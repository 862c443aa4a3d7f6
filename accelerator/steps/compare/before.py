"""Where the way back leads: what ran before a deploy, and before one that was cut short; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from accelerator.models import Commit, Release
    from accelerator.steps.compare.facts import Facts
    from accelerator.steps.compare.states import CutShort, TargetState


def find_adopted(facts: Facts, target: TargetState, commit: Commit) -> Release | None:
    """Find the release before one of `commit` that a deploy cut short had made.

    Such a release is taken for our own: the way back leads to what that deploy had recorded,
    provided that the code of that release ran until the commit came.
    """
    before = target.find_before_current()
    found = (
        release
        for left in _list_cut_short(facts, target, commit)
        for release in target.releases
        if release.version == left.previous_version
    )
    return next((each for each in found if before and _bears_out(each, before)), None)


def find_doubted(facts: Facts, target: TargetState, commit: Commit) -> CutShort | None:
    """Find a deploy cut short whose word on the release before it is not borne out.

    Where it names code that runs now there is nothing to go back to, and nothing to doubt.
    """
    if find_adopted(facts, target, commit) is not None or target.current is None:
        return None
    now = target.current.artifact
    # What had no code counts where no code was there before: on a first deploy.
    codes = {now} if target.find_before_current() else {now, None}
    same = {release.version for release in target.releases if release.artifact in codes}
    named = _list_cut_short(facts, target, commit)
    return next((each for each in named if each.previous_version not in {None, *same}), None)


def _list_cut_short(facts: Facts, target: TargetState, commit: Commit) -> list[CutShort]:
    """List the deploys cut short that may have made what runs on a target."""
    if not facts.is_live(target, commit):
        return []
    return [left for left in facts.cut_short if (left.app, left.commit) == (target.app, commit.sha)]


def find_before(facts: Facts, target: TargetState, commit: Commit) -> Release | None:
    """Return the release to which the way back of a deploy of `commit` leads."""
    return find_adopted(facts, target, commit) or target.current


def _bears_out(named: Release, before: Release) -> bool:
    """Return whether a release that a note names is, or has the code of, the one that ran last."""
    is_usable = named.status == "succeeded" and named.artifact == before.artifact
    return is_usable and named.version <= before.version
