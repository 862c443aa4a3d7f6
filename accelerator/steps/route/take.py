"""Take each target's route: the one dispatch, which a deploy acts on and a plan only asks.

Each route has a file of its own with `writes()`, what it would write, and `take()`, which does it.
Whatever goes wrong on a route is part of the landings that `take()` returns, never an exception:
others may have succeeded. A new route is one more file and one more row in `HANDLERS`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from accelerator.models import Route
from accelerator.steps.route import build, live, promotion, slug_release
from accelerator.steps.route.landing import Landing, Write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from accelerator.errors import AcceleratorError
    from accelerator.steps.compare.decision import Decision
    from accelerator.steps.compare.states import TargetState
    from accelerator.steps.route.landing import Fence
    from accelerator.steps.run import Run


@dataclass(frozen=True, slots=True)
class Handler:
    """How a route is planned, and how it is taken."""

    writes: Callable[[Decision, Sequence[TargetState]], tuple[Write, ...]]
    take: Callable[[Run, Decision, Sequence[TargetState], Fence], tuple[Landing, ...]]


# In the order in which they are taken within a wave. `Route.WAIT` is none of them: deciding joins
# the build that runs, and decides again.
HANDLERS = {
    Route.LIVE: Handler(live.writes, live.take),
    Route.PROMOTE: Handler(promotion.writes, promotion.take),
    Route.RELEASE: Handler(slug_release.writes, slug_release.take),
    Route.BUILD: Handler(build.writes, build.take),
}


def take_routes(
    run: Run, decision: Decision, wave: Sequence[str], fence: Fence
) -> tuple[Landing, ...]:
    """Bring the artifact onto every target of the wave that does not run the commit yet.

    What becomes of a target is in its landing, also a failure or an unknown outcome. A target that
    was not begun, as a build before it failed, has none. Every write passes the `fence`.
    """
    landings: list[Landing] = []
    for handler, targets in _handlers_of(decision, wave):
        landings += handler.take(run, decision, targets, fence)
        if any(landing.is_unknown for landing in landings):
            break  # nothing more is begun before that is known
    order = {app: place for place, app in enumerate(wave)}
    return tuple(sorted(landings, key=lambda landing: order[landing.app]))


def leave(decision: Decision, wave: Sequence[str], error: AcceleratorError) -> tuple[Landing, ...]:
    """Return what becomes of a wave that is not begun: nothing, on targets without the commit."""
    targets = {app: decision.facts.target(app) for app in wave}
    return tuple(
        Landing(app, decision.routes[app], target.current, error=error)
        for app, target in targets.items()
        if decision.routes[app] is not Route.LIVE
    )


def plan_routes(decision: Decision, waves: Sequence[Sequence[str]]) -> Iterator[Write]:
    """Yield the writes that `take_routes` would make, wave by wave."""
    if decision.building is not None:
        joined = decision.building
        path = f"/apps/{joined.app_name}/builds/{joined.id}"
        yield Write("GET", path, "join this build first")
        return
    for wave in waves:
        for handler, targets in _handlers_of(decision, wave):
            yield from handler.writes(decision, targets)
        if any(decision.routes[app] is Route.BUILD for app in wave):
            decision = replace(decision, routes=decision.routes_after_build())


def _handlers_of(
    decision: Decision, wave: Sequence[str]
) -> Iterator[tuple[Handler, tuple[TargetState, ...]]]:
    """Yield the handler of each route that a wave takes, with the targets that take it."""
    for route, handler in HANDLERS.items():
        chosen = [app for app in wave if decision.routes[app] is route]
        if chosen:
            yield handler, tuple(decision.facts.target(app) for app in chosen)
