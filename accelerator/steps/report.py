"""What a run found and did, filled in as it goes, so that a failed run can still tell.

The stories write it, `output` reads it: console, JSON and CI summary are views of it. Nothing in
`steps` reads it back, so nothing is decided from it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from accelerator.errors import Refused
from accelerator.models import (
    LockKind,
    Reason,
    Refusal,
    Route,
    Strategy,
    TargetStatus,
    Verified,
)
from accelerator.steps.compare.before import find_before
from accelerator.steps.compare.witness import find_released, find_running
from accelerator.steps.source_report import source_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from accelerator.models import (
        Artifact,
        ArtifactRef,
        Build,
        Commit,
        Release,
        Written,
    )
    from accelerator.steps.compare.decision import Decision
    from accelerator.steps.compare.same_source import SameSource
    from accelerator.steps.compare.states import TargetState
    from accelerator.steps.guard.marks import Marked, MarkOrder
    from accelerator.steps.guard.probe import Probed
    from accelerator.steps.plan import Plan
    from accelerator.steps.route.landing import Landing
    from accelerator.steps.source_report import SourceReport
    from accelerator.steps.verify.saw import Saw
    from accelerator.steps.verify.settled import Results, Settled


class Compensation(StrEnum):
    """How many of the finished targets were returned, as another one failed."""

    ALL = "all"
    SOME = "some"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Serving:
    """What ran on a target when it was last read before a write: None where that is not known."""

    release: int | None
    commit: str | None


@dataclass
class TargetReport:
    """What became of one target."""

    app: str
    route: Route | None = None
    status: TargetStatus = TargetStatus.PENDING
    release: Release | None = None
    previous_release: Release | None = None
    artifact: ArtifactRef | Artifact | None = None
    verified: Verified = Verified.NOT_RUN
    rolled_back_to: int | None = None
    rollback_release: int | None = None
    rejection: Written | None = None
    error: str | None = None
    saw: Saw | None = None
    stage: str | None = None
    web_url: str | None = None
    previous_commit: str | None = None
    refusal: Refusal | None = None
    serving: Serving | None = None


@dataclass
class Report:
    """The result of `deploy`, and of one stage of `ship`."""

    commit: Commit | None = None
    route: Route | None = None
    reason: Reason | Refusal | None = None
    source: SourceReport | None = None
    targets: list[TargetReport] = field(default_factory=list)
    passed_over: list[str] = field(default_factory=list)
    plan: Plan | None = None
    compensation: Compensation | None = None
    lock: LockKind = LockKind.NONE

    def ordered(self, commit: Commit) -> None:
        """Record which commit is to be shipped."""
        self.commit = commit

    def decided(self, decision: Decision) -> None:
        """Record what is to be done, and what the targets run so far."""
        self.route, self.reason = decision.route, decision.reason
        self.passed_over = list(decision.passed_over)
        self.source = source_of(decision)
        for target in decision.facts.targets:
            entry = self._entry(target.app)
            entry.route = decision.routes[target.app]
            before = find_before(decision.facts, target, decision.commit)
            entry.previous_release, entry.stage = before, target.stage
            entry.previous_commit = _commit_of(decision, target, before)
            entry.web_url = target.info.web_url if target.info else entry.web_url
            version = target.current.version if target.current else None
            entry.serving = Serving(version, find_running(decision.facts, target).commit)

    def refused(self, refusal: Refused) -> None:
        """Record which guard said no, and to which targets."""
        self.reason = Refusal(refusal.reason)
        for entry in self.targets:
            if told := refusal.apps.get(entry.app):
                entry.status, entry.refusal = TargetStatus.REFUSED, Refusal(told[0])
                entry.error = told[1]

    def locked(self, kind: LockKind) -> None:
        """Record how good the locks are under which the writes are made."""
        self.lock = kind

    def rejected(self, app: str, written: Written | None) -> None:
        """Record what became of the rejection that follows a rollback; None for none to be kept."""
        self._entry(app).rejection = written

    def planned(self, plan: Plan) -> None:
        """Record what would be done."""
        self.plan = plan

    def landed(self, landings: Iterable[Landing]) -> None:
        """Record by which routes targets got the artifact, or why they did not."""
        for landing in landings:
            entry = self._entry(landing.app)
            if (entry.route, landing.route) == (Route.PROMOTE, Route.RELEASE):
                # The platform declined the promotion that was decided.
                self.route, self.reason = Route.RELEASE, Reason.PROMOTION_REFUSED
            entry.route, entry.previous_release = landing.route, landing.before
            entry.artifact, entry.release = landing.artifact, landing.release
            entry.error = landing.error.message if landing.error else None

    def settled(self, results: Iterable[Settled]) -> None:
        """Record how targets ended."""
        # Late: a command line that is wrong is told in the keys of a report, without all of this.
        from accelerator.steps.verify.going_back import WentBack  # noqa: PLC0415

        for settled in results:
            entry = self._entry(settled.app)
            entry.status, entry.verified = settled.status, settled.verified
            entry.release, entry.error = settled.release or entry.release, settled.complaint
            entry.artifact = settled.artifact or entry.artifact
            entry.saw = settled.saw
            entry.web_url = (settled.saw and settled.saw.web_url) or entry.web_url
            if isinstance(settled.error, Refused):
                entry.refusal = Refusal(settled.error.reason)
            entry.rolled_back_to = settled.rolled_back_to
            went = settled.went_back
            entry.rollback_release = went.made.version if isinstance(went, WentBack) else None

    def compensated(self, before: Results, after: Results) -> None:
        """Record what became of the finished targets that were to go back."""
        wanted = before.finished
        returned = [e for e in after.settled if e.status is TargetStatus.COMPENSATED]
        self.settled(after.settled)
        if wanted:
            some = Compensation.SOME if returned else Compensation.NONE
            self.compensation = Compensation.ALL if len(returned) == len(wanted) else some

    def left_alone(self, apps: Iterable[str]) -> None:
        """Record the targets for which there was nothing to do."""
        for app in apps:
            self._entry(app).status = TargetStatus.UNCHANGED

    def skipped(self, apps: Iterable[str]) -> None:
        """Record the targets that were refused, and may be: they have left the commit behind."""
        for app in apps:
            entry = self._entry(app)
            entry.status, entry.error = TargetStatus.SKIPPED, None

    def cut_short(self, apps: Iterable[str]) -> None:
        """Record the targets on which something was begun whose end this run does not see."""
        for app in apps:
            self._entry(app).error = "interrupted; what was begun there may still go on"

    def _entry(self, app: str) -> TargetReport:
        for entry in self.targets:
            if entry.app == app:
                return entry
        self.targets.append(TargetReport(app))
        return self.targets[-1]


@dataclass
class PrepareReport:
    """The result of `prepare`."""

    app: str
    commit: Commit | None = None
    strategy: Strategy = Strategy.SOURCE
    build: Build | None = None
    release: Release | None = None
    artifact: Artifact | None = None
    reused: bool = False
    same: SameSource | None = None

    def ordered(self, commit: Commit, strategy: Strategy) -> None:
        """Record what is to be prepared, and how."""
        self.commit, self.strategy = commit, strategy

    def found(self, app: str, build: Build | None, same: SameSource | None = None) -> None:
        """Record which app is taken, and the build that was there already, of which source."""
        self.app, self.build, self.reused, self.same = app, build, build is not None, same

    def building(self, build: Build) -> None:
        """Record what is known of the build now."""
        self.build = build

    def released(self, release: Release | None) -> None:
        """Record which release the build led to."""
        self.release = release

    def left(self, artifact: Artifact | None) -> None:
        """Record what the build left."""
        self.artifact = artifact


@dataclass
class ShipReport:
    """The result of `ship`: the tests, the preparation, then a `Report` per stage."""

    commit: Commit | None = None
    tests: str = "not_run"
    prepared: PrepareReport | None = None
    stages: list[tuple[str, Report]] = field(default_factory=list)
    is_without_tests: bool = False

    def ordered(self, commit: Commit, *, is_without_tests: bool = False) -> None:
        """Record which commit is to be shipped, and whether tests were wanted."""
        self.commit, self.is_without_tests = commit, is_without_tests

    def tested(self, how: str) -> None:
        """Record how the tests stand: not_run, running, passed, failed or stopped."""
        self.tests = how

    def preparing(self, app: str) -> PrepareReport:
        """Begin the record of the preparation, and return it."""
        self.prepared = PrepareReport(app)
        return self.prepared

    def stage(self, name: str) -> Report:
        """Begin the record of a stage, and return it."""
        report = Report()
        self.stages.append((name, report))
        return report


@dataclass
class MarkReport:
    """The result of `lock`, `freeze`, `reject` and their opposites: what stands for a target."""

    target: str
    kind: str
    state: str = "unknown"
    changed: bool = False
    commit: str | None = None
    by: str | None = None
    reason: str | None = None
    at: str | None = None
    until: str | None = None
    written: Written | None = None
    probe: Probed | None = None

    def ordered(self, order: MarkOrder) -> None:
        """Record what is asked for; who and why are told of notes that stand, or stood."""
        self.target, self.commit = order.target, order.commit

    def ended(self, marked: Marked) -> None:
        """Record what stands there now."""
        self.state, self.changed = marked.state, marked.changed
        self.by, self.reason, self.at = marked.by, marked.reason, marked.at
        self.until, self.written = marked.until, marked.written


def _commit_of(decision: Decision, target: TargetState, before: Release | None) -> str | None:
    return find_released(decision.facts, target, before).commit if before else None
