"""Look for a release of somebody else's that slipped in between our last look and our write.

With a lock that takes a hand at `heroku` or a `git push`; without one another deploy is enough.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from accelerator.errors import VerificationFailed
from accelerator.steps.compare.lookups import find_artifact, find_optional
from accelerator.steps.compare.witness import find_released

if TYPE_CHECKING:
    from accelerator.models import Release
    from accelerator.steps.compare.facts import Facts
    from accelerator.steps.compare.witness import Running
    from accelerator.steps.guard.direction import Forward
    from accelerator.steps.run import Run


def refuse_if_overtaken(run: Run, forward: Forward, facts: Facts, ours: Release) -> None:
    """Raise `VerificationFailed` when `ours` went over code that it does not contain.

    Code that nobody knows is said aloud. One request, and only where the versions are not adjacent:
    a config change in between is none.
    """
    app = ours.app_name
    target = facts.target(app)
    newest = max((release.version for release in target.releases), default=0)
    if ours.version <= newest + 1:
        return
    known = {ours.artifact, target.current.artifact if target.current else None, None}
    page = run.heroku.releases.fetch_newest(app, 20)
    for release in page:
        is_between = newest < release.version < ours.version and release.status == "succeeded"
        if not is_between or release.artifact in known:
            continue
        found = forward.check(app, _find_released(run, _with_page(facts, app, page), app, release))
        said = f"v{release.version} was released at the same moment, and {found.text}"
        if found.refusal is not None:
            raise VerificationFailed(app, said, None, f": v{ours.version} is what serves now")
        if found.text:
            run.events.note(said, "warning")


def _with_page(facts: Facts, app: str, page: tuple[Release, ...]) -> Facts:
    """Add what was released since, for the word that releases have on each other."""
    targets = (replace(each, releases=page) if each.app == app else each for each in facts.targets)
    return replace(facts, targets=tuple(targets))


def _find_released(run: Run, facts: Facts, app: str, release: Release) -> Running:
    """Find what a release holds that was not there at our last look: artifact first, then build."""
    target, ref = facts.target(app), release.artifact
    if ref is not None and facts.commit_of(ref) is None:
        read = find_artifact(run.heroku, app, ref)
        facts = replace(facts, artifacts={**facts.artifacts, ref.id: read})
    found = find_released(facts, target, release)
    if found.gap is None:
        return found
    builds = find_optional(partial(run.heroku.builds.fetch_newest, app)) or ()
    return find_released(facts, replace(target, builds=builds), release)
