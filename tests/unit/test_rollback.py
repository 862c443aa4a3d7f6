from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from accelerator.errors import KeyRefused, Unreachable
from accelerator.steps.verify.going_back import (
    Hindrance,
    NotWentBack,
    WayBack,
    WentBack,
    find_hindrance,
    roll_back,
)
from accelerator.steps.verify.smoke import SmokeCheck
from tests.unit.fakes import (
    BEGIN,
    OTHER,
    FakeFence,
    Stage,
    make_app,
    make_release,
    make_stage,
    refuse,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from accelerator.models import Release


@pytest.fixture
def stage() -> Stage:
    shop = make_app("shop", "old")
    shop.land("new")
    stage = make_stage(shop, dynos=5.0, smoke=1.0)
    stage.heroku.hold("old", OTHER)
    return stage


def back(stage: Stage, **changes: Any) -> WayBack:
    """Give the way back from v2 to v1."""
    newest, before = stage.app("shop").releases[:2]
    return replace(WayBack("shop", newest, before), **changes)


def test_the_code_of_the_release_before_is_released_again_and_verified(stage: Stage) -> None:
    went = roll_back(stage.run, back(stage), FakeFence())

    assert isinstance(went, WentBack)
    assert went.previous.version == 1
    assert (went.made.version, went.made.description) == (3, "Rollback to v1 (code only)")
    assert stage.heroku.calls == [
        "releases.fetch_newest shop",
        "slugs.fetch shop old",
        "releases.create shop old",
        "releases.fetch shop shop-v3",
        "dynos.fetch shop",
        "formation.fetch shop",
        "apps.fetch shop",
    ]
    assert [step.name for step in stage.ear.finished()] == ["rollback", "verify"]


@pytest.mark.parametrize(
    "previous",
    [
        pytest.param(None, id="no release before it"),
        pytest.param(make_release("shop", 1, None), id="a release without code before it"),
    ],
)
def test_without_code_to_go_back_to_nothing_is_written(
    stage: Stage, previous: Release | None
) -> None:
    went = roll_back(stage.run, back(stage, previous=previous), FakeFence())

    assert isinstance(went, NotWentBack)
    assert went.why is Hindrance.NO_CODE_BEFORE
    assert "no release with code before it" in went.text
    assert stage.heroku.calls == []


def test_a_rollback_that_heroku_refuses_is_told(stage: Stage) -> None:
    stage.heroku.failures["releases.create shop old"] = refuse("the slug has expired")

    went = roll_back(stage.run, back(stage), FakeFence())

    text = ", as the rollback failed too: the slug has expired"
    assert went == NotWentBack(Hindrance.FAILED_TOO, text)


def test_a_rollback_whose_release_command_fails_is_told(stage: Stage) -> None:
    stage.app("shop").failing.add("old")

    went = roll_back(stage.run, back(stage), FakeFence())

    assert isinstance(went, NotWentBack)
    assert went.why is Hindrance.FAILED_TOO
    assert "the rollback failed too: the release command of v3 on shop failed" in went.text


def test_a_rollback_that_ends_on_other_code_is_told(stage: Stage) -> None:
    stage.app("shop").arriving = "somebody-elses"

    went = roll_back(stage.run, back(stage), FakeFence())

    assert isinstance(went, NotWentBack)
    assert went.why is Hindrance.FAILED_TOO
    assert "was to get artifact old but holds somebody-elses" in went.text


def test_old_code_that_crashes_as_well_is_told(stage: Stage) -> None:
    stage.app("shop").crashing.add("old")

    went = roll_back(stage.run, back(stage), FakeFence())

    assert isinstance(went, NotWentBack)
    assert went.why is Hindrance.UNVERIFIED
    assert went.text == (
        ": v1 was released again as v3 but fails as well "
        "(not every dyno is up on v3: web.1 crashed)"
    )


def test_old_code_is_asked_the_same_questions(stage: Stage) -> None:
    stage.app("shop").web_url = "http://127.0.0.1:9/"

    went = roll_back(stage.run, back(stage, checks=(SmokeCheck("/health"),)), FakeFence())

    assert isinstance(went, NotWentBack)
    assert went.why is Hindrance.UNVERIFIED
    assert "fails as well (http://127.0.0.1:9/health did not answer" in went.text


@pytest.mark.parametrize("expired", ["deleted", "gone"])
def test_code_that_has_expired_is_not_released_again(stage: Stage, expired: str) -> None:
    stage.heroku.artifacts.clear()
    if expired == "deleted":
        stage.heroku.hold("old", OTHER, deleted_at=BEGIN)

    went = roll_back(stage.run, back(stage), FakeFence())

    text = ", as the code of the release before has expired"
    assert went == NotWentBack(Hindrance.EXPIRED, text)
    assert stage.heroku.writes() == []


def test_code_that_the_key_may_not_read_is_released_all_the_same(stage: Stage) -> None:
    stage.heroku.failures["slugs.fetch shop old"] = KeyRefused("no")

    went = roll_back(stage.run, back(stage), FakeFence())

    assert isinstance(went, WentBack)
    assert stage.heroku.writes() == ["releases.create shop old"]


def test_what_somebody_else_has_released_meanwhile_is_not_taken_back(stage: Stage) -> None:
    way = back(stage)
    stage.app("shop").land("theirs")

    went = roll_back(stage.run, way, FakeFence())

    assert went == NotWentBack(Hindrance.OVERTAKEN, ", as v3 was released there meanwhile")
    assert stage.heroku.writes() == []


def test_a_config_change_meanwhile_does_not_stand_in_the_way(stage: Stage) -> None:
    way = back(stage)
    stage.app("shop").land("new", "Set LEVEL config var")

    went = roll_back(stage.run, way, FakeFence())

    assert isinstance(went, WentBack)
    assert went.made.version == 4


def test_a_lost_reply_is_settled_by_the_release_and_not_repeated(stage: Stage) -> None:
    stage.heroku.lose_reply("releases.create shop old")

    went = roll_back(stage.run, back(stage), FakeFence())

    assert isinstance(went, WentBack)
    assert went.made.version == 3
    assert stage.heroku.writes() == ["releases.create shop old"]


def test_a_way_back_that_is_open_is_only_looked_at(stage: Stage) -> None:
    assert find_hindrance(stage.run, back(stage)) is None
    assert stage.heroku.calls == ["releases.fetch_newest shop", "slugs.fetch shop old"]


def overtake(stage: Stage) -> None:
    stage.app("shop").land("theirs")


def expire(stage: Stage) -> None:
    stage.heroku.artifacts.clear()


def hide(stage: Stage) -> None:
    stage.heroku.failures["releases.fetch_newest shop"] = refuse("no")


@pytest.mark.parametrize(
    ("meanwhile", "changes", "why"),
    [
        pytest.param(overtake, {}, Hindrance.OVERTAKEN, id="released over by somebody else"),
        pytest.param(expire, {}, Hindrance.EXPIRED, id="the code is gone"),
        pytest.param(hide, {}, Hindrance.UNREADABLE, id="the app cannot be read"),
        pytest.param(expire, {"previous": None}, Hindrance.NO_CODE_BEFORE, id="nothing before"),
    ],
)
def test_what_hinders_the_way_back_is_what_going_back_would_meet_and_nothing_is_written(
    stage: Stage, meanwhile: Callable[[Stage], None], changes: dict[str, Any], why: Hindrance
) -> None:
    way = back(stage, **changes)
    meanwhile(stage)

    found = find_hindrance(stage.run, way)

    assert found is not None
    assert found.why is why
    assert found == roll_back(stage.run, way, FakeFence())
    assert stage.heroku.writes() == []


@pytest.mark.parametrize(
    ("left", "needed", "changes"),
    [
        pytest.param(4.0, 5, {}, id="too little for the dynos"),
        pytest.param(5.5, 6, {"checks": (SmokeCheck("/health"),)}, id="and for the checks"),
        pytest.param(100.0, 185, {"switch_seconds": 180.0}, id="and for a switch"),
    ],
)
def test_no_way_back_is_begun_that_the_run_has_no_time_to_verify(
    stage: Stage, left: float, needed: int, changes: dict[str, Any]
) -> None:
    stage.run.deadline.shorten(left)

    went = roll_back(stage.run, back(stage, **changes), FakeFence())

    assert isinstance(went, NotWentBack)
    assert went.why is Hindrance.NO_TIME
    assert f"takes {needed} s at least, and {round(left)} s are left" in went.text
    assert find_hindrance(stage.run, back(stage, **changes)) == went
    assert stage.heroku.calls == []


def test_a_way_back_that_cannot_be_proved_is_told_as_live(stage: Stage) -> None:
    stage.app("shop").web_url = "http://127.0.0.1:9/"
    stage.app("shop").maintenance = True

    went = roll_back(stage.run, back(stage, checks=(SmokeCheck("/health"),)), FakeFence())

    assert isinstance(went, NotWentBack)
    assert (went.why, went.is_unproven, went.is_open) == (Hindrance.UNPROVEN, True, False)
    assert "v1 was released again as v3, and whether that serves is not known" in went.text


def test_a_way_back_that_we_are_cut_off_from_is_live_and_open(stage: Stage) -> None:
    stage.heroku.failures["dynos.fetch shop"] = Unreachable("gone")

    went = roll_back(stage.run, back(stage), FakeFence())

    assert isinstance(went, NotWentBack)
    assert (went.why, went.is_open) == (Hindrance.UNPROVEN, True)
    assert "(gone)" in went.text
