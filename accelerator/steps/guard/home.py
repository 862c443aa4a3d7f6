"""The app whose git keeps the locks, freezes and rejections of a target: one for all who ask.

A freeze that is written to one place and looked for in another keeps nobody away. So the place
follows from the target and never from who asks. Where ``lock_remote`` names none, it is the app at
stage development of the target's pipeline. A deploy knows that only after its first requests. Until
then it looks into its own prepare app, which nearly always is the one.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from accelerator.errors import LockUnavailable, NotFound, UsageProblem
from accelerator.steps.compare.membership import contradiction

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from accelerator.heroku import Heroku
    from accelerator.models import Coupling

_UNDATED = datetime.max.replace(tzinfo=UTC)


def choose_home(couplings: Iterable[Coupling]) -> Coupling | None:
    """Return the app at stage development; of several the one that was coupled first."""
    return min(
        (each for each in couplings if each.stage == "development"),
        key=lambda each: (each.created_at or _UNDATED, each.id),
        default=None,
    )


def find_home(
    heroku: Heroku,
    targets: Mapping[str, Coupling | None],
    names: Mapping[str, str],
    otherwise: str | None,
) -> str | None:
    """Return the name of the app that keeps the marks of all these targets.

    `targets` has the place of each in its pipeline, `names` those of apps that are known by their
    id. `otherwise` is for a target in no pipeline, or in one with no app at stage development.
    Raises `UsageProblem` where the targets have several such apps: no deploy looks into two, and
    `Unreachable` where a pipeline does not list a target that is in it.
    """
    pipelines = sorted({each.pipeline_id for each in targets.values() if each is not None})
    listings = heroku.together(
        *(partial(heroku.couplings.fetch_of_pipeline, pipeline) for pipeline in pipelines)
    )
    for target, coupling in targets.items():
        if coupling is not None:
            _demand_listed(target, coupling, listings[pipelines.index(coupling.pipeline_id)])
    found = {
        pipeline: _name(heroku, home, names)
        for pipeline, listing in zip(pipelines, listings, strict=True)
        if (home := choose_home(listing)) is not None
    }
    homes = {
        target: found.get(coupling.pipeline_id, otherwise) if coupling else otherwise
        for target, coupling in targets.items()
    }
    first, *others = dict.fromkeys(homes.values())
    if others:
        told = (f"those of {target} in the git of {home}" for target, home in homes.items())
        raise UsageProblem(
            "the locks, freezes and rejections of these targets are in several places: "
            + ", ".join(told),
            "deploy to them one after the other, or name one place for all with --lock-remote",
        )
    return first


def _demand_listed(target: str, coupling: Coupling, listing: Iterable[Coupling]) -> None:
    """Raise where the target is missing in its pipeline's listing: so may be the app at home."""
    if coupling.app_id not in {each.app_id for each in listing}:
        said = f"it is in pipeline {coupling.pipeline_id}, which does not list it"
        raise contradiction(target, said)


def _name(heroku: Heroku, home: Coupling, names: Mapping[str, str]) -> str:
    if home.app_id in names:
        return names[home.app_id]
    try:
        return heroku.apps.fetch(home.app_id).name
    except NotFound as error:
        raise LockUnavailable(
            f"it is in the git of the app at stage development, and {error.message}",
            "give the key's account access to that app; --lock-remote names another repository",
        ) from error
