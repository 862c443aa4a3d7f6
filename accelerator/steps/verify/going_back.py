"""Go back to the release recorded before the deploy: the code only, verified like a deploy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from accelerator.errors import AcceleratorError, KeyRefused, NotFound
from accelerator.steps.compare.facts import TargetState
from accelerator.steps.compare.reading import fetch_artifact
from accelerator.steps.route.slug_release import release
from accelerator.steps.verify.serving import verify

if TYPE_CHECKING:
    from accelerator.models import ArtifactRef, Commit, Release
    from accelerator.steps.run import Run
    from accelerator.steps.verify.smoke import SmokeCheck


@dataclass(frozen=True, slots=True)
class Way:
    """The way back of an app: from the release that is not wanted to the one before it.

    ``commit`` is what the one before it is known to hold, ``checks`` how it is verified.
    """

    app: str
    unwanted: Release | None
    previous: Release | None
    commit: Commit | None = None
    checks: tuple[SmokeCheck, ...] = ()


def roll_back(run: Run, way: Way) -> tuple[Release | None, str]:
    """Release the previous artifact again and verify it.

    Config vars stay as they are; Heroku's own rollback would set those back too. Gives the new
    release, or None and why going back was not possible or did not work. What somebody else has
    released over the unwanted one meanwhile is not touched.
    """
    app, previous = way.app, way.previous
    if previous is None or previous.artifact is None:
        return None, ", as there was no release with code before it"
    try:
        with run.events.step("rollback", f"Roll {app} back to v{previous.version}"):
            page = run.heroku.releases.fetch_newest(app)
            if hindrance := _find_hindrance(run, way, page, previous.artifact):
                return None, hindrance
            description = f"Rollback to v{previous.version} (code only)"
            made = release(run, TargetState(app, "", page), previous.artifact, description)
        verdict = verify(run, app, made.id, previous.artifact, way.commit, way.checks)
    except AcceleratorError as error:
        return None, f", as the rollback failed too: {error.message}"
    if verdict.outcome != "passed":
        return None, f": v{previous.version} was released again as v{made.version} " + (
            f"but fails as well ({verdict.flaw})"
        )
    return made, ""


def _find_hindrance(
    run: Run, way: Way, page: tuple[Release, ...], artifact: ArtifactRef
) -> str | None:
    """Say why there is no way back, before anything is written."""
    current = next((each for each in page if each.current), None)
    unwanted = way.unwanted
    if unwanted is not None and current is not None:
        # An older release may still be shown as the current one right after the deploy.
        is_later = current.version > unwanted.version
        if is_later and current.artifact != unwanted.artifact:
            return f", as v{current.version} was released there meanwhile"
    try:
        is_gone = fetch_artifact(run.heroku, way.app, artifact).deleted_at is not None
    except NotFound:
        is_gone = True
    except KeyRefused:  # Heroku knows whether it is still there
        is_gone = False
    return ", as the code of the release before has expired" if is_gone else None
