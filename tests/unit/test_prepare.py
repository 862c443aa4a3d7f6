from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from accelerator.errors import (
    BuildFailed,
    Interrupted,
    KeyRefused,
    NotFound,
    OutcomeUnknown,
    UsageProblem,
)
from accelerator.events import Evidence
from accelerator.models import ArtifactKind, ArtifactRef, BuildInput, Commit, PushOutcome, Strategy
from accelerator.steps.compare.pool import choose_app, find_known, find_superseded
from accelerator.steps.compare.running_build import find_twin
from accelerator.steps.prepare import PrepareOrder, prepare
from accelerator.steps.report import PrepareReport
from tests.unit.fakes import (
    BEGIN,
    COMMIT,
    OTHER,
    Stage,
    checksum_of,
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


def test_a_failed_build_is_told_as_failed_and_not_as_pending(stage: Stage) -> None:
    stage.heroku.always["builds.fetch shop-prepare shop-prepare-build"] = lambda: fail(stage)
    report = PrepareReport(app="")

    with pytest.raises(BuildFailed):
        prepare(stage.run, PrepareOrder(COMMIT, ("shop-prepare",)), report)

    assert report.build is not None
    assert report.build.status == "failed"


def fail(stage: Stage) -> None:
    """Let the build of the prepare app fail."""
    owner = stage.app("shop-prepare")
    owner.builds = [replace(build, status="failed") for build in owner.builds]


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
    with pytest.raises(BuildFailed) as caught:
        push(stage, PushOutcome.DECLINED, *builds)

    assert caught.value.details == named
    assert caught.value.message.endswith("failed: remote: -----> Python")
    assert stage.ear.evidence() == [
        Evidence(
            "the last lines of the push to shop-prepare", ("remote: -----> Python",), is_repeat=True
        )
    ]


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


STARTED = f"builds.create shop-prepare {COMMIT.short}"
OURS = "shop-prepare-build"


def began(stage: Stage, **changes: Any) -> None:
    """Let somebody else begin a build of the commit, too, between our look and our own build."""
    twin = make_build("shop-prepare", None, COMMIT, id="a-twin", status="pending", **changes)
    stage.heroku.before[STARTED] = lambda: stage.app("shop-prepare").builds.append(twin)
    stage.heroku.hold(HELD, COMMIT)


def test_of_two_builds_that_begin_at_once_both_jobs_follow_the_older_one(stage: Stage) -> None:
    began(stage)

    report = prepared(stage)

    assert stage.heroku.writes()[-1] == f"builds.cancel shop-prepare {OURS}"
    assert report.build is not None
    assert (report.build.id, report.reused) == ("a-twin", True)
    assert report.artifact == stage.heroku.artifacts[HELD]


def test_a_build_that_began_and_ended_before_ours_was_started_is_taken(stage: Stage) -> None:
    began(stage)
    app = stage.app("shop-prepare")

    def build() -> None:
        release = app.land(HELD).id
        twin = make_build(app.name, HELD, COMMIT, id="a-twin", release_id=release)
        app.builds.append(twin)

    stage.heroku.before[STARTED] = build

    report = prepared(stage)

    assert stage.heroku.writes()[-1] == f"builds.cancel shop-prepare {OURS}"
    assert report.build is not None
    assert (report.build.id, report.reused) == ("a-twin", True)
    assert report.artifact == stage.heroku.artifacts[HELD]


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"created_at": BEGIN + timedelta(hours=1)}, id="begun after ours"),
        pytest.param({"status": "failed"}, id="failed"),
        pytest.param({"commit": OTHER.sha}, id="of another commit"),
    ],
)
def test_no_other_build_is_joined_in_place_of_ours(stage: Stage, changes: dict[str, Any]) -> None:
    began(stage)
    twin = replace(
        make_build("shop-prepare", None, COMMIT, id="a-twin", status="pending"), **changes
    )
    stage.heroku.before[STARTED] = lambda: stage.app("shop-prepare").builds.append(twin)

    report = prepared(stage)

    assert not [call for call in stage.heroku.writes() if "cancel" in call]
    assert report.build is not None
    assert (report.build.id, report.reused) == (OURS, False)


def test_with_proof_a_build_of_other_bytes_is_not_joined_in_place_of_ours(stage: Stage) -> None:
    began(stage)

    report = prepared(stage, replace(ORDER, verify_source=True))

    assert report.build is not None
    assert report.build.id == OURS


def test_a_build_that_ended_before_it_was_cancelled_is_no_trouble(stage: Stage) -> None:
    began(stage)
    stage.heroku.failures[f"builds.cancel shop-prepare {OURS}"] = refuse("it is over")

    assert prepared(stage).reused


def test_builds_of_one_second_are_put_in_order_the_same_way_by_everybody() -> None:
    first, second = (make_build("shop-prepare", None, COMMIT, id=i, status="pending") for i in "ab")

    assert find_twin(second, [second, first], {}, None) == first
    assert find_twin(first, [second, first], {}, None) is None
    assert find_twin(second, [second, first], {"shop-prepare": [first]}, None) is None


