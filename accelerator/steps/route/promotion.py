"""Promote exactly the release that was compared, and follow each target to its end.

Heroku lists no promotions. So one whose reply is lost is settled by the releases it makes, and the
id of one that was begun is written into the locks of its targets. Where Heroku declines to promote
at all, the artifact is released by its id: the same bytes, by the next best route.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from accelerator.errors import (
    AcceleratorError,
    NotFound,
    OutcomeUnknown,
    PromotionFailed,
    Unprocessable,
    WrongArtifact,
)
from accelerator.events import say_nothing
from accelerator.models import PromotionTarget, Route, StepName
from accelerator.steps.follow.builds_and_releases import Turn, fetch_release, follow_release
from accelerator.steps.follow.logs import Logs
from accelerator.steps.route import slug_release
from accelerator.steps.route.landing import Landing, Write, pass_again
from accelerator.steps.route.lost_replies import find_release, has_trace, trace_of
from accelerator.waiting import StillPending, wait_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from accelerator.events import Tell
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


@dataclass(frozen=True, slots=True)
class End(PromotionTarget):
    """How a promotion ended on a target.

    ``is_heard``: the output of its release command, if it has one, was looked for already.
    """

    is_heard: bool


class NotPromoted(Exception):  # becomes releases of the artifact
    """Heroku declined a promotion, and nothing of it is to be seen on the targets."""


def take(
    run: Run, decision: Decision, targets: Sequence[TargetState], fence: Fence
) -> tuple[Landing, ...]:
    """Promote the candidate's release to all targets with one promotion.

    A target's failure is part of its landing: the others may have succeeded. A promotion that
    Heroku declines before it makes anything ends as releases of the artifact.
    """
    candidate, apps = decision.candidate, tuple(target.app for target in targets)
    if candidate is None:
        raise ValueError("only a release can be promoted")
    title = f"Promote {candidate.name} to {', '.join(apps)}"
    only = apps[0] if len(apps) == 1 else None
    with run.events.step(StepName.PROMOTE, title, only, run.waits.promotion) as step:
        try:
            with run.under_way.lasting(f"the promotion to {', '.join(apps)}"):
                ends = promote(run, candidate, tuple(targets), fence, step.tell)
        except NotPromoted as declined:
            step.outcome, step.detail = "failed", "declined"
            run.events.note(f"{declined}; the artifact is released by its id instead", "warning")
            ends = None
        except AcceleratorError as error:
            step.outcome = "failed"  # over for all of them, or not known of any
            return tuple(Landing(t.app, Route.PROMOTE, t.current, error=error) for t in targets)
        landings = tuple(_land(decision, candidate, t, ends[t.app]) for t in targets if ends)
        if failed := [landing.app for landing in landings if landing.error]:
            step.outcome, step.detail = "failed", ", ".join(failed) if len(apps) > 1 else ""
    return landings if ends is not None else slug_release.take(run, decision, targets, fence)


def _land(decision: Decision, candidate: Candidate, target: TargetState, end: End) -> Landing:
    app, before = target.app, target.current
    if end.status == "succeeded" and end.release_id:
        held = decision.facts.known(candidate.artifact)
        heard = end.is_heard
        return Landing(app, Route.PROMOTE, before, held, end.release_id, is_heard=heard)
    failed = PromotionFailed(app, end.error_message or end.status)
    return Landing(app, Route.PROMOTE, before, error=failed)


def promote(
    run: Run,
    candidate: Candidate,
    targets: tuple[TargetState, ...],
    fence: Fence,
    tell: Tell = say_nothing,
) -> dict[str, End]:
    """Promote the candidate's release to the targets; return the terminal state of each by app.

    The promotion is pinned to the release (`source.release.id`), so whatever lands on the source
    app meanwhile changes nothing; the answer is checked to name that release. One that names
    another is followed to its end all the same: until then it can release over anything. One that
    names none is judged by what the targets carry then. A failed target is returned, not raised:
    the others may have succeeded. The `fence` is told the promotion's id.
    Raises `NotPromoted` where Heroku declines it and no target shows a trace of it.
    """
    release, coupling = candidate.release, candidate.source.coupling
    if release is None or coupling is None:
        raise ValueError("only a release in a pipeline can be promoted")
    names = {target.app_id: target.app for target in targets}
    run.refuse_if_stopping()
    fence.demand(names.values())
    again = pass_again(run, fence, names.values())
    try:
        promotion = run.heroku.promotions.create(
            coupling.pipeline_id, coupling.app_id, release.id, [t.app_id for t in targets], again
        )
    except OutcomeUnknown as lost:
        return _find_ends(run, candidate, targets, lost)
    except Unprocessable as declined:
        # Whatever repeats requests on the way there may show us the refusal of a second one.
        if has_trace(run, [trace_of(target, candidate.artifact) for target in targets]):
            return _find_ends(run, candidate, targets, OutcomeUnknown(declined.message))
        raise NotPromoted(declined.message) from declined
    fence.remember(names.values(), promotion.id)
    ends = {names[end.app_id]: end for end in _follow(run, promotion, names, tell)}
    if promotion.source_release_id not in {None, release.id}:
        raise WrongArtifact(
            ", ".join(names.values()),
            f"release {release.id} of {candidate.source.app}",
            f"release {promotion.source_release_id}",
        )
    return ends


def _find_ends(
    run: Run, candidate: Candidate, targets: tuple[TargetState, ...], lost: OutcomeUnknown
) -> dict[str, End]:
    """Settle a lost reply by the releases it made; raises it again where nobody can tell.

    Heroku lists no promotions, so a target without a new release may still get one: then it is not
    asked again, and the outcome stays unknown.
    """
    ends = {}
    for target in targets:
        found = find_release(run, trace_of(target, candidate.artifact))
        if found is None:
            raise lost
        ended = follow_release(run, found, is_new=True)
        failed = None if ended.status == "succeeded" else "release command failed"
        status = "failed" if failed else "succeeded"
        ends[target.app] = End(target.app_id, status, ended.id, failed, is_heard=True)
    return ends


def _follow(run: Run, promotion: Promotion, names: dict[str, str], tell: Tell) -> tuple[End, ...]:
    """Wait for the end on every target, and show the logs of the release commands that ran.

    One that was over and well at the first look has not been shown: reading its release here would
    hold up every promotion by a request, and the proof that it serves reads it anyway.
    """
    with Logs(run, run.deadline.within(run.waits.promotion)) as logs:
        following = _Following(run, promotion, names, logs, tell)
        ends = following.wait(is_pending=promotion.status == "pending")
        logs.drain(went_well=all(end.status == "succeeded" for end in ends))
        for end in ends:
            if end.status != "succeeded" and end.release_id in following.followed:
                app = names[end.app_id]
                logs.explain(f"release {app}", f"the last lines of the release command on {app}")
        logs.admit()
    return tuple(
        End(e.app_id, e.status, e.release_id, e.error_message, e.release_id in following.followed)
        for e in ends
    )


def _runs_command(target: PromotionTarget) -> bool:
    return target.status == "pending" and target.release_id is not None


class _Following:
    """Follows a promotion, and the release commands that it leads to.

    `deadlines.promotion` is for the promotion itself. A target that has a release waits for its
    release command, which has a limit of its own.
    """

    def __init__(
        self, run: Run, promotion: Promotion, names: dict[str, str], logs: Logs, tell: Tell
    ) -> None:
        self._run, self._promotion, self._names = run, promotion, names
        self._logs, self._deadline, self._tell = logs, logs.deadline, tell
        self._turns: dict[str, Turn] = {}
        self._pending: set[str] = set()
        self._is_made = False
        self.followed: set[str] = set()

    def wait(self, *, is_pending: bool) -> tuple[PromotionTarget, ...]:
        """Wait until every target has ended; raises `OutcomeUnknown` at the deadline."""
        nothing_yet: tuple[PromotionTarget, ...] | None = () if is_pending else None
        self._tell("promotion pending")
        while True:
            try:
                return wait_for(
                    self._look,
                    self._is_over,
                    self._deadline,
                    self._run.heroku.pace,
                    self._logs.wake,
                    nothing_yet,
                )
            except StillPending:
                waiting = [self._turns[each].waits_on() for each in sorted(self._pending)]
                if not any(waiting):
                    raise self._still() from None
            nothing_yet = None

    def _is_over(self, seen: tuple[PromotionTarget, ...]) -> bool:
        is_all = len(seen) == len(self._names)
        return is_all and all(target.status != "pending" for target in seen)

    def _look(self) -> tuple[PromotionTarget, ...]:
        """Look at the targets; also find the logs of the release commands.

        Also of one that had failed before the first look: that is the log somebody needs.
        """
        seen = self._run.heroku.promotions.fetch_targets(self._promotion.id)
        self._tell(self._describe(seen))
        released = {target.app_id for target in seen if target.release_id is not None}
        self._is_made = released >= self._names.keys()
        self._pending.clear()
        for target in seen:
            if target.status == "succeeded" or target.release_id is None:
                continue
            if target.status == "pending":
                self._wait_for_release_of(target.release_id, self._names[target.app_id])
            if target.release_id not in self.followed:
                self._show_log(target, target.release_id)
        return seen

    def _describe(self, seen: tuple[PromotionTarget, ...]) -> str:
        """Return what is waited for; one of several targets is named."""
        running = [self._names[each.app_id] for each in seen if _runs_command(each)]
        if not running:
            return "promotion pending"
        on = f" on {', '.join(running)}" if len(self._names) > 1 else ""
        return f"release command running{on}"

    def _wait_for_release_of(self, release_id: str, app: str) -> None:
        self._pending.add(release_id)
        if release_id in self._turns:
            return
        self._turns[release_id] = Turn(self._run, app, release_id, self._deadline)
        limit = self._run.deadline.within(self._run.waits.release_phase)
        if self._is_made:  # the promotion itself has done all it does
            self._deadline.become(limit)
        else:
            self._deadline.put_off(limit)

    def _show_log(self, target: PromotionTarget, release_id: str) -> None:
        run, app = self._run, self._names[target.app_id]
        with suppress(NotFound, OutcomeUnknown):  # a read may lag behind the write
            if target.status == "failed":  # there may be no next look
                release = fetch_release(run, app, release_id)
            else:
                release = run.heroku.releases.fetch(app, release_id)
            self.followed.add(release_id)
            self._logs.follow(release.output_stream_url, f"release {app}")

    def _still(self) -> OutcomeUnknown:
        return OutcomeUnknown(
            f"promotion {self._promotion.id} to {', '.join(self._names.values())} is still "
            "pending at the deadline",
            "run the same command again: a promotion that ended meanwhile is recognised",
        )
