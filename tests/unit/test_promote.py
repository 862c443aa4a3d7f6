from __future__ import annotations

from dataclasses import replace

import pytest

from accelerator.errors import Interrupted, NotFound, OutcomeUnknown, WrongArtifact
from accelerator.steps.compare.states import Candidate, SourceState, TargetState
from accelerator.steps.route.promotion import promote
from tests.unit.fakes import FakeApp, FakeFence, Stage, make_app, make_coupling, make_stage, slug

SHOP = TargetState("shop", "id-of-shop", (), make_coupling("shop"))
EU = TargetState("shop-eu", "id-of-shop-eu", (), make_coupling("shop-eu"))


@pytest.fixture
def prepare() -> FakeApp:
    app = make_app("shop-prepare", "good")
    app.land("newer")
    return app


@pytest.fixture
def stage(prepare: FakeApp) -> Stage:
    return make_stage(prepare, make_app("shop", "old"), make_app("shop-eu"))


@pytest.fixture
def candidate(prepare: FakeApp) -> Candidate:
    source = SourceState("shop-prepare", coupling=prepare.coupling)
    return Candidate(source, slug("good"), prepare.releases[1])


def test_exactly_the_release_that_was_compared_is_promoted(
    stage: Stage, candidate: Candidate
) -> None:
    ends = promote(stage.run, candidate, (SHOP, EU), FakeFence())

    assert stage.heroku.calls[0] == "promotions.create shop-prepare-v1 to shop shop-eu"
    assert {app: end.status for app, end in ends.items()} == {
        "shop": "succeeded",
        "shop-eu": "succeeded",
    }
    assert {app: end.release_id for app, end in ends.items()} == {
        "shop": "shop-v2",
        "shop-eu": "shop-eu-v1",
    }


def test_nothing_is_promoted_when_the_run_is_given_up(stage: Stage, candidate: Candidate) -> None:
    stage.run.stop.set()

    with pytest.raises(Interrupted):
        promote(stage.run, candidate, (SHOP, EU), FakeFence())

    assert stage.heroku.calls == []


def test_the_id_of_a_promotion_is_told_before_its_end_is_waited_for(
    stage: Stage, candidate: Candidate
) -> None:
    fence, told = FakeFence(), []
    looking = "promotions.fetch_targets promotion-1"
    stage.heroku.before[looking] = lambda: told.extend(fence.begun)

    promote(stage.run, candidate, (SHOP,), fence)

    assert told == [(("shop",), "promotion-1")]


def test_a_promotion_that_has_ended_takes_one_look(stage: Stage, candidate: Candidate) -> None:
    promote(stage.run, candidate, (SHOP,), FakeFence())

    assert stage.heroku.calls[1:] == ["promotions.fetch_targets promotion-1"]


def test_an_answer_that_names_another_release_is_followed_to_its_end_before_that_is_said(
    stage: Stage, candidate: Candidate
) -> None:
    stage.heroku.promotion_names = "shop-prepare-v2"
    stage.heroku.promotion_looks = [{"shop": "pending"}] * 3

    with pytest.raises(WrongArtifact) as caught:
        promote(stage.run, candidate, (SHOP,), FakeFence())

    assert "shop-prepare-v1" in caught.value.message
    assert "shop-prepare-v2" in caught.value.message
    assert stage.heroku.promotion_looks == []


def test_an_answer_that_names_no_release_is_judged_by_how_it_ends(
    stage: Stage, candidate: Candidate
) -> None:
    stage.heroku.promotion_names = ""

    ends = promote(stage.run, candidate, (SHOP,), FakeFence())

    assert ends["shop"].status == "succeeded"


@pytest.mark.parametrize("names", ["", "shop-prepare-v2"], ids=["no release", "another one"])
def test_one_that_is_pending_at_the_deadline_is_unknown_whatever_its_answer_named(
    stage: Stage, candidate: Candidate, names: str
) -> None:
    stage.heroku.promotion_names = names
    stage.heroku.promotion_looks = [{"shop": "pending"}] * 2
    run = replace(stage.run, waits=replace(stage.run.waits, promotion=0.1))

    with pytest.raises(OutcomeUnknown) as caught:
        promote(run, candidate, (SHOP,), FakeFence())

    assert caught.value.exit_code == 9


def test_a_failed_target_is_given_back_beside_the_others(
    stage: Stage, candidate: Candidate
) -> None:
    stage.app("shop").failing.add("good")

    ends = promote(stage.run, candidate, (SHOP, EU), FakeFence())

    assert (ends["shop"].status, ends["shop-eu"].status) == ("failed", "succeeded")
    assert ends["shop"].error_message == "the release command failed"


@pytest.mark.parametrize(
    "looks",
    [
        pytest.param([{"shop": "pending"}], id="one of two is pending"),
        pytest.param([{"shop": "missing"}], id="one of two is not listed yet"),
        pytest.param([{"shop": "missing", "shop-eu": "missing"}], id="none is listed yet"),
    ],
)
def test_every_target_is_waited_for(
    stage: Stage, candidate: Candidate, looks: list[dict[str, str]]
) -> None:
    stage.heroku.promotion_looks = looks

    ends = promote(stage.run, candidate, (SHOP, EU), FakeFence())

    assert {app: end.status for app, end in ends.items()} == {
        "shop": "succeeded",
        "shop-eu": "succeeded",
    }


