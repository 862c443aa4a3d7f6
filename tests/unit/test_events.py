from __future__ import annotations

import pytest

from accelerator.errors import Interrupted, Terminated
from accelerator.events import (
    BriefStep,
    Event,
    LogLine,
    Note,
    Progress,
    Recorder,
    StepFinished,
    StepStarted,
)
from tests.unit.fakes import BEGIN, Ear, FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def ear() -> Ear:
    return Ear()


@pytest.fixture
def recorder(clock: FakeClock, ear: Ear) -> Recorder:
    return Recorder(clock, [ear])


def test_a_step_is_announced_and_timed(recorder: Recorder, clock: FakeClock, ear: Ear) -> None:
    with recorder.step("upload", "Upload the source") as step:
        clock.pass_seconds(2.5)
        step.detail = "3 MB"

    assert ear.events == [
        StepStarted("upload", "Upload the source", BEGIN),
        StepFinished("upload", "ok", BEGIN, 2.5, "3 MB"),
    ]


def test_a_step_ends_as_it_says(recorder: Recorder, ear: Ear) -> None:
    with recorder.step("tests", "Test") as step:
        step.outcome = "skipped"

    assert ear.finished()[0].outcome == "skipped"


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        pytest.param(ValueError("broken"), "failed", id="an error"),
        pytest.param(SystemExit(3), "failed", id="an exit"),
        pytest.param(KeyboardInterrupt(), "interrupted", id="an interrupt"),
        pytest.param(Terminated(), "interrupted", id="the end of its job"),
        pytest.param(Interrupted(), "interrupted", id="an interrupt, beside the main thread"),
    ],
)
def test_a_step_that_raises_has_failed_or_was_interrupted_and_lets_the_error_pass(
    recorder: Recorder, clock: FakeClock, ear: Ear, error: BaseException, outcome: str
) -> None:
    def fail_in_a_step() -> None:
        with recorder.step("build", "Build") as step:
            step.detail = "half"
            clock.pass_seconds(1)
            raise error

    with pytest.raises(type(error)) as caught:
        fail_in_a_step()

    assert caught.value is error
    assert ear.finished() == [StepFinished("build", outcome, BEGIN, 1.0, "half")]


def test_a_brief_step_is_timed_and_begins_without_a_word(
    recorder: Recorder, clock: FakeClock, ear: Ear
) -> None:
    with recorder.brief("guard", "shop"):
        clock.pass_seconds(2)

    assert ear.events == [BriefStep("guard", "ok", BEGIN, 2.0, "", "shop")]


def test_steps_inside_steps_end_first(recorder: Recorder, clock: FakeClock, ear: Ear) -> None:
    with recorder.step("outer", "Outer"):
        clock.pass_seconds(1)
        with recorder.step("inner", "Inner"):
            clock.pass_seconds(2)

    assert [(step.name, step.seconds) for step in ear.finished()] == [
        ("inner", 2.0),
        ("outer", 3.0),
    ]


def test_every_listener_hears_in_the_order_they_were_added(clock: FakeClock) -> None:
    heard: list[str] = []

    def first(event: Event) -> None:
        heard.append(f"first {type(event).__name__}")

    def second(event: Event) -> None:
        heard.append(f"second {type(event).__name__}")

    Recorder(clock, [first, second]).emit(LogLine("build", "-----> Python"))

    assert heard == ["first LogLine", "second LogLine"]


def test_a_recorder_without_listeners_is_silent(clock: FakeClock) -> None:
    recorder = Recorder(clock)

    recorder.note("nobody hears this")

    assert recorder.listeners == []


def test_notes_are_for_information_unless_said(recorder: Recorder, ear: Ear) -> None:
    recorder.note("by the way")
    recorder.note("look out", "warning")

    assert ear.events == [Note("by the way", "info"), Note("look out", "warning")]


def test_a_step_tells_what_it_waits_for_and_how_long_it_may(recorder: Recorder, ear: Ear) -> None:
    with recorder.step("verify", "Verify shop", "shop", 300.0) as step:
        step.tell("dynos 1/2 up")

    assert ear.events[:2] == [
        StepStarted("verify", "Verify shop", BEGIN, "shop", 300.0),
        Progress("verify", "dynos 1/2 up", "shop"),
    ]
