"""Properties of the decision over any world at all, made of few names so that they meet."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from accelerator.models import (
    Artifact,
    ArtifactRef,
    Build,
    Commit,
    Coupling,
    Reason,
    Release,
    Route,
)
from accelerator.steps.compare import compare, find_unconfirmed
from accelerator.steps.known import Facts, SourceState, TargetState
from tests.unit.fakes import (
    BEGIN,
    COMMIT,
    OTHER,
    artifact,
    make_build,
    make_coupling,
    make_release,
)

if TYPE_CHECKING:
    from random import Random

    from hypothesis.strategies import DrawFn

PREPARE = "shop-prepare"
ARTIFACTS = ("a", "b", "c", "d")
COMMITS = (COMMIT, OTHER)
STATUSES = ("succeeded", "succeeded", "succeeded", "failed", "pending", "expired")
BUILD_STATUSES = ("succeeded", "succeeded", "failed")
PIPELINES = (None, "pipe", "pipe", "another")


@dataclass(frozen=True)
class World:
    """A truth (which commit each artifact holds), and facts that tell parts of it."""

    commits: dict[str, Commit]
    facts: Facts


@st.composite
def couplings(draw: DrawFn, app: str) -> Coupling | None:
    pipeline = draw(st.sampled_from(PIPELINES))
    return make_coupling(app, pipeline) if pipeline else None


@st.composite
def histories(draw: DrawFn, app: str) -> tuple[Release, ...]:
    held = draw(st.lists(st.sampled_from((None, *ARTIFACTS)), max_size=4))
    made = [
        make_release(app, version, name, status=draw(st.sampled_from(STATUSES)))
        for version, name in enumerate(held, 1)
    ]
    index = draw(st.integers(-1, len(made) - 1))
    if index >= 0:
        made[index] = replace(made[index], current=True)
    return tuple(reversed(made))


@st.composite
def build_pages(draw: DrawFn, app: str, truth: dict[str, Commit]) -> tuple[Build, ...]:
    names = draw(st.lists(st.sampled_from(ARTIFACTS), max_size=3))
    return tuple(
        make_build(app, name, truth[name], status=draw(st.sampled_from(BUILD_STATUSES)))
        for name in names
    )


@st.composite
def worlds(draw: DrawFn) -> World:
    truth = {name: draw(st.sampled_from(COMMITS)) for name in ARTIFACTS}
    sources = tuple(
        SourceState(
            app,
            draw(histories(app)),
            draw(build_pages(app, truth)),
            draw(couplings(app)),
            is_prepare=app != "shop-staging",
        )
        for app in draw(st.permutations((PREPARE, "shop-prepare-2", "shop-staging")))[
            : draw(st.integers(1, 3))
        ]
    )
    targets = tuple(
        TargetState(app, f"id-of-{app}", draw(histories(app)), draw(couplings(app)))
        for app in ("shop", "shop-eu")[: draw(st.integers(1, 2))]
    )
    known: dict[str, Artifact | None] = {}
    for name in draw(st.sets(st.sampled_from(ARTIFACTS))):
        whole = artifact(name, truth[name])
        gone = replace(whole, deleted_at=BEGIN)
        known[name] = draw(st.sampled_from((whole, whole, gone, None)))
    return World(truth, Facts(sources, targets, known))


def sound_ways(world: World) -> list[tuple[Route, Release | None]]:
    """Say naively, one release and build at a time, how the commit could be shipped."""
    known = world.facts
    ways: list[tuple[Route, Release | None]] = []
    for source in known.sources:
        for release in source.releases:
            if release.status != "expired" and is_of_the_commit(known, release.artifact):
                can = can_promote(known, source, release)
                ways.append((Route.PROMOTE if can else Route.RELEASE, release))
        ways += [
            (Route.RELEASE, None)
            for build in source.builds
            if build.status == "succeeded"
            and is_of_the_commit(known, build.artifact)
            and build.artifact not in [release.artifact for release in source.releases]
        ]
    return ways


def is_of_the_commit(known: Facts, ref: ArtifactRef | None) -> bool:
    return ref is not None and known.commit_of(ref) == COMMIT.sha and not is_unusable(known, ref)


def can_promote(known: Facts, source: SourceState, release: Release) -> bool:
    waiting = [target for target in known.targets if not known.is_live(target, COMMIT)]
    states: tuple[SourceState | TargetState, ...] = (source, *waiting)
    pipelines = {state.coupling and state.coupling.pipeline_id for state in states}
    together = len(pipelines) == 1 and None not in pipelines
    return source.is_prepare and release.status == "succeeded" and together


def is_unusable(known: Facts, ref: ArtifactRef) -> bool:
    if ref.id not in known.artifacts:
        return False
    read = known.artifacts[ref.id]
    return read is None or read.deleted_at is not None


many = settings(max_examples=60, deadline=None)


@many
@given(worlds())
def test_another_commit_is_never_picked(world: World) -> None:
    candidate = compare(COMMIT, world.facts).candidate

    assert candidate is None or world.commits[candidate.artifact.id] == COMMIT


@many
@given(worlds())
def test_an_expired_or_unreadable_artifact_is_never_picked(world: World) -> None:
    candidate = compare(COMMIT, world.facts).candidate

    if candidate is not None:
        assert not is_unusable(world.facts, candidate.artifact)
        assert candidate.release is None or candidate.release.status != "expired"


@many
@given(worlds())
def test_a_failed_build_alone_is_never_picked(world: World) -> None:
    candidate = compare(COMMIT, world.facts).candidate

    if candidate is not None and candidate.release is None:
        builds = [b for b in candidate.source.builds if b.artifact == candidate.artifact]
        assert "succeeded" in [build.status for build in builds]


@many
@given(worlds())
def test_live_comes_before_promote_before_release_before_build(world: World) -> None:
    decision = compare(COMMIT, world.facts)

    if all(world.facts.is_live(target, COMMIT) for target in world.facts.targets):
        assert decision.route is Route.LIVE
    elif ways := sound_ways(world):
        assert decision.route is min((route for route, _ in ways), key=list(Route).index)
    else:
        assert decision.route is Route.BUILD
        assert decision.candidate is None


@many
@given(worlds())
def test_the_current_release_is_promoted_before_an_earlier_one(world: World) -> None:
    decision = compare(COMMIT, world.facts)

    if decision.route is Route.PROMOTE:
        can = [release for route, release in sound_ways(world) if route is Route.PROMOTE]
        has_current = any(release and release.current for release in can)
        assert decision.reason is (Reason.PREPARED if has_current else Reason.PREPARED_EARLIER)
        assert decision.candidate is not None
        assert decision.candidate.release is not None
        assert decision.candidate.release.current == has_current


@many
@given(worlds(), st.randoms(use_true_random=False))
def test_the_order_of_releases_does_not_matter(world: World, random: Random) -> None:
    shuffled = tuple(
        replace(source, releases=tuple(random.sample(source.releases, len(source.releases))))
        for source in world.facts.sources
    )

    decision = compare(COMMIT, replace(world.facts, sources=shuffled))

    expected = compare(COMMIT, world.facts)
    assert (decision.route, decision.reason, decision.routes) == (
        expected.route,
        expected.reason,
        expected.routes,
    )
    if decision.route is Route.PROMOTE:
        assert decision.candidate is not None
        assert expected.candidate is not None
        assert decision.candidate.release == expected.candidate.release


@many
@given(worlds())
def test_every_target_has_a_route_and_only_live_ones_are_left_alone(world: World) -> None:
    decision = compare(COMMIT, world.facts)

    live = {t.app for t in world.facts.targets if world.facts.is_live(t, COMMIT)}
    assert set(decision.routes) == {target.app for target in world.facts.targets}
    assert {app for app, route in decision.routes.items() if route is Route.LIVE} == live


@many
@given(worlds())
def test_reads_are_bounded_by_the_apps_and_not_by_their_history(world: World) -> None:
    wanted = find_unconfirmed(COMMIT, world.facts)

    assert len(wanted) <= 1 + len(world.facts.sources) + len(world.facts.targets)
    assert not {ref.id for _, ref in wanted} & set(world.facts.artifacts)