def test_at_the_deadline_the_outcome_is_unknown_and_nothing_is_repeated(
    stage: Stage, candidate: Candidate
) -> None:
    stage.heroku.promotion_looks = [{"shop": "missing"}] * 5
    stage.heroku.call_seconds = 400.0

    with pytest.raises(OutcomeUnknown) as caught:
        promote(stage.run, candidate, (SHOP, EU), FakeFence())

    assert "promotion-1 to shop, shop-eu is still pending" in caught.value.message
    assert stage.heroku.writes() == ["promotions.create shop-prepare-v1 to shop shop-eu"]


def test_a_target_with_a_release_has_the_time_of_a_release_command(
    stage: Stage, candidate: Candidate
) -> None:
    stage.heroku.promotion_looks = [{"shop": "pending"}] * 5  # half an hour, of ten minutes
    stage.heroku.call_seconds = 400.0

    ends = promote(stage.run, candidate, (SHOP,), FakeFence())

    assert ends["shop"].status == "succeeded"


def test_a_release_command_that_outlasts_its_own_limit_leaves_the_outcome_unknown(
    stage: Stage, candidate: Candidate
) -> None:
    stage.heroku.promotion_looks = [{"shop": "pending"}] * 50
    stage.heroku.call_seconds = 400.0

    with pytest.raises(OutcomeUnknown, match="is still pending at the deadline"):
        promote(stage.run, candidate, (SHOP,), FakeFence())

    assert len(stage.heroku.promotion_looks) > 35


def test_where_all_targets_have_a_release_the_limit_of_promotions_is_none_of_theirs(
    candidate: Candidate, prepare: FakeApp
) -> None:
    short = make_stage(prepare, make_app("shop", "old"), release_phase=50.0)
    short.heroku.promotion_looks = [{"shop": "pending"}] * 20
    short.heroku.call_seconds = 20.0

    with pytest.raises(OutcomeUnknown, match="is still pending at the deadline"):
        promote(short.run, candidate, (SHOP,), FakeFence())

    assert short.clock.now() < 1000.0 + 600.0


def test_a_release_command_that_waits_for_its_turn_is_not_late(
    stage: Stage, candidate: Candidate
) -> None:
    shop = stage.app("shop")
    shop.land("migrating", status="pending")
    stage.heroku.promotion_looks = [{"shop": "pending"}] * 13  # more than an hour
    stage.heroku.call_seconds = 400.0

    ends = promote(stage.run, candidate, (SHOP,), FakeFence())

    assert ends["shop"].status == "succeeded"


def test_the_log_of_each_release_command_is_shown_once(stage: Stage, candidate: Candidate) -> None:
    stage.app("shop").log_url = "https://logs.example/1"
    stage.heroku.log_lines = ("migrating", "done")
    stage.heroku.promotion_looks = [{"shop": "pending"}, {"shop": "pending"}]

    promote(stage.run, candidate, (SHOP,), FakeFence())

    assert stage.ear.lines() == ["release shop: migrating", "release shop: done"]
    assert stage.heroku.calls.count("releases.fetch shop shop-v2") == 1


@pytest.mark.parametrize("looks", [[], [{"shop": "pending"}]], ids=["at once", "later"])
def test_an_output_that_no_look_came_in_time_for_is_still_to_be_heard(
    stage: Stage, candidate: Candidate, looks: list[dict[str, str]]
) -> None:
    stage.heroku.promotion_looks = list(looks)

    ends = promote(stage.run, candidate, (SHOP,), FakeFence())

    assert ends["shop"].is_heard is bool(looks)


def test_a_release_found_after_a_lost_reply_has_its_output_shown_though_it_was_over(
    stage: Stage, candidate: Candidate
) -> None:
    stage.app("shop").log_url = "https://logs.example/1"
    stage.heroku.log_lines = ("migrating", "done")
    stage.heroku.lose_reply("promotions.create shop-prepare-v1 to shop")

    ends = promote(stage.run, candidate, (SHOP,), FakeFence())

    assert stage.ear.lines() == ["release shop: migrating", "release shop: done"]
    assert ends["shop"].is_heard is True


def test_a_failed_release_command_that_was_over_at_the_first_look_has_its_output_shown(
    stage: Stage, candidate: Candidate
) -> None:
    stage.app("shop").failing.add("good")
    stage.app("shop").log_url = "https://logs.example/1"
    stage.heroku.log_lines = ("migrating", "no such table")
    reading = "releases.fetch shop shop-v2"
    stage.heroku.failures[reading] = NotFound("a read that lags")
    seen: list[str] = []

    def catch_up() -> None:
        seen.append(reading)
        if len(seen) > 1:
            stage.heroku.failures.clear()

    stage.heroku.always[reading] = catch_up

    promote(stage.run, candidate, (SHOP,), FakeFence())

    assert stage.ear.lines() == ["release shop: migrating", "release shop: no such table"]
    [told] = stage.ear.evidence()
    assert told.lines == ("migrating", "no such table")


@pytest.mark.parametrize(
    "lacking",
    [
        pytest.param(Candidate(SourceState("a"), slug("good"), None), id="no release"),
        pytest.param(
            Candidate(SourceState("a"), slug("good"), make_app("a", "good").current),
            id="no pipeline",
        ),
    ],
)
def test_what_cannot_be_promoted_is_a_mistake_of_the_caller(
    stage: Stage, lacking: Candidate
) -> None:
    with pytest.raises(ValueError, match="only a release in a pipeline"):
        promote(stage.run, lacking, (SHOP,), FakeFence())

    assert stage.heroku.calls == []
