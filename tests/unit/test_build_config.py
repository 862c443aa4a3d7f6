"""With which config vars something was built: of its build's own release, not of today."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelerator.errors import KeyRefused, RequestInvalid
from accelerator.models import OnMiss, Reason, Refusal, Route
from accelerator.steps.compare.build_config import MOST_RELEASES, agreed, find_origin_of
from accelerator.steps.compare.decision import compare
from accelerator.steps.compare.wanted import SourceApp, Wanted
from accelerator.steps.deploy import deploy
from tests.unit.deployscene import Scene, scene
from tests.unit.fakes import (
    BEGIN,
    COMMIT,
    Stage,
    fetch_facts,
    make_app,
    make_build,
    make_release,
    make_stage,
    slug,
)

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn

    from accelerator.models import Build, Release

PREPARE = "shop-prepare"
WANTED = Wanted(COMMIT, (SourceApp(PREPARE),), ("shop",), build_config=("LEVEL",))
READ = f"releases.fetch_config_vars {PREPARE} {PREPARE}-v1"


def at(version: int, minute: float, held: str | None = "before", **changes: object) -> Release:
    made = BEGIN + timedelta(minutes=minute)
    return make_release(PREPARE, version, held, **{"created_at": made, **changes})


def build(minute: float, end: float | None, release: int | None = None) -> Build:
    """Make a build that took from one minute to another, and made a release."""
    return make_build(
        PREPARE,
        "good" if end is not None else None,
        COMMIT,
        status="pending" if end is None else "succeeded",
        created_at=BEGIN + timedelta(minutes=minute),
        updated_at=None if end is None else BEGIN + timedelta(minutes=end),
        release_id=f"{PREPARE}-v{release}" if release else None,
    )


OWN, FIRST = at(5, 15, "good"), at(1, 0, None)
OTHERS = make_build(PREPARE, "other", COMMIT, release_id=f"{PREPARE}-v3")


@pytest.mark.parametrize(
    ("built", "releases", "expected"),
    [
        pytest.param(build(10, 15, 5), (OWN, FIRST), [5], id="the release it made"),
        pytest.param(build(10, 15), (OWN, FIRST), [5], id="found by what it holds"),
        pytest.param(
            build(10, 15), (at(6, 20, "good"), OWN, FIRST), [5], id="not a later one of the same"
        ),
        pytest.param(build(10, 15, 5), (OWN, at(4, 9), FIRST), [5], id="what was set before"),
        pytest.param(
            build(10, 15, 5), (OWN, at(4, 12), FIRST), [1, 4, 5], id="what was set meanwhile"
        ),
        pytest.param(
            build(10, 15, 5), (OWN, at(4, 10), FIRST), [1, 4, 5], id="what was set that moment"
        ),
        pytest.param(
            build(10, 15, 5), (OWN, at(3, 12, "other"), FIRST), [5], id="what another build made"
        ),
        pytest.param(build(10, 15, 5), (FIRST,), [], id="a release that is not listed any more"),
        pytest.param(build(10, 15, 5), (OWN, at(4, 12)), [], id="a list that ends before it"),
        pytest.param(build(10, 15), (at(2, 3), FIRST), [2], id="it made no release"),
        pytest.param(build(10, 15), (at(9, 99), at(2, 3)), [2], id="what was set after its end"),
        pytest.param(build(10, None), (at(2, 3), FIRST), [2], id="it runs"),
        pytest.param(build(10, None), (at(4, 11), at(2, 3)), [2, 4], id="it runs, and it was set"),
        pytest.param(
            build(10, 15, 99),
            (at(99, 15, "good"), *(at(n, 12) for n in range(6, 7 + MOST_RELEASES)), FIRST),
            [],
            id="too many to ask for",
        ),
    ],
)
def test_a_build_took_what_was_in_effect_as_it_began(
    built: Build, releases: tuple[Release, ...], expected: list[int]
) -> None:
    found = find_origin_of(built, releases, (built, OTHERS))

    assert sorted(release.version for release in found) == expected


def test_only_what_all_releases_agree_on_is_known() -> None:
    assert agreed([{"A": "1"}, {"A": "1"}]) == {"A": "1"}
    assert agreed([{"A": "1"}, {"A": "2"}]) is None
    assert agreed([{"A": "1"}, None]) is None
    assert agreed([]) is None


@dataclass
class Past:
    """An app as it went on: every config change and every end of a build makes a release."""

    releases: list[Release] = field(default_factory=list)
    builds: dict[str, Build] = field(default_factory=dict)
    configs: dict[str, str] = field(default_factory=dict)
    taken: dict[str, str] = field(default_factory=dict)
    undisturbed: set[str] = field(default_factory=set)

    @property
    def running(self) -> list[str]:
        return [name for name, each in self.builds.items() if each.status == "pending"]

    def set(self, second: int, value: str) -> None:
        held = self.releases[-1].artifact if self.releases else None
        self._release(second, value, artifact=held)
        self.undisturbed -= {*self.running}

    def begin(self, second: int, name: str, value: str) -> None:
        begun = BEGIN + timedelta(seconds=second)
        pending = make_build(
            PREPARE, None, COMMIT, id=name, status="pending", created_at=begun, updated_at=begun
        )
        self.builds[name], self.taken[name] = pending, value
        if all(each.created_at < begun for each in self.releases):
            self.undisturbed.add(name)

    def end(self, second: int, name: str, value: str) -> None:
        made = self._release(second, value, artifact=slug(name))
        updated = BEGIN + timedelta(seconds=second)
        ended = replace(self.builds[name], status="succeeded", artifact=slug(name))
        self.builds[name] = replace(ended, updated_at=updated, release_id=made.id)

    def _release(self, second: int, value: str, **changes: object) -> Release:
        at_second = BEGIN + timedelta(seconds=second)
        number = len(self.releases) + 1
        made = make_release(PREPARE, number, None, created_at=at_second, **changes)
        self.releases.append(made)
        self.configs[made.id] = value
        return made


@st.composite
def pasts(draw: DrawFn) -> Past:
    """Let things happen to an app, several within one second of the platform's clock."""
    past, value = Past(), "a"
    past.set(0, value)
    for step in range(1, draw(st.integers(2, 10))):
        second = draw(st.sampled_from((step, step, 2 * (step // 2))))
        happens = draw(st.sampled_from(("set", "begin", "end")))
        if happens == "set":
            value = draw(st.sampled_from(("a", "b")))
            past.set(second, value)
        elif happens == "begin":
            past.begin(second, f"build-{step}", value)
        elif past.running:
            past.end(second, draw(st.sampled_from(past.running)), value)
    return past


@settings(max_examples=200, deadline=None)
@given(pasts())
def test_what_is_said_of_a_build_is_what_it_took_or_nothing(past: Past) -> None:
    for name, built in past.builds.items():
        newest_first = past.releases[::-1]
        origin = find_origin_of(built, newest_first, [*past.builds.values()])

        known = agreed([{"LEVEL": past.configs[each.id]} for each in origin])

        assert known in (None, {"LEVEL": past.taken[name]})
        if name in past.undisturbed:
            assert known is not None


def stage(now: str, then: str, target: str = "a") -> Stage:
    """Set a stage on which LEVEL had one value when the prepare app built, and has one now."""
    built = make_build(PREPARE, "good", COMMIT, release_id=f"{PREPARE}-v1")
    prepare = make_app(PREPARE, "good", builds=[built], config={"LEVEL": now, "KEY": "s3cret"})
    prepare.configs[f"{PREPARE}-v1"] = {"LEVEL": then, "KEY": "s3cret"}
    made = make_stage(prepare, make_app("shop", config={"LEVEL": target}))
    made.heroku.hold("good", COMMIT)
    return made


@pytest.mark.parametrize(
    ("now", "then", "route", "reason"),
    [
        pytest.param("a", "a", Route.PROMOTE, Reason.PREPARED, id="nothing changed"),
        pytest.param("a", "b", Route.BUILD, Reason.BUILD_CONFIG_DIFFERS, id="stale values in it"),
        pytest.param("b", "a", Route.PROMOTE, Reason.PREPARED, id="set since it was built"),
    ],
)
def test_the_values_of_the_build_decide_and_not_those_of_today(
    now: str, then: str, route: Route, reason: Reason
) -> None:
    made = stage(now, then)

    decision = compare(COMMIT, fetch_facts(made.run, WANTED))

    assert (decision.route, decision.reason) == (route, reason)
    assert made.heroku.calls.count(READ) == 1
    assert "s3cret" not in repr(decision)
    kept = [*decision.facts.built_with.values(), decision.facts.targets[0].fit.build_config]
    assert not {"a", "b"} & {value for each in kept if each for value in each.values()}


def test_where_none_is_declared_nothing_is_read_for_it() -> None:
    made = stage("a", "b")

    assert compare(COMMIT, fetch_facts(made.run, replace(WANTED, build_config=()))).route is (
        Route.PROMOTE
    )
    assert READ not in made.heroku.calls


def test_one_build_is_asked_about_and_not_each_that_is_listed() -> None:
    made = stage("a", "a")
    prepare = made.app(PREPARE)
    for number in range(2, 6):
        held = prepare.land(f"older-{number}")
        made.heroku.hold(f"older-{number}", COMMIT)
        prepare.builds.append(
            make_build(PREPARE, f"older-{number}", COMMIT, release_id=held.id, id=f"b{number}")
        )

    fetch_facts(made.run, WANTED)

    assert len([call for call in made.heroku.calls if "fetch_config_vars" in call]) == 1


@pytest.mark.parametrize("trouble", [KeyRefused("no"), RequestInvalid("no")])
@pytest.mark.parametrize("whose", ["the build's", "the target's"])
def test_values_that_are_withheld_are_not_taken_for_equal(whose: str, trouble: Exception) -> None:
    made = stage("a", "a")
    if whose == "the build's":
        made.app(PREPARE).configs[f"{PREPARE}-v1"] = trouble
    else:
        made.app("shop").config = trouble

    decision = compare(COMMIT, fetch_facts(made.run, WANTED))

    assert (decision.route, decision.reason) == (Route.BUILD, Reason.BUILD_CONFIG_UNKNOWN)
    assert "prepare.build_config" in decision.passed_over[0]


def stale(**rules: object) -> Scene:
    """Set a scene in which the value that was built in is not the target's."""
    made = scene("good", make_app("shop", "old", config={"LEVEL": "a"}))
    prepare = made.app(PREPARE)
    prepare.config = {"LEVEL": "a"}
    prepare.configs[f"{PREPARE}-v1"] = {"LEVEL": "b"}
    made.change(build_config=("LEVEL",), **rules)
    return made


def test_what_has_stale_values_in_it_is_built_anew_where_it_goes() -> None:
    made = stale()

    report = made.deploy()

    assert made.writes() == ["sources.create", f"builds.create shop {COMMIT.short}"]
    assert (report.route, report.reason) == (Route.BUILD, Reason.BUILD_CONFIG_DIFFERS)


def test_what_has_stale_values_in_it_is_a_miss_where_none_may_be_built() -> None:
    made = stale(on_miss=OnMiss.FAIL)

    with pytest.raises(Exception, match="build_config_differs") as caught:
        deploy(made.stage.run, made.order, made.report)

    assert getattr(caught.value, "reason", None) is Refusal.MISS_REFUSED
    assert made.writes() == []
