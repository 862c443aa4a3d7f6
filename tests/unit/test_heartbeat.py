"""What is said when nothing else is: the clock is moved by hand, no thread waits for real."""

from __future__ import annotations

import io
import threading
from contextlib import ExitStack
from dataclasses import dataclass, field
from threading import Barrier, Event, Thread
from typing import TYPE_CHECKING

import pytest

from accelerator.errors import AcceleratorError
from accelerator.events import LogLine, Note, Recorder
from accelerator.models import StepName
from accelerator.output.console import Console
from accelerator.output.heartbeat import Heartbeat
from accelerator.waiting import repeat
from tests.unit.fakes import FakeClock

if TYPE_CHECKING:
    from accelerator.events import Event as Happening

BUILD = ("build", "Build c0ffee on foo-prepare")


class Scene:
    """A console that was silent for as long as the test says, and its heartbeat."""

    def __init__(self, verbosity: int = 0) -> None:
        self.clock, self.stream = FakeClock(), io.StringIO()
        console = Console(self.stream, self.clock, color=False, verbosity=verbosity)
        self.heartbeat = Heartbeat(console, self.clock, 60.0)
        self.events = Recorder(self.clock, [self.heartbeat, console])

    def after(self, seconds: float) -> str:
        """Let time pass and the heart beat; gives what that wrote."""
        before = len(self.stream.getvalue())
        self.clock.pass_seconds(seconds)
        self.heartbeat.beat()
        return self.stream.getvalue()[before:]


def test_a_long_silence_is_broken_by_naming_the_step_and_how_long_it_runs() -> None:
    scene = Scene()

    with scene.events.step(*BUILD):
        said = [scene.after(60), scene.after(60), scene.after(60)]

    assert said == [
        f"    still waiting: {BUILD[1]} ({took})\n"
        for took in ("60.0 s", "2 min 00 s", "3 min 00 s")
    ]


def test_a_step_is_named_on_after_a_brief_one_within_it() -> None:
    scene = Scene()

    with scene.events.step(*BUILD):
        with scene.events.brief(StepName.LOOK):
            scene.clock.pass_seconds(0.1)
        said = scene.after(60)

    assert said == f"    still waiting: {BUILD[1]} (60.1 s)\n"


def test_nothing_is_added_before_the_silence_was_long() -> None:
    scene = Scene()

    with scene.events.step(*BUILD):
        said = scene.after(59.9)

    assert said == ""


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(LogLine("build foo-prepare", "-----> Installing"), id="a line of a log"),
        pytest.param(Note("waiting for the lock"), id="a note"),
    ],
)
def test_whatever_is_written_begins_the_silence_anew(event: Happening) -> None:
    scene = Scene()

    with scene.events.step(*BUILD):
        scene.after(50)
        scene.events.emit(event)
        soon, later = scene.after(50), scene.after(10)

    assert soon == ""
    assert "(1 min 50 s)" in later


def test_what_is_not_written_does_not_count_as_said() -> None:
    scene = Scene(verbosity=0)

    with scene.events.step(*BUILD):
        scene.clock.pass_seconds(50)
        scene.events.note("the log has not begun", "detail")
        said = scene.after(10)

    assert "still waiting" in said


def test_the_innermost_of_the_running_steps_is_named() -> None:
    scene = Scene()

    with scene.events.step("outer", "Ship everything"):
        with scene.events.step(*BUILD):
            within = scene.after(60)
        after = scene.after(60)

    assert within == f"    still waiting: {BUILD[1]} (60.0 s)\n"
    assert after == "    still waiting: Ship everything (2 min 00 s)\n"


def test_what_a_step_waits_for_is_named_while_it_runs() -> None:
    scene = Scene()

    with scene.events.step(*BUILD) as step:
        step.tell("dynos 0/2 up")
        step.tell("dynos 1/2 up")
        told = scene.after(60)
    with scene.events.step(*BUILD):
        untold = scene.after(60)

    assert told == f"    still waiting: {BUILD[1]}: dynos 1/2 up (60.0 s)\n"
    assert untold == f"    still waiting: {BUILD[1]} (60.0 s)\n"


