"""Compare the commit with what was prepared, and choose the fastest honest way to ship it.

Everything here is pure: values already read go in, one `Decision` comes out. The authority on what
a release holds is release -> artifact -> commit. One page of builds joins commit, slug and release
without a request per candidate, and the one artifact chosen is confirmed by reading it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from accelerator.models import Artifact, Reason, Route
from accelerator.steps.compare.candidates import find_own_flaw, list_candidates
from accelerator.steps.compare.fit import Fitness, fitness_of, list_checks
from accelerator.steps.compare.proof import doubt_of_build
from accelerator.steps.compare.states import Candidate, SourceState, TargetState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from accelerator.models import ArtifactRef, Build, Commit
    from accelerator.steps.compare.facts import Facts
    from accelerator.steps.compare.fit import Check


@dataclass(frozen=True, slots=True)
class Decision:
    """The way to go with `commit`, for all targets together and for each one, and why.

    ``facts`` are what it rests on. ``building`` is the build to join for `Route.WAIT`.
    ``warnings`` do not stand in the way. ``doubts`` are what is said to be of the commit, and why
    that is not proven, where it is to be.
    """

    commit: Commit
    facts: Facts
    route: Route
    reason: Reason
    candidate: Candidate | None = None
    routes: Mapping[str, Route] = field(default_factory=dict)
    passed_over: tuple[str, ...] = ()
    building: Build | None = None
    warnings: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()

    @property
    def is_live(self) -> bool:
        """True when every target runs the commit already."""
        return self.route is Route.LIVE

    @property
    def source_commit(self) -> str:
        """Return the commit the candidate was built from: one of the same source has its own."""
        held = self.facts.commit_of(self.candidate.artifact) if self.candidate else None
        return held or self.commit.sha

    def describe(self) -> str:
        """Return the decision in words."""
        held = f" ({self.candidate.name})" if self.candidate else ""
        return f"{self.route}: {self.reason}{held}"

    def writes_to(self, wave: Iterable[str]) -> frozenset[str]:
        """Return the apps of a wave that are written to: those that do not run the commit yet."""
        return frozenset(app for app in wave if self.routes[app] is not Route.LIVE)

    def with_built(self, app: str, artifact: Artifact | ArtifactRef) -> Decision:
        """Return the decision for those who are still without what was just built on `app`."""
        ref = artifact.ref if isinstance(artifact, Artifact) else artifact
        known = {ref.id: artifact} if isinstance(artifact, Artifact) else {}
        return replace(
            self,
            facts=replace(self.facts, artifacts={**known, **self.facts.artifacts}),
            candidate=Candidate(SourceState(app, is_prepare=False), ref, None),
            routes=self.routes_after_build(),
        )

    def routes_after_build(self) -> Mapping[str, Route]:
        """Return the routes once somebody has built: what is built is released on the others."""
        return {
            app: Route.RELEASE if route is Route.BUILD else route
            for app, route in self.routes.items()
        }


_ORDER = list(Route)


def compare(commit: Commit, facts: Facts) -> Decision:
    """Choose the best valid route for `commit`.

    A release without an artifact (a config change on a fresh app, say), a failed build and an
    expired, unreadable or unfitting artifact are never chosen.
    """
    waiting = [target for target in facts.targets if not facts.is_live(target, commit)]
    if not waiting:
        routes = {target.app: Route.LIVE for target in facts.targets}
        held = _find_held(commit, facts)
        return Decision(commit, facts, Route.LIVE, Reason.ALREADY_LIVE, held, routes)
    options, flawed = _split_candidates(commit, facts, waiting)
    notes = tuple(f"{candidate.name}: {flaw.detail or flaw.rebuild}" for candidate, flaw in flawed)
    doubts = tuple(_list_doubts(commit, facts))
    if options:
        best = min(options, key=_preference)
        others = (each.candidate for each in options if each is not best)
        notes += tuple(f"{other.name}: not the best" for other in others)
        route, reason = best.route, best.reason
        decision = Decision(commit, facts, route, reason, best.candidate, warnings=best.warnings)
    elif building := find_building(commit, facts):
        decision = Decision(commit, facts, Route.WAIT, Reason.JOINED_BUILD, building=building)
    else:
        reasons = {flaw.rebuild for _, flaw in flawed if flaw.rebuild}
        miss = Reason.SOURCE_UNVERIFIED if doubts else _find_miss(commit, facts, reasons)
        decision = Decision(commit, facts, Route.BUILD, miss)
    return _name_joined(_route_each(replace(decision, passed_over=notes, doubts=doubts)))


def find_building(commit: Commit, facts: Facts) -> Build | None:
    """Find a running build of this very commit on a prepare app, the oldest one: it ends first.

    What it leaves must be of use: a build whose source is in doubt is not waited for.
    """
    running = (
        each for each in facts.list_running(commit) if not doubt_of_build(each, facts.archives)
    )
    return min(running, key=lambda build: (build.created_at, build.id), default=None)


def _list_doubts(commit: Commit, facts: Facts) -> Iterator[str]:
    """Yield what is there of the commit, or on its way, without being proven to be of it."""
    for candidate in list_candidates(commit, facts):
        flaw = find_own_flaw(candidate, facts)
        if flaw is not None and flaw.rebuild is Reason.SOURCE_UNVERIFIED:
            yield f"{candidate.name}: {flaw.detail}"
    for build in facts.list_running(commit):
        if doubt := doubt_of_build(build, facts.archives):
            yield f"build {build.id} on {build.app_name}: {doubt}"
    for target in facts.targets:
        held = target.current.artifact if target.current else None
        doubt = facts.doubt_of(held) if held and facts.claims(target, commit) else None
        if doubt:
            yield f"what {target.app} runs: {doubt}"


def witness_of(candidate: Candidate | None, sha: str) -> str:
    """Return what the metadata variable has to add: the second witness for a current release.

    One of agrees, disagrees, absent, unreadable, or earlier when the candidate is not the current
    release and the variable therefore speaks of something else.
    """
    if candidate is None or not candidate.source.witness_readable:
        return "unreadable" if candidate else "absent"
    if candidate.release is None or not candidate.release.current:
        return "earlier"
    if not candidate.source.witness:
        return "absent"
    return "agrees" if candidate.source.witness == sha else "disagrees"


def fit_checks(candidate: Candidate, facts: Facts, target: TargetState) -> tuple[Check, ...]:
    """Compare a candidate with a target, by all that is known of both."""
    return list_checks(
        facts.artifacts.get(candidate.artifact.id),
        facts.build_of(candidate.artifact),
        facts.built_with.get(candidate.artifact.id, {}),
        facts.fit_of(target),
    )


@dataclass(frozen=True, slots=True)
class Option:
    """A sound candidate, and how it can be shipped to the targets that wait."""

    candidate: Candidate
    route: Route
    reason: Reason
    warnings: tuple[str, ...]


def _split_candidates(
    commit: Commit, facts: Facts, waiting: list[TargetState]
) -> tuple[list[Option], list[tuple[Candidate, Fitness]]]:
    """Part the candidates that can be shipped from those that must not be, each with its flaw."""
    options, flawed = [], []
    for candidate in list_candidates(commit, facts):
        flaw = find_own_flaw(candidate, facts)
        fits = [flaw] if flaw else [_fitness_on(target, candidate, facts) for target in waiting]
        if bad := next((each for each in fits if each.rebuild), None):
            flawed.append((candidate, bad))
            continue
        warnings = tuple(dict.fromkeys(line for each in fits for line in each.warnings))
        route, reason = _choose_route(candidate, waiting, facts, commit)
        options.append(Option(candidate, route, reason, warnings))
    return options, flawed


def _fitness_on(target: TargetState, candidate: Candidate, facts: Facts) -> Fitness:
    return fitness_of(fit_checks(candidate, facts, target))


def _choose_route(
    candidate: Candidate, waiting: list[TargetState], facts: Facts, commit: Commit
) -> tuple[Route, Reason]:
    """Choose how a sound candidate is shipped: promoted, unless something stands against it."""
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


def _preference(option: Option) -> tuple[int, bool, bool, int]:
    release = option.candidate.release
    current = bool(release and release.current)
    version = release.version if release else 0
    return (_ORDER.index(option.route), option.reason is Reason.SAME_TREE, not current, -version)


def _route_each(decision: Decision) -> Decision:
    """Assign each target its own route: live ones are left alone, others may need `release`."""
    routes, facts = {}, decision.facts
    for target in facts.targets:
        route = decision.route
        if facts.is_live(target, decision.commit):
            route = Route.LIVE
        elif decision.reason is Reason.NOT_IN_PIPELINE and decision.candidate is not None:
            shares = facts.share_pipeline(decision.candidate.source, target)
            route = Route.PROMOTE if shares else Route.RELEASE
        routes[target.app] = route
    return replace(decision, routes=routes)


def _name_joined(decision: Decision) -> Decision:
    """Name the build that was waited for as the reason, where the artifact comes from it."""
    candidate = decision.candidate
    if candidate is None or not decision.facts.is_joined(candidate.artifact):
        return decision
    return replace(decision, reason=Reason.JOINED_BUILD)


def _find_miss(commit: Commit, facts: Facts, flaws: set[Reason]) -> Reason:
    """Find why there is nothing to ship, the most telling reason first."""
    telling = (
        Reason.STACK_DIFFERS,
        Reason.GENERATION_DIFFERS,
        Reason.BUILDPACKS_DIFFER,
        Reason.BUILD_CONFIG_DIFFERS,
        Reason.BUILD_CONFIG_UNKNOWN,
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


def _find_held(commit: Commit, facts: Facts) -> Candidate | None:
    """Find where a commit that is live everywhere also lies prepared, for the report."""
    sound = (c for c in list_candidates(commit, facts) if find_own_flaw(c, facts) is None)
    return next(sound, None)
