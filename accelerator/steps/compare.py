"""Compare the commit with what was prepared, and choose the fastest honest way to ship it.

Everything here is pure: values already read go in, one `Decision` comes out. The authority on what
a release holds is release -> artifact -> commit; one page of builds joins commit, slug and release
without a request per candidate, and the one artifact chosen is confirmed by reading it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from accelerator.models import Reason, Route

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from accelerator.models import Artifact, ArtifactRef, Build, Commit, Coupling, Release


@dataclass(frozen=True, slots=True)
class SourceState:
    """What was read of an app that may hold the commit; releases and builds newest first.

    ``witness`` is HEROKU_BUILD_COMMIT or HEROKU_SLUG_COMMIT, which speaks of the current release
    only and may be stale or absent; ``witness_readable`` says whether the key may read it.
    """

    app: str
    releases: tuple[Release, ...] = ()
    builds: tuple[Build, ...] = ()
    coupling: Coupling | None = None
    is_prepare: bool = True
    witness: str | None = None
    witness_readable: bool = True

    @property
    def current(self) -> Release | None:
        """Give the release in effect: not always the newest one."""
        return next((release for release in self.releases if release.current), None)


@dataclass(frozen=True, slots=True)
class TargetState:
    """What was read of an app that is to get the commit."""

    app: str
    app_id: str
    releases: tuple[Release, ...] = ()
    coupling: Coupling | None = None

    @property
    def current(self) -> Release | None:
        """Give the release in effect."""
        return next((release for release in self.releases if release.current), None)


@dataclass(frozen=True, slots=True)
class Facts:
    """All that is known when deciding.

    ``artifacts`` holds what was read of single artifacts, by id; ``None``: could not be read.
    """

    sources: tuple[SourceState, ...]
    targets: tuple[TargetState, ...]
    artifacts: Mapping[str, Artifact | None] = field(default_factory=dict)

    def commit_of(self, ref: ArtifactRef | None) -> str | None:
        """Say which commit an artifact holds, or None when that is not known."""
        if ref is None:
            return None
        if artifact := self.artifacts.get(ref.id):
            return artifact.commit
        builds = (build for source in self.sources for build in source.builds)
        return next((b.commit for b in builds if b.artifact and b.artifact.id == ref.id), None)

    def is_live(self, target: TargetState, commit: Commit) -> bool:
        """Say whether a target already runs the commit, released successfully."""
        current = target.current
        if current is None or current.status != "succeeded":
            return False
        return self.commit_of(current.artifact) == commit.sha

    def share_pipeline(self, source: SourceState, target: TargetState) -> bool:
        """Say whether two apps are in one pipeline, which a promotion needs."""
        if source.coupling is None or target.coupling is None:
            return False
        return source.coupling.pipeline_id == target.coupling.pipeline_id


@dataclass(frozen=True, slots=True)
class Candidate:
    """An artifact of the wanted commit and the release that carries it, if one does."""

    source: SourceState
    artifact: ArtifactRef
    release: Release | None

    @property
    def name(self) -> str:
        """Name it for people."""
        held = f"v{self.release.version}" if self.release else "a build without a release"
        return f"{self.source.app} {held}"


@dataclass(frozen=True, slots=True)
class Decision:
    """The way to go, for all targets together and for each one, and why."""

    route: Route
    reason: Reason
    candidate: Candidate | None = None
    routes: Mapping[str, Route] = field(default_factory=dict)
    passed_over: tuple[str, ...] = ()


_ORDER = list(Route)


def compare(commit: Commit, facts: Facts) -> Decision:
    """Choose the best valid route for `commit`.

    A release without an artifact (a config change on a fresh app, say), a failed build and an
    expired or unreadable artifact are never chosen.
    """
    waiting = [target for target in facts.targets if not facts.is_live(target, commit)]
    if not waiting:
        routes = {target.app: Route.LIVE for target in facts.targets}
        return Decision(Route.LIVE, Reason.ALREADY_LIVE, _holding(commit, facts), routes)
    usable, passed_over = [], []
    for candidate in _candidates(commit, facts):
        if flaw := _flaw(candidate, facts):
            passed_over.append((candidate, flaw))
        else:
            usable.append((candidate, *_way(candidate, waiting, facts)))
    notes = tuple(f"{candidate.name}: {flaw}" for candidate, flaw in passed_over)
    if not usable:
        flaws = {flaw for _, flaw in passed_over}
        return _routed(Decision(Route.BUILD, _miss(commit, facts, flaws)), facts, commit, notes)
    candidate, route, reason = min(usable, key=_preference)
    notes += tuple(f"{other[0].name}: not the best" for other in usable if other[0] != candidate)
    return _routed(Decision(route, reason, candidate), facts, commit, notes)


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


def _candidates(commit: Commit, facts: Facts) -> Iterator[Candidate]:
    """Give every artifact of the commit on any source, with and without a release."""
    for source in facts.sources:
        released = set()
        for release in source.releases:
            if release.artifact is not None and facts.commit_of(release.artifact) == commit.sha:
                released.add(release.artifact.id)
                yield Candidate(source, release.artifact, release)
        for build in source.builds:
            if build.status != "succeeded" or build.artifact is None:
                continue
            if build.artifact.id not in released and facts.commit_of(build.artifact) == commit.sha:
                released.add(build.artifact.id)
                yield Candidate(source, build.artifact, None)


def _flaw(candidate: Candidate, facts: Facts) -> Reason | None:
    if candidate.release is not None and candidate.release.status == "expired":
        return Reason.EXPIRED
    if candidate.artifact.id not in facts.artifacts:
        return None
    artifact = facts.artifacts[candidate.artifact.id]
    if artifact is None:
        return Reason.UNREADABLE
    return Reason.EXPIRED if artifact.deleted_at else None


def _way(candidate: Candidate, waiting: list[TargetState], facts: Facts) -> tuple[Route, Reason]:
    """Say how a sound candidate can be shipped to the targets that wait for it."""
    source, release = candidate.source, candidate.release
    if not source.is_prepare:
        return Route.RELEASE, Reason.ON_OTHER_APP
    if release is not None and release.status == "failed":
        return Route.RELEASE, Reason.PREPARE_RELEASE_FAILED
    if release is None or release.status != "succeeded":
        # Whether Heroku promotes a release whose release phase still runs is not documented.
        return Route.RELEASE, Reason.PREPARED
    if not all(facts.share_pipeline(source, target) for target in waiting):
        return Route.RELEASE, Reason.NOT_IN_PIPELINE
    return Route.PROMOTE, Reason.PREPARED if release.current else Reason.PREPARED_EARLIER


def _preference(way: tuple[Candidate, Route, Reason]) -> tuple[int, bool, int]:
    candidate, route, _ = way
    version = candidate.release.version if candidate.release else 0
    current = bool(candidate.release and candidate.release.current)
    return (_ORDER.index(route), not current, -version)


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
    for flaw in (Reason.EXPIRED, Reason.UNREADABLE):
        if flaw in flaws:
            return flaw
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
