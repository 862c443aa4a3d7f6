"""A plan: what was checked, and the writes that would follow. Nothing here writes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from accelerator.models import Route
from accelerator.steps.compare.decision import fit_checks
from accelerator.steps.compare.fit import Check
from accelerator.steps.guard.notes import lock_ref
from accelerator.steps.route.landing import Write
from accelerator.steps.route.take import plan_routes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from accelerator.steps.compare.decision import Decision
    from accelerator.steps.compare.states import TargetState
    from accelerator.steps.guard.direction import Forward
    from accelerator.steps.guard.locks import TargetLocks
    from accelerator.steps.order import DeployOrder


@dataclass(frozen=True, slots=True)
class Plan:
    """Checks, each with its target, and writes in the order they would be made."""

    checks: tuple[tuple[str, Check], ...]
    writes: tuple[Write, ...]


def make_plan(order: DeployOrder, decision: Decision, locks: TargetLocks, forward: Forward) -> Plan:
    """Return what a deploy would do that nothing stands in the way of."""
    checks = tuple(
        (target.app, check)
        for target in decision.facts.targets
        for check in _checks(decision, target, locks, forward)
    )
    is_locked = locks.are_wanted and locks.are_needed(decision)
    refs = [lock_ref(app) for app in sorted(order.targets)] if is_locked else []
    writes = (
        *(Write("git push", ref, "take the lock") for ref in refs),
        *plan_routes(decision, order.waves),
        *(Write("git push", ref, "give the lock back") for ref in refs),
    )
    return Plan(checks, writes)


def _checks(
    decision: Decision, target: TargetState, locks: TargetLocks, forward: Forward
) -> Iterator[Check]:
    yield _check_direction(decision, target, forward)
    yield _check_lock(target, locks)
    yield _check_marks(locks)
    if decision.facts.archives is not None:
        yield Check("source", "ok", _describe_source(decision))
    if decision.candidate is not None and target.app in decision.writes_to([target.app]):
        yield from fit_checks(decision.candidate, decision.facts, target)


def _check_lock(target: TargetState, locks: TargetLocks) -> Check:
    if not locks.are_wanted:
        return Check("lock", "unknown", "none would be taken")
    if locks.stand_on([target.app]):
        return Check("lock", "warning", "another deploy holds it; it would be waited for")
    return Check("lock", "ok", "free, and advisory" if locks.are_advisory else "free")


def _check_marks(locks: TargetLocks) -> Check:
    """Return that there is none: what there is, or cannot be read, was refused before."""
    if locks.read() is None:
        return Check("marks", "unknown", "no lock remote can be asked")
    return Check("marks", "ok", "neither frozen nor rejected")


def _describe_source(decision: Decision) -> str:
    """Return how the source is proven; what cannot be proven was refused before."""
    if decision.route is Route.BUILD:
        return "the commit's archive will be sent with its checksum"
    return "its build has the checksum of the commit's archive, made anew here"


def _check_direction(decision: Decision, target: TargetState, forward: Forward) -> Check:
    facts, current = decision.facts, target.current
    if current is None or current.artifact is None:
        return Check("direction", "ok", "no code runs there yet")
    serving = facts.serves(target)
    if serving is None:
        return Check("direction", "unknown", "what runs there names no commit")
    if facts.is_live(target, decision.commit):
        return Check("direction", "ok", "it runs there")
    found = forward.check(target.app, serving)
    if found.text:
        return Check("direction", "warning", found.text)
    return Check("direction", "ok", f"it contains {serving[:8]}, which runs there")
