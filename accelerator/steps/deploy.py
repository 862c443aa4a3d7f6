"""Deploy: compare, guard, take the route, verify each target, go back where that fails."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from accelerator.errors import (
    AcceleratorError,
    LockUnavailable,
    PartlyDone,
    Refused,
    Superseded,
)
from accelerator.models import OnFailure, OnMiss, OnSuperseded, Refusal, Route, StepName
from accelerator.steps.compare.decide import decide, decide_again
from accelerator.steps.guard.direction import Forward, look_again
from accelerator.steps.guard.fence import Fence
from accelerator.steps.guard.findings import demand
from accelerator.steps.guard.locks import TargetLocks
from accelerator.steps.guard.predecessor import say_what_is_doubted, see_predecessors_out
from accelerator.steps.guard.process_types import check_process_types
from accelerator.steps.guard.rejecting import Rejection, reject_after_rollback
from accelerator.steps.guard.source import check_source
from accelerator.steps.intents import lock_notes
from accelerator.steps.plan import make_plan
from accelerator.steps.route.take import leave, take_routes
from accelerator.steps.verify.addresses import demand_addresses
from accelerator.steps.verify.going_back import Hindrance, NotWentBack
from accelerator.steps.verify.settled import Results
from accelerator.steps.verify.targets import Verifier

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from accelerator.models import Commit
    from accelerator.steps.compare.decision import Decision
    from accelerator.steps.order import DeployOrder
    from accelerator.steps.report import Report
    from accelerator.steps.route.landing import Landing
    from accelerator.steps.run import Run
    from accelerator.steps.verify.settled import Settled


def deploy(run: Run, order: DeployOrder, report: Report) -> None:
    """Ship `order.commit` to every target, each ending on a release read back from the platform.

    Running it again is safe: a target that runs the commit is left alone. Raises the error of a
    failed target, or `PartlyDone` when others succeeded; `report` tells about each either way.
    """
    report.ordered(order.commit)
    with (
        _late_job_allowed(run, order, report),
        TargetLocks.opened(run, order.rules.lock) as locks,
        _told_if_cut_short(run, locks, report, order.commit),
    ):
        guard = Guard(run, order, locks)
        decision = decide(run, order.wanted, report.decided)  # joins the build that runs
        guard.check(decision)  # frozen? rejected? forward? may a miss be built?

        if order.plan_only:
            report.planned(make_plan(order, decision, locks, guard.forward))
        elif locks.are_needed(decision):
            _deploy_locked(run, order, decision, guard, report)
        else:
            _ship_waves(run, order, decision, guard.fence, report)  # nothing will be written


def _deploy_locked(
    run: Run, order: DeployOrder, decision: Decision, guard: Guard, report: Report
) -> None:
    """Lock every target, look again with the locks in hand, and only then write."""
    with guard.locks.hold(lock_notes(order, decision)) as held:
        report.locked(guard.locks.kind)
        left = see_predecessors_out(run, held)  # what a killed deploy began, to its end
        guard.locks.watch.begin()  # the look before the write, beside the last read
        decision = decide_again(run, order.wanted, report.decided, decision, left)
        guard.check(decision)  # somebody may have been quicker
        say_what_is_doubted(run, decision.facts, order.commit)
        with run.events.brief(StepName.GUARD):
            held.restate(lock_notes(order, decision))  # the way back, above all
        _ship_waves(run, order, decision, guard.fence, report)


def _ship_waves(
    run: Run, order: DeployOrder, decision: Decision, fence: Fence, report: Report
) -> None:
    """Take the routes wave by wave, each verified before the next, and settle what failed.

    Each write passes the fence: a lost lock stops us right before it, on the way back as well.
    """
    results = Results()
    for place, wave in enumerate(order.waves):
        try:  # the waves before this one may have taken an hour
            if place:
                decision = look_again(run, _forward(run, order), decision, wave)
            landings = take_routes(run, decision, wave, fence)
        except AcceleratorError as error:
            landings = leave(decision, wave, error)
        report.landed(landings)

        on_settled = partial(_record_end, run, order, fence, report)
        verifier = _verifier(run, order, decision, fence)
        done = verifier.verify_targets(landings, on_settled, lambda bad: report.settled([bad]))
        results = results.plus(done)

        decision = _with_built(decision, landings)  # later waves get what this one built
        if _stops_after(order, decision, results):
            break
    if order.on_failure is OnFailure.COMPENSATE and results.failed:
        verifier = _verifier(run, order, decision, fence)
        finished, results = results, _compensate(verifier, order, fence, report, results)
        report.compensated(finished, results)
    _conclude(decision, results, report)


@dataclass
class Guard:
    """Refuses what may not be shipped, and says once what is only worth saying.

    Asked before anything is locked, so that a refusal is quick, and again under the lock.
    """

    run: Run
    order: DeployOrder
    locks: TargetLocks
    _said: set[str] = field(default_factory=set)

    @property
    def forward(self) -> Forward:
        """Return the rule that this deploy goes forward."""
        return _forward(self.run, self.order)

    @property
    def fence(self) -> Fence:
        """Return what every write of this deploy has to pass."""
        may_lose = self.order.rules.may_lose_processes
        return Fence(self.locks, self.order.commit, may_lose_processes=may_lose)

    def check(self, decision: Decision) -> None:
        """Raise `Refused` for what must not be shipped, or is a miss that must not be built."""
        with self.run.events.brief(StepName.GUARD):
            self.locks.settle_home(decision.facts)
            self._check(decision)

    def _check(self, decision: Decision) -> None:
        standing = self.locks.read()
        demand(self.locks.find_marks(self.order.commit, self.order.targets, standing))
        self._say(demand(self.forward.check_targets(decision.facts)))
        demand(check_source(decision))
        lost = check_process_types(
            decision, self.run.clone, is_allowed=self.order.rules.may_lose_processes
        )
        self._say(demand(lost))
        self._refuse_miss(decision)
        demand_addresses(decision, self.order.rules.verification, self.run.environment)

    def _say(self, texts: Iterable[str]) -> None:
        for text in texts:
            if text not in self._said:
                self.run.events.note(text, "warning")
                self._said.add(text)

    def _refuse_miss(self, decision: Decision) -> None:
        order, on_miss = self.order, self.order.rules.on_miss
        if decision.route is not Route.BUILD or on_miss is OnMiss.BUILD:
            return
        said = (
            f"{order.commit.short} is not prepared ({decision.reason}), and --on-miss {on_miss} "
            "forbids to build it"
        )
        raise Refused(
            Refusal.MISS_REFUSED,
            said,
            f"run `accelerator prepare -a {order.prepare_app}` first, or use --on-miss build",
            dict.fromkeys(decision.writes_to(order.targets), (Refusal.MISS_REFUSED, said)),
        )


def _forward(run: Run, order: DeployOrder) -> Forward:
    rules = order.rules
    return Forward(order.commit, run.clone, rules.direction, rules.same_tree)


def _verifier(run: Run, order: DeployOrder, decision: Decision, fence: Fence) -> Verifier:
    rules, forward = order.rules.verification, _forward(run, order)
    return Verifier(run, decision, rules, forward, fence.back)


@contextmanager
def _late_job_allowed(run: Run, order: DeployOrder, report: Report) -> Iterator[None]:
    """Let a job whose commit every target has left behind pass, where the order says so."""
    try:
        yield
    except Refused as refusal:
        report.refused(refusal)
        is_late = isinstance(refusal, Superseded)
        if not is_late or order.rules.on_superseded is not OnSuperseded.OK:
            raise
        for _, text in refusal.apps.values():
            run.events.note(f"{text}: skipped")
        report.left_alone(app for app in order.targets if app not in refusal.apps)
        report.skipped(refusal.apps)


@contextmanager
def _told_if_cut_short(
    run: Run, locks: TargetLocks, report: Report, commit: Commit
) -> Iterator[None]:
    """Record the targets on which something was begun when the run is interrupted.

    By this deploy, or by one before it whose note is handed on.
    """
    try:
        yield
    except KeyboardInterrupt:
        begun = sorted(locks.held.at_stake)
        report.cut_short(begun)
        if locks.are_wanted:  # only a note in the lock remote can be resumed
            run.under_way.keep(begun)
            run.under_way.hand_on(locks.held.inherited, commit.sha)
        raise


def _with_built(decision: Decision, landings: Sequence[Landing]) -> Decision:
    """After a build let the later waves have what it left."""
    for landing in landings:
        if landing.route is Route.BUILD and landing.artifact is not None:
            return decision.with_built(landing.app, landing.artifact)
    return decision


def _stops_after(order: DeployOrder, decision: Decision, results: Results) -> bool:
    """Return whether what failed so far keeps the next wave from beginning."""
    if results.has_unknown:
        return True  # nothing may be decided before it is known
    goes_on = order.on_failure is OnFailure.CONTINUE and decision.candidate is not None
    return bool(results.failed) and not goes_on


def _record_end(
    run: Run, order: DeployOrder, fence: Fence, report: Report, settled: Settled
) -> None:
    """Record the end of a target; one that went back keeps the commit away until `accept`."""
    report.settled([settled])
    if settled.is_refuted:
        by, why = order.rules.lock.holder, settled.flaw or ""
        rejection = Rejection(settled.app, order.commit, by, why)
        title = f"Keep {order.commit.short} from {settled.app}"
        with run.events.step(StepName.GUARD, title, settled.app):
            report.rejected(settled.app, reject_after_rollback(run, fence.back, rejection))
    # Stopped by the fence it was not begun: what a deploy before this one left there stays.
    if settled.is_over and not isinstance(settled.error, Refused | LockUnavailable):
        fence.held.ended([settled.app])


def _compensate(
    verifier: Verifier, order: DeployOrder, fence: Fence, report: Report, results: Results
) -> Results:
    """Return the finished targets to what each had; what is begun there is at stake meanwhile."""
    finished, held = results.finished, fence.held
    held.turn_back({each.app: verifier.commit_before(each) for each in finished})
    try:
        with verifier.run.events.brief(StepName.GUARD):
            fence.back.demand(each.app for each in finished)
    except AcceleratorError as lost:  # the failure that led here is still what is told
        return verifier.keep(results, NotWentBack.as_of(Hindrance.LOCK_LOST, said=lost.message))
    on_settled = partial(_record_end, verifier.run, order, fence, report)
    after = verifier.compensate(results, on_settled)
    held.ended(settled.app for settled in after.settled if settled.is_over)
    return after


def _conclude(decision: Decision, results: Results, report: Report) -> None:
    """Raise the error of a failed target, or `PartlyDone` when others have the commit."""
    if results.cause is None or results.worst is None:
        return
    reached = {settled.app for settled in results.settled}
    routes = decision.routes.items()
    left = [app for app, route in routes if route is Route.LIVE and app not in reached]
    report.left_alone(left)
    if results.lost is not None:
        raise results.lost
    have_it = results.apps_with_commit | {*left}
    if have_it:
        done = tuple(app for app in decision.routes if app in have_it)
        missing = tuple(app for app in decision.routes if app not in have_it)
        raise PartlyDone(done, missing, results.cause.message)
    raise results.worst
