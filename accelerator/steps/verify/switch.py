"""Until when the code of before may still answer, and what is said of it.

With preboot the old web dynos go on answering until some minutes after the new ones are up, and
are not listed meanwhile. In a Private Space dynos are replaced in turns, so that old and new ones
answer side by side. An answer in that time proves a release only where it names its commit.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from accelerator.errors import KeyRefused, NotFound, RequestInvalid

if TYPE_CHECKING:
    from datetime import datetime

    from accelerator.models import App
    from accelerator.steps.run import Run
    from accelerator.steps.verify.dynos import Look

PREBOOT = "preboot"


class Switch(StrEnum):
    """How visitors get from old dynos to new ones; what is not at once, in words about the app."""

    AT_ONCE = ""
    PREBOOT = "{app} has preboot switched on"
    ROLLING = "{app} is in a Private Space, where dynos are replaced in turns"
    UNKNOWN = "this key may not read whether {app} has preboot switched on"


def find_preboot(run: Run, app: str) -> bool | None:
    """Read whether preboot is switched on; None where the key may not know.

    An app that cannot have it, of another generation say, has it not.
    """
    try:
        return run.heroku.features.is_enabled(app, PREBOOT)
    except KeyRefused:
        return None
    except (NotFound, RequestInvalid):
        return False


def switch_of(app: App, preboot: bool | None) -> Switch:
    """Return how visitors get to the new dynos of an app; what is not known may be preboot."""
    if app.in_space:
        return Switch.ROLLING
    if preboot is None:
        return Switch.UNKNOWN
    return Switch.PREBOOT if preboot else Switch.AT_ONCE


def seconds_left(switch: Switch, look: Look, now: datetime, window: float) -> float:
    """Return how long old code may still answer, at the most, as the dynos stand at `now`.

    The window begins when the last web dyno came up. `now` is by the platform's clock.
    """
    if switch is Switch.AT_ONCE or not look.wanted.has_web:
        return 0.0
    web = [dyno for dyno in look.dynos if dyno.type == "web" and look.wanted.takes(dyno)]
    ages = [(now - dyno.changed_at).total_seconds() for dyno in web if dyno.changed_at is not None]
    age = min(ages) if web and len(ages) == len(web) else 0.0
    return max(0.0, window - max(0.0, age))
