"""Decide with what the platform says now: read, compare, join what is being built, look again.

The first decision of a deploy may rest on a build's word for what its artifact holds. That saves a
round trip: `decide_again`, under the lock, reads the artifact itself together with the targets.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from accelerator.events import Decided
from accelerator.models import OnMiss, Reason, Route, StepName
from accelerator.steps.compare.decision import compare, witness_of
from accelerator.steps.compare.reading import (
    NOTHING_KNOWN,
    confirm,
    fetch_states,
    refresh_targets,
)
from accelerator.steps.compare.running_build import join, wait_for_build
from accelerator.steps.compare.unread import is_confirmed, rests_on_a_build
from accelerator.steps.follow.builds_and_releases import follow_release
from accelerator.steps.follow.logs import show_end

if TYPE_CHECKING:
    from collections.abc import Callable

    from accelerator.models import Build, Commit
    from accelerator.steps.compare.decision import Decision
    from accelerator.steps.compare.facts import Facts
    from accelerator.steps.compare.states import CutShort
    from accelerator.steps.compare.wanted import Wanted
    from accelerator.steps.run import Run

    # Is shown every decision on the way, so that a run that ends while it waits can tell of it.
    OnDecided = Callable[[Decision], None]


def decide(run: Run, wanted: Wanted, on_decided: OnDecided) -> Decision:
    """Read, compare, and join the build that runs, if one does, until there is a way to go."""
    decision = _look(run, wanted, on_decided, may_trust_builds=not wanted.looks_only)
    if wanted.looks_only:
        return decision
    decision = _join_builds(run, wanted, on_decided, decision)
    _show_failed_build(run, decision)
    return decision


def decide_again(
    run: Run,
    wanted: Wanted,
    on_decided: OnDecided,
    before: Decision,
    cut_short: tuple[CutShort, ...],
) -> Decision:
    """Read the targets once more, just before the write, and let what is pending there end.

    Somebody without a lock may have been quicker, or a deploy that was cut short may have got
    through after all. Where a build would follow everything is read: it costs minutes.
    """
    commit, known = wanted.commit, replace(before.facts, cut_short=cut_short)
    facts = _let_releases_end(run, wanted, _refresh(run, commit, known))
    decision = compare(commit, facts)
    if decision.route in {Route.BUILD, Route.WAIT} or before.route is Route.BUILD:
        decision = _look(run, wanted, on_decided, facts)
        return _join_builds(run, wanted, on_decided, decision)
    has_changed = (decision.route, decision.routes) != (before.route, before.routes)
    if has_changed or not is_confirmed(before):
        _tell(run, decision)
    on_decided(decision)
    return decision


def _join_builds(run: Run, wanted: Wanted, on_decided: OnDecided, decision: Decision) -> Decision:
    """Wait for the builds of the commit that run, or are to appear, and decide after each."""
    is_awaited = decision.route is Route.BUILD and wanted.on_miss is OnMiss.WAIT
    if is_awaited and wait_for_build(run, wanted):
        decision = _look(run, wanted, on_decided, decision.facts)
    while decision.building is not None:
        ended = join(run, decision.building, decision.facts)
        decision = _look(run, wanted, on_decided, _with_followed(decision.facts, ended))
    return decision


def _look(
    run: Run,
    wanted: Wanted,
    on_decided: OnDecided,
    known: Facts = NOTHING_KNOWN,
    *,
    may_trust_builds: bool = False,
) -> Decision:
    commit = wanted.commit
    title = f"Compare {commit.short} with what is prepared"
    with run.events.step(StepName.COMPARE, title) as step:
        decision = compare(commit, fetch_states(run, wanted, known))
        is_enough = may_trust_builds and rests_on_a_build(decision)
        if not is_enough:
            decision = compare(commit, confirm(run, commit, decision.facts))
        step.detail = decision.describe()
    on_decided(decision)
    if is_confirmed(decision):
        _tell(run, decision)
    return decision


def _show_failed_build(run: Run, decision: Decision) -> None:
    """Show why the newest build of the commit failed, where nobody has seen its log in this run."""
    if decision.reason is not Reason.PREPARE_BUILD_FAILED:
        return
    facts, sha = decision.facts, decision.commit.sha
    builds = (build for source in facts.sources for build in source.builds)
    failed = [each for each in builds if each.status == "failed" and each.commit == sha]
    newest = max(failed, key=lambda build: build.created_at, default=None)
    if newest is not None and newest.id not in facts.followed:
        show_end(run, newest)


def _with_followed(facts: Facts, ended: Build) -> Facts:
    return replace(facts, followed={**facts.followed, ended.id: ended})


def _let_releases_end(run: Run, wanted: Wanted, facts: Facts) -> Facts:
    """Follow releases that are pending on top of a target, and read it again after that."""
    tops = [target.releases[0] for target in facts.targets if target.releases]
    pending = [release for release in tops if release.status == "pending"]
    for release in pending:
        app = release.app_name
        title = f"Let v{release.version} of {app} end, which is still being released"
        with run.events.step(StepName.RECONCILE, title, app, run.waits.release_phase) as step:
            step.detail = f"v{release.version} {follow_release(run, release).status}"
    return _refresh(run, wanted.commit, facts) if pending else facts


def _refresh(run: Run, commit: Commit, facts: Facts) -> Facts:
    with run.events.brief(StepName.GUARD):
        return refresh_targets(run, commit, facts)


def _tell(run: Run, decision: Decision) -> None:
    """Let the listeners know, and say what is worth saying about a decision."""
    candidate, events = decision.candidate, run.events
    source = candidate.source.app if candidate else None
    routes = dict(decision.routes)
    events.emit(Decided(decision.commit.sha, decision.route, decision.reason, routes, source))
    for line in decision.passed_over:
        events.note(f"passed over: {line}", "detail")
    is_refused = decision.reason is Reason.SOURCE_UNVERIFIED  # the refusal says it then
    for warning in (*decision.warnings, *(() if is_refused else decision.doubts)):
        events.note(warning, "warning")
    if candidate is not None and witness_of(candidate, decision.source_commit) == "disagrees":
        events.note(
            f"HEROKU_SLUG_COMMIT of {candidate.source.app} names another commit than its release "
            "holds; the release decides (the variable may be stale)",
            "warning",
        )
