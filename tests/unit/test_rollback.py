from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from accelerator.steps.rollback import roll_back
from accelerator.steps.smoke import SmokeCheck
from tests.unit.fakes import Stage, make_app, make_release, make_stage, refuse

if TYPE_CHECKING:
    from accelerator.models import Release


@pytest.fixture
def stage() -> Stage:
    shop = make_app("shop", "old")
    shop.land("new")
    return make_stage(shop, dynos=5.0, smoke=1.0)


def before(stage: Stage) -> Release:
    return stage.app("shop").releases[1]


def test_the_code_of_the_release_before_is_released_again_and_verified(stage: Stage) -> None:
    made, why = roll_back(stage.run, "shop", before(stage), None, ())

    assert why == ""
    assert made is not None
    assert (made.version, made.description) == (3, "Rollback to v1 (code only)")
    assert stage.heroku.calls == [
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
    made, why = roll_back(stage.run, "shop", previous, None, ())

    assert made is None
    assert "no release with code before it" in why
    assert stage.heroku.calls == []


def test_a_rollback_that_heroku_refuses_is_told(stage: Stage) -> None:
    stage.heroku.failures["releases.create shop old"] = refuse("the slug has expired")

    made, why = roll_back(stage.run, "shop", before(stage), None, ())

    assert (made, why) == (None, ", as the rollback failed too: the slug has expired")


def test_a_rollback_whose_release_command_fails_is_told(stage: Stage) -> None:
    stage.app("shop").failing.add("old")

    made, why = roll_back(stage.run, "shop", before(stage), None, ())

    assert made is None
    assert "the rollback failed too: the release command of v3 on shop failed" in why


def test_a_rollback_that_ends_on_other_code_is_told(stage: Stage) -> None:
    stage.app("shop").arriving = "somebody-elses"

    made, why = roll_back(stage.run, "shop", before(stage), None, ())

    assert made is None
    assert "was to get artifact old but holds somebody-elses" in why


def test_old_code_that_crashes_as_well_is_told(stage: Stage) -> None:
    stage.app("shop").crashing.add("old")

    made, why = roll_back(stage.run, "shop", before(stage), None, ())

    assert made is None
    assert why == (
        ": v1 was released again as v3 but fails as well "
        "(not every dyno is up on v3: web.1 crashed)"
    )


def test_old_code_is_asked_the_same_questions(stage: Stage) -> None:
    stage.app("shop").web_url = "http://127.0.0.1:9/"

    made, why = roll_back(stage.run, "shop", before(stage), None, (SmokeCheck("/health"),))

    assert made is None
    assert "fails as well (http://127.0.0.1:9/health did not answer" in why
