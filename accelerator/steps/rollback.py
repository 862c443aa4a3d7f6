"""Go back to the release recorded before the deploy: the code only, verified like a deploy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelerator.errors import AcceleratorError
from accelerator.steps.release import release
from accelerator.steps.verify import verify

if TYPE_CHECKING:
    from accelerator.models import Commit, Release
    from accelerator.steps.run import Run
    from accelerator.steps.smoke import SmokeCheck

    Checks = tuple[SmokeCheck, ...]


def roll_back(
    run: Run, app: str, previous: Release | None, old: Commit | None, checks: Checks
) -> tuple[Release | None, str]:
    """Release the previous artifact again and verify it.

    Config vars stay as they are; Heroku's own rollback would set those back too. Gives the new
    release, or None and why going back was not possible or did not work.
    """
    if previous is None or previous.artifact is None:
        return None, ", as there was no release with code before it"
    description = f"Rollback to v{previous.version} (code only)"
    try:
        with run.events.step("rollback", f"Roll {app} back to v{previous.version}"):
            made = release(run, app, previous.artifact, description)
        verdict = verify(run, app, made.id, previous.artifact, old, checks)
    except AcceleratorError as error:
        return None, f", as the rollback failed too: {error.message}"
    if verdict.outcome != "passed":
        return None, f": v{previous.version} was released again as v{made.version} " + (
            f"but fails as well ({verdict.flaw})"
        )
    return made, ""
