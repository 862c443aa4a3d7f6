"""Release an artifact that exists already, by its id: no build, no promotion, the same bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelerator.errors import WrongArtifact
from accelerator.steps.follow import demand_success, follow_release

if TYPE_CHECKING:
    from accelerator.models import ArtifactRef, Release
    from accelerator.steps.run import Run


def release(run: Run, app: str, artifact: ArtifactRef, description: str) -> Release:
    """Create a release of `artifact` on `app` and follow its release command.

    Raises `ReleaseFailed` when the release command fails; the old release serves on.
    """
    created = run.heroku.releases.create(app, artifact, description)
    if created.artifact != artifact:
        found = created.artifact.id if created.artifact else None
        raise WrongArtifact(app, f"artifact {artifact.id}", found)
    return demand_success(follow_release(run, created))
