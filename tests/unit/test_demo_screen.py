"""Where the demo shows itself, what it says at its end, and whom it takes with it."""

from __future__ import annotations

import io
import os
import shlex
import sys
from dataclasses import replace
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelerator.demo.chart import Part
from accelerator.demo.children import Children, DemoFailed, Program
from accelerator.demo.farewell import find_program, render_farewell, render_kept
from accelerator.demo.picture import Picture
from accelerator.demo.platform import LocalPlatform
from accelerator.demo.report import DemoReport, Lap, Model, demo_document, render_demo
from accelerator.demo.repository import DemoRepository
from accelerator.demo.screen import wants_picture, wrap_command
from accelerator.demo.tracks import Track
from accelerator.models import Secret
from accelerator.output.outcome import Outcome, StepLog
from tests.unit import vt
from tests.unit.fakes import FakeClock

NO_PROCESS: Any = None
LOCAL = LocalPlatform("http://127.0.0.1:5001", Secret("HRKU-here"), Secret("token"), NO_PROCESS)
SITES = {
    "guestbook-staging": "http://127.0.0.1:41973/",
    "guestbook-production": "http://127.0.0.1:38099/",
}


class Terminal(io.StringIO):
    """A terminal, and what is on it."""

    def __init__(self, columns: int = 80, rows: int = 24) -> None:
        super().__init__()
        self.screen = vt.Screen(columns, rows)

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.screen.feed(text)
        return super().write(text)


def artifact(app: str) -> dict[str, Any]:
    return {"app": app, "artifact": {"id": "6b22f9a4-0000-4000-8000-000000000000"}}


REPORT = DemoReport(
    first={
        "route": "build",
        "reason": "nothing_prepared",
        "steps": [{"name": "build", "seconds": 9.6}],
    },
    second={
        "prepared": artifact("guestbook-prepare"),
        "stages": [{"targets": [artifact(app)]} for app in SITES],
        "steps": [],
    },
    prepared=Lap(10.4, 11.0, 12.0),
    built=Lap(10.4, 20.0, 30.0),
    sites=SITES,
    model=Model(9.0, 10.0, at_once=True),
    command=(
        *("accelerator", "ship", "--test", "'python -m unittest && sleep 10'"),
        *("--from", "guestbook-prepare", "--to", "staging", "--to", "production"),
        *("--smoke", "'/health {commit}'"),
    ),
)


def test_the_result_fits_a_terminal_of_eighty_columns() -> None:
    lines = render_demo(REPORT) + render_farewell("accelerator")
    lines += render_kept(
        REPORT, LOCAL, DemoRepository(Path("/home/me/repository"), {}), "accelerator"
    )

    assert max(map(len, lines)) < 80
    assert "From commit to production 2.5 times as fast." in " ".join(lines)


@pytest.mark.parametrize(
    ("model", "said"),
    [
        pytest.param(Model(9, 10), ["every build 9 s and every test run 10 s"], id="both"),
        pytest.param(Model(9, 0), ["every build 9 s longer", "(--build-seconds)"], id="builds"),
        pytest.param(Model(0, 10), ["every test run 10 s", "(--test-seconds)"], id="tests"),
        pytest.param(Model(), [], id="neither"),
    ],
)
def test_the_result_says_what_was_made_longer_and_nothing_where_nothing_was(
    model: Model, said: list[str]
) -> None:
    text = " ".join(render_demo(replace(REPORT, model=model)))

    assert [word for word in said if word not in text] == []
    assert ("longer than this application" in text) is bool(said)
    assert ("-seconds" in text) is bool(said)


@pytest.mark.parametrize("seconds", [3.0, 12.3], ids=["slower", "hardly faster"])
def test_a_way_that_was_no_faster_is_not_called_faster(seconds: float) -> None:
    slower = replace(REPORT, built=Lap(1.0, 2.0, seconds))

    text = " ".join(render_demo(slower))

    assert "no faster" in text
    assert "times as fast" not in text


def test_the_document_says_what_was_added_and_whether_the_ways_shared_the_machine() -> None:
    document = demo_document(REPORT, Outcome())

    assert (document["build_seconds_added"], document["test_seconds_added"]) == (9.0, 10.0)
    assert document["ran_at_once"] is True


