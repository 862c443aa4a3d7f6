from __future__ import annotations

from dataclasses import replace
from threading import Event
from typing import TYPE_CHECKING

import pytest

from accelerator.errors import BuildFailed, Interrupted, OutcomeUnknown, ReleaseFailed
from accelerator.steps.follow import logs
from accelerator.steps.follow.builds_and_releases import (
    demand_success,
    find_release_of_build,
    follow_build,
    follow_release,
)
from accelerator.steps.route.build import build, start_build
from tests.unit.fakes import (
    COMMIT,
    FakeFence,
    Stage,
    make_app,
    make_build,
    make_release,
    make_stage,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from accelerator.models import Build
    from accelerator.waiting import Deadline

HELD = f"slug-of-{COMMIT.short}"


@pytest.fixture
def stage() -> Stage:
    return make_stage(make_app("shop"))


def started(stage: Stage) -> Build:
    return start_build(stage.run, "shop", COMMIT, FakeFence())


def test_a_build_is_made_of_the_archive_and_carries_the_full_sha(stage: Stage) -> None:
    made = started(stage)

    assert stage.heroku.uploaded == stage.clone.content
    assert made.commit == COMMIT.sha
    assert stage.heroku.calls == [
        "sources.create",
        "sources.upload https://storage.example/put",
        f"builds.create shop {COMMIT.short}",
    ]


def test_no_build_is_started_when_the_run_is_given_up(stage: Stage) -> None:
    stage.run.stop.set()

    with pytest.raises(Interrupted):
        started(stage)

    assert stage.app("shop").builds == []


def test_a_build_is_followed_until_it_succeeded_and_its_log_is_shown(stage: Stage) -> None:
    stage.app("shop").log_url = "https://logs.example/1"
    stage.app("shop").build_statuses = ["pending", "pending"]
    stage.heroku.log_lines = ("-----> Python",)

    done = follow_build(stage.run, started(stage))

    assert done.status == "succeeded"
    assert stage.ear.lines() == ["build shop: -----> Python"]


def test_a_failed_build_is_a_failure(stage: Stage) -> None:
    stage.app("shop").builds_fail = True

    with pytest.raises(BuildFailed, match="the build on shop failed"):
        follow_build(stage.run, started(stage))


def test_a_build_that_outlasts_the_deadline_is_unknown_and_not_repeated(stage: Stage) -> None:
    stage.app("shop").build_statuses = ["pending"] * 9
    stage.heroku.call_seconds = 1000.0
    made = started(stage)

    with pytest.raises(OutcomeUnknown, match="still runs at the deadline"):
        follow_build(stage.run, made)

    assert stage.heroku.writes().count(f"builds.create shop {COMMIT.short}") == 1


def test_the_release_of_a_build_is_found_and_followed(stage: Stage) -> None:
    done = follow_build(stage.run, started(stage))

    found = find_release_of_build(stage.run, done)

    assert found == stage.app("shop").releases[0]


def test_a_release_that_comes_a_little_late_is_waited_for(stage: Stage) -> None:
    late = make_build("shop", "good", COMMIT, id="b1")
    shop = stage.app("shop")
    shop.builds.append(late)
    stage.heroku.before["builds.fetch shop b1"] = lambda: shop.builds.__setitem__(
        0, replace(late, release_id=shop.land("good").id)
    )

    found = find_release_of_build(stage.run, late)

    assert found is not None
    assert found.version == 1


def test_a_build_that_lost_its_race_has_no_release(stage: Stage) -> None:
    lonely = make_build("shop", "good", COMMIT, id="b1")
    stage.app("shop").builds.append(lonely)

    found = find_release_of_build(stage.run, lonely)

    assert found is None
    assert 55 < sum(stage.clock.naps) <= 60


def test_building_needs_a_release_to_end_well(stage: Stage) -> None:
    stage.app("shop").builds_release = False

    with pytest.raises(OutcomeUnknown, match="no release of it appeared"):
        build(stage.run, "shop", COMMIT, FakeFence())


def test_a_release_command_that_failed_is_given_back_from_a_build(stage: Stage) -> None:
    stage.app("shop").failing.add(HELD)

    _, released = build(stage.run, "shop", COMMIT, FakeFence())

    assert released.status == "failed"


def test_a_release_that_has_ended_needs_no_request(stage: Stage) -> None:
    ended = make_release("shop", 3, "good", status="failed")

    assert follow_release(stage.run, ended) is ended
    assert stage.heroku.calls == []


def test_a_pending_release_is_followed_to_its_end_with_its_log(stage: Stage) -> None:
    stage.heroku.log_lines = ("migrating",)
    ended = stage.app("shop").land("good")
    pending = replace(ended, status="pending", output_stream_url="https://logs.example/1")

    assert follow_release(stage.run, pending).status == "succeeded"
    assert stage.ear.lines() == ["release shop: migrating"]


def test_a_release_command_that_outlasts_the_deadline_is_unknown(stage: Stage) -> None:
    stage.heroku.call_seconds = 4000.0
    pending = stage.app("shop").land("good", status="pending")

    with pytest.raises(OutcomeUnknown) as caught:
        follow_release(stage.run, pending)

    assert "v1 on shop still runs" in caught.value.message
    assert "heroku releases:info v1 -a shop" in str(caught.value.hint)


def test_a_release_command_that_waits_for_its_turn_gets_its_own_time(stage: Stage) -> None:
    shop = stage.app("shop")
    first = shop.land("older", status="pending")
    pending = shop.land("good", status="pending")
    stage.heroku.call_seconds = 1000.0
    stage.run.deadline.at += 1e6
    looks: list[float] = []

    def pass_on() -> None:
        looks.append(stage.clock.now())
        ended = {6: first, 10: pending}.get(len(looks))
        if ended is not None:
            at = shop.releases.index(ended)
            shop.releases[at] = replace(ended, status="succeeded")

    stage.heroku.always[f"releases.fetch shop {pending.id}"] = pass_on

    assert follow_release(stage.run, pending).status == "succeeded"
    assert looks[-1] - 1000.0 > stage.run.waits.release_phase


def test_a_queue_that_does_not_get_shorter_is_not_waited_for_for_ever(stage: Stage) -> None:
    shop = stage.app("shop")
    shop.land("stuck", status="pending")
    pending = shop.land("good", status="pending")
    stage.heroku.call_seconds = 1000.0
    stage.run.deadline.at += 1e6

    with pytest.raises(OutcomeUnknown, match="v2 on shop still runs"):
        follow_release(stage.run, pending)

    assert stage.clock.now() < 4 * stage.run.waits.release_phase


def test_a_build_whose_release_the_run_has_no_time_to_see_lost_no_race(stage: Stage) -> None:
    lonely = make_build("shop", "good", COMMIT, id="b1")
    stage.app("shop").builds.append(lonely)
    stage.run.deadline.shorten(30.0)

    with pytest.raises(OutcomeUnknown, match="before its release was seen"):
        find_release_of_build(stage.run, lonely)


def test_a_log_without_end_does_not_hold_up_a_build_that_has_ended(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "DRAIN_SECONDS", 0.01)
    stage.app("shop").log_url = "https://logs.example/1"
    is_over, heard_the_end = Event(), Event()

    def endless(url: str, *, deadline: Deadline, **_: object) -> Iterator[str]:
        yield f"{url} {deadline.remaining}"
        if is_over.wait(10):
            heard_the_end.set()

    stage.heroku.streams.follow = endless  # type: ignore[method-assign]

    done = follow_build(stage.run, started(stage))
    is_over.set()

    assert done.status == "succeeded"
    assert heard_the_end.wait(10)


def test_a_log_that_never_said_anything_does_not_hold_up_what_went_well(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "DRAIN_SECONDS", 60.0)
    monkeypatch.setattr(logs, "SILENT_SECONDS", 0.01)
    stage.app("shop").log_url = "https://logs.example/1"
    is_over, heard_the_end = Event(), Event()

    def silent(url: str, *, deadline: Deadline, **_: object) -> Iterator[str]:
        if is_over.wait(10):
            heard_the_end.set()
        yield from (url for _ in range(0 if deadline.remaining else 1))

    stage.heroku.streams.follow = silent  # type: ignore[method-assign]

    pending = replace(stage.app("shop").land("good"), status="pending")
    done = follow_release(stage.run, pending)
    is_over.set()

    assert done.status == "succeeded"
    assert heard_the_end.wait(10)


@pytest.mark.parametrize("status", ["failed", "pending", "expired"])
def test_only_a_release_that_succeeded_is_good(status: str) -> None:
    with pytest.raises(ReleaseFailed, match="v3 on shop"):
        demand_success(make_release("shop", 3, "good", status=status))


def test_a_release_that_succeeded_is_handed_on() -> None:
    release = make_release("shop", 3, "good")

    assert demand_success(release) is release


def test_a_line_that_was_cut_is_kept_once_whole() -> None:
    log = logs.Log("https://log.example", "build shop", may_be_silent=False)
    for index, line in enumerate(("one", "tw")):
        log.take(index, line)

    news = [log.take(index, line) for index, line in enumerate(("one", "two", "three"))]

    assert news == [False, True, True]
    assert list(log.last) == ["one", "two", "three"]
