"""Look for a release of somebody else's that slipped in between our last look and our write.

With a lock that takes a hand at `heroku` or a `git push`; without one another deploy is enough.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelerator.errors import VerificationFailed
from accelerator.steps.compare.descriptions import find_alias_of
from accelerator.steps.compare.reading import find_artifact

if TYPE_CHECKING:
    from accelerator.models import ArtifactRef, Release
    from accelerator.steps.compare.facts import Facts
    from accelerator.steps.guard.direction import Forward
    from accelerator.steps.run import Run


def refuse_if_overtaken(run: Run, forward: Forward, facts: Facts, ours: Release) -> None:
    """Raise `VerificationFailed` when `ours` went over code that it does not contain.

    One request, and only where the versions are not adjacent: a config change in between is none.
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
        built = _commit_of(run, app, facts, release.artifact)
        served = find_alias_of(release, (*page, *target.releases)) or built
        found = forward.check(app, served)
        if found.refusal is not None:
            flaw = f"v{release.version} was released at the same moment, and {found.text}"
            raise VerificationFailed(app, flaw, None, f": v{ours.version} is what serves now")


def _commit_of(run: Run, app: str, facts: Facts, ref: ArtifactRef | None) -> str | None:
    if ref is None or (known := facts.commit_of(ref)):
        return known if ref else None
    artifact = find_artifact(run.heroku, app, ref)
    return artifact.commit if artifact else None
