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
from accelerator.steps.checks import Fit
from accelerator.steps.compare import compare, find_unconfirmed
from accelerator.steps.facts import Place, Wanted, fetch_facts
from accelerator.steps.known import Facts, SourceState, TargetState
from tests.unit.fakes import (
    BEGIN,
    COMMIT,
    OTHER,
    Stage,
    artifact,
    make_app,
    make_build,
    make_coupling,
    make_release,
    make_stage,
)

if TYPE_CHECKING:
    from random import Random

    from hypothesis.strategies import DrawFn

PREPARE = "shop-prepare"
ARTIFACTS = ("a", "b", "c", "d")
WANTED = replace(COMMIT, tree="tree")
TWIN = Commit("7" * 40, tree="tree")
COMMITS = (WANTED, WANTED, replace(OTHER, tree="other"), TWIN)
STACKS = ("heroku-24", "heroku-24", "heroku-26")
STATUSES = ("succeeded", "succeeded", "succeeded", "failed", "pending", "expired")
BUILD_STATUSES = ("succeeded", "succeeded", "failed", "pending")
PIPELINES = (None, "pipe", "pipe", "another")


@dataclass(frozen=True)
class World:
    """A truth (which commit each artifact holds, for which stack), and facts that tell some of it.

    Equal trees count in every other world.
    """

    commits: dict[str, Commit]
    stacks: dict[str, str]
    facts: Facts

    def is_wanted(self, name: str) -> bool:
        if self.facts.trees is not None:
            return self.commits[name].tree == WANTED.tree
        return self.commits[name] == WANTED


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
def build_pages(
    draw: DrawFn, app: str, truth: dict[str, Commit], stacks: dict[str, str]
) -> tuple[Build, ...]:
    page = []
    for name in draw(st.lists(st.sampled_from(ARTIFACTS), max_size=3)):
        status = draw(st.sampled_from(BUILD_STATUSES))
        held = None if status == "pending" else name
        page.append(make_build(app, held, truth[name], status=status, stack=stacks[name]))
    return tuple(page)


@st.composite
def worlds(draw: DrawFn) -> World:
    truth = {name: draw(st.sampled_from(COMMITS)) for name in ARTIFACTS}
    stacks = {name: draw(st.sampled_from(STACKS)) for name in ARTIFACTS}
    apps = draw(st.permutations((PREPARE, "shop-prepare-2", "shop-staging")))
    sources = tuple(
        SourceState(
            app,
            draw(histories(app)),
            draw(build_pages(app, truth, stacks)),
            draw(couplings(app)),
            is_prepare=app != "shop-staging",
        )
        for app in apps[: draw(st.integers(1, 3))]
    )
    targets = tuple(
        TargetState(
            app,
            f"id-of-{app}",
            draw(histories(app)),
            draw(couplings(app)),
            Fit(draw(st.sampled_from((None, frozenset({"heroku-24"}))))),
        )
        for app in ("shop", "shop-eu")[: draw(st.integers(1, 2))]
    )
    known: dict[str, Artifact | None] = {}
    for name in draw(st.sets(st.sampled_from(ARTIFACTS))):
        whole = artifact(name, truth[name], stack=stacks[name])
        gone = replace(whole, deleted_at=BEGIN)
        known[name] = draw(st.sampled_from((whole, whole, gone, None)))
    trees = {commit.sha: str(commit.tree) for commit in COMMITS}
    facts = Facts(sources, targets, known, draw(st.sampled_from((None, trees))))
    return World(truth, stacks, facts)


Way = tuple[Route, Release | None]


def sound_ways(world: World) -> list[Way]:
    """Say naively, one release and build at a time, how the commit could be shipped."""
    known = world.facts
    ways: list[Way] = []
    for source in known.sources:
        for release in source.releases:
            if release.status != "expired" and can_be_shipped(world, release.artifact):
                can = can_promote(known, source, release)
                ways.append((Route.PROMOTE if can else Route.RELEASE, release))
        ways += [
            (Route.RELEASE, None)
            for build in source.builds
            if build.status == "succeeded"
            and can_be_shipped(world, build.artifact)
            and build.artifact not in [release.artifact for release in source.releases]
        ]
    return ways


