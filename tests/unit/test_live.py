"""The live terminal, read as a terminal would read it; the clock is moved by hand."""

from __future__ import annotations

import io
import os
import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from accelerator.events import (
    Evidence,
    LogLine,
    Note,
    Progress,
    Recorder,
    Retried,
    StepFinished,
    StepStarted,
)
from accelerator.models import StepName
from accelerator.output.console import Console
from accelerator.output.heartbeat import Heartbeat
from accelerator.output.live import Live
from accelerator.output.painter import Painter
from accelerator.output.picture import Marks, Picture
from accelerator.output.terminal import make_console
from tests.unit import vt
from tests.unit.fakes import BEGIN, FakeClock
from tests.unit.runners import commands

if TYPE_CHECKING:
    from accelerator.events import Event

HOSTILE = "a\x1b[2J\x1b[10A\x1b]0;t\x07\x9b31m\r\n\u202e ##[error]x\x1b[31mred [bold]b[/bold]"


class Terminal(io.StringIO):
    """A terminal of a size that can be changed, and what is on it."""

    encoding = "utf-8"

    def __init__(self, columns: int = 80, rows: int = 24) -> None:
        super().__init__()
        self.screen = vt.Screen(columns, rows)

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        return 2

    def write(self, text: str) -> int:
        self.screen.feed(text)
        return super().write(text)


