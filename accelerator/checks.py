"""The smoke checks that settings name, read: for a run, or to say all that is wrong with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelerator.errors import UsageProblem
from accelerator.settings import Problem
from accelerator.steps.verify.sound import demand_sound

if TYPE_CHECKING:
    from collections.abc import Iterator

    from accelerator.settings import Settings
    from accelerator.steps.verify.smoke import SmokeCheck


def parse_checks(settings: Settings, stage: str | None) -> tuple[SmokeCheck, ...]:
    """Read the checks of a stage; raises `UsageProblem` for the first that cannot be meant."""
    source = settings.smoke_source(stage)
    return tuple(demand_sound(text, source) for text in settings.smoke_of(stage))


def find_unsound(settings: Settings) -> Iterator[Problem]:
    """Yield what is wrong with each check: with those for all stages, then with a stage's own."""
    everywhere = settings.smoke_name(None)
    own = (stage for stage in settings.stages if settings.smoke_name(stage) != everywhere)
    for stage in (None, *own):
        for text in settings.smoke_of(stage):
            try:
                demand_sound(text, settings.smoke_source(stage))
            except UsageProblem as error:
                yield Problem.of(error, settings.smoke_name(stage))
