"""A plan: what was checked, and the writes that would follow. Nothing here writes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from accelerator.models import ArtifactKind, Route
from accelerator.steps.compare.decision import fit_checks
from accelerator.steps.compare.fit import Check
from accelerator.steps.guard.direction import check_direction, has_lock
from accelerator.steps.guard.notes import lock_ref

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from accelerator.steps.compare.decision import Decision
    from accelerator.steps.compare.facts import Candidate, Facts, TargetState
    from accelerator.steps.order import DeployOrder


@dataclass(frozen=True, slots=True)
class Call:
    """A write that would be made: an API request, or a push to the lock remote."""

    method: str
    path: str
    does: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Checks, each with its target, and calls in the order they would be made."""

    checks: tuple[tuple[str, Check], ...]
    calls: tuple[Call, ...]


def make_plan(
    order: DeployOrder, facts: Facts, decision: Decision, marks: Mapping[str, str] | None
) -> Plan:
    """Tell what a deploy would do that nothing stands in the way of.

    ``marks`` are the refs in the lock remote; None where there is none, or none is wanted.
    """
    checks = tuple(
        (target.app, check)
        for target in facts.targets
        for check in _checks(order, facts, decision, target, marks)
    )
    busy = [app for app in order.targets if decision.routes[app] is not Route.LIVE]
    locks = [lock_ref(app) for app in sorted(busy)] if marks is not None else []
    calls = (
        *(Call("git push", ref, "take the lock") for ref in locks),
        *_moves(order, decision),
        *(Call("git push", ref, "give the lock back") for ref in locks),
    )
    return Plan(checks, calls)


def _checks(
    order: DeployOrder,
    facts: Facts,
    decision: Decision,
    target: TargetState,
    marks: Mapping[str, str] | None,
) -> Iterator[Check]:
    yield _direction(order, facts, target)
    if marks is None:
        yield Check("lock", "unknown", "no lock remote is asked")
    elif has_lock(target.app, marks):
        yield Check("lock", "warning", "another deploy holds it; it would be waited for")
    else:
        yield Check("lock", "ok", "free")
        yield Check("marks", "ok", "neither frozen nor rejected")
    if decision.candidate is not None and decision.routes[target.app] is not Route.LIVE:
        yield from fit_checks(decision.candidate, facts, target)


def _direction(order: DeployOrder, facts: Facts, target: TargetState) -> Check:
    serving, current = facts.serves(target), target.current
    if current is None or current.artifact is None:
        return Check("direction", "ok", "no code runs there yet")
    if serving is None:
        return Check("direction", "unknown", "what runs there names no commit")
    if facts.is_live(target, order.commit):
        return Check("direction", "ok", "it runs there")
    found = check_direction(target.app, order.commit, serving, order.ancestry, order.direction)
    if found.text:
        return Check("direction", "warning", found.text)
    return Check("direction", "ok", f"it contains {serving[:8]}, which runs there")


def _moves(order: DeployOrder, decision: Decision) -> Iterator[Call]:
    """Name the writes as `moving` makes them, wave by wave."""
    waves = order.waves or (order.targets,)
    if decision.candidate is not None:
        for wave in waves:
            yield from _ship(wave, decision.candidate, decision.routes)
    elif decision.building is not None:
        build = decision.building
        yield Call("GET", f"/apps/{build.app_name}/builds/{build.id}", "join this build first")
    elif apps := [app for wave in waves for app in wave if decision.routes[app] is Route.BUILD]:
        yield from _build(order, apps[0])
        yield from (Call("POST", f"/apps/{app}/releases", "release that too") for app in apps[1:])


def _ship(wave: tuple[str, ...], candidate: Candidate, routes: Mapping[str, Route]) -> list[Call]:
    promoted = [app for app in wave if routes[app] is Route.PROMOTE]
    released = [app for app in wave if routes[app] is Route.RELEASE]
    first = [_promotion(candidate, promoted)] if promoted else []
    return [*first, *(_release(app, candidate) for app in released)]


def _promotion(candidate: Candidate, apps: list[str]) -> Call:
    return Call("POST", "/pipeline-promotions", f"promote {candidate.name} to {', '.join(apps)}")


def _release(app: str, candidate: Candidate) -> Call:
    kind = "slug" if candidate.artifact.kind is ArtifactKind.SLUG else "image"
    said = f"release {kind} {candidate.artifact.id[:8]} of {candidate.source.app}"
    return Call("POST", f"/apps/{app}/releases", said)


def _build(order: DeployOrder, app: str) -> Iterator[Call]:
    yield Call("POST", f"/apps/{app}/sources", "ask for a place to put the source")
    yield Call("PUT", "(signed URL)", f"upload the tree of {order.commit.short}")
    yield Call("POST", f"/apps/{app}/builds", f"build {order.commit.short}")
