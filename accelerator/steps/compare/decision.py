"""Compare the commit with what was prepared, and choose the fastest honest way to ship it.

Everything here is pure: values already read go in, one `Decision` comes out. The authority on what
a release holds is release -> artifact -> commit; one page of builds joins commit, slug and release
without a request per candidate, and the one artifact chosen is confirmed by reading it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from accelerator.models import Reason, Route
from accelerator.steps.compare.facts import Candidate, Facts, SourceState, TargetState
from accelerator.steps.compare.fit import Verdict, judge, list_checks, stack_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from accelerator.models import ArtifactRef, Build, Commit
    from accelerator.steps.compare.fit import Check


@dataclass(frozen=True, slots=True)
class Decision:
    """The way to go, for all targets together and for each one, and why.

    ``building`` is the build to join for `Route.WAIT`. ``warnings`` do not stand in the way.
    """

    route: Route
    reason: Reason
    candidate: Candidate | None = None
    routes: Mapping[str, Route] = field(default_factory=dict)
    passed_over: tuple[str, ...] = ()
    building: Build | None = None
    warnings: tuple[str, ...] = ()


_ORDER = list(Route)


def compare(commit: Commit, facts: Facts) -> Decision:
    """Choose the best valid route for `commit`.

    A release without an artifact (a config change on a fresh app, say), a failed build and an
    expired, unreadable or unfitting artifact are never chosen.
    """
    waiting = [target for target in facts.targets if not facts.is_live(target, commit)]
    if not waiting:
        routes = {target.app: Route.LIVE for target in facts.targets}
        return Decision(Route.LIVE, Reason.ALREADY_LIVE, _holding(commit, facts), routes)
    ways, flawed = _sort_out(commit, facts, waiting)
    notes = tuple(f"{candidate.name}: {flaw.detail or flaw.rebuild}" for candidate, flaw in flawed)
    if ways:
        best = min(ways, key=_preference)
        notes += tuple(f"{way.candidate.name}: not the best" for way in ways if way is not best)
        decision = Decision(best.route, best.reason, best.candidate, warnings=best.warnings)
    elif building := find_building(commit, facts):
        decision = Decision(Route.WAIT, Reason.JOINED_BUILD, building=building)
    else:
        reasons = {flaw.rebuild for _, flaw in flawed if flaw.rebuild}
        decision = Decision(Route.BUILD, _miss(commit, facts, reasons))
    return _routed(decision, facts, commit, notes)


def find_building(commit: Commit, facts: Facts) -> Build | None:
    """Find a running build of this very commit on a prepare app, the oldest one: it ends first."""
    running = [
        build
        for source in facts.sources
        if source.is_prepare
        for build in source.builds
        if build.status == "pending" and build.commit == commit.sha
    ]
    return min(running, key=lambda build: build.created_at, default=None)


def find_unconfirmed(commit: Commit, facts: Facts) -> frozenset[tuple[str, ArtifactRef]]:
    """Name the artifacts (with an app to read them from) that must be read before deciding.

    At most one candidate, one current artifact a source and one a target: never one a release.
    """
    wanted = set()
    candidate = compare(commit, facts).candidate
    if candidate is not None:
        wanted.add((candidate.source.app, candidate.artifact))
    states: tuple[SourceState | TargetState, ...] = (*facts.sources, *facts.targets)
    for state in states:
        held = state.current.artifact if state.current else None
        if held is not None and facts.commit_of(held) is None:
            wanted.add((state.app, held))
    return frozenset(pair for pair in wanted if pair[1].id not in facts.artifacts)


def find_unread_apps(commit: Commit, facts: Facts) -> frozenset[str]:
    """Name the targets whose own stack must be read: it is not known, or seems to differ."""
    unread = set()
    for target in facts.targets:
        if target.fit.stacks is not None or facts.is_live(target, commit):
            continue
        stacks = facts.fit_of(target).stacks
        for candidate in _candidates(commit, facts):
            ref = candidate.artifact
            stack = stack_of(facts.artifacts.get(ref.id), facts.build_of(ref))
            is_strange = stack is not None and stacks is not None and stack not in stacks
            if stacks is None or is_strange or _differ_in_kind(ref, target):
                unread.add(target.app)
    return frozenset(unread)


def rests_on_a_build(commit: Commit, facts: Facts, decision: Decision) -> bool:
    """Say whether an artifact is to be shipped and reading it is all that is left to be read."""
    candidate = decision.candidate
    if candidate is None or decision.route not in {Route.PROMOTE, Route.RELEASE}:
        return False
    unread = {ref.id for _, ref in find_unconfirmed(commit, facts)}
    return unread <= {candidate.artifact.id} and not find_unread_apps(commit, facts)


def _differ_in_kind(ref: ArtifactRef, target: TargetState) -> bool:
    held = target.current.artifact if target.current else None
    return held is not None and held.kind is not ref.kind


def witness_of(decision: Decision, commit: Commit) -> str:
    """Say what the metadata variable has to add: the second witness for a current release.

    One of agrees, disagrees, absent, unreadable, or earlier when the candidate is not the current
    release and the variable therefore speaks of something else.
    """
    candidate = decision.candidate
    if candidate is None or not candidate.source.witness_readable:
        return "unreadable" if candidate else "absent"
    if candidate.release is None or not candidate.release.current:
        return "earlier"
    if not candidate.source.witness:
        return "absent"
    return "agrees" if candidate.source.witness == commit.sha else "disagrees"


def fit_checks(candidate: Candidate, facts: Facts, target: TargetState) -> tuple[Check, ...]:
    """Compare a candidate with a target, by all that is known of both."""
    return list_checks(
        facts.artifacts.get(candidate.artifact.id),
        facts.build_of(candidate.artifact),
        candidate.source.build_config,
        facts.fit_of(target),
    )


@dataclass(frozen=True, slots=True)
class _Way:
    candidate: Candidate
    route: Route
    reason: Reason
    warnings: tuple[str, ...]


def _sort_out(
    commit: Commit, facts: Facts, waiting: list[TargetState]
) -> tuple[list[_Way], list[tuple[Candidate, Verdict]]]:
    ways, flawed = [], []
    for candidate in _candidates(commit, facts):
        verdict = _flaw(candidate, facts)
        verdicts = [verdict] if verdict else [_fit(candidate, facts, target) for target in waiting]
        if bad := next((each for each in verdicts if each.rebuild), None):
            flawed.append((candidate, bad))
            continue
        warnings = tuple(dict.fromkeys(line for each in verdicts for line in each.warnings))
        ways.append(_Way(candidate, *_way(candidate, waiting, facts, commit), warnings))
    return ways, flawed


def _candidates(commit: Commit, facts: Facts) -> Iterator[Candidate]:
    """Give every artifact of the commit on any source, with and without a release."""
    for source in facts.sources:
        released = set()
        for release in source.releases:
            if release.artifact is not None and facts.holds(release.artifact, commit):
                released.add(release.artifact.id)
                yield Candidate(source, release.artifact, release)
        for build in source.builds:
            if build.status != "succeeded" or build.artifact is None:
                continue
            if build.artifact.id not in released and facts.holds(build.artifact, commit):
                released.add(build.artifact.id)
                yield Candidate(source, build.artifact, None)


def _flaw(candidate: Candidate, facts: Facts) -> Verdict | None:
    if candidate.release is not None and candidate.release.status == "expired":
        return Verdict(Reason.EXPIRED, "expired")
    if candidate.artifact.id not in facts.artifacts:
        return None
    artifact = facts.artifacts[candidate.artifact.id]
    if artifact is None:
        return Verdict(Reason.UNREADABLE, "cannot be read")
    return Verdict(Reason.EXPIRED, "expired") if artifact.deleted_at else None


def _fit(candidate: Candidate, facts: Facts, target: TargetState) -> Verdict:
    return judge(fit_checks(candidate, facts, target))


def _way(
    candidate: Candidate, waiting: list[TargetState], facts: Facts, commit: Commit
) -> tuple[Route, Reason]:
    """Say how a sound candidate can be shipped to the targets that wait for it."""
    source, release = candidate.source, candidate.release
    hindrances = (
        # Released by id, not promoted: only then can the description name this commit.
        (facts.commit_of(candidate.artifact) != commit.sha, Reason.SAME_TREE),
        (not source.is_prepare, Reason.ON_OTHER_APP),
        (release is not None and release.status == "failed", Reason.PREPARE_RELEASE_FAILED),
        # Whether Heroku promotes a release whose release phase still runs is not documented.
        (release is None or release.status != "succeeded", Reason.PREPARED),
        (not all(facts.share_pipeline(source, t) for t in waiting), Reason.NOT_IN_PIPELINE),
    )
    if reason := next((reason for holds, reason in hindrances if holds), None):
        return Route.RELEASE, reason
    is_current = release is not None and release.current
    return Route.PROMOTE, Reason.PREPARED if is_current else Reason.PREPARED_EARLIER


def _preference(way: _Way) -> tuple[int, bool, bool, int]:
    release = way.candidate.release
    current = bool(release and release.current)
    version = release.version if release else 0
    return (_ORDER.index(way.route), way.reason is Reason.SAME_TREE, not current, -version)


def _routed(decision: Decision, facts: Facts, commit: Commit, notes: tuple[str, ...]) -> Decision:
    """Give each target its own route: live ones are left alone, others may need `release`."""
    routes = {}
    for target in facts.targets:
        route = decision.route
        if facts.is_live(target, commit):
            route = Route.LIVE
        elif decision.reason is Reason.NOT_IN_PIPELINE and decision.candidate is not None:
            shares = facts.share_pipeline(decision.candidate.source, target)
            route = Route.PROMOTE if shares else Route.RELEASE
        routes[target.app] = route
    return replace(decision, routes=routes, passed_over=notes)


def _miss(commit: Commit, facts: Facts, flaws: set[Reason]) -> Reason:
    """Say why there is nothing to ship, the most telling reason first."""
    telling = (
        Reason.STACK_DIFFERS,
        Reason.GENERATION_DIFFERS,
        Reason.BUILDPACKS_DIFFER,
        Reason.BUILD_CONFIG_DIFFERS,
        Reason.EXPIRED,
        Reason.UNREADABLE,
    )
    if known := next((flaw for flaw in telling if flaw in flaws), None):
        return known
    builds = [build for source in facts.sources for build in source.builds]
    if any(build.status == "failed" and build.commit == commit.sha for build in builds):
        return Reason.PREPARE_BUILD_FAILED
    if any(release.artifact for source in facts.sources for release in source.releases):
        return Reason.OTHER_COMMIT
    return Reason.NOTHING_PREPARED


def _holding(commit: Commit, facts: Facts) -> Candidate | None:
    """Find where a commit that is live everywhere also lies prepared, for the report."""
    sound = (c for c in _candidates(commit, facts) if _flaw(c, facts) is None)
    return next(sound, None)
