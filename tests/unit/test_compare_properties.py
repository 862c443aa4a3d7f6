"""Properties of the decision over any world at all: see `tests.unit.worlds`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelerator.models import ArtifactKind, ArtifactRef, Build, Reason, Release, Route
from accelerator.steps.compare.decision import compare
from accelerator.steps.compare.unread import find_unconfirmed
from accelerator.steps.compare.wanted import SourceApp, Wanted
from accelerator.steps.compare.witness import find_running
from tests.unit.fakes import BEGIN, FakeApp, Stage, fetch_facts, make_app, make_stage
from tests.unit.worlds import (
    IN_COMMIT,
    LAYOUTS,
    NAMES,
    ONE,
    POOL,
    TARGETS,
    TWO,
    WANTED,
    Way,
    World,
    build_pages,
    code_in,
    couplings,
    current_of,
    histories,
    inputs_of,
    is_promotable,
    is_said_to_be,
    may_go,
    running_builds,
    runs_it,
    share_pipeline,
    things,
    ways,
    worlds,
)

if TYPE_CHECKING:
    from random import Random

    from hypothesis.strategies import DrawFn

    from accelerator.steps.compare.states import TargetState

many = settings(max_examples=150, deadline=None)
few = settings(max_examples=60, deadline=None)


def cost(way: Way) -> tuple[int, bool, bool]:
    """Order ways as the design does: route, the commit itself, the current release."""
    is_current = way.release is not None and way.release.current
    return (list(Route).index(way.route), way.reason is Reason.SAME_TREE, not is_current)


@many
@given(worlds())
def test_nothing_is_shipped_but_what_was_asked_for_is_there_and_fits(world: World) -> None:
    decision = compare(WANTED, world.facts)

    if decision.candidate is not None and decision.route is not Route.LIVE:
        chosen = decision.candidate
        assert may_go(world, chosen.artifact)
        assert chosen.release is None or chosen.release.status != "expired"


@many
@given(worlds())
def test_code_that_nobody_knows_is_never_taken_for_none_nor_for_another(world: World) -> None:
    for target in world.facts.targets:
        running = find_running(world.facts, target)

        expected = code_in(world, target)
        assert running.commit == (None if expected == "unknown" else expected)
        assert (running.gap is not None) == (expected == "unknown")


@many
@given(worlds())
def test_a_failed_or_running_build_alone_is_never_picked(world: World) -> None:
    candidate = compare(WANTED, world.facts).candidate

    if candidate is not None and candidate.release is None:
        builds = [b for b in candidate.source.builds if b.artifact == candidate.artifact]
        assert "succeeded" in [build.status for build in builds]


@many
@given(worlds())
def test_the_cheapest_valid_route_is_taken_live_promote_release_wait_build(world: World) -> None:
    decision = compare(WANTED, world.facts)

    valid = ways(world)
    if all(runs_it(world, target) for target in world.facts.targets):
        assert (decision.route, decision.reason) == (Route.LIVE, Reason.ALREADY_LIVE)
    elif valid:
        assert decision.route is min(valid, key=cost).route
    elif running := running_builds(world):
        assert (decision.route, decision.reason) == (Route.WAIT, Reason.JOINED_BUILD)
        assert decision.building in running
        assert decision.building.created_at == min(build.created_at for build in running)
    else:
        assert decision.route is Route.BUILD
        assert decision.candidate is None


@many
@given(worlds())
def test_of_equal_routes_the_commit_itself_and_the_newest_release_go_first(world: World) -> None:
    decision = compare(WANTED, world.facts)

    chosen = decision.candidate
    if chosen is not None and decision.route is not Route.LIVE:
        valid = ways(world)
        taken = (chosen.source.app, chosen.artifact, chosen.release)
        way = next(way for way in valid if (way.source.app, way.ref, way.release) == taken)
        assert decision.reason is way.reason
        equal = [other for other in valid if cost(other) == min(map(cost, valid))]
        assert way in equal
        versions = [w.release.version for w in equal if w.source == way.source and w.release]
        assert chosen.release is None or chosen.release.version == max(versions)


@many
@given(worlds())
def test_every_target_gets_its_own_best_route_and_live_ones_are_left_alone(world: World) -> None:
    decision = compare(WANTED, world.facts)

    expected = {}
    for target in world.facts.targets:
        expected[target.app] = decision.route
        if runs_it(world, target):
            expected[target.app] = Route.LIVE
        elif (chosen := decision.candidate) is not None:
            can = is_promotable(world, chosen.source, chosen.artifact, chosen.release)
            can = can and share_pipeline(chosen.source, target)
            expected[target.app] = Route.PROMOTE if can else Route.RELEASE
    assert decision.routes == expected


@few
@given(worlds())
def test_a_miss_is_explained_by_a_reason_of_a_miss_and_a_hit_by_one_of_a_hit(world: World) -> None:
    decision = compare(WANTED, world.facts)

    at = list(Reason).index(Reason.NOTHING_PREPARED)
    hits = {Reason.NOT_IN_PIPELINE, Reason.PREPARE_RELEASE_FAILED}
    misses = {*list(Reason)[at:]} - hits
    assert (decision.reason in misses) == (decision.route is Route.BUILD)


@few
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


@few
@given(worlds())
def test_reads_are_bounded_by_the_apps_and_not_by_their_history(world: World) -> None:
    wanted = find_unconfirmed(WANTED, world.facts)

    assert len(wanted) <= 1 + len(world.facts.sources) + len(world.facts.targets)
    assert not {ref.id for _, ref in wanted} & set(world.facts.artifacts)


@pytest.mark.slow
@settings(max_examples=3000, deadline=None)
@given(worlds())
def test_all_of_that_holds_in_thousands_of_worlds(world: World) -> None:
    for told in (
        test_nothing_is_shipped_but_what_was_asked_for_is_there_and_fits,
        test_code_that_nobody_knows_is_never_taken_for_none_nor_for_another,
        test_a_failed_or_running_build_alone_is_never_picked,
        test_the_cheapest_valid_route_is_taken_live_promote_release_wait_build,
        test_of_equal_routes_the_commit_itself_and_the_newest_release_go_first,
        test_every_target_gets_its_own_best_route_and_live_ones_are_left_alone,
        test_a_miss_is_explained_by_a_reason_of_a_miss_and_a_hit_by_one_of_a_hit,
    ):
        told.hypothesis.inner_test(world)  # type: ignore[attr-defined]  # what `given` wraps


@dataclass
class Platform:
    """A platform with a random past, on which build lists may name a commit that is not true."""

    stage: Stage
    wanted: Wanted
    folder: str | None


@st.composite
def configs_of(draw: DrawFn, app: FakeApp) -> dict[str, dict[str, str] | Exception]:
    """Give the config vars of an app's releases: only a release without other code changes them."""
    told: dict[str, dict[str, str] | Exception] = {}
    now, held = draw(st.sampled_from((ONE, ONE, TWO))), None
    for release in reversed(app.releases):
        if release.artifact in {None, held} and not draw(st.integers(0, 3)):
            now = TWO if now == ONE else ONE
        told[release.id], held = now, release.artifact
    return told