def test_the_lines_of_kept_sites_point_a_shell_at_them_with_their_key() -> None:
    repository = DemoRepository(Path("/home/me/the demo/repository"), {})

    lines = [line.strip() for line in render_kept(REPORT, LOCAL, repository, "accelerator")]

    assert "export HEROKU_HOST=http://127.0.0.1:5001 HEROKU_GIT_HOST=127.0.0.1:5001" in lines
    assert "export HEROKU_API_KEY=HRKU-here" in lines
    assert "cd '/home/me/the demo/repository'" in lines
    assert "accelerator prepare --app guestbook-prepare" in lines
    assert lines.index("guestbook-staging     http://127.0.0.1:41973/") < lines.index(
        "The sites stay up until Ctrl-C. In another terminal:"
    )


def test_in_the_other_terminal_the_commands_that_are_printed_in_turn_are_found_too() -> None:
    repository = DemoRepository(Path("/home/me/repository"), {})

    lines = render_kept(REPORT, LOCAL, repository, "'/the checkout/.venv/bin/accelerator'")

    assert "  export PATH='/the checkout/.venv/bin':$PATH" in lines
    assert "  accelerator deploy --from guestbook-prepare --to staging" in lines


def test_a_command_that_the_callers_shell_does_not_find_is_named_with_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bin_folder = tmp_path / "checkout" / ".venv" / "bin"
    bin_folder.mkdir(parents=True)
    for name in ("accelerator", "activate"):
        (bin_folder / name).write_text("#!/bin/sh\n")
        (bin_folder / name).chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(bin_folder / "python"))

    found = find_program({"PATH": str(bin_folder)}, tmp_path)
    beside = find_program({"PATH": "/usr/bin"}, tmp_path / "checkout")
    elsewhere = find_program({"PATH": "/usr/bin"}, Path("/"))

    assert (found, beside) == ("accelerator", ".venv/bin/accelerator")
    assert elsewhere.endswith("checkout/.venv/bin/accelerator")
    monkeypatch.chdir(tmp_path / "checkout")
    assert "`. .venv/bin/activate` puts the command on your PATH." in render_farewell(beside)


@given(st.lists(st.sampled_from(["--to", "--test", "staging", "'a b'", "x" * 90]), min_size=1))
def test_a_command_on_several_lines_is_the_same_when_it_is_pasted(words: list[str]) -> None:
    pasted = "\n".join(wrap_command(words))

    assert shlex.split(pasted.replace("\\\n", " ")) == shlex.split(" ".join(words))


@pytest.mark.parametrize(
    ("stream", "environment", "verbosity", "wanted"),
    [
        pytest.param(Terminal(), {"TERM": "xterm"}, 0, True, id="a terminal"),
        pytest.param(io.StringIO(), {"TERM": "xterm"}, 0, False, id="a pipe"),
        pytest.param(Terminal(), {"TERM": "dumb"}, 0, False, id="a dumb terminal"),
        pytest.param(Terminal(), {}, 0, True, id="a terminal nobody names"),
        pytest.param(Terminal(), {"TERM": "xterm"}, 1, False, id="details wanted"),
        pytest.param(Terminal(), {"TERM": "xterm"}, -1, False, id="quiet"),
        pytest.param(Terminal(), {"TERM": "xterm", "GITLAB_CI": "true"}, 0, False, id="CI"),
        pytest.param(Terminal(), {"TERM": "xterm", "CI": "true"}, 0, False, id="a CI of no name"),
    ],
)
def test_a_picture_is_drawn_for_people_in_a_terminal_only(
    stream: io.StringIO, environment: dict[str, str], verbosity: int, wanted: bool
) -> None:
    assert wants_picture(stream, environment, verbosity) is wanted


