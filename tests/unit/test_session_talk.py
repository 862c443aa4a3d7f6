"""The session's talk: bugs of threads and questions stay out of what is drawn."""

from __future__ import annotations

import io
import threading
from typing import TYPE_CHECKING

import pytest

from accelerator.cli.invocation import Invocation
from accelerator.cli.options import Talk
from accelerator.cli.session import Session
from accelerator.models import StepName
from accelerator.output.timings import sum_up
from accelerator.waiting import Deadline
from tests.unit.fakes import FakeClock
from tests.unit.test_live import Terminal

if TYPE_CHECKING:
    from pathlib import Path

    from accelerator.output.outcome import Outcome


def make_session(directory: Path, stdout: io.StringIO, typed: str = "") -> tuple[Session, Terminal]:
    terminal = Terminal()
    invocation = Invocation({}, directory, stdout, terminal, stdin=io.StringIO(typed))
    return Session("deploy", invocation, Talk()), terminal


def test_the_traceback_of_a_thread_stays_and_the_picture_goes_on_below_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, terminal = make_session(tmp_path, io.StringIO())
    monkeypatch.setattr(threading, "excepthook", lambda _: terminal.write("Traceback\nno\n"))

    def fail() -> None:
        raise RuntimeError("no")

    def work() -> None:
        with session.events.step("build", "Build c0ffee on shop", "shop"):
            session.heartbeat.beat()
            thread = threading.Thread(target=fail)
            thread.start()
            thread.join()

    session.perform(work, lambda _: {}, lambda _: [])

    text = terminal.screen.text
    assert text[:2] == ["Traceback", "no"]
    assert "Build c0ffee on shop" in text[2]


def test_a_question_is_asked_where_nothing_is_drawn(tmp_path: Path) -> None:
    session, terminal = make_session(tmp_path, io.StringIO(), "shop\n")

    with session.events.step("build", "Build c0ffee on shop", "shop"):
        session.heartbeat.beat()
        answer = session.ask("Which app?")

    assert answer == "shop\n"
    assert terminal.screen.text[0].startswith("Which app?")


@pytest.mark.parametrize(
    ("stdout", "expected"),
    [
        pytest.param(io.StringIO(), 1, id="a pipe gets lines whole"),
        pytest.param(Terminal(), 2, id="a terminal gets lines that fit"),
    ],
)
def test_long_lines_of_a_result_are_broken_for_terminals_only(
    stdout: io.StringIO, expected: int, tmp_path: Path
) -> None:
    session, _ = make_session(tmp_path, stdout)

    session.perform(lambda: None, lambda _: {}, lambda _: ["word " * 20])

    assert len(stdout.getvalue().splitlines()) == expected


def test_the_result_knows_that_the_steps_were_seen(tmp_path: Path) -> None:
    looks: list[Outcome] = []
    for stdout in (io.StringIO(), Terminal()):
        session, _ = make_session(tmp_path, stdout)
        session.perform(lambda: None, lambda _: {}, lambda outcome: looks.append(outcome) or [])

    assert [each.look.has_seen_steps for each in looks] == [False, True]


def test_a_result_tells_moments_as_the_error_below_it_does(tmp_path: Path) -> None:
    stdout = io.StringIO()
    session, _ = make_session(tmp_path, stdout)

    session.perform(lambda: None, lambda _: {}, lambda _: ["frozen since 2026-03-01T12:00:00Z"])

    assert "2026-03-01T12:00:00Z" not in stdout.getvalue()
    assert stdout.getvalue().endswith(" ago\n")


def test_the_time_a_person_takes_to_answer_is_no_time_of_the_runs(tmp_path: Path) -> None:
    session, _ = make_session(tmp_path, io.StringIO(), "shop\n")
    session.clock = clock = FakeClock()  # type: ignore[assignment]
    session.events.clock = clock
    session.invocation.stdin.readline = lambda _: clock.pass_seconds(600) or "shop"  # type: ignore
    left: list[float] = []

    def work() -> None:
        deadline = session.connection.deadline = Deadline.after(clock, 100)
        with session.events.brief(StepName.LOCK, "shop"):
            clock.pass_seconds(1)
        session.ask("Which app?")
        left.append(deadline.remaining)
        with session.events.step(StepName.VERIFY, "Verify shop", "shop"):
            clock.pass_seconds(2)
            session.ask("Sure?")
            clock.pass_seconds(3)

    ends: list[Outcome] = []
    session.perform(work, lambda _: {}, lambda outcome: [str(ends.append(outcome))])

    assert left == [99]
    assert sum_up(ends[0].worked) == "6.0 s: verification 5.0 s, locks 1.0 s"
    assert [step.seconds for step in ends[0].steps] == [1, 605]
