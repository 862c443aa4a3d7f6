"""Deploy: compare, guard, take the route, verify each target, go back where that fails."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from accelerator.errors import Refused
from accelerator.models import ArtifactRef, Reason, Refusal, Route
from accelerator.steps.compare import Decision, compare, witness_of
from accelerator.steps.facts import Wanted, fetch_facts, refresh_targets
from accelerator.steps.follow import follow_release
from accelerator.steps.guard import check_directions, check_marks, demand
from accelerator.steps.join import join, wait_for_build
from accelerator.steps.known import Candidate, SourceState
from accelerator.steps.locking import Locking
from accelerator.steps.moving import Ends, move
from accelerator.steps.notes import LockNote
from accelerator.steps.reconcile import wait_out
from accelerator.steps.report import Report, SourceReport
from accelerator.steps.settling import Errors, compensate, conclude, settle

if TYPE_CHECKING:
    from accelerator.models import Commit
    from accelerator.steps.known import Facts
    from accelerator.steps.order import DeployOrder
    from accelerator.steps.run import Run

MOST_JOINS = 3


def deploy(run: Run, order: DeployOrder, report: Report) -> Report:
    """Ship `order.commit` to every target, each ending on a release read back from the platform.

    Running it again is safe: a target that runs the commit is left alone. Raises the error of a
    failed target, or `PartlyDone` when others succeeded; `report` tells about each either way.
    """
    report.commit = order.commit
    locking = Locking(run, order.lock)
    locking.start()
    try:
        _deploy(run, order, report, locking)
    except Refused as refusal:
        report.reason = Refusal(refusal.reason)
        if refusal.reason != Refusal.SUPERSEDED or order.on_superseded != "ok":
            raise
        run.events.note(f"{refusal.message}: nothing to do")
        for entry in report.targets:
            entry.status = "unchanged"
    finally:
        locking.close()
    return report


def _deploy(run: Run, order: DeployOrder, report: Report, locking: Locking) -> None:
    facts, decision = decide(run, order, report)
    _guard(run, order, facts, locking)
    _refuse_misses(order, decision)
    if order.plan:
        return
    if decision.route is Route.LIVE:
        _go(run, order, facts, decision, report)
        return
    with locking.holding(_notes(order, facts, decision)) as locks:
        for lock in locks:
            if lock.before is not None and lock.before.note is not None:
                wait_out(run, lock.before.note)
        facts, decision = _look_again(run, order, facts, decision, report)
        _go(run, order, facts, decision, report)


def _go(run: Run, order: DeployOrder, facts: Facts, decision: Decision, report: Report) -> None:
    """Move and settle, wave by wave."""
    errors: Errors = {}
    for wave in order.waves or (order.targets,):
        part = replace(facts, targets=tuple(t for t in facts.targets if t.app in wave))
        ends = move(run, order, part, decision, report)
        errors |= settle(run, order, part, ends, report)
        decision = _with_built(decision, ends)
        if errors and order.on_failure != "continue":
            break
    if errors and order.on_failure == "compensate":
        compensate(run, order, facts, report)
    conclude(report, errors)


def _with_built(decision: Decision, ends: Ends) -> Decision:
    """After a build let the later waves have what it left."""
    built = next((end for end in ends.values() if isinstance(end, ArtifactRef)), None)
    if decision.route is not Route.BUILD or built is None:
        return decision
    source = SourceState(next(iter(ends)), is_prepare=False)
    routes = {app: Route.RELEASE if r is Route.BUILD else r for app, r in decision.routes.items()}
    return replace(decision, candidate=Candidate(source, built, None), routes=routes)


def decide(run: Run, order: DeployOrder, report: Report) -> tuple[Facts, Decision]:
    """Read, compare, and join the build that runs, if one does; the report tells what was found."""
    facts, decision = _compare(run, order, report)
    if decision.route is Route.BUILD and order.on_miss == "wait":
        prepare_apps = tuple(place.app for place in order.places if place.is_prepare)
        if wait_for_build(run, order.commit, prepare_apps, order.wait_seconds):
            facts, decision = _compare(run, order, report)
    for _ in range(MOST_JOINS):
        if decision.building is None:
            return facts, decision
        if order.plan:
            break
        if not join(run, decision.building, facts):
            return _decide_without(run, order, facts, decision, report)
        facts, decision = _compare(run, order, report)
        if decision.candidate is not None:
            decision = replace(decision, reason=Reason.JOINED_BUILD)
            report.reason = Reason.JOINED_BUILD
    return facts, decision


def explain(decision: Decision) -> str:
    """Say a decision in words."""
    held = f" ({decision.candidate.name})" if decision.candidate else ""
    return f"{decision.route}: {decision.reason}{held}"


def _compare(run: Run, order: DeployOrder, report: Report) -> tuple[Facts, Decision]:
    wanted = Wanted(order.commit, order.places, order.targets, order.build_config, order.read_trees)
    with run.events.step("compare", f"Compare {order.commit.short} with what is prepared") as step:
        facts = fetch_facts(run, wanted)
        decision = compare(order.commit, facts)
        step.detail = explain(decision)
    _tell(run, order.commit, facts, decision, report)
    return facts, decision


def _tell(run: Run, commit: Commit, facts: Facts, decision: Decision, report: Report) -> None:
    report.route, report.reason = decision.route, decision.reason
    report.passed_over = list(decision.passed_over)
    report.source = _source_report(facts, decision, commit)
    for target in facts.targets:
        entry = report.target(target.app)
        entry.route, entry.previous_release = decision.routes[target.app], target.current
    for line in decision.passed_over:
        run.events.note(f"passed over: {line}", "detail")
    for warning in decision.warnings:
        run.events.note(warning, "warning")
    if report.source and report.source.metadata == "disagrees":
        run.events.note(
            f"HEROKU_SLUG_COMMIT of {report.source.app} names another commit than its release "
            "holds; the release decides (the variable may be stale)",
            "warning",
        )


def _decide_without(
    run: Run, order: DeployOrder, facts: Facts, decision: Decision, report: Report
) -> tuple[Facts, Decision]:
    """Decide again without a build that failed or is taken for stuck."""
    spoilt = decision.building.id if decision.building else ""
    sources = tuple(
        replace(source, builds=tuple(b for b in source.builds if b.id != spoilt))
        for source in facts.sources
    )
    facts = replace(facts, sources=sources)
    decision = compare(order.commit, facts)
    if decision.route is Route.BUILD:
        decision = replace(decision, reason=Reason.PREPARE_BUILD_FAILED)
    _tell(run, order.commit, facts, decision, report)
    return facts, decision


def _guard(run: Run, order: DeployOrder, facts: Facts, locking: Locking) -> None:
    marks = locking.read()
    if locking.refs is not None:
        demand(check_marks(order.commit, facts.targets, marks, locking.refs))
    for said in demand(check_directions(order.commit, facts, order.ancestry, order.direction)):
        run.events.note(said, "warning")


def _refuse_misses(order: DeployOrder, decision: Decision) -> None:
    if decision.route is not Route.BUILD or order.on_miss == "build":
        return
    raise Refused(
        Refusal.MISS_REFUSED,
        f"{order.commit.short} is not prepared ({decision.reason}), and --on-miss {order.on_miss} "
        "forbids to build it",
        f"run `accelerator prepare -a {order.places[0].app}` first, or use --on-miss build",
    )


def _look_again(
    run: Run, order: DeployOrder, facts: Facts, decision: Decision, report: Report
) -> tuple[Facts, Decision]:
    """Read the targets once more, just before the write, and let what is pending there end.

    Somebody without a lock may have been quicker, or a deploy that was cut short may have got
    through after all.
    """
    facts = refresh_targets(run, order.commit, facts)
    pending = [t.releases[0] for t in facts.targets if t.releases and _is_pending(t.releases[0])]
    if pending:
        for release in pending:
            run.events.note(f"{release.app_name} v{release.version} is still being released")
            follow_release(run, release)
        facts = refresh_targets(run, order.commit, facts)
    again = compare(order.commit, facts)
    if again.candidate is not None and decision.reason is Reason.JOINED_BUILD:
        again = replace(again, reason=decision.reason)
    for said in demand(check_directions(order.commit, facts, order.ancestry, order.direction)):
        run.events.note(said, "detail")
    if (again.route, again.routes) != (decision.route, decision.routes):
        _tell(run, order.commit, facts, again, report)
    return facts, again


def _is_pending(release: object) -> bool:
    return getattr(release, "status", "") == "pending"


def _notes(order: DeployOrder, facts: Facts, decision: Decision) -> tuple[LockNote, ...]:
    artifact = decision.candidate.artifact.id if decision.candidate else None
    return tuple(
        LockNote(
            app=target.app,
            holder=order.lock.holder,
            commit=order.commit.sha,
            route=decision.routes[target.app],
            expires_at="",
            nonce="",
            link=order.lock.link,
            artifact=artifact,
            previous_release=target.current.version if target.current else None,
            extra={"from": [place.app for place in order.places if place.is_prepare]},
        )
        for target in facts.targets
        if decision.routes[target.app] is not Route.LIVE
    )


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
