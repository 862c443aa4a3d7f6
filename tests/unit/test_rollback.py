from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from accelerator.errors import KeyRefused
from accelerator.steps.verify.going_back import Way, roll_back
from accelerator.steps.verify.smoke import SmokeCheck
from tests.unit.fakes import BEGIN, OTHER, Stage, make_app, make_release, make_stage, refuse

if TYPE_CHECKING:
    from accelerator.models import Release


@pytest.fixture
def stage() -> Stage:
    shop = make_app("shop", "old")
    shop.land("new")
    stage = make_stage(shop, dynos=5.0, smoke=1.0)
    stage.heroku.hold("old", OTHER)
    return stage


def back(stage: Stage, **changes: Any) -> Way:
    """Give the way back from v2 to v1."""
    newest, before = stage.app("shop").releases[:2]
    return replace(Way("shop", newest, before), **changes)


def test_the_code_of_the_release_before_is_released_again_and_verified(stage: Stage) -> None:
    made, why = roll_back(stage.run, back(stage))

    assert why == ""
    assert made is not None
    assert (made.version, made.description) == (3, "Rollback to v1 (code only)")
    assert stage.heroku.calls == [
        "releases.fetch_newest shop",
        "slugs.fetch shop old",
        "releases.create shop old",
        "releases.fetch shop shop-v3",
        "dynos.fetch shop",
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
    made, why = roll_back(stage.run, back(stage, previous=previous))

    assert made is None
    assert "no release with code before it" in why
    assert stage.heroku.calls == []


def test_a_rollback_that_heroku_refuses_is_told(stage: Stage) -> None:
    stage.heroku.failures["releases.create shop old"] = refuse("the slug has expired")

    made, why = roll_back(stage.run, back(stage))

    assert (made, why) == (None, ", as the rollback failed too: the slug has expired")


def test_a_rollback_whose_release_command_fails_is_told(stage: Stage) -> None:
    stage.app("shop").failing.add("old")

    made, why = roll_back(stage.run, back(stage))

    assert made is None
    assert "the rollback failed too: the release command of v3 on shop failed" in why


def test_a_rollback_that_ends_on_other_code_is_told(stage: Stage) -> None:
    stage.app("shop").arriving = "somebody-elses"

    made, why = roll_back(stage.run, back(stage))

    assert made is None
    assert "was to get artifact old but holds somebody-elses" in why


def test_old_code_that_crashes_as_well_is_told(stage: Stage) -> None:
    stage.app("shop").crashing.add("old")

    made, why = roll_back(stage.run, back(stage))

    assert made is None
    assert why == (
        ": v1 was released again as v3 but fails as well "
        "(not every dyno is up on v3: web.1 crashed)"
    )


def test_old_code_is_asked_the_same_questions(stage: Stage) -> None:
    stage.app("shop").web_url = "http://127.0.0.1:9/"

    made, why = roll_back(stage.run, back(stage, checks=(SmokeCheck("/health"),)))

    assert made is None
    assert "fails as well (http://127.0.0.1:9/health did not answer" in why


@pytest.mark.parametrize("expired", ["deleted", "gone"])
def test_code_that_has_expired_is_not_released_again(stage: Stage, expired: str) -> None:
    stage.heroku.artifacts.clear()
    if expired == "deleted":
        stage.heroku.hold("old", OTHER, deleted_at=BEGIN)

    made, why = roll_back(stage.run, back(stage))

    assert (made, why) == (None, ", as the code of the release before has expired")
    assert stage.heroku.writes() == []


def test_code_that_the_key_may_not_read_is_released_all_the_same(stage: Stage) -> None:
    stage.heroku.failures["slugs.fetch shop old"] = KeyRefused("no")

    made, _ = roll_back(stage.run, back(stage))

    assert made is not None
    assert stage.heroku.writes() == ["releases.create shop old"]


def test_what_somebody_else_has_released_meanwhile_is_not_taken_back(stage: Stage) -> None:
    way = back(stage)
    stage.app("shop").land("theirs")

    made, why = roll_back(stage.run, way)

    assert (made, why) == (None, ", as v3 was released there meanwhile")
    assert stage.heroku.writes() == []


def test_a_config_change_meanwhile_does_not_stand_in_the_way(stage: Stage) -> None:
    way = back(stage)
    stage.app("shop").land("new", "Set LEVEL config var")

    made, _ = roll_back(stage.run, way)

    assert made is not None
    assert made.version == 4


def test_a_lost_reply_is_settled_by_the_release_and_not_repeated(stage: Stage) -> None:
    stage.heroku.lose_reply("releases.create shop old")

    made, why = roll_back(stage.run, back(stage))

    assert (made and made.version, why) == (3, "")
    assert stage.heroku.writes() == ["releases.create shop old"]
