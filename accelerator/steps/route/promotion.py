"""Promote exactly the release that was compared, and follow each target to its end.

Heroku lists no promotions. So one whose reply is lost is settled by the releases it makes, and the
id of one that was begun is written into the locks of its targets.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from accelerator.errors import (
    AcceleratorError,
    NotFound,
    OutcomeUnknown,
    PromotionFailed,
    WrongArtifact,
)
from accelerator.models import PromotionTarget, Route, StepName
from accelerator.steps.follow.builds_and_releases import Logs, follow_release
from accelerator.steps.route.landing import Landing, Write
from accelerator.steps.route.lost_replies import find_release, trace_of
from accelerator.waiting import StillPending, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from accelerator.models import Promotion
    from accelerator.steps.compare.decision import Decision
    from accelerator.steps.compare.states import Candidate, TargetState
    from accelerator.steps.route.landing import Fence
    from accelerator.steps.run import Run


def writes(decision: Decision, targets: Sequence[TargetState]) -> tuple[Write, ...]:
    """Return the one promotion to all targets."""
    held = decision.candidate.name if decision.candidate else "nothing"
    said = f"promote {held} to {', '.join(target.app for target in targets)}"
    return (Write("POST", "/pipeline-promotions", said),)


def take(
    run: Run, decision: Decision, targets: Sequence[TargetState], fence: Fence
) -> tuple[Landing, ...]:
    """Promote the candidate's release to all targets with one promotion.

    A target's failure is part of its landing: the others may have succeeded.
    """
    candidate, apps = decision.candidate, tuple(target.app for target in targets)
    if candidate is None:
        raise ValueError("only a release can be promoted")
    title = f"Promote {candidate.name} to {', '.join(apps)}"
    only = apps[0] if len(apps) == 1 else None
    with run.events.step(StepName.PROMOTE, title, only) as step:
        try:
            ends = promote(run, candidate, tuple(targets), fence)
        except AcceleratorError as error:
            step.outcome = "failed"  # over for all of them, or not known of any
            return tuple(Landing(t.app, Route.PROMOTE, t.current, error=error) for t in targets)
        landings = tuple(_land(decision, candidate, t, ends[t.app]) for t in targets)
        if failed := [landing.app for landing in landings if landing.error]:
            step.outcome, step.detail = "failed", ", ".join(failed) if len(apps) > 1 else ""
    return landings


def _land(
    decision: Decision, candidate: Candidate, target: TargetState, end: PromotionTarget
) -> Landing:
    app, before = target.app, target.current
    if end.status == "succeeded" and end.release_id:
        held = decision.facts.known(candidate.artifact)
        return Landing(app, Route.PROMOTE, before, held, end.release_id)
    failed = PromotionFailed(app, end.error_message or end.status)
    return Landing(app, Route.PROMOTE, before, error=failed)


def promote(
    run: Run,
    candidate: Candidate,
    targets: tuple[TargetState, ...],
    fence: Fence,
) -> dict[str, PromotionTarget]:
    """Promote the candidate's release to the targets; return the terminal state of each by app.

    The promotion is pinned to the release (`source.release.id`), so whatever lands on the source
    app meanwhile changes nothing; the answer is checked to name that release. One that names
    another is followed to its end all the same: until then it can release over anything. One that
    names none is judged by what the targets carry then. A failed target is returned, not raised:
    the others may have succeeded. The `fence` is told the promotion's id.
    """
    release, coupling = candidate.release, candidate.source.coupling
    if release is None or coupling is None:
        raise ValueError("only a release in a pipeline can be promoted")
    names = {target.app_id: target.app for target in targets}
    run.refuse_if_stopping()
    fence.demand(names.values())
    try:
        promotion = run.heroku.promotions.create(
            coupling.pipeline_id, coupling.app_id, release.id, [t.app_id for t in targets]
        )
    except OutcomeUnknown as lost:
        return _find_ends(run, candidate, targets, lost)
    fence.remember(names.values(), promotion.id)
    ends = {names[end.app_id]: end for end in _follow(run, promotion, names)}
    if promotion.source_release_id not in {None, release.id}:
        raise WrongArtifact(
            ", ".join(names.values()),
            f"release {release.id} of {candidate.source.app}",
            f"release {promotion.source_release_id}",
        )
    return ends


def _find_ends(
    run: Run, candidate: Candidate, targets: tuple[TargetState, ...], lost: OutcomeUnknown
) -> dict[str, PromotionTarget]:
    """Settle a lost reply by the releases it made; raises it again where nobody can tell.

    Heroku lists no promotions, so a target without a new release may still get one: then it is not
    asked again, and the outcome stays unknown.
    """
    ends = {}
    for target in targets:
        found = find_release(run, trace_of(target, candidate.artifact))
        if found is None:
            raise lost
        ended = follow_release(run, found)
        failed = None if ended.status == "succeeded" else "release command failed"
        status = "failed" if failed else "succeeded"
        ends[target.app] = PromotionTarget(target.app_id, status, ended.id, failed)
    return ends


def _follow(run: Run, promotion: Promotion, names: dict[str, str]) -> tuple[PromotionTarget, ...]:
    deadline = run.deadline.within(run.waits.promotion)
    logs = Logs(run, deadline)
    nothing_yet: tuple[PromotionTarget, ...] = ()
    try:
        ends = wait_for(
            _looking(run, promotion, names, logs),
            lambda seen: len(seen) == len(names) and all(t.status != "pending" for t in seen),
            deadline,
            run.heroku.pace,
            logs.wake,
            nothing_yet if promotion.status == "pending" else None,
        )
    except StillPending:
        raise OutcomeUnknown(
            f"promotion {promotion.id} to {', '.join(names.values())} is still pending "
            "at the deadline",
            "run the same command again: a promotion that ended meanwhile is recognised",
        ) from None
    logs.drain(went_well=all(end.status == "succeeded" for end in ends))
    return ends


def _looking(
    run: Run, promotion: Promotion, names: dict[str, str], logs: Logs
) -> Callable[[], tuple[PromotionTarget, ...]]:
    """Make the look of the polling loop: it also finds the logs of the release commands.

    Also of one that had failed before the first look: that is the log somebody needs.
    """
    followed: set[str] = set()

    def look() -> tuple[PromotionTarget, ...]:
        seen = run.heroku.promotions.fetch_targets(promotion.id)
        for target in seen:
            if target.status == "succeeded" or target.release_id in {None, *followed}:
                continue
            app = names[target.app_id]
            with suppress(NotFound):  # a read may lag behind the write; the next look asks again
                release = run.heroku.releases.fetch(app, str(target.release_id))
                followed.add(str(target.release_id))
                logs.follow(release.output_stream_url, f"release {app}")
        return seen

    return look
