"""What each step that takes long waits for, in the words people read, and its limit."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from accelerator.events import StepStarted
from accelerator.models import Reason
from accelerator.steps.compare.decide import decide
from accelerator.steps.compare.running_build import wait_for_build
from accelerator.steps.compare.states import Candidate, SourceState, TargetState
from accelerator.steps.compare.wanted import SourceApp, Wanted
from accelerator.steps.follow.builds_and_releases import (
    find_release_of_build,
    follow_build,
    follow_release,
)
from accelerator.steps.follow.logs import Log
from accelerator.steps.route.promotion import promote
from accelerator.waiting import as_clock
from tests.unit.fakes import (
    COMMIT,
    OTHER,
    FakeFence,
    Stage,
    make_app,
    make_build,
    make_coupling,
    make_stage,
    slug,
)

if TYPE_CHECKING:
    from accelerator.steps.compare.decision import Decision


@pytest.fixture
def stage() -> Stage:
    return make_stage(make_app("shop-prepare", "good"), make_app("shop", "old"))


def test_a_build_and_its_release_tell_what_they_wait_for(stage: Stage) -> None:
    running = make_build("shop", None, COMMIT, id="b1", status="pending")
    stage.app("shop").builds.append(running)
    tell = stage.ear.told

    find_release_of_build(stage.run, follow_build(stage.run, running, tell), tell)

    assert stage.ear.tellings == ["build running"]


def test_a_release_command_is_told_to_run(stage: Stage) -> None:
    pending = replace(stage.app("shop").land("good"), status="pending")

    follow_release(stage.run, pending, stage.ear.told)

    assert stage.ear.tellings == ["release command running"]


def test_a_promotion_is_told_as_pending_and_then_by_its_release_command(stage: Stage) -> None:
    stage.heroku.promotion_looks = [{"shop": "pending"}] * 2
    source = SourceState("shop-prepare", coupling=make_coupling("shop-prepare"))
    candidate = Candidate(source, slug("good"), stage.app("shop-prepare").releases[0])
    target = TargetState("shop", "id-of-shop", tuple(stage.app("shop").releases))

    promote(stage.run, candidate, (target,), FakeFence(), stage.ear.told)

    assert list(dict.fromkeys(stage.ear.tellings)) == [
        "promotion pending",
        "release command running",
    ]


def test_a_build_that_is_to_appear_is_waited_for_by_the_clock(stage: Stage) -> None:
    sources = (SourceApp("shop-prepare"),)

    wait_for_build(stage.run, replace(Wanted(COMMIT, sources, ("shop",)), wait_seconds=130.0))

    told = stage.ear.progress()
    assert told[0] == f"waiting for a build of {COMMIT.short} to appear, 2:10 left"
    assert told[-1].endswith(" 0:02 left")
    [begun] = [event for event in stage.ear.events if isinstance(event, StepStarted)]
    assert begun.limit == 130.0


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0:00"), (59.4, "0:59"), (59.6, "1:00"), (115, "1:55"), (3600, "60:00")],
)
def test_a_time_is_shown_as_on_a_clock(seconds: float, shown: str) -> None:
    assert as_clock(seconds) == shown


def decided(stage: Stage) -> Decision:
    wanted = Wanted(COMMIT, (SourceApp("shop-prepare"),), ("shop",))
    return decide(stage.run, wanted, lambda _: None)


def test_a_build_that_had_failed_before_shows_its_end_once_decided(stage: Stage) -> None:
    stage.heroku.hold("good", OTHER)
    stage.heroku.hold("old", OTHER)
    stage.heroku.log_lines = tuple(f"line {number}" for number in range(30))
    failed = make_build("shop-prepare", None, COMMIT, id="b1", status="failed")
    stage.app("shop-prepare").builds = [replace(failed, output_stream_url="https://logs.example/1")]

    decision = decided(stage)

    [evidence] = stage.ear.evidence()
    assert decision.reason is Reason.PREPARE_BUILD_FAILED
    assert evidence.title == "the last lines of the build on shop-prepare"
    assert evidence.lines == tuple(f"line {number}" for number in range(10, 30))


@pytest.mark.parametrize(
    ("lines", "trouble", "may_be_silent", "flaw"),
    [
        pytest.param(0, None, True, None, id="a release command that printed nothing"),
        pytest.param(
            0, None, False, "could not be read: nothing of it came in time", id="a silent build"
        ),
        pytest.param(0, "answered 503", True, "could not be read: answered 503", id="refused"),
        pytest.param(2, None, False, None, id="whole"),
        pytest.param(
            2, "it goes on", False, "could not be read to its end: it goes on", id="in part"
        ),
    ],
)
def test_what_is_said_of_a_log_is_how_it_could_be_read(
    lines: int, trouble: str | None, may_be_silent: bool, flaw: str | None
) -> None:
    log = Log("https://logs.example/1", "build shop", may_be_silent)
    for index in range(lines):
        log.take(index, f"line {index}")
    if trouble is not None:
        log.fail(trouble)

    assert log.flaw == flaw


def test_a_log_that_is_read_again_is_not_shown_again_but_for_a_line_that_was_cut() -> None:
    log = Log("https://logs.example/1", "build shop", may_be_silent=False)
    first = [log.take(index, line) for index, line in enumerate(["one", "tw"])]

    again = [log.take(index, line) for index, line in enumerate(["one", "two", "three"])]

    assert (first, again) == ([True, True], [False, True, True])


def test_the_output_of_a_release_command_that_was_over_at_the_first_look_is_shown_once(
    stage: Stage,
) -> None:
    stage.app("shop").log_url = "https://logs.example/1"
    stage.heroku.log_lines = ("migrated",)
    over = stage.app("shop").land("good")

    follow_release(stage.run, over, is_new=True)
    follow_release(stage.run, over)

    assert stage.ear.lines() == ["release shop: migrated"]
