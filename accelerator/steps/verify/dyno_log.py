"""The last lines of dynos that did not come up: why a release fails is in them more often than not.

They are for eyes. What keeps them from being read is no failure, takes a few seconds at the most,
and changes nothing of what was found.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelerator.errors import AcceleratorError
from accelerator.events import Evidence
from accelerator.foreign import hide_credentials
from accelerator.steps.run import beside

if TYPE_CHECKING:
    from collections.abc import Iterable

    from accelerator.models import Dyno, Release
    from accelerator.steps.run import Run

LINES = 20
READ_SECONDS = 5.0
FIR = "fir"


def show_dyno_logs(run: Run, release: Release, dynos: Iterable[Dyno]) -> None:
    """Tell the last lines of each dyno since the release as evidence, or why they are missing."""
    app, names = release.app_name, [dyno.name for dyno in dynos]
    limit = run.deadline.within(READ_SECONDS)
    reading = [(name, beside(_read, run, release, name)) for name in names]
    for name, future in reading:
        try:
            lines = future.result(limit.remaining)
        except (AcceleratorError, TimeoutError) as error:
            why = error.message if isinstance(error, AcceleratorError) else "no answer in time"
            run.events.note(f"the log of {name} on {app} could not be read: {why}", "detail")
            continue
        if lines is None:
            run.events.note(
                f"the log of {name} cannot be read: {app} is of the Fir generation, which keeps no "
                f"lines. `heroku logs -a {app}` shows what comes"
            )
        elif lines:
            shown = tuple(hide_credentials(line, hide_query=True) for line in lines)
            run.events.emit(Evidence(f"the last lines of {name} on {app}", shown))


def _read(run: Run, release: Release, dyno: str) -> tuple[str, ...] | None:
    app = release.app_name
    if run.heroku.apps.fetch(app).generation == FIR:
        return None
    limit = run.deadline.within(READ_SECONDS)
    # What the code from before said is no reason for anything.
    return run.heroku.log_sessions.fetch_last(app, dyno, LINES, release.created_at, limit)