@st.composite
def platforms(draw: DrawFn) -> Platform:
    made = {name: draw(things(name)) for name in NAMES}
    # Nothing has been read yet, so that any list may lie.
    said = {n: replace(m, said=draw(st.sampled_from((m.commit, WANTED)))) for n, m in made.items()}
    pool = POOL[: draw(st.integers(1, 3))]
    names = TARGETS[: draw(st.integers(1, 2))]
    apps = []
    for name in (*pool, *names):
        app = make_app(name, coupling=draw(couplings(name)))
        app.releases = list(draw(histories(name, made)))
        app.builds = list(draw(build_pages(name, said)))
        app.config = draw(st.sampled_from((ONE, ONE, TWO)))
        app.configs = draw(configs_of(app))
        apps.append(app)
    stage = make_stage(*apps)
    for thing in made.values():
        if thing.fate != "gone":
            held = replace(thing, fate="there").read
            gone = BEGIN if thing.fate == "expired" else None
            assert held is not None
            stage.heroku.artifacts[thing.ref.id] = replace(held, deleted_at=gone)
    folder = draw(st.sampled_from((None, None, *LAYOUTS)))
    stage.clone.inputs = inputs_of(folder or "")
    sources, same_tree = tuple(SourceApp(app) for app in pool), folder is not None
    declared = draw(st.sampled_from(((), ("NODE_ENV",))))
    wanted = Wanted(WANTED, sources, names, declared, same_tree=same_tree)
    return Platform(stage, wanted, folder)


