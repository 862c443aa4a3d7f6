"""Promote exactly the release that was compared, and follow each target to its end."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from accelerator.errors import NotFound, OutcomeUnknown, WrongArtifact
from accelerator.models import PromotionTarget
from accelerator.steps.follow.builds_and_releases import Logs, follow_release
from accelerator.steps.route.lost_replies import find_release, trace_of
from accelerator.waiting import StillPending, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from accelerator.models import Promotion
    from accelerator.steps.compare.facts import Candidate, TargetState
    from accelerator.steps.run import Run


def promote(
    run: Run,
    candidate: Candidate,
    targets: tuple[TargetState, ...],
    on_begun: Callable[[str], None] = lambda _: None,
) -> dict[str, PromotionTarget]:
    """Promote the candidate's release to the targets; gives the terminal state of each by app.

    The promotion is pinned to the release (`source.release.id`), so whatever lands on the source
    app meanwhile changes nothing; the answer is checked to name that release. A failed target is
    given back, not raised: the others may have succeeded. `on_begun` is told the promotion's id.
    """
    release, coupling = candidate.release, candidate.source.coupling
    if release is None or coupling is None:
        raise ValueError("only a release in a pipeline can be promoted")
    try:
        promotion = run.heroku.promotions.create(
            coupling.pipeline_id, coupling.app_id, release.id, [t.app_id for t in targets]
        )
    except OutcomeUnknown as lost:
        return _find_ends(run, candidate, targets, lost)
    on_begun(promotion.id)
    if promotion.source_release_id != release.id:
        raise WrongArtifact(
            ", ".join(target.app for target in targets),
            f"release {release.id} of {candidate.source.app}",
            f"release {promotion.source_release_id}",
        )
    names = {target.app_id: target.app for target in targets}
    return {names[end.app_id]: end for end in _follow(run, promotion, names)}


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
