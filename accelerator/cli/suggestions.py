"""Did you mean: the apps and stages nearest to a name that Heroku does not know.

The list of apps is read only when a name was not found, with one request. Where it cannot be read
nothing is suggested: the failure is what matters.
"""

from __future__ import annotations

from contextlib import suppress
from difflib import get_close_matches
from typing import TYPE_CHECKING

from accelerator.errors import AcceleratorError, NotFound
from accelerator.foreign import one_line
from accelerator.settings import STAGES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from accelerator.connect import Connection

MOST = 2
LEAST_LETTERS = 3  # of the beginning of a stage's name: "prod", "dev"
_LONGEST_NAME = 60


def suggest(error: AcceleratorError, connection: Connection | None, *, takes_stages: bool) -> None:
    """Put what was probably meant into the hint of a failure to find an app."""
    if not isinstance(error, NotFound) or error.app is None or connection is None:
        return
    names: tuple[str, ...] = ()
    with suppress(AcceleratorError):
        names = connection.heroku.apps.fetch_names()
    near = find_near(error.app, names, takes_stages=takes_stages)
    if near:
        error.hint = f"did you mean {' or '.join(near)}?"


def find_near(name: str, apps: Iterable[str], *, takes_stages: bool) -> list[str]:
    """Return the stage that a name is short for, and the apps that are spelled nearly like it."""
    known = [app for app in apps if app != name]
    found = [one_line(app, _LONGEST_NAME) for app in get_close_matches(name, known, MOST)]
    found += [app for app in known if app.endswith(f"-{name}") and app not in found]
    return [*(_stages_like(name) if takes_stages else ()), *found][:MOST]


def _stages_like(name: str) -> list[str]:
    is_short = len(name) >= LEAST_LETTERS
    short = [stage for stage in STAGES if is_short and stage.startswith(name)]
    near = [] if "-" in name else get_close_matches(name, STAGES, 1)  # as most apps have one
    return [f"the stage {stage}" for stage in short or near]