@few
@given(platforms())
def test_what_is_shipped_in_the_end_was_read_itself_and_is_what_was_asked_for(
    platform: Platform,
) -> None:
    facts = fetch_facts(platform.stage.run, platform.wanted)
    decision = compare(WANTED, facts)

    reads = [c for c in platform.stage.heroku.calls if c.startswith(("slugs", "oci_images"))]
    assert len(reads) == len(set(reads))
    if decision.candidate is not None and decision.route is not Route.LIVE:
        held = platform.stage.heroku.artifacts[decision.candidate.artifact.id]
        assert held.deleted_at is None
        assert any(call.endswith(f" {held.id}") for call in reads)
        assert is_right(platform, str(held.commit), held.kind)
        for app in decision.writes_to(platform.wanted.targets):
            assert is_built_for(platform, held.ref, app)
    for target in facts.targets:
        is_live = runs_for_sure(platform, target)
        assert is_live is None or (decision.routes[target.app] is Route.LIVE) == is_live


def is_built_for(platform: Platform, held: ArtifactRef, target: str) -> bool:
    """Say whether a build that may have left it surely took the values that the target has."""
    wanted = platform.stage.app(target).config
    apps = [platform.stage.app(source.app) for source in platform.wanted.sources]
    builds = [(app, build) for app in apps for build in app.builds if build.artifact == held]
    return not platform.wanted.build_config or any(
        all(app.configs[each.id] == wanted for each in in_effect(app, build))
        for app, build in builds
    )


def in_effect(app: FakeApp, build: Build) -> list[Release]:
    """List the releases whose config vars may have been in effect as a build began.

    Where it left what was released before, which no build does, nothing is said.
    """
    before = [each for each in app.releases if each.created_at < build.created_at]
    if any(each.artifact == build.artifact for each in before):
        return []
    return before[:1] + [each for each in app.releases if each.created_at == build.created_at]


def is_right(platform: Platform, sha: str, kind: ArtifactKind) -> bool:
    """Say whether what was built from a commit may be what a build of the wanted one comes to."""
    if sha == WANTED.sha or platform.folder is None:
        return sha == WANTED.sha
    has, wanted = IN_COMMIT[sha], IN_COMMIT[WANTED.sha]
    return (
        has.code == wanted.code
        and (bool(platform.folder) or has.other == wanted.other)
        and (kind is ArtifactKind.SLUG or has.notes == wanted.notes)
    )


def runs_for_sure(platform: Platform, target: TargetState) -> bool | None:
    """Say whether a target runs the commit by what lies on the platform; None: nobody can tell.

    What is gone is only known by what the lists say, and what runs on a target is read only where
    they are silent: there a list that lies is believed.
    """
    now = current_of(target)
    if now is None or now.status != "succeeded":
        return False
    if now.artifact is None or is_said_to_be(target, now):
        return is_said_to_be(target, now)
    held = platform.stage.heroku.artifacts.get(now.artifact.id)
    apps = [platform.stage.app(source.app) for source in platform.wanted.sources]
    said = {build.commit for app in apps for build in app.builds if build.artifact == now.artifact}
    return held.commit == WANTED.sha if held and said <= {held.commit} else None