@pytest.mark.parametrize(("columns", "rows"), [(40, 24), (80, 24), (140, 24), (80, 5), (12, 2)])
def test_no_line_of_the_picture_is_wider_than_the_terminal_or_moves_its_cursor(
    columns: int, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = os.terminal_size((columns, rows))
    monkeypatch.setattr("accelerator.output.screen.os.get_terminal_size", lambda _: size)
    monkeypatch.setattr(Terminal, "fileno", lambda _: 2)
    clock, terminal = FakeClock(), Terminal(columns, rows)
    picture = Picture(terminal, clock, StepLog(), color=False)
    track = Track("Prepared and promoted", clock)
    track.start("tests", "build")
    clock.pass_seconds(5)
    picture.headline("Second commit, both ways at the same time", "$ accelerator ship")
    picture.draw(track)
    picture.line("ship", "a build says \x1b[2J" + "much " * 60)

    for _ in range(3):
        picture.beat()

    lines = terminal.screen.text
    assert len(lines) <= rows - 1  # no row of an older picture is left
    assert max(map(len, lines)) < columns
    assert any(line.startswith("  tests") for line in lines) is (rows > 5)
    assert any("\\x1b[2J" in line for line in lines) is (rows > 5)
    assert (lines[-1] == "…") is (rows <= 5)


def test_the_picture_is_gone_at_its_end_and_the_cursor_is_back() -> None:
    terminal = Terminal()
    picture = Picture(terminal, FakeClock(), StepLog(), color=True)
    picture.headline("First commit")

    with picture:
        picture.line("ship", "talk")
    was_drawn = "First commit" in terminal.getvalue()

    assert was_drawn
    assert terminal.screen.text == []
    assert terminal.screen.is_cursor_shown


def test_a_headline_takes_away_what_was_drawn_before() -> None:
    clock, terminal = FakeClock(), Terminal()
    picture = Picture(terminal, clock, StepLog(), color=False)
    track = Track("Prepared and promoted", clock)
    track.finish([Part("tests", 0.0, 1.0)])
    picture.draw(track)
    picture.line("ship", "old talk")
    picture.beat()

    picture.headline("What comes next")
    picture.beat()

    (line,) = terminal.screen.text
    assert line.startswith("What comes next")


def shell(command: str, folder: Path) -> Program:
    return Program(command, folder, {"PATH": os.environ["PATH"]})


def test_the_talk_of_a_program_is_handed_on_line_by_line_and_its_result_apart(
    tmp_path: Path,
) -> None:
    heard: list[str] = []
    with Children() as children:
        apart = children.run(shell("echo {}; echo a >&2", tmp_path), heard.append, has_result=True)
        mixed = children.run(shell("echo b; exit 3", tmp_path), heard.append, has_result=False)

    assert (apart.status, apart.result, apart.said) == (0, "{}\n", ("a",))
    assert (mixed.status, mixed.result, mixed.said) == (3, "", ("b",))
    assert heard == ["a", "b"]


TELLING = """
import os, sys
number = int(os.environ["_ACCELERATOR_STEPS"])
os.write(number, b'{"name": "build", "app": null}\\n{"name": ')
print("talk", file=sys.stderr)
"""


def test_a_command_tells_its_steps_beside_its_talk_and_half_of_one_counts_for_nothing(
    tmp_path: Path,
) -> None:
    told: list[dict[str, Any]] = []
    program = Program([sys.executable, "-c", TELLING], tmp_path, {"PATH": os.environ["PATH"]})

    with Children() as children:
        ended = children.run(program, lambda _: None, has_result=True, hear_step=told.append)

    assert told == [{"name": "build", "app": None}]
    assert (ended.status, ended.said) == (0, ("talk",))


def test_a_program_whose_steps_nobody_wants_is_not_asked_for_them(tmp_path: Path) -> None:
    with Children() as children:
        asked = shell("echo ${_ACCELERATOR_STEPS-nothing}", tmp_path)
        ended = children.run(asked, lambda _: None, has_result=True)

    assert ended.result == "nothing\n"


def test_leaving_ends_what_runs_with_all_that_it_started_and_starts_nothing_more(
    tmp_path: Path,
) -> None:
    heard: list[str] = []
    ended: list[int] = []
    children = Children()

    def work() -> None:
        long = shell("echo begun; sleep 600 & wait", tmp_path)
        ended.append(children.run(long, heard.append, has_result=False).status)

    thread = Thread(target=work)
    thread.start()
    while not heard:
        thread.join(0.01)
    with children:
        pass
    thread.join(60)

    assert ended == [-15]
    with pytest.raises(DemoFailed):
        children.run(shell("true", tmp_path), heard.append, has_result=False)