def can_be_shipped(world: World, ref: ArtifactRef | None) -> bool:
    """Say whether an artifact is known to be of the wanted source, still there, and to fit."""
    known = world.facts
    if ref is None or known.commit_of(ref) is None or not world.is_wanted(ref.id):
        return False
    return not is_unusable(known, ref) and all(fits(world, ref, t) for t in waiting(known))


def fits(world: World, ref: ArtifactRef, target: TargetState) -> bool:
    stacks = target.fit.stacks
    if stacks is None and target.current is not None:
        runs = known_stack(world, target.current.artifact)
        stacks = frozenset({runs}) if runs else None
    stack = known_stack(world, ref)
    return stacks is None or stack is None or stack in stacks


def known_stack(world: World, ref: ArtifactRef | None) -> str | None:
    """Give the stack of an artifact that was read, or that a build names."""
    if ref is None:
        return None
    named = [b for source in world.facts.sources for b in source.builds if b.artifact == ref]
    return world.stacks[ref.id] if named or world.facts.artifacts.get(ref.id) else None


def waiting(known: Facts) -> list[TargetState]:
    return [target for target in known.targets if not known.is_live(target, WANTED)]


def can_promote(known: Facts, source: SourceState, release: Release) -> bool:
    states: tuple[SourceState | TargetState, ...] = (source, *waiting(known))
    pipelines = {state.coupling and state.coupling.pipeline_id for state in states}
    together = len(pipelines) == 1 and None not in pipelines
    is_own = known.commit_of(release.artifact) == WANTED.sha
    return is_own and source.is_prepare and release.status == "succeeded" and together


def is_unusable(known: Facts, ref: ArtifactRef) -> bool:
    if ref.id not in known.artifacts:
        return False
    read = known.artifacts[ref.id]
    return read is None or read.deleted_at is not None


def is_being_built(known: Facts) -> bool:
    builds = [build for source in known.sources if source.is_prepare for build in source.builds]
    return any(build.status == "pending" and build.commit == WANTED.sha for build in builds)


many = settings(max_examples=60, deadline=None)


@many
@given(worlds())
def test_another_tree_is_never_picked_and_another_commit_only_when_equal_trees_count(
    world: World,
) -> None:
    candidate = compare(WANTED, world.facts).candidate

    assert candidate is None or world.is_wanted(candidate.artifact.id)


@many
@given(worlds())
def test_what_is_known_not_to_fit_is_never_picked(world: World) -> None:
    decision = compare(WANTED, world.facts)

    if decision.candidate is not None and decision.route is not Route.LIVE:
        for target in waiting(world.facts):
            assert fits(world, decision.candidate.artifact, target)


@many
@given(worlds())
def test_an_expired_or_unreadable_artifact_is_never_picked(world: World) -> None:
    candidate = compare(WANTED, world.facts).candidate

    if candidate is not None:
        assert not is_unusable(world.facts, candidate.artifact)
        assert candidate.release is None or candidate.release.status != "expired"


@many
@given(worlds())
def test_a_failed_build_alone_is_never_picked(world: World) -> None:
    candidate = compare(WANTED, world.facts).candidate

    if candidate is not None and candidate.release is None:
        builds = [b for b in candidate.source.builds if b.artifact == candidate.artifact]
        assert "succeeded" in [build.status for build in builds]


