from __future__ import annotations

import pytest

from accelerator.errors import OutcomeUnknown, ReleaseFailed, WrongArtifact
from accelerator.steps.release import release
from tests.unit.fakes import Stage, make_app, make_stage, slug


@pytest.fixture
def stage() -> Stage:
    return make_stage(make_app("shop", "old"))


def test_an_artifact_is_released_by_its_id_with_one_request(stage: Stage) -> None:
    made = release(stage.run, "shop", slug("good"), "Deploy c0ffee")

    assert (made.version, made.description, made.artifact) == (2, "Deploy c0ffee", slug("good"))
    assert stage.heroku.calls == ["releases.create shop good"]


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
        release(stage.run, "shop", slug("good"), "Deploy")

    assert len(stage.heroku.calls) == 1


def test_a_release_command_that_fails_is_a_failure(stage: Stage) -> None:
    stage.app("shop").failing.add("good")

    with pytest.raises(ReleaseFailed, match="v2 on shop"):
        release(stage.run, "shop", slug("good"), "Deploy")


def test_a_lost_reply_is_not_asked_for_again(stage: Stage) -> None:
    stage.heroku.failures["releases.create shop good"] = OutcomeUnknown("no answer")

    with pytest.raises(OutcomeUnknown):
        release(stage.run, "shop", slug("good"), "Deploy")

    assert stage.heroku.calls == ["releases.create shop good"]
