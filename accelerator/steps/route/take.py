"""Move the artifact onto every target, by the route each one has."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING

from accelerator.errors import (
    AcceleratorError,
    BuildFailed,
    NotFound,
    OutcomeUnknown,
    PromotionFailed,
    ReleaseFailed,
    RequestInvalid,
    UsageProblem,
    WrongArtifact,
)
from accelerator.models import ArtifactRef, Route
from accelerator.steps.compare.facts import describe_release
from accelerator.steps.compare.reading import find_artifact
from accelerator.steps.follow.builds_and_releases import demand_success
from accelerator.steps.route.build import build
from accelerator.steps.route.promotion import promote
from accelerator.steps.route.slug_release import release

if TYPE_CHECKING:
    from collections.abc import Iterator

    from accelerator.models import Artifact
    from accelerator.steps.compare.decision import Decision
    from accelerator.steps.compare.facts import Facts, TargetState
    from accelerator.steps.order import DeployOrder
    from accelerator.steps.report import Report
    from accelerator.steps.run import Run

# Takes the apps of a promotion and its id.
OnBegun = Callable[[tuple[str, ...], str], None]
# What each target should carry now, or why it does not.
Ends = dict[str, ArtifactRef | AcceleratorError]


def move(
    run: Run,
    order: DeployOrder,
    facts: Facts,
    decision: Decision,
    report: Report,
    on_begun: OnBegun,
) -> Ends:
    """Bring the artifact onto every target that does not run the commit yet.

    A target's failure is given back, not raised: the others may have succeeded. An unknown outcome
    is raised: nothing may be decided before it is known. `on_begun` is told of every promotion.
    """
    ends = _leave_alone(facts, decision, report)
    rest = [target for target in facts.targets if target.app not in ends]
    if decision.candidate is not None:
        promoted = tuple(t for t in rest if decision.routes[t.app] is Route.PROMOTE)
        ends |= _promote(run, decision, promoted, report, on_begun)
        rest = [target for target in rest if target.app not in ends]
        built_from = facts.commit_of(decision.candidate.artifact)
        said = describe_release(order.commit, built_from)
        ends |= _release(run, said, decision.candidate.artifact, rest, report)
    elif rest:
        ends |= _build(run, order, rest, report)
    return ends


def _leave_alone(facts: Facts, decision: Decision, report: Report) -> Ends:
    ends: Ends = {}
    for target in facts.targets:
        current = target.current
        if decision.routes[target.app] is Route.LIVE and current and current.artifact:
            ends[target.app] = current.artifact
            entry = report.target(target.app)
            entry.release, entry.release_id, entry.status = current, current.id, "unchanged"
    return ends


def _promote(
    run: Run,
    decision: Decision,
    targets: tuple[TargetState, ...],
    report: Report,
    on_begun: OnBegun,
) -> Ends:
    candidate = decision.candidate
    if candidate is None or not targets:
        return {}
    names = ", ".join(target.app for target in targets)
    ends: Ends = {}
    with run.events.step("promote", f"Promote {candidate.name} to {names}") as step:
        try:
            with _telling(report, *targets):
                apps = tuple(target.app for target in targets)
                states = promote(run, candidate, targets, partial(on_begun, apps))
        except (RequestInvalid, NotFound, WrongArtifact) as error:  # whatever waits, this is over
            step.outcome = "failed"
            return {target.app: error for target in targets}
        for app, end in states.items():
            if end.status == "succeeded" and end.release_id:
                ends[app] = candidate.artifact
                report.target(app).release_id = end.release_id
            else:
                ends[app] = PromotionFailed(app, end.error_message or end.status)
                step.outcome = "failed"
    return ends


def _release(
    run: Run,
    description: str,
    artifact: ArtifactRef,
    targets: list[TargetState],
    report: Report,
) -> Ends:
    ends: Ends = {}
    for target in targets:
        try:
            with (
                _telling(report, target),
                run.events.step("release", f"Release {artifact.id[:8]} on {target.app}"),
            ):
                made = release(run, target, artifact, description)
            report.target(target.app).release_id = made.id
            ends[target.app] = artifact
        except OutcomeUnknown:
            raise
        except AcceleratorError as error:
            ends[target.app] = error
    return ends


def _build(run: Run, order: DeployOrder, targets: list[TargetState], report: Report) -> Ends:
    """Build on the first target, and release that very artifact on the others: built once."""
    first, *others = targets
    try:
        source, commit = order.tree()
        report.commit = commit
        with _telling(report, first):
            built, released = build(run, first.app, source, commit)
        report.target(first.app).release_id = released.id
        demand_success(released)
    except (BuildFailed, ReleaseFailed, RequestInvalid, NotFound, UsageProblem) as error:
        return {first.app: error}  # nothing is under way: what other waves did is still told
    if built.artifact is None:
        return {first.app: PromotionFailed(first.app, "the build left no artifact")}
    report.target(first.app).artifact = _read_built(run, first.app, built.artifact)
    for other in others:
        report.target(other.app).route = Route.RELEASE
    said = describe_release(commit, commit.sha)
    return {first.app: built.artifact, **_release(run, said, built.artifact, others, report)}


def _read_built(run: Run, app: str, ref: ArtifactRef) -> Artifact | ArtifactRef:
    """Read what a build left, for the report: nothing fails when that cannot be read."""
    with suppress(AcceleratorError):
        return find_artifact(run.heroku, app, ref) or ref
    return ref


@contextmanager
def _telling(report: Report, *targets: TargetState) -> Iterator[None]:
    """Write into the report of which targets the outcome is unknown."""
    try:
        yield
    except OutcomeUnknown as unknown:
        for target in targets:
            report.target(target.app).error = unknown.message
        raise
