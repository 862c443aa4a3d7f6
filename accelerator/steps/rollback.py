"""Go back to the release recorded before the deploy: the code only, verified like a deploy."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from accelerator.errors import AcceleratorError
from accelerator.steps.release import release
from accelerator.steps.verify import verify

if TYPE_CHECKING:
    from accelerator.models import Commit, Release
    from accelerator.steps.known import TargetState
    from accelerator.steps.run import Run
    from accelerator.steps.smoke import SmokeCheck

    Checks = tuple[SmokeCheck, ...]


def roll_back(
    run: Run, target: TargetState, old: Commit | None, checks: Checks
) -> tuple[Release | None, str]:
    """Release the previous artifact again and verify it.

    Config vars stay as they are; Heroku's own rollback would set those back too. Gives the new
    release, or None and why going back was not possible or did not work.
    """
    app, previous = target.app, target.current
    if previous is None or previous.artifact is None:
        return None, ", as there was no release with code before it"
    description = f"Rollback to v{previous.version} (code only)"
    try:
        with run.events.step("rollback", f"Roll {app} back to v{previous.version}"):
            made = release(run, _as_it_is(run, target), previous.artifact, description)
        verdict = verify(run, app, made.id, previous.artifact, old, checks)
    except AcceleratorError as error:
        return None, f", as the rollback failed too: {error.message}"
    if verdict.outcome != "passed":
        return None, f": v{previous.version} was released again as v{made.version} " + (
            f"but fails as well ({verdict.flaw})"
        )
    return made, ""


def _as_it_is(run: Run, target: TargetState) -> TargetState:
    """Read the target's releases, so that a lost reply can be told from what was there."""
    return replace(target, releases=run.heroku.releases.fetch_newest(target.app))
