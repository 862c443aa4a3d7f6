from __future__ import annotations

import io
from threading import Barrier, Event, Thread
from typing import TYPE_CHECKING

import pytest

from accelerator.events import Event as Happening
from accelerator.events import (
    Evidence,
    LogLine,
    Note,
    Requested,
    Retried,
    StepFinished,
    StepStarted,
)
from accelerator.heroku.answers import SIGNED
from accelerator.output.console import Console
from accelerator.output.streams import wants_color
from accelerator.output.wording import render_seconds
from tests.unit.fakes import BEGIN, FakeClock

if TYPE_CHECKING:
    from collections.abc import Callable

STARTED = StepStarted("upload", "Upload the source", BEGIN)
OK = StepFinished("upload", "ok", BEGIN, 2.5, "3 MB")
BARE = StepFinished("upload", "ok", BEGIN, 2.5)
FAILED = StepFinished("verify", "failed", BEGIN, 0.04, "answered 500")
SKIPPED = StepFinished("tests", "skipped", BEGIN, 0.0)
ODD = StepFinished("tests", "postponed", BEGIN, 0.0)
LINE = LogLine("build shop", "-----> Python app detected")
CRASHED = Evidence("the last lines of web.1", ("Traceback", "ImportError"))
DETAIL, INFO, WARNING = Note("how", "detail"), Note("what"), Note("look out", "warning")
REQUEST = Requested("GET", "/apps/shop", 200, 0.1, "req-1")
UNANSWERED = Requested("GET", "/apps/shop", None, 5.0)
RETRY = Retried("GET /apps/shop", "answered 503", 0.25)
LOG_RETRY = Retried(f"GET {SIGNED}", "the log has not begun", 0.25)

LINES: dict[Happening, str] = {
    STARTED: "==> Upload the source\n",
    OK: "    upload done · 3 MB · 2.5 s\n",
    BARE: "    upload done · 2.5 s\n",
    FAILED: "    verify FAILED · answered 500 · 40 ms\n",
    SKIPPED: "    tests skipped · 0 ms\n",
    ODD: "    tests postponed · 0 ms\n",
    LINE: "    build shop | -----> Python app detected\n",
    CRASHED: "    the last lines of web.1:\n    | Traceback\n    | ImportError\n",
    DETAIL: "    how\n",
    INFO: "    what\n",
    WARNING: "    warning: look out\n",
    REQUEST: "    GET /apps/shop 200 0.1 s req-1\n",
    UNANSWERED: "    GET /apps/shop no answer 5.0 s\n",
    RETRY: "    answered 503; trying again in 0.2 s\n",
    LOG_RETRY: "    the log has not begun; trying again in 0.2 s\n",
}
LOUDNESS: dict[int, set[Happening]] = {
    -1: {FAILED, SKIPPED, ODD, CRASHED, WARNING},
    0: {STARTED, OK, BARE, FAILED, SKIPPED, ODD, LINE, CRASHED, INFO, WARNING, RETRY},
    1: set(LINES) - {REQUEST, UNANSWERED},
    2: set(LINES),
}


def written(*events: Happening, verbosity: int = 2, color: bool = False) -> str:
    stream = io.StringIO()
    console = Console(stream, FakeClock(), color=color, verbosity=verbosity)
    for event in events:
        console(event)
    return stream.getvalue()


@pytest.mark.parametrize("event", [pytest.param(e, id=LINES[e].strip()) for e in LINES])
def test_every_event_is_one_line(event: Happening) -> None:
    assert written(event) == LINES[event]


@pytest.mark.parametrize("verbosity", [-1, 0, 1, 2])
def test_the_verbosity_decides_what_is_said(verbosity: int) -> None:
    said = {event for event in LINES if written(event, verbosity=verbosity)}

    assert said == LOUDNESS[verbosity]


def test_a_failure_says_what_happened_and_then_what_to_do() -> None:
    stream = io.StringIO()

    Console(stream, FakeClock(), color=False, verbosity=-1).error("it broke", "mend it")

    assert stream.getvalue() == "error: it broke\nhint:  mend it\n"


def test_a_failure_without_a_hint_is_one_line() -> None:
    stream = io.StringIO()

    Console(stream, FakeClock(), color=False).error("it broke", None)

    assert stream.getvalue() == "error: it broke\n"


def test_without_colour_there_is_no_escape() -> None:
    assert "\x1b" not in written(*LINES)


