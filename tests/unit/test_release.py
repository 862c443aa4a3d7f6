from __future__ import annotations

import pytest

from accelerator.errors import Interrupted, OutcomeUnknown, ReleaseFailed, WrongArtifact
from accelerator.steps.compare.states import TargetState
from accelerator.steps.route.slug_release import release
from tests.unit.fakes import FakeFence, Stage, make_app, make_stage, slug


@pytest.fixture
def stage() -> Stage:
    return make_stage(make_app("shop", "old"), traces=5.0)


def as_read(stage: Stage) -> TargetState:
    """Give the target as it was read before the write."""
    return TargetState("shop", "id-of-shop", tuple(stage.app("shop").releases))


def test_an_artifact_is_released_by_its_id_with_one_request(stage: Stage) -> None:
    made = release(stage.run, as_read(stage), slug("good"), "Deploy c0ffee", FakeFence())

    assert (made.version, made.description, made.artifact) == (2, "Deploy c0ffee", slug("good"))
    assert stage.heroku.calls == ["releases.create shop good"]


def test_nothing_is_released_when_the_run_is_given_up(stage: Stage) -> None:
    stage.run.stop.set()

    with pytest.raises(Interrupted):
        release(stage.run, as_read(stage), slug("good"), "Deploy", FakeFence())

    assert stage.heroku.calls == []


@pytest.mark.parametrize(
    ("arriving", "found"),
    [
        pytest.param("somebody-elses", "somebody-elses", id="another artifact"),
        pytest.param("", "nothing", id="none"),
    ],
)
def test_an_answer_with_another_artifact_is_not_followed(
    stage: Stage, arriving: str, found: str
) -> None:
    land = stage.app("shop").land
    stage.app("shop").land = lambda _, *rest: land(arriving or None, *rest)  # type: ignore[method-assign]

    with pytest.raises(WrongArtifact, match=f"was to get artifact good but holds {found}"):
        release(stage.run, as_read(stage), slug("good"), "Deploy", FakeFence())

    assert len(stage.heroku.calls) == 1


def test_a_release_command_that_fails_is_a_failure(stage: Stage) -> None:
    stage.app("shop").failing.add("good")

    with pytest.raises(ReleaseFailed, match="v2 on shop"):
        release(stage.run, as_read(stage), slug("good"), "Deploy", FakeFence())


def test_a_lost_reply_is_settled_by_the_release_it_made_and_never_repeated(stage: Stage) -> None:
    read = as_read(stage)
    stage.heroku.lose_reply("releases.create shop good")

    made = release(stage.run, read, slug("good"), "Deploy", FakeFence())

    assert (made.version, made.artifact) == (2, slug("good"))
    assert stage.heroku.writes() == ["releases.create shop good"]


def test_a_lost_reply_whose_release_shows_late_is_waited_for(stage: Stage) -> None:
    read = as_read(stage)
    stage.heroku.failures["releases.create shop good"] = OutcomeUnknown("no answer")
    looks: list[object] = []

    def look() -> None:
        looks.append(None)
        if len(looks) == 3:
            stage.app("shop").land("good")

    stage.heroku.always["releases.fetch_newest shop"] = look

    made = release(stage.run, read, slug("good"), "Deploy", FakeFence())

    assert made.version == 2
    assert stage.heroku.writes() == ["releases.create shop good"]


def test_a_lost_reply_without_a_trace_stays_unknown_and_is_not_repeated(stage: Stage) -> None:
    stage.heroku.failures["releases.create shop good"] = OutcomeUnknown("no answer")

    with pytest.raises(OutcomeUnknown):
        release(stage.run, as_read(stage), slug("good"), "Deploy", FakeFence())

    assert stage.heroku.writes() == ["releases.create shop good"]


def test_an_older_release_of_the_same_artifact_is_no_trace(stage: Stage) -> None:
    stage.app("shop").land("good")
    stage.app("shop").land("old")
    stage.heroku.failures["releases.create shop good"] = OutcomeUnknown("no answer")

    with pytest.raises(OutcomeUnknown):
        release(stage.run, as_read(stage), slug("good"), "Deploy", FakeFence())
