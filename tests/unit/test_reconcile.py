"""What became of a write whose reply was lost."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from accelerator.errors import KeyRefused, NotFound, OutcomeUnknown
from accelerator.steps.compare.states import Candidate, SourceState, TargetState
from accelerator.steps.guard.leases import LEASE, LOOK_SECONDS
from accelerator.steps.guard.notes import expiry
from accelerator.steps.guard.predecessor import let_builds_end, wait_out
from accelerator.steps.route.lost_replies import (
    Trace,
    find_build,
    find_release,
    trace_of,
)
from accelerator.steps.route.promotion import promote
from tests.unit.fakes import (
    BEGIN,
    COMMIT,
    OTHER,
    FakeFence,
    Stage,
    make_app,
    make_build,
    make_coupling,
    make_note,
    make_release,
    make_stage,
    slug,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from accelerator.models import Build
    from accelerator.steps.guard.notes import LockNote

TRACE = Trace("shop", 1, slug("good"))


@pytest.fixture
def stage() -> Stage:
    return make_stage(make_app("shop", "old"), make_app("shop-eu", "old"), traces=10.0)


def later(stage: Stage, call: str, look: int, act: Callable[[], object]) -> None:
    """Let something happen before the so-many-eth look."""
    looks: list[object] = []

    def count() -> None:
        looks.append(None)
        if len(looks) == look:
            act()

    stage.heroku.always[call] = count


def test_the_trace_is_newer_than_everything_that_was_there() -> None:
    releases = (make_release("shop", 8, "x"), make_release("shop", 7, "good", current=True))

    assert trace_of(TargetState("shop", "1", releases), slug("good")) == Trace(
        "shop", 8, slug("good")
    )
    assert trace_of(TargetState("shop", "1"), slug("good")).after == 0


def test_a_release_that_is_there_is_found_at_once(stage: Stage) -> None:
    made = stage.app("shop").land("good")

    assert find_release(stage.run, TRACE) == made
    assert stage.ear.finished()[0].detail == "it made v2"
    assert stage.clock.naps == []


def test_a_release_that_shows_late_is_found(stage: Stage) -> None:
    later(stage, "releases.fetch_newest shop", 4, lambda: stage.app("shop").land("good"))

    found = find_release(stage.run, TRACE)

    assert found is not None
    assert found.version == 2


@pytest.mark.parametrize(
    ("held", "status"),
    [
        pytest.param("good", "failed", id="a failed one is a trace as well"),
        pytest.param("good", "pending", id="a pending one is a trace as well"),
    ],
)
def test_a_release_counts_whatever_became_of_it(stage: Stage, held: str, status: str) -> None:
    stage.app("shop").land(held, status=status)

    found = find_release(stage.run, TRACE)

    assert found is not None
    assert found.status == status


@pytest.mark.parametrize("held", ["theirs", None])
def test_releases_of_something_else_are_no_trace(stage: Stage, held: str | None) -> None:
    stage.app("shop").land(held)

    assert find_release(stage.run, TRACE) is None
    assert 0 < sum(stage.clock.naps) <= 10.0
    assert stage.ear.finished()[0].detail == "nothing to be seen"


@pytest.mark.parametrize(
    ("build", "is_found"),
    [
        pytest.param(make_build("shop", None, COMMIT, status="pending"), True, id="ours"),
        pytest.param(make_build("shop", None, COMMIT, status="failed"), True, id="ours, failed"),
        pytest.param(make_build("shop", None, OTHER, status="pending"), False, id="another commit"),
        pytest.param(
            make_build("shop", None, COMMIT, created_at=BEGIN - timedelta(seconds=6)),
            False,
            id="from before",
        ),
        pytest.param(
            make_build("shop", None, COMMIT, created_at=BEGIN - timedelta(seconds=1)),
            True,
            id="within what clocks of whole seconds are off",
        ),
        pytest.param(
            make_build("shop", None, COMMIT, checksum="SHA256:ours"), True, id="of our source"
        ),
        pytest.param(
            make_build("shop", None, COMMIT, checksum="SHA256:theirs"),
            False,
            id="of another source, said to be of the same commit",
        ),
    ],
)
def test_the_build_of_a_lost_reply_is_told_from_others(
    stage: Stage, build: Build, is_found: bool
) -> None:
    stage.app("shop").builds = [build]

    found = find_build(stage.run, "shop", COMMIT.sha, "SHA256:ours", BEGIN)

    assert found == (build if is_found else None)


PREPARED = Candidate(
    SourceState("shop-prepare", coupling=make_coupling("shop-prepare")),
    slug("good"),
    make_release("shop-prepare", 1, "good", current=True),
)
CALL = "promotions.create shop-prepare-v1 to shop shop-eu"


def promoting(stage: Stage) -> tuple[TargetState, ...]:
    apps = (stage.app("shop"), stage.app("shop-eu"))
    return tuple(TargetState(a.name, f"id-of-{a.name}", tuple(a.releases)) for a in apps)


@pytest.fixture
def pipeline() -> Stage:
    apps = (make_app("shop-prepare", "good"), make_app("shop", "old"), make_app("shop-eu", "old"))
    return make_stage(*apps, traces=10.0)


def test_a_lost_promotion_reply_is_settled_by_the_targets_releases(pipeline: Stage) -> None:
    pipeline.heroku.lose_reply(CALL)

    ends = promote(pipeline.run, PREPARED, promoting(pipeline), FakeFence())

    assert {app: (end.status, end.release_id) for app, end in ends.items()} == {
        "shop": ("succeeded", "shop-v2"),
        "shop-eu": ("succeeded", "shop-eu-v2"),
    }
    assert pipeline.heroku.writes() == [CALL]


def test_a_failed_release_of_a_lost_promotion_is_a_failed_target(pipeline: Stage) -> None:
    pipeline.app("shop").failing.add("good")
    pipeline.heroku.lose_reply(CALL)

    ends = promote(pipeline.run, PREPARED, promoting(pipeline), FakeFence())

    assert {app: end.status for app, end in ends.items()} == {
        "shop": "failed",
        "shop-eu": "succeeded",
    }


@pytest.mark.parametrize("landed", [(), ("shop",)], ids=["on no target", "on one of two targets"])
def test_a_lost_promotion_without_a_trace_is_unknown_and_never_repeated(
    pipeline: Stage, landed: tuple[str, ...]
) -> None:
    pipeline.heroku.failures[CALL] = OutcomeUnknown("no answer")
    targets = promoting(pipeline)
    for app in landed:
        pipeline.app(app).land("good")

    with pytest.raises(OutcomeUnknown) as caught:
        promote(pipeline.run, PREPARED, targets, FakeFence())

    assert caught.value.exit_code == 9
    assert pipeline.heroku.writes() == [CALL]


@pytest.mark.parametrize(
    ("state", "ago", "waited"),
    [
        pytest.param("interrupted", 0, 10, id="just let go"),
        pytest.param("interrupted", 4, 6, id="let go a moment ago"),
        pytest.param("interrupted", 60, 0, id="let go long ago"),
        pytest.param("held", 51, 0, id="ran out: nothing is begun in its last seconds"),
        pytest.param(
            "held",
            5,
            10 + LOOK_SECONDS,
            id="taken over by the same job: it may have lived till then",
        ),
    ],
)
def test_what_was_cut_short_gets_its_time_to_show(
    stage: Stage, state: str, ago: float, waited: float
) -> None:
    note = make_note(state=state).renewed(stage.clock.moment(), "n", LEASE)
    stage.clock.pass_seconds(ago)

    wait_out(stage.run, note, stage.clock.moment())

    assert sum(stage.clock.naps) == pytest.approx(waited)
    assert "cut short: ann@laptop" in stage.ear.warnings()[0]


def left_by(route: str, stage: Stage, **changes: object) -> LockNote:
    """Make the note of an earlier attempt that died a moment ago, about to release "good"."""
    note = make_note(route=route, artifact="good", previous_release=1)
    return replace(note, **changes).renewed(stage.clock.moment(), "n", LEASE)  # type: ignore[arg-type]


@pytest.mark.parametrize("route", ["promote", "release"])
def test_the_release_that_was_about_to_be_made_is_all_there_is_to_wait_for(
    stage: Stage, route: str
) -> None:
    note = left_by(route, stage)
    later(stage, "releases.fetch_newest shop", 3, lambda: stage.app("shop").land("good"))

    wait_out(stage.run, note, stage.clock.moment())

    assert 0 < sum(stage.clock.naps) < 1


@pytest.mark.parametrize(
    ("route", "changes", "held"),
    [
        pytest.param("promote", {}, "theirs", id="a release of something else is none of it"),
        pytest.param("promote", {"previous_release": 2}, "good", id="it was there before"),
        pytest.param("promote", {"previous_release": None}, "good", id="nobody knows since when"),
        pytest.param("rollback", {}, "good", id="it was on the way back already"),
        pytest.param("build", {}, "good", id="a build makes an artifact nobody knows yet"),
        pytest.param("live", {}, "good", id="nothing was to be written but the way back"),
    ],
)
def test_whatever_else_shows_the_time_of_its_traces_is_waited_out(
    stage: Stage, route: str, changes: dict[str, object], held: str
) -> None:
    note = left_by(route, stage, **changes)
    stage.app("shop").land(held)

    wait_out(stage.run, note, stage.clock.moment())

    assert sum(stage.clock.naps) == pytest.approx(stage.run.waits.traces + LOOK_SECONDS)
    assert stage.ear.finished()[-1].detail == "no more of it to be seen"


def test_the_build_that_was_begun_is_all_there_is_to_wait_for(stage: Stage) -> None:
    note = left_by("build", stage, artifact=None)
    stage.clock.pass_seconds(1)
    running = make_build("shop", None, COMMIT, status="pending", created_at=stage.clock.moment())
    stage.app("shop").builds.append(running)

    def end() -> None:
        ended = replace(running, status="succeeded", release_id=stage.app("shop").land("new").id)
        stage.app("shop").builds[:] = [ended]

    later(stage, f"builds.fetch shop {running.id}", 3, end)

    wait_out(stage.run, note, stage.clock.moment())

    assert sum(stage.clock.naps) < 3
    assert [step.name for step in stage.ear.finished()] == ["reconcile", "reconcile"]


def test_a_build_from_before_the_one_that_was_begun_says_nothing_of_it(stage: Stage) -> None:
    stage.clock.pass_seconds(60)
    note = left_by("build", stage, acquired_at=stage.clock.moment().isoformat())
    stage.app("shop").builds.append(make_build("shop", "good", COMMIT))

    wait_out(stage.run, note, stage.clock.moment())

    assert sum(stage.clock.naps) > stage.run.waits.traces


def test_after_a_promotion_that_has_ended_nothing_is_waited_for(pipeline: Stage) -> None:
    begun(pipeline, looks=0)
    left = left_by("promote", pipeline, extra={"promotion": "promotion-1"}, previous_release=None)

    wait_out(pipeline.run, left, pipeline.clock.moment())

    assert sum(pipeline.clock.naps) == 0


def begun(stage: Stage, looks: int) -> LockNote:
    """Begin a promotion that is pending for so many looks, and write it down."""
    stage.heroku.promotions.create("pipe", "id-of-shop-prepare", "shop-prepare-v1", ["id-of-shop"])
    stage.heroku.promotion_looks = [{"shop": "pending"}] * looks
    old = stage.clock.moment() - timedelta(hours=1)
    return make_note(extra={"promotion": "promotion-1"}, expires_at=expiry(old))


def test_a_promotion_that_was_begun_is_waited_for_however_long_ago_that_was(
    pipeline: Stage,
) -> None:
    note = begun(pipeline, looks=30)

    wait_out(pipeline.run, note, pipeline.clock.moment())

    assert pipeline.heroku.promotion_looks == []
    assert sum(pipeline.clock.naps) > pipeline.run.waits.traces
    assert pipeline.ear.finished()[0].detail == "succeeded"


def test_a_promotion_that_stays_pending_leaves_the_outcome_unknown(pipeline: Stage) -> None:
    note = begun(pipeline, looks=10_000)

    with pytest.raises(OutcomeUnknown, match="promotion-1 to shop, begun by an earlier run"):
        wait_out(pipeline.run, note, pipeline.clock.moment())

    assert 590 < sum(pipeline.clock.naps) <= 600


@pytest.mark.parametrize(
    ("app", "expected"), [("shop", []), ("blog", ["promotion promotion-1 is none to blog"])]
)
def test_a_promotion_to_another_app_than_the_notes_is_said_to_be_one(
    pipeline: Stage, app: str, expected: list[str]
) -> None:
    pipeline.heroku.apps_by_name["blog"] = make_app("blog")
    note = replace(begun(pipeline, looks=0), app=app)

    wait_out(pipeline.run, note, pipeline.clock.moment())

    assert pipeline.ear.warnings()[1:] == expected


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(NotFound("gone"), id="nobody knows it any more"),
        pytest.param(KeyRefused("403", "another key"), id="it is another account's"),
    ],
)
def test_a_promotion_that_cannot_be_looked_at_holds_nobody_up(
    pipeline: Stage, answer: Exception
) -> None:
    note = begun(pipeline, looks=10_000)
    pipeline.heroku.failures["promotions.fetch_targets promotion-1"] = answer

    wait_out(pipeline.run, note, pipeline.clock.moment())

    assert pipeline.clock.naps == []


def test_builds_that_still_run_on_the_target_are_let_end(stage: Stage) -> None:
    shop = stage.app("shop")
    shop.builds = [
        make_build("shop", None, COMMIT, id="b3", status="pending"),
        make_build("shop", "x", OTHER, id="b2"),
    ]

    let_builds_end(stage.run, "shop")

    assert [build.status for build in shop.builds] == ["succeeded", "succeeded"]
    assert shop.current is not None
    assert shop.current.artifact == slug(f"slug-of-{COMMIT.short}")
    assert stage.heroku.writes() == []


def test_one_that_fails_is_over_too(stage: Stage) -> None:
    shop = stage.app("shop")
    shop.builds, shop.builds_fail = [make_build("shop", None, OTHER, status="pending")], True

    let_builds_end(stage.run, "shop")

    assert [build.status for build in shop.builds] == ["failed"]