def was_built(stage: Stage, status: str = "succeeded", **config: str) -> None:
    """Have the commit built, or being built, with these config vars."""
    prepare = stage.app("shop-prepare")
    prepare.land(None)
    prepare.configs = {"shop-prepare-v1": config}
    is_done = status == "succeeded"
    landed = prepare.land("good") if is_done else None
    if landed:
        prepare.configs[landed.id] = config
    held, begun = "good" if is_done else None, BEGIN + timedelta(minutes=1, seconds=1)
    built = make_build("shop-prepare", held, COMMIT, status=status, created_at=begun)
    release_id = landed.id if landed else None
    known = replace(built, release_id=release_id, stack="heroku-24", buildpacks=("heroku/python",))
    prepare.builds = [known]
    stage.heroku.hold("good", COMMIT, stack="heroku-24")
    stage.heroku.hold(HELD, COMMIT)


@pytest.mark.parametrize("status", ["succeeded", "pending"])
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        pytest.param({}, "", id="nothing"),
        pytest.param({"stack": "heroku-26"}, "built for heroku-24, the app is on", id="its stack"),
        pytest.param({"buildpacks": ("x",)}, "built with heroku/python", id="its buildpacks"),
        pytest.param({"config": {"LEVEL": "b"}}, "LEVEL had another value", id="its config"),
        pytest.param({"config": {"LEVEL": "a", "KEY": "b"}}, "", id="config that is not declared"),
        pytest.param({"config": KeyRefused("no")}, "", id="config that is withheld"),
    ],
)
def test_what_would_come_out_otherwise_by_now_is_built_anew(
    stage: Stage, status: str, changes: dict[str, Any], said: str
) -> None:
    was_built(stage, status, LEVEL="a")
    changed = {"config": {"LEVEL": "a"}, **changes}
    for name, value in changed.items():
        setattr(stage.app("shop-prepare"), name, value)

    report = prepared(stage, replace(ORDER, build_config=("LEVEL",)))

    assert report.reused is (not said)
    assert (STARTED in stage.heroku.writes()) is bool(said)
    assert not said or said in stage.ear.warnings()[0]


def test_config_vars_that_are_not_declared_are_not_read(stage: Stage) -> None:
    was_built(stage, LEVEL="a")

    assert prepared(stage).reused
    assert not [call for call in stage.heroku.calls if "config" in call]


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


SAME = replace(ORDER, same_tree=True)


def same_source(stage: Stage, status: str, **changes: Any) -> Build:
    """Have a commit built of which only what `.slugignore` removes is different."""
    held = None if status == "pending" else "twin"
    build = make_build(
        "shop-prepare", held, OTHER, status=status, stack="heroku-24", id="twins", **changes
    )
    stage.app("shop-prepare").builds = [build]
    stage.heroku.hold("twin", OTHER)
    stage.heroku.hold(f"slug-of-{OTHER.short}", OTHER)
    stage.clone.inputs = {
        COMMIT.sha: BuildInput("", "tree", "kept", has_rules=True),
        OTHER.sha: BuildInput("", "another", "kept", has_rules=True),
    }
    return build


@pytest.mark.parametrize("status", ["succeeded", "pending"])
def test_what_has_the_same_source_is_not_built_again(stage: Stage, status: str) -> None:
    same_source(stage, status)

    report = prepared(stage, SAME)

    assert report.reused
    assert report.same is not None
    assert (report.same.commit, report.same.id) == (OTHER.sha, "kept")
    assert report.same.compared == "tree without .slugignore"
    assert report.artifact is not None
    assert report.artifact.commit == OTHER.sha
    assert stage.heroku.writes() == []


def test_the_same_source_does_not_count_unasked_or_when_it_is_gone(stage: Stage) -> None:
    same_source(stage, "succeeded")
    unasked = prepared(stage)
    stage.app("shop-prepare").builds.pop(0)
    stage.heroku.hold("twin", OTHER, deleted_at=BEGIN)
    gone = prepared(stage, SAME)

    for report in (unasked, gone):
        assert (report.reused, report.same) == (False, None)


@pytest.mark.parametrize("sha", [OTHER.sha, COMMIT.sha], ids=["its own archive", "ours"])
def test_the_same_source_is_proven_by_the_archive_of_the_commit_that_was_built(
    stage: Stage, sha: str
) -> None:
    same_source(stage, "succeeded", checksum=checksum_of(sha))

    report = prepared(stage, replace(SAME, verify_source=True))

    assert report.reused is (sha == OTHER.sha)


def test_the_build_that_is_joined_is_not_cancelled_as_superseded(stage: Stage) -> None:
    same_source(stage, "pending")
    stage.clone.ask = relate(OTHER, COMMIT)

    report = prepared(stage, replace(SAME, cancels_superseded=True))

    assert stage.heroku.writes() == []
    assert report.reused


def test_a_build_of_the_very_commit_is_found_before_one_of_the_same_source() -> None:
    page = (make_build("p", "twin", OTHER, stack="heroku-24"), make_build("p", "good", COMMIT))
    inputs = dict.fromkeys((COMMIT.sha, OTHER.sha), BuildInput("", "tree", "tree"))

    assert [b.commit for b in find_known(COMMIT, {"p": page}, inputs)] == [COMMIT.sha, OTHER.sha]
    assert [b.commit for b in find_known(COMMIT, {"p": page})] == [COMMIT.sha]