class Scene:
    """A live console and its beat."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, terminal: Terminal, verbosity: int = 0
    ) -> None:
        self.terminal, self.clock = terminal, FakeClock()
        screen = terminal.screen
        size = lambda _: os.terminal_size((screen.columns, screen.rows))  # noqa: E731
        monkeypatch.setattr("accelerator.output.screen.os.get_terminal_size", size)
        self.live = Live(terminal, self.clock, color=False, verbosity=verbosity)
        self.heartbeat = Heartbeat(self.live, self.clock, 60.0)
        self.events = Recorder(self.clock, [self.heartbeat, self.live])

    def draw(self) -> list[str]:
        """Let the heart beat; return what can be read then."""
        self.heartbeat.beat()
        return self.terminal.screen.text


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Scene:
    return Scene(monkeypatch, Terminal())


BUILD = (StepName.BUILD, "Build c0ffee on shop", "shop")


def test_a_step_under_way_shows_its_time_its_deadline_and_what_it_waits_for(scene: Scene) -> None:
    with scene.events.step(StepName.VERIFY, "Verify shop", "shop", 300) as step:
        step.tell("dynos 0/2 up")
        step.tell("dynos 1/2 up")
        scene.clock.pass_seconds(75)
        drawn = scene.draw()

    assert [line[2:] for line in drawn] == [
        "   1:15  Verify shop · at most 5:00",
        "         dynos 1/2 up",
    ]


def test_a_step_that_ended_is_one_line_and_its_log_is_gone(scene: Scene) -> None:
    with scene.events.step(*BUILD) as step:
        for number in range(9):
            scene.events.emit(LogLine("build shop", f"-----> {number}"))
        running = scene.draw()
        scene.clock.pass_seconds(9.26)
        step.detail = "12 MB"

    assert len(running) == 1 + 5
    assert running[-1].endswith("build shop | -----> 8")
    assert scene.draw() == ["✓   9.3 s  Build c0ffee on shop · 12 MB"]


def test_a_step_that_failed_keeps_the_end_of_its_log(scene: Scene) -> None:
    with scene.events.step(*BUILD) as step:
        for number in range(30):
            scene.events.emit(LogLine("build shop", f"-----> {number}"))
        scene.draw()
        step.outcome = "failed"

    text = scene.draw()
    assert text[0] == "✗    0 ms  Build c0ffee on shop · FAILED"
    assert [line.split()[-1] for line in text[1:]] == [str(number) for number in range(10, 30)]


def test_what_was_shown_as_evidence_is_not_shown_again(scene: Scene) -> None:
    with scene.events.step(*BUILD) as step:
        for text in ("begin", "it broke"):
            scene.events.emit(LogLine("build shop", text))
        scene.events.emit(Evidence("the build said", ("it broke",)))
        step.outcome = "failed"

    assert sum("it broke" in line for line in scene.draw()) == 1
    assert any(line.endswith("| begin") for line in scene.draw())


@pytest.mark.parametrize("verbosity", [0, 1], ids=["drawn before", "written before"])
def test_evidence_that_repeats_a_log_is_on_the_screen_once(
    monkeypatch: pytest.MonkeyPatch, verbosity: int
) -> None:
    scene = Scene(monkeypatch, Terminal(), verbosity)
    with scene.events.step(StepName.TEST, "Test: make check") as step:
        scene.events.emit(LogLine("tests", "it broke"))
        scene.draw()
        scene.events.emit(Evidence("the last lines of the tests", ("it broke",), is_repeat=True))
        step.outcome = "failed"

    assert sum("it broke" in line for line in scene.draw()) == 1


def test_a_step_that_no_line_began_is_named_like_the_others(scene: Scene) -> None:
    with scene.events.brief(StepName.GUARD, "shop"):
        scene.clock.pass_seconds(3)

    assert scene.draw() == ["✓   3.0 s  Check the guards of shop"]


def test_a_step_that_fails_before_it_was_announced_says_who_was_asked(scene: Scene) -> None:
    with scene.events.brief(StepName.LOOK) as step:
        scene.clock.pass_seconds(3)
        step.outcome = "failed"

    assert scene.draw() == ["✗   3.0 s  Ask Heroku · FAILED"]


def test_notes_and_warnings_come_above_what_runs(scene: Scene) -> None:
    with scene.events.step(*BUILD):
        scene.draw()
        scene.events.note("look out", "warning")
        text = scene.terminal.screen.text

    assert text[0] == "    warning: look out"
    assert text[1].endswith("Build c0ffee on shop")


def test_with_details_wanted_every_line_of_the_log_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene(monkeypatch, Terminal(), verbosity=1)
    with scene.events.step(*BUILD):
        scene.draw()
        for number in range(40):
            scene.events.emit(LogLine("build shop", str(number)))

    assert [line.split()[-1] for line in scene.draw()[:40]] == [str(n) for n in range(40)]


def test_steps_of_several_apps_stand_side_by_side_each_with_its_own_log(scene: Scene) -> None:
    for app in ("shop", "shop-eu"):
        scene.events.emit(StepStarted(StepName.BUILD, f"Build on {app}", BEGIN, app))
    for app in ("shop-eu", "shop"):
        scene.events.emit(LogLine(f"build {app}", f"log of {app}"))

    shown = [line.strip() for line in scene.draw()]

    assert [re.sub(r"^\W*0 s ", "", line).strip() for line in shown] == [
        "Build on shop",
        "build shop | log of shop",
        "Build on shop-eu",
        "build shop-eu | log of shop-eu",
    ]


def test_a_long_sentence_is_broken_between_words_and_never_within_a_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scene = Scene(monkeypatch, Terminal(60))

    scene.events.note(
        "c0ffee is rejected for shop until `accelerator accept shop --commit c0ffee` is run",
        "warning",
    )
    scene.live.error("x" * 50 + " yes", None)

    assert scene.terminal.screen.text == [
        "    warning: c0ffee is rejected for shop until",
        "             `accelerator accept shop --commit c0ffee` is",
        "             run",
        "error: " + "x" * 50,
        "       yes",
    ]


def test_what_is_asked_again_and_again_is_counted_in_place(scene: Scene) -> None:
    for _ in range(5):
        scene.events.emit(Retried("GET /apps", "answered 503", 1.0))
        drawn = scene.draw()
    scene.clock.pass_seconds(60)
    later = scene.draw()
    scene.live.settle()

    assert drawn == [
        "    answered 503; trying again in 1.0 s",
        "    answered 503: 4 more times in 0 ms",
    ]
    assert later == drawn[:1]
    assert scene.terminal.screen.text == drawn


def test_a_blank_line_parts_the_steps_from_the_result(scene: Scene) -> None:
    with scene.events.step(*BUILD):
        scene.draw()
    scene.live.settle()
    scene.live.error("it broke", None)

    assert [line[:9] for line in scene.terminal.screen.text] == ["✓    0 ms", "", "error: it"]


@pytest.mark.parametrize("rows", [2, 3, 5, 24])
@pytest.mark.parametrize("columns", [12, 40, 80, 140])
def test_the_picture_fits_any_terminal(
    monkeypatch: pytest.MonkeyPatch, columns: int, rows: int
) -> None:
    scene = Scene(monkeypatch, Terminal(columns, rows))
    for number in range(9):
        app = f"shop-{number}-日本語"
        scene.events.emit(StepStarted(StepName.VERIFY, f"Verify {app} " * 9, BEGIN, app, 300))
        scene.events.emit(Progress(StepName.VERIFY, "dynos 1/2 up " * 9, app))
        scene.events.emit(LogLine(f"build {app}", "日本語 " * 50))

    for _ in range(3):
        text = scene.draw()

    assert 0 < len(text) < rows
    assert max(map(cell_len, text)) < columns
    assert scene.terminal.screen.row == len(text)
    assert ("more" in text[0]) is (rows <= 9 and columns > 20) or columns == 12


def test_a_terminal_that_became_narrower_keeps_nothing_of_the_old_picture(scene: Scene) -> None:
    scene.events.note("before")
    with scene.events.step(StepName.VERIFY, "Verify " + "shop " * 12, "shop"):
        scene.draw()
        scene.terminal.screen.resize(40)
        text = scene.draw()

    assert text[0] == "    before"
    assert len(text) == 2
    assert text[1].endswith("…")


def test_while_somebody_is_asked_nothing_is_drawn(scene: Scene) -> None:
    with scene.events.step(*BUILD):
        scene.draw()
        with scene.live.pause():
            asked = scene.draw()
            scene.events.note("meanwhile")
            noted = scene.draw()
        after = scene.draw()

    assert asked == []
    assert noted == ["    meanwhile"]
    assert after[1].endswith("Build c0ffee on shop")


@pytest.mark.parametrize("end", ["settle", "close"])
def test_after_the_end_nothing_is_drawn_and_the_cursor_is_there(scene: Scene, end: str) -> None:
    scene.events.emit(StepStarted(*BUILD[:2], BEGIN, "shop"))
    scene.draw()

    getattr(scene.live, end)()

    assert scene.draw() == []
    assert scene.terminal.screen.is_cursor_shown
    assert scene.terminal.screen.wraps


def test_the_cursor_is_never_hidden_between_two_writes(scene: Scene) -> None:
    with scene.events.step(*BUILD):
        for _ in range(3):
            scene.draw()
            assert scene.terminal.screen.is_cursor_shown
            assert scene.terminal.screen.wraps


EVENTS: list[Event] = [
    StepStarted(StepName.BUILD, HOSTILE, BEGIN, "shop"),
    Progress(StepName.BUILD, HOSTILE, "shop"),
    LogLine(HOSTILE, HOSTILE),
    Note(HOSTILE, "warning"),
    Evidence(HOSTILE, (HOSTILE,)),
    StepFinished(StepName.BUILD, "failed", BEGIN, 1.0, HOSTILE, "shop"),
]


@pytest.mark.parametrize("verbosity", [0, 1])
def test_foreign_text_moves_no_cursor_and_is_no_markup(
    monkeypatch: pytest.MonkeyPatch, verbosity: int
) -> None:
    scene = Scene(monkeypatch, Terminal(200), verbosity)

    for event in EVENTS:
        scene.events.emit(event)
        scene.draw()

    shown = "\n".join(scene.terminal.screen.text)
    assert shown.count("[bold]b[/bold]") >= 5
    assert shown.startswith("a\\x1b[2J") or "a\\x1b[2J" in shown
    assert list(commands(shown)) == []


def test_without_colours_nothing_is_painted_and_with_them_something_is() -> None:
    line = (Marks().of("ok"), " words ", HOSTILE[:1])

    assert Painter(color=False).paint([line], 80)[0].text == "✓ words a"
    assert "\x1b[32m✓\x1b[0m" in Painter(color=True).paint([line], 80)[0].text


def test_a_deadline_is_kept_where_the_title_is_cut() -> None:
    picture = Picture(Marks())
    picture.begin(StepStarted(StepName.VERIFY, "Verify " + "shop " * 20, BEGIN, "s", 300), 0.0)

    [drawn] = Painter(color=False).paint(picture.lines(0.0, 9), 60)

    assert drawn.text.endswith("… · at most 5:00")
    assert drawn.columns == 60


def test_a_terminal_that_lacks_the_letters_gets_plain_ones() -> None:
    assert Marks.for_encoding("utf-8") == Marks()
    for encoding in ("ascii", "latin-1", "no such thing"):
        marks = Marks.for_encoding(encoding)
        assert (marks.spinner + marks.done + marks.failed + marks.dot + marks.ellipsis).isascii()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 30)), max_size=12),
    st.integers(1, 40),
)
def test_a_picture_never_has_more_lines_than_there_are(
    steps: list[tuple[bool, int]], most: int
) -> None:
    picture = Picture(Marks())
    for number, (is_telling, lines) in enumerate(steps):
        app = f"a{number}"
        picture.begin(StepStarted(StepName.BUILD, "Build", BEGIN, app), 0.0)
        if is_telling:
            picture.tell(Progress(StepName.BUILD, "waits", app))
        for _ in range(lines):
            picture.hear(LogLine(f"build {app}", "x"))

    drawn = picture.lines(0.0, most)

    assert min(len(steps), most) <= len(drawn) <= most


class Gone(Terminal):
    """A terminal that was closed."""

    def write(self, text: str) -> int:  # noqa: ARG002  # nobody reads it
        raise BrokenPipeError


def test_a_terminal_that_is_gone_ends_the_talk_and_not_the_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scene = Scene(monkeypatch, Gone())
    heard: list[Event] = []
    scene.events.listeners.append(heard.append)

    with scene.events.step(*BUILD):
        scene.heartbeat.beat()
        scene.events.note("x")
    scene.live.error("it broke", None)
    scene.live.close()

    assert [type(event).__name__ for event in heard] == ["StepStarted", "Note", "StepFinished"]


@pytest.mark.parametrize(
    ("stream", "environment", "verbosity", "expected"),
    [
        pytest.param(Terminal, {"TERM": "xterm"}, 0, Live, id="a terminal"),
        pytest.param(Terminal, {"NO_COLOR": "1"}, 0, Live, id="a terminal without colours"),
        pytest.param(Terminal, {"TERM": "dumb"}, 0, Console, id="a dumb terminal"),
        pytest.param(Terminal, {}, -1, Console, id="quiet"),
        pytest.param(Terminal, {"GITHUB_ACTIONS": "true"}, 0, Console, id="the terminal of a CI"),
        pytest.param(Terminal, {"CI": "true"}, 0, Console, id="the terminal of some CI"),
        pytest.param(io.StringIO, {"FORCE_COLOR": "1"}, 0, Console, id="a pipe with colours"),
    ],
)
def test_live_is_for_terminals_that_somebody_looks_at(
    stream: type[io.StringIO], environment: dict[str, str], verbosity: int, expected: type
) -> None:
    assert type(make_console(stream(), environment, FakeClock(), verbosity)) is expected