@many
@given(worlds())
def test_the_cheapest_valid_route_is_taken_live_promote_release_wait_build(world: World) -> None:
    decision = compare(WANTED, world.facts)

    if all(world.facts.is_live(target, WANTED) for target in world.facts.targets):
        assert decision.route is Route.LIVE
    elif ways := sound_ways(world):
        assert decision.route is min((route for route, _ in ways), key=list(Route).index)
    elif is_being_built(world.facts):
        assert decision.route is Route.WAIT
        assert decision.building is not None
        assert (decision.building.status, decision.building.commit) == ("pending", WANTED.sha)
    else:
        assert decision.route is Route.BUILD
        assert decision.candidate is None


@many
@given(worlds())
def test_the_current_release_is_promoted_before_an_earlier_one(world: World) -> None:
    decision = compare(WANTED, world.facts)

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

    decision = compare(WANTED, replace(world.facts, sources=shuffled))

    expected = compare(WANTED, world.facts)
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
    decision = compare(WANTED, world.facts)

    live = {t.app for t in world.facts.targets if world.facts.is_live(t, WANTED)}
    assert set(decision.routes) == {target.app for target in world.facts.targets}
    assert {app for app, route in decision.routes.items() if route is Route.LIVE} == live


@many
@given(worlds())
def test_reads_are_bounded_by_the_apps_and_not_by_their_history(world: World) -> None:
    wanted = find_unconfirmed(WANTED, world.facts)

    assert len(wanted) <= 1 + len(world.facts.sources) + len(world.facts.targets)
    assert not {ref.id for _, ref in wanted} & set(world.facts.artifacts)


@dataclass
class Platform:
    """A platform with a random past, on which build lists may name a commit that is not true."""

    stage: Stage
    wanted: Wanted
    trees: bool


@st.composite
def platforms(draw: DrawFn) -> Platform:
    truth = {name: draw(st.sampled_from(COMMITS)) for name in ARTIFACTS}
    pool = (PREPARE, "shop-prepare-2")[: draw(st.integers(1, 2))]
    targets = ("shop", "shop-eu")[: draw(st.integers(1, 2))]
    apps = []
    for name in (*pool, *targets):
        app = make_app(name, coupling=draw(couplings(name)))
        app.releases = list(draw(histories(name)))
        said = {a: draw(st.sampled_from((truth[a], truth[a], WANTED))) for a in ARTIFACTS}
        app.builds = list(draw(build_pages(name, said, dict.fromkeys(ARTIFACTS, "heroku-24"))))
        apps.append(app)
    stage = make_stage(*apps)
    for name in ARTIFACTS:
        fate = draw(st.sampled_from(("there", "there", "expired", "gone")))
        if fate != "gone":
            deleted_at = BEGIN if fate == "expired" else None
            stage.heroku.hold(name, truth[name], deleted_at=deleted_at, stack="heroku-24")
    trees = draw(st.booleans())
    known = {commit.sha: str(commit.tree) for commit in COMMITS}
    places = tuple(Place(app) for app in pool)
    wanted = Wanted(WANTED, places, targets, (), (lambda _: known) if trees else None)
    return Platform(stage, wanted, trees)


@many
@given(platforms())
def test_what_is_shipped_in_the_end_was_read_itself_and_is_what_was_asked_for(
    platform: Platform,
) -> None:
    facts = fetch_facts(platform.stage.run, platform.wanted)
    decision = compare(WANTED, facts)

    reads = [call for call in platform.stage.heroku.calls if call.startswith("slugs")]
    assert len(reads) == len(set(reads))
    if decision.candidate is not None and decision.route is not Route.LIVE:
        held = platform.stage.heroku.artifacts[decision.candidate.artifact.id]
        assert held.deleted_at is None
        assert any(call.endswith(f" {held.id}") for call in reads)
        tree = next(commit.tree for commit in COMMITS if commit.sha == held.commit)
        assert tree == WANTED.tree
        assert platform.trees or held.commit == WANTED.sha
    if decision.route is Route.LIVE:
        for target in facts.targets:
            assert target.current is not None
            assert target.current.status == "succeeded"
            assert facts.commit_of(target.current.artifact) == WANTED.sha