def test_with_colour_the_words_are_the_same() -> None:
    painted = written(FAILED, color=True)

    assert painted == "    verify \x1b[31mFAILED\x1b[0m · answered 500 · 40 ms\n"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "environment", "expected"),
    [
        pytest.param(Terminal, {}, True, id="a terminal"),
        pytest.param(Terminal, {"NO_COLOR": "1"}, False, id="NO_COLOR is set"),
        pytest.param(Terminal, {"NO_COLOR": ""}, True, id="NO_COLOR is empty"),
        pytest.param(Terminal, {"TERM": "dumb"}, False, id="a dumb terminal"),
        pytest.param(io.StringIO, {"FORCE_COLOR": "1"}, True, id="a pipe with FORCE_COLOR"),
        pytest.param(Terminal, {"FORCE_COLOR": "0"}, False, id="FORCE_COLOR says no"),
        pytest.param(Terminal, {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False, id="both are set"),
        pytest.param(Terminal, {"TERM": "xterm"}, True, id="a terminal with a name"),
        pytest.param(io.StringIO, {}, False, id="a file or pipe"),
    ],
)
def test_colour_is_for_terminals_that_want_it(
    stream: Callable[[], io.StringIO], environment: dict[str, str], expected: bool
) -> None:
    assert wants_color(stream(), environment) is expected


class Slow(io.StringIO):
    """A stream that lets other threads in while it is in the middle of a line."""

    def write(self, text: str) -> int:
        super().write(text[:20])
        Event().wait(0.002)
        return super().write(text[20:])


def test_lines_of_parallel_steps_never_mix() -> None:
    stream = Slow()
    console = Console(stream, FakeClock(), color=False)
    together = Barrier(4)

    def talk(name: str) -> None:
        together.wait()
        for _ in range(10):
            console(LogLine(name, name * 40))

    threads = [Thread(target=talk, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    lines = stream.getvalue().splitlines()
    assert sorted(lines) == sorted(f"    {n} | {n * 40}" for n in "abcd" for _ in range(10))


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0.0, "0 ms"),
        (0.0004, "0 ms"),
        (0.045, "45 ms"),
        (0.099, "99 ms"),
        (0.0996, "0.1 s"),
        (2.44, "2.4 s"),
        (60.0, "60.0 s"),
        (99.4, "99.4 s"),
        (99.6, "1 min 40 s"),
        (119.7, "2 min 00 s"),
        (200.0, "3 min 20 s"),
        (3725.0, "62 min 05 s"),
    ],
)
def test_durations_are_written_for_people(seconds: float, expected: str) -> None:
    assert render_seconds(seconds) == expected


def test_a_closed_console_is_silent_whoever_speaks() -> None:
    stream, clock = io.StringIO(), FakeClock()
    console = Console(stream, clock, color=False)
    console(LINE)

    console.close()
    console(LINE)
    console.error("it broke", "mend it")
    clock.sleep(100)
    console.break_silence(60, "still waiting")

    assert stream.getvalue() == LINES[LINE]


class Gone(io.StringIO):
    """A stream whose reader has left."""

    def write(self, text: str) -> int:  # noqa: ARG002  # nobody reads it
        raise BrokenPipeError


def test_a_reader_that_has_gone_ends_the_talk_and_not_the_work() -> None:
    console = Console(Gone(), FakeClock(), color=False)

    console(STARTED)
    console(WARNING)
    console.error("what", "do this")

    assert console.break_silence(0, "still waiting") >= 0


RETRIES = [
    Retried("GET /apps", f"no address for api.example (0x{number:x})", 1.0) for number in range(129)
]


def test_retries_for_one_cause_are_two_lines_however_many_there_were() -> None:
    stream, clock = io.StringIO(), FakeClock()
    console = Console(stream, clock, color=False)

    for retry in RETRIES:
        console(retry)
        clock.pass_seconds(0.25)
    console(Retried("GET /apps", "answered 503", 1.0))
    console.settle()
    console.settle()

    assert stream.getvalue().splitlines() == [
        "    no address for api.example (0x0); trying again in 1.0 s",
        "    answered 503; trying again in 1.0 s",
        "    no address for api.example (0x0): 128 more times in 32.0 s",
    ]


def test_a_long_silence_tells_of_the_retries_in_it() -> None:
    stream, clock = io.StringIO(), FakeClock()
    console = Console(stream, clock, color=False)
    console(RETRIES[0])
    clock.pass_seconds(60)
    console(RETRIES[1])

    console.break_silence(60, "still waiting: Build")

    assert stream.getvalue().splitlines()[1:] == [
        "    no address for api.example (0x0): once more in 60.0 s",
        "    still waiting: Build",
    ]


def test_with_details_wanted_every_retry_is_said() -> None:
    assert written(*RETRIES, verbosity=1).count("\n") == len(RETRIES)
