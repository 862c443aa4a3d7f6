"""Deploy: compare, take the route, verify each target, go back where that fails."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from accelerator.errors import (
    AcceleratorError,
    OutcomeUnknown,
    PartlyDone,
    PromotionFailed,
    Refused,
    Unreachable,
    VerificationFailed,
)
from accelerator.models import ArtifactRef, Route
from accelerator.steps.build import Source, build
from accelerator.steps.compare import Decision, Facts, TargetState, compare, witness_of
from accelerator.steps.facts import Place, fetch_facts
from accelerator.steps.follow import demand_success
from accelerator.steps.promote import promote
from accelerator.steps.release import release
from accelerator.steps.report import Report, SourceReport, TargetReport
from accelerator.steps.rollback import roll_back
from accelerator.steps.verify import verify

if TYPE_CHECKING:
    from collections.abc import Callable

    from accelerator.models import Commit
    from accelerator.steps.run import Run
    from accelerator.steps.smoke import SmokeCheck

Ends = dict[str, ArtifactRef | AcceleratorError]
DONE = frozenset({"succeeded", "unchanged"})


@dataclass(frozen=True, slots=True)
class DeployOrder:
    """What to deploy from where to where.

    ``places`` are the apps to look for the commit on, prepare apps first; ``tree`` opens the local
    repository and is called only when the commit has to be built; ``smoke`` gives the checks for
    a target's stage (None when it is in no pipeline).
    """

    commit: Commit
    places: tuple[Place, ...]
    targets: tuple[str, ...]
    tree: Callable[[], tuple[Source, Commit]]
    on_miss: str = "build"
    smoke: Callable[[str | None], tuple[SmokeCheck, ...]] = lambda _: ()
    rollback: bool = True


def deploy(run: Run, order: DeployOrder, report: Report) -> Report:
    """Ship `order.commit` to every target, each ending on a release read back from the platform.

    Running it again is safe: a target that runs the commit is left alone. Raises the error of a
    failed target, or `PartlyDone` when others succeeded; `report` tells about each either way.
    """
    report.commit = order.commit
    facts, decision = decide(run, order, report)
    if decision.route is Route.BUILD and order.on_miss == "fail":
        raise Refused(
            "miss_refused",
            f"{order.commit.short} is not prepared ({decision.reason}), and --on-miss fail forbids "
            "to build it",
            f"run `accelerator prepare -a {order.places[0].app}` first, or use --on-miss build",
        )
    errors = {}
    for target, end in _ship(run, order, facts, decision, report).items():
        entry = report.target(target)
        try:
            _settle(run, order, facts, entry, end)
        except AcceleratorError as error:
            entry.error, errors[target] = error.message, error
            entry.status = (
                "pending" if isinstance(error, (OutcomeUnknown, Unreachable)) else "failed"
            )
    _conclude(report, errors)
    return report


def decide(run: Run, order: DeployOrder, report: Report) -> tuple[Facts, Decision]:
    """Read, compare, and write into the report what was found and what it means."""
    with run.events.step("compare", f"Compare {order.commit.short} with what is prepared") as step:
        facts = fetch_facts(run, order.commit, order.places, order.targets)
        decision = compare(order.commit, facts)
        step.detail = explain(decision)
    report.route, report.reason = decision.route, decision.reason
    report.passed_over = list(decision.passed_over)
    report.source = _source_report(facts, decision, order.commit)
    for target in facts.targets:
        entry = report.target(target.app)
        entry.route, entry.previous_release = decision.routes[target.app], target.current
    if report.source and report.source.metadata == "disagrees":
        run.events.note(
            f"HEROKU_SLUG_COMMIT of {report.source.app} names another commit than its release "
            "holds; the release decides (the variable may be stale)",
            "warning",
        )
    return facts, decision


def explain(decision: Decision) -> str:
    """Say a decision in words."""
    held = f" ({decision.candidate.name})" if decision.candidate else ""
    return f"{decision.route}: {decision.reason}{held}"


def _ship(run: Run, order: DeployOrder, facts: Facts, decision: Decision, report: Report) -> Ends:
    """Bring the artifact onto every target; gives what each should now carry, or its error."""
    ends: Ends = {}
    for target in facts.targets:
        current = target.current
        if decision.routes[target.app] is Route.LIVE and current and current.artifact:
            ends[target.app] = current.artifact
            report.target(target.app).release = current
            report.target(target.app).status = "unchanged"
    rest = [target for target in facts.targets if target.app not in ends]
    if decision.candidate is not None:
        promoted = tuple(t for t in rest if decision.routes[t.app] is Route.PROMOTE)
        ends |= _promote(run, decision, promoted, report)
        remaining = [target for target in rest if target.app not in ends]
        ends |= _release(run, order, decision.candidate.artifact, remaining, report)
    elif rest:
        ends |= _build(run, order, rest, report)
    return ends


def _promote(
    run: Run, decision: Decision, targets: tuple[TargetState, ...], report: Report
) -> Ends:
    candidate = decision.candidate
    if candidate is None or not targets:
        return {}
    names = ", ".join(target.app for target in targets)
    ends: Ends = {}
    with run.events.step("promote", f"Promote {candidate.name} to {names}") as step:
        for app, end in promote(run, candidate, targets).items():
            if end.status == "succeeded" and end.release_id:
                ends[app] = candidate.artifact
                report.target(app).release_id = end.release_id
            else:
                ends[app] = PromotionFailed(app, end.error_message or end.status)
                step.outcome = "failed"
    return ends


def _release(
    run: Run,
    order: DeployOrder,
    artifact: ArtifactRef,
    targets: list[TargetState],
    report: Report,
) -> Ends:
    ends: Ends = {}
    for target in targets:
        try:
            with run.events.step("release", f"Release {order.commit.short} on {target.app}"):
                made = release(run, target.app, artifact, f"Deploy {order.commit.short}")
            report.target(target.app).release_id = made.id
            ends[target.app] = artifact
        except AcceleratorError as error:
            ends[target.app] = error
    return ends


def _build(run: Run, order: DeployOrder, targets: list[TargetState], report: Report) -> Ends:
    """Build on the first target, and release that very artifact on the others: built once."""
    first, *others = targets
    source, commit = order.tree()
    report.commit = commit
    built, released = build(run, first.app, source, commit)
    if built.artifact is None:
        return {first.app: PromotionFailed(first.app, "the build left no artifact")}
    for other in others:
        report.target(other.app).route = Route.RELEASE
    report.target(first.app).release_id = released.id
    try:
        demand_success(released)
    except AcceleratorError as error:
        return {first.app: error}
    return {first.app: built.artifact, **_release(run, order, built.artifact, others, report)}


def _settle(
    run: Run,
    order: DeployOrder,
    facts: Facts,
    entry: TargetReport,
    end: ArtifactRef | AcceleratorError,
) -> None:
    """Verify one target and write its end into the report; goes back when it does not pass."""
    if isinstance(end, AcceleratorError):
        raise end
    checks = order.smoke(_stage_of(facts, entry.app))
    release_id = entry.release_id or (entry.release.id if entry.release else "")
    verdict = verify(run, entry.app, release_id, end, order.commit, checks)
    entry.release = verdict.release
    entry.artifact = facts.artifacts.get(end.id) or end
    entry.verified = verdict.outcome
    if verdict.outcome == "passed":
        entry.status = "unchanged" if entry.route is Route.LIVE else "succeeded"
        return
    _go_back(run, order, facts, entry, verdict.flaw or "")


def _go_back(run: Run, order: DeployOrder, facts: Facts, entry: TargetReport, flaw: str) -> None:
    if not order.rollback:
        raise VerificationFailed(entry.app, flaw, None, ", as --no-rollback asks")
    if entry.route is Route.LIVE:
        raise VerificationFailed(entry.app, flaw, None, ", as this run released nothing there")
    previous = entry.previous_release
    old = _commit_before(facts, entry.app, order.commit)
    checks = order.smoke(_stage_of(facts, entry.app))
    made, why = roll_back(run, entry.app, previous, old, checks)
    if made is None or previous is None:
        raise VerificationFailed(entry.app, flaw, None, why)
    entry.rolled_back_to, entry.rollback_release = previous.version, made.version
    raise VerificationFailed(entry.app, flaw, previous.version)


def _stage_of(facts: Facts, app: str) -> str | None:
    target = next(target for target in facts.targets if target.app == app)
    return target.coupling.stage if target.coupling else None


def _commit_before(facts: Facts, app: str, commit: Commit) -> Commit | None:
    target = next(target for target in facts.targets if target.app == app)
    sha = facts.commit_of(target.current.artifact) if target.current else None
    return type(commit)(sha) if sha else None


def _conclude(report: Report, errors: dict[str, AcceleratorError]) -> None:
    if not errors:
        return
    done = tuple(entry.app for entry in report.targets if entry.status in DONE)
    missing = tuple(entry.app for entry in report.targets if entry.app not in done)
    first = next(iter(errors.values()))
    if done:
        raise PartlyDone(done, missing, first.message)
    raise first


def _source_report(facts: Facts, decision: Decision, commit: Commit) -> SourceReport | None:
    candidate = decision.candidate
    if candidate is None:
        return None
    artifact = facts.artifacts.get(candidate.artifact.id) or candidate.artifact
    return SourceReport(
        candidate.source.app,
        candidate.release,
        artifact,
        facts.commit_of(candidate.artifact),
        witness_of(decision, commit),
    )
