from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from accelerator.errors import BuildFailed, NotFound, OutcomeUnknown
from accelerator.models import ArtifactKind, ArtifactRef
from accelerator.repository import PushOutcome
from accelerator.steps.prepare import prepare, prepare_by_push
from accelerator.steps.report import PrepareReport
from tests.unit.fakes import COMMIT, OTHER, Source, Stage, make_app, make_build, make_stage

if TYPE_CHECKING:
    from collections.abc import Callable

    from accelerator.models import Build, Commit

HELD = f"slug-of-{COMMIT.short}"


@pytest.fixture
def stage() -> Stage:
    return make_stage(make_app("shop-prepare"))


def test_a_prepared_commit_is_built_released_and_read_back(stage: Stage) -> None:
    report = prepare(stage.run, Source(), COMMIT, PrepareReport("shop-prepare"))

    assert (report.commit, report.strategy) == (COMMIT, "source")
    assert report.build is not None
    assert report.build.status == "succeeded"
    assert report.release == stage.app("shop-prepare").current
    assert report.artifact == stage.heroku.artifacts[HELD]
    assert [(step.name, step.detail) for step in stage.ear.finished()] == [
        ("archive", "0.0 MB"),
        ("upload", ""),
        ("build", "v1"),
    ]


def test_a_release_command_that_fails_does_not_spoil_the_artifact(stage: Stage) -> None:
    stage.app("shop-prepare").failing.add(HELD)

    report = prepare(stage.run, Source(), COMMIT, PrepareReport("shop-prepare"))

    assert report.artifact is not None
    assert report.release is not None
    assert report.release.status == "failed"
    assert "the build is sound" in stage.ear.warnings()[0]


def test_a_build_that_lost_its_race_is_prepared_without_a_release(stage: Stage) -> None:
    stage.app("shop-prepare").builds_release = False

    report = prepare(stage.run, Source(), COMMIT, PrepareReport("shop-prepare"))

    assert report.release is None
    assert report.artifact is not None
    assert stage.ear.finished()[-1].detail == "built, not released"


def test_a_failed_build_is_raised_and_can_still_be_told(stage: Stage) -> None:
    stage.app("shop-prepare").builds_fail = True
    report = PrepareReport("shop-prepare")

    with pytest.raises(BuildFailed):
        prepare(stage.run, Source(), COMMIT, report)

    assert report.build is not None
    assert (report.build.id, report.artifact) == ("shop-prepare-build", None)


def test_an_artifact_that_cannot_be_read_is_left_out(stage: Stage) -> None:
    stage.heroku.failures[f"slugs.fetch shop-prepare {HELD}"] = NotFound("gone")

    assert prepare(stage.run, Source(), COMMIT, PrepareReport("shop-prepare")).artifact is None


def test_an_image_is_not_read_as_a_slug(stage: Stage) -> None:
    image = ArtifactRef(ArtifactKind.OCI_IMAGE, "image")
    landed = stage.app("shop-prepare").land("image")
    build = make_build("shop-prepare", None, COMMIT, artifact=image, release_id=landed.id)

    report = push(stage, PushOutcome.PUSHED, build)

    assert report.artifact is None
    assert not [call for call in stage.heroku.calls if "slugs" in call]


def push(stage: Stage, outcome: PushOutcome, *builds: Build) -> PrepareReport:
    """Prepare by a push that ends so and leaves those builds, newest first."""

    def pusher(app: str, commit: Commit, on_line: Callable[[str], None]) -> PushOutcome:
        assert (app, commit) == ("shop-prepare", COMMIT)
        on_line("remote: -----> Python")
        stage.app("shop-prepare").builds = list(builds)
        return outcome

    return prepare_by_push(stage.run, pusher, COMMIT, PrepareReport("shop-prepare"))


def test_a_push_is_followed_to_its_build_and_release(stage: Stage) -> None:
    landed = stage.app("shop-prepare").land("good")
    stage.heroku.hold("good", COMMIT)
    mine = make_build("shop-prepare", "good", COMMIT, release_id=landed.id)

    report = push(stage, PushOutcome.PUSHED, make_build("shop-prepare", "new", OTHER), mine)

    assert (report.strategy, report.build, report.release) == ("git", mine, landed)
    assert report.artifact == stage.heroku.artifacts["good"]
    assert stage.ear.lines() == ["build shop-prepare: remote: -----> Python"]


def test_a_push_of_what_is_there_already_counts_its_good_build(stage: Stage) -> None:
    landed = stage.app("shop-prepare").land("good")
    stage.heroku.hold("good", COMMIT)
    failed = make_build("shop-prepare", None, COMMIT, id="b2", status="failed")
    good = make_build("shop-prepare", "good", COMMIT, id="b1", release_id=landed.id)

    assert push(stage, PushOutcome.UP_TO_DATE, failed, good).build == good


@pytest.mark.parametrize(
    ("builds", "named"),
    [
        pytest.param(
            (make_build("shop-prepare", None, COMMIT, id="b2", status="failed"),),
            "build b2",
            id="with a build",
        ),
        pytest.param((), "build of the push", id="before there was a build"),
    ],
)
def test_a_push_that_heroku_declines_is_a_failed_build(
    stage: Stage, builds: tuple[Build, ...], named: str
) -> None:
    with pytest.raises(BuildFailed, match=named):
        push(stage, PushOutcome.DECLINED, *builds)


def test_a_push_without_a_build_is_unknown_and_names_the_way_out(stage: Stage) -> None:
    with pytest.raises(OutcomeUnknown) as caught:
        push(stage, PushOutcome.UP_TO_DATE, make_build("shop-prepare", "new", OTHER))

    assert "--strategy source" in str(caught.value.hint)
