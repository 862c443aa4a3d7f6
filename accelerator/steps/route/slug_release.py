"""Release an artifact that exists already, by its id: no build, no promotion, the same bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelerator.errors import OutcomeUnknown, WrongArtifact
from accelerator.steps.follow.builds_and_releases import demand_success, follow_release
from accelerator.steps.route.lost_replies import find_release, trace_of

if TYPE_CHECKING:
    from accelerator.models import ArtifactRef, Release
    from accelerator.steps.compare.facts import TargetState
    from accelerator.steps.run import Run


def release(run: Run, target: TargetState, artifact: ArtifactRef, description: str) -> Release:
    """Create a release of `artifact` on a target and follow its release command.

    A lost reply is settled by looking for the release. Raises `ReleaseFailed` when the release
    command fails (the old release serves on), `OutcomeUnknown` when nobody can tell.
    """
    app = target.app
    try:
        created = run.heroku.releases.create(app, artifact, description)
    except OutcomeUnknown:
        made = find_release(run, trace_of(target, artifact))
        if made is None:
            raise
        created = made
    if created.artifact != artifact:
        found = created.artifact.id if created.artifact else None
        raise WrongArtifact(app, f"artifact {artifact.id}", found)
    return demand_success(follow_release(run, created))