def test_a_step_that_failed_is_not_waited_for() -> None:
    scene = Scene()

    with pytest.raises(AcceleratorError), scene.events.step(*BUILD):
        raise AcceleratorError("it broke")
    said = scene.after(600)

    assert said == ""


def test_between_the_steps_nothing_is_said() -> None:
    scene = Scene()

    with scene.events.step(*BUILD):
        pass
    said = scene.after(600)

    assert said == ""


def test_steps_that_run_side_by_side_are_all_named() -> None:
    scene, titles = Scene(), ("Test: pytest", BUILD[1])
    begun, ended = Barrier(3), Event()

    def work(title: str) -> None:
        with scene.events.step("any", title):
            begun.wait()
            ended.wait()

    threads = [Thread(target=work, args=(title,)) for title in titles]
    with ExitStack() as stack:
        for thread in threads:
            thread.start()
            stack.callback(thread.join)
        stack.callback(ended.set)
        begun.wait()
        said = scene.after(60)

    assert sorted(said.removeprefix("    still waiting: ").rstrip().split(", ")) == [
        f"{title} (60.0 s)" for title in sorted(titles)
    ]


@pytest.mark.parametrize(
    ("verbosity", "is_said"),
    [
        pytest.param(-1, False, id="quiet"),
        pytest.param(0, True, id="as usual"),
        pytest.param(2, True, id="every request"),
    ],
)
def test_quiet_means_quiet(verbosity: int, is_said: bool) -> None:
    scene = Scene(verbosity)

    with scene.events.step(*BUILD):
        said = scene.after(600)

    assert bool(said) is is_said


@pytest.mark.parametrize(
    ("silence", "pause"),
    [
        pytest.param(0, 60, id="just said something"),
        pytest.param(45, 15, id="said something a while ago"),
        pytest.param(60, 60, id="silent long enough"),
        pytest.param(300, 60, id="silent for longer, after the machine slept"),
    ],
)
def test_the_next_look_is_when_the_silence_would_be_long(silence: float, pause: float) -> None:
    scene = Scene()
    scene.clock.pass_seconds(silence)

    assert scene.heartbeat.beat() == pause


@dataclass
class Stop(Event):
    """A stop signal that comes after so many pauses, and remembers them."""

    pauses_before: int
    pauses: list[float | None] = field(default_factory=list)

    def wait(self, timeout: float | None = None) -> bool:
        self.pauses.append(timeout)
        return len(self.pauses) == self.pauses_before


def test_what_is_repeated_says_how_long_to_pause_and_ends_when_stopped() -> None:
    stop, pauses = Stop(3), iter([5.0, 1.5, 60.0, 60.0])

    repeat(lambda: next(pauses), stop)

    assert stop.pauses == [5.0, 1.5, 60.0]


def test_the_heart_beats_beside_the_work_and_not_after_it() -> None:
    heard = Event()
    clock = FakeClock()

    class Ear(io.StringIO):
        def write(self, text: str) -> int:
            if "still waiting" in text:
                heard.set()
            return super().write(text)

    heartbeat = Heartbeat(Console(Ear(), clock, color=False), clock, 0.0)
    events = Recorder(clock, [heartbeat])

    with events.step(*BUILD), heartbeat.beating():
        was_heard = heard.wait(20)

    assert was_heard
    assert "heartbeat" not in [thread.name for thread in threading.enumerate()]


def test_a_reader_of_stderr_that_has_gone_ends_the_beating_only() -> None:
    clock, tried = FakeClock(), Event()

    class Gone(io.StringIO):
        def write(self, text: str) -> int:  # noqa: ARG002  # a stream's form
            tried.set()
            raise BrokenPipeError

    heartbeat = Heartbeat(Console(Gone(), clock, color=False), clock, 0.0)
    events = Recorder(clock, [heartbeat])

    with events.step(*BUILD), heartbeat.beating():
        was_tried = tried.wait(20)

    assert was_tried
