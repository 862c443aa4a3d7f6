from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from accelerator.errors import BuildFailed, Interrupted, NotFound, OutcomeUnknown, UsageProblem
from accelerator.models import ArtifactKind, ArtifactRef, Commit, PushOutcome, Strategy
from accelerator.steps.prepare import (
    PrepareOrder,
    choose_app,
    find_known,
    find_superseded,
    prepare,
)
from accelerator.steps.report import PrepareReport
from tests.unit.fakes import (
    BEGIN,
    COMMIT,
    OTHER,
    Stage,
    make_app,
    make_build,
    make_stage,
    refuse,
    relate,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from accelerator.models import Build

HELD = f"slug-of-{COMMIT.short}"
ORDER = PrepareOrder(COMMIT, ("shop-prepare",))


@pytest.fixture
def stage() -> Stage:
    return make_stage(make_app("shop-prepare"))


def prepared(stage: Stage, order: PrepareOrder = ORDER) -> PrepareReport:
    """Prepare, and give what is told of it."""
    report = PrepareReport("")
    prepare(stage.run, order, report)
    return report


def test_a_prepared_commit_is_built_released_and_read_back(stage: Stage) -> None:
    report = prepared(stage)

    assert (report.commit, report.strategy) == (COMMIT, Strategy.SOURCE)
    assert report.build is not None
    assert report.build.status == "succeeded"
    assert report.release == stage.app("shop-prepare").current
    assert report.artifact == stage.heroku.artifacts[HELD]
    assert [(step.name, step.detail) for step in stage.ear.finished()] == [
        ("look", "not built yet"),
        ("archive", "0.0 MB"),
        ("upload", ""),
        ("build", "v1"),
    ]


def test_a_release_command_that_fails_does_not_spoil_the_artifact(stage: Stage) -> None:
    stage.app("shop-prepare").failing.add(HELD)

    report = prepared(stage)

    assert report.artifact is not None
    assert report.release is not None
    assert report.release.status == "failed"
    assert "the build is sound" in stage.ear.warnings()[0]


def test_a_build_that_lost_its_race_is_prepared_without_a_release(stage: Stage) -> None:
    stage.app("shop-prepare").builds_release = False

    report = prepared(stage)

    assert report.release is None
    assert report.artifact is not None
    assert stage.ear.finished()[-1].detail == "built, not released"


def test_a_failed_build_is_raised_and_can_still_be_told(stage: Stage) -> None:
    stage.app("shop-prepare").builds_fail = True
    report = PrepareReport("shop-prepare")

    with pytest.raises(BuildFailed):
        prepare(stage.run, ORDER, report)

    assert report.build is not None
    assert (report.build.id, report.artifact) == ("shop-prepare-build", None)


def test_an_artifact_that_cannot_be_read_is_left_out(stage: Stage) -> None:
    stage.heroku.failures[f"slugs.fetch shop-prepare {HELD}"] = NotFound("gone")

    assert prepared(stage).artifact is None


def test_an_image_is_read_as_an_image_and_not_as_a_slug(stage: Stage) -> None:
    image = ArtifactRef(ArtifactKind.OCI_IMAGE, "image")
    landed = stage.app("shop-prepare").land("image")
    stage.heroku.hold("image", COMMIT, kind=ArtifactKind.OCI_IMAGE)
    build = make_build("shop-prepare", None, COMMIT, artifact=image, release_id=landed.id)

    report = push(stage, PushOutcome.PUSHED, build)

    assert report.artifact == stage.heroku.artifacts["image"]
    assert not [call for call in stage.heroku.calls if "slugs" in call]


def push(stage: Stage, outcome: PushOutcome, *builds: Build) -> PrepareReport:
    """Prepare by a push that ends so and leaves those builds, newest first."""

    def pusher(sha: str, url: str, on_line: Callable[[str], None]) -> PushOutcome:
        assert (sha, url) == (COMMIT.sha, "https://git.example/shop-prepare.git")
        on_line("remote: -----> Python")
        stage.app("shop-prepare").builds = list(builds)
        return outcome

    stage.clone.pusher = pusher
    return prepared(stage, PrepareOrder(COMMIT, ("shop-prepare",), Strategy.GIT))


def test_a_push_is_followed_to_its_build_and_release(stage: Stage) -> None:
    landed = stage.app("shop-prepare").land("good")
    stage.heroku.hold("good", COMMIT)
    mine = make_build("shop-prepare", "good", COMMIT, release_id=landed.id)

    report = push(stage, PushOutcome.PUSHED, make_build("shop-prepare", "new", OTHER), mine)

    assert (report.strategy, report.build, report.release) == (Strategy.GIT, mine, landed)
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


def test_a_push_ends_with_the_run(stage: Stage) -> None:
    stage.run.deadline.shorten(5.0)
    released = stage.app("shop-prepare").land("good").id

    push(stage, PushOutcome.PUSHED, make_build("shop-prepare", "good", COMMIT, release_id=released))

    assert stage.clone.push_seconds == 5.0


def test_nothing_is_pushed_when_the_run_is_given_up(stage: Stage) -> None:
    stage.run.stop.set()

    with pytest.raises(Interrupted):
        push(stage, PushOutcome.PUSHED, make_build("shop-prepare", "good", COMMIT))

    assert stage.ear.lines() == []


def test_a_part_of_the_repository_cannot_be_pushed_and_nothing_is_asked_before_that(
    stage: Stage,
) -> None:
    stage.clone.folder = "web"

    with pytest.raises(UsageProblem, match="--subdir needs the source strategy"):
        push(stage, PushOutcome.PUSHED)

    assert stage.heroku.calls == []


def test_nothing_is_built_where_an_artifact_of_the_commit_exists(stage: Stage) -> None:
    landed = stage.app("shop-prepare").land("good")
    stage.heroku.hold("good", COMMIT)
    built = make_build("shop-prepare", "good", COMMIT, release_id=landed.id)
    stage.app("shop-prepare").builds = [built]

    report = prepared(stage)

    assert stage.heroku.writes() == []
    assert (report.reused, report.build, report.release) == (True, built, landed)
    assert stage.ear.finished()[0].detail == "built already"


def test_a_running_build_of_the_commit_is_joined(stage: Stage) -> None:
    running = make_build("shop-prepare", None, COMMIT, id="b5", status="pending")
    stage.app("shop-prepare").builds = [running]
    stage.heroku.hold(HELD, COMMIT)

    report = prepared(stage)

    assert stage.heroku.writes() == []
    assert report.reused
    assert report.build is not None
    assert (report.build.id, report.build.status) == ("b5", "succeeded")
    assert report.artifact == stage.heroku.artifacts[HELD]


@pytest.mark.parametrize(
    "gone",
    [pytest.param({"deleted_at": BEGIN}, id="expired"), pytest.param(None, id="not to be found")],
)
def test_what_was_built_and_has_expired_is_built_again(
    stage: Stage, gone: dict[str, Any] | None
) -> None:
    stage.app("shop-prepare").builds = [make_build("shop-prepare", "good", COMMIT)]
    if gone is not None:
        stage.heroku.hold("good", COMMIT, **gone)

    report = prepared(stage)

    assert f"builds.create shop-prepare {COMMIT.short}" in stage.heroku.writes()
    assert not report.reused


def test_beside_an_expired_artifact_the_build_that_runs_is_joined(stage: Stage) -> None:
    running = make_build("shop-prepare", None, COMMIT, id="b5", status="pending")
    expired = make_build("shop-prepare", "good", COMMIT, id="b4")
    stage.app("shop-prepare").builds = [running, expired]
    stage.heroku.hold("good", COMMIT, deleted_at=BEGIN)
    stage.heroku.hold(HELD, COMMIT)

    report = prepared(stage)

    assert stage.heroku.writes() == []
    assert report.build is not None
    assert report.build.id == "b5"


def test_a_failed_build_is_tried_again(stage: Stage) -> None:
    failed = make_build("shop-prepare", None, COMMIT, id="b1", status="failed")
    stage.app("shop-prepare").builds = [failed]

    report = prepared(stage)

    assert report.build is not None
    assert report.build.status == "succeeded"
    assert not report.reused


def test_a_lost_reply_to_the_build_is_settled_by_the_build_and_not_repeated(stage: Stage) -> None:
    call = f"builds.create shop-prepare {COMMIT.short}"
    stage.heroku.lose_reply(call)

    report = prepared(stage)

    assert stage.heroku.writes().count(call) == 1
    assert report.build is not None
    assert report.build.status == "succeeded"


def test_a_lost_reply_without_a_build_is_unknown_and_not_repeated(stage: Stage) -> None:
    call = f"builds.create shop-prepare {COMMIT.short}"
    stage.heroku.failures[call] = OutcomeUnknown("no answer")
    an_older_try = make_build("shop-prepare", None, COMMIT, id="b1", status="failed")
    stage.app("shop-prepare").builds = [an_older_try]
    stage.clock.pass_seconds(60)

    with pytest.raises(OutcomeUnknown):
        prepare(stage.run, ORDER, PrepareReport(""))

    assert stage.heroku.writes().count(call) == 1


POOL = ("shop-prepare", "shop-prepare-2", "shop-prepare-3")


def pool(**running: int) -> Stage:
    """Make a pool whose apps have so many builds of another commit running."""
    apps = [make_app(name) for name in POOL]
    for app in apps:
        app.builds = [
            make_build(app.name, None, OTHER, id=f"{app.name}-b{n}", status="pending")
            for n in range(running.get(app.name.replace("-", "_"), 0))
        ]
    return make_stage(*apps)


def test_the_free_app_of_a_pool_is_taken() -> None:
    stage = pool(shop_prepare=1, shop_prepare_2=2)

    report = prepared(stage, replace(ORDER, apps=POOL))

    assert report.app == "shop-prepare-3"
    assert f"builds.create shop-prepare-3 {COMMIT.short}" in stage.heroku.writes()


def test_what_any_app_of_the_pool_has_built_is_found_there() -> None:
    stage = pool()
    landed = stage.app("shop-prepare-2").land("good")
    built = make_build("shop-prepare-2", "good", COMMIT, release_id=landed.id)
    stage.app("shop-prepare-2").builds = [built]
    stage.heroku.hold("good", COMMIT)

    report = prepared(stage, replace(ORDER, apps=POOL))

    assert (report.app, report.reused) == ("shop-prepare-2", True)
    assert stage.heroku.writes() == []


def test_running_builds_of_commits_that_ours_contains_are_cancelled_when_asked_for() -> None:
    stage = pool(shop_prepare=1, shop_prepare_2=1)
    foreign = make_build("shop-prepare-2", None, Commit("f" * 40), id="f1", status="pending")
    stage.app("shop-prepare-2").builds.append(foreign)
    stage.clone.ask = relate(OTHER, COMMIT)
    order = replace(ORDER, apps=POOL, cancels_superseded=True)

    prepared(stage, order)

    assert [call for call in stage.heroku.writes() if "cancel" in call] == [
        "builds.cancel shop-prepare shop-prepare-b0",
        "builds.cancel shop-prepare-2 shop-prepare-2-b0",
    ]


def test_a_build_that_ends_before_it_is_cancelled_is_no_trouble() -> None:
    stage = pool(shop_prepare=1)
    stage.heroku.failures["builds.cancel shop-prepare shop-prepare-b0"] = refuse("it is over")
    stage.clone.ask = relate(OTHER, COMMIT)
    order = replace(ORDER, apps=POOL, cancels_superseded=True)

    report = prepared(stage, order)

    assert report.build is not None
    assert report.build.status == "succeeded"


def test_no_running_build_is_cancelled_unasked() -> None:
    stage = pool(shop_prepare=3)

    prepared(stage, replace(ORDER, apps=POOL))

    assert not [call for call in stage.heroku.writes() if "cancel" in call]


def test_the_best_known_build_comes_first() -> None:
    pages = {
        "a": (
            make_build("a", None, COMMIT, id="running", status="pending"),
            make_build("a", None, COMMIT, id="failed", status="failed"),
            make_build("a", "x", OTHER, id="other"),
        ),
        "b": (make_build("b", "y", COMMIT, id="done"),),
    }

    assert [build.id for build in find_known(COMMIT, pages)] == ["done", "running"]
    assert [build.id for build in find_known(COMMIT, pages, failed_too=True)][-1] == "failed"


def test_among_equals_the_first_named_app_is_taken() -> None:
    assert choose_app({"b": (), "a": ()}) == "b"


def test_builds_of_unknown_commits_are_never_superseded() -> None:
    nameless = replace(make_build("a", None, OTHER), commit=None, status="pending")

    assert find_superseded({"a": (nameless,)}, lambda _: True) == ()
