"""What strangers wrote reaches people through one door, and does nothing on its way."""

from __future__ import annotations

import ast
import io
import json
import random
import re
import subprocess
import sys
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelerator.events import LogLine, Note, Requested, Retried, StepFinished, StepStarted
from accelerator.foreign import LINE_LETTERS
from accelerator.lines import split_lines
from accelerator.models import StepName
from accelerator.output.console import Console
from accelerator.output.door import Door, Painted, break_commands
from accelerator.output.marks import render_mark
from accelerator.steps.report import MarkReport
from tests.unit.fakes import BEGIN, FakeClock
from tests.unit.runners import READERS, commands

CLIENT = Path(__file__).resolve().parents[2] / "accelerator"
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
SET = "::set-output name=sha::evil"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(*parts: str | Painted, color: bool = False, terminal: bool = False) -> str:
    stream = Terminal() if terminal else io.StringIO()
    Door(stream, color=color).line(*parts)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain text", "plain text"),
        (SET, r":\:set-output name=sha::evil"),
        (f"  \t{SET}", "  \t:\\:set-output name=sha::evil"),
        (f"\u00a0\u3000{SET}", "\u00a0\u3000:\\:set-output name=sha::evil"),
        ("std::vector ::x", "std::vector ::x"),
        ("a ##[error]b", r"a #\#[error]b"),
        ("###[error]", r"##\#[error]"),
        ("##[[x] ##[", r"#\#[[x] #\#["),
        ("x##VSO[task.setvariable variable=a]b", r"x#\#VSO[task.setvariable variable=a]b"),
        ("##teamcity[buildStop]", r"#\#teamcity[buildStop]"),
        ("section_start:1:a section_END:2:b", r"section_start\:1:a section_END\:2:b"),
        ("travis_fold:start:x", r"travis_fold\:start:x"),
        ("--- heading", r"\--- heading"),
        ("+++", r"\+++"),
        ("----- no heading", "----- no heading"),
        ("## A title [with a link]", "## A title [with a link]"),
    ],
)
def test_commands_are_broken_and_nothing_else(text: str, expected: str) -> None:
    assert break_commands(text) == expected
    assert shown(text) == expected + "\n"


@given(st.text(st.sampled_from(":#[] \t\u00a0vsoVSOx-+~^_"), max_size=12))
def test_breaking_makes_no_command_and_breaking_again_changes_nothing(text: str) -> None:
    broken = break_commands(text)

    assert list(commands(broken)) == []
    assert break_commands(broken) == broken
    assert broken.replace("\\", "") == text


def test_a_command_that_spans_what_we_say_and_what_is_foreign_is_broken() -> None:
    assert shown("    ", SET).startswith(r"    :\:")
    assert shown(Painted("x #"), "#[error]y") == "x #\\#[error]y\n"


def test_colours_that_are_taken_out_leave_no_command_behind() -> None:
    assert shown("#\x1b[31m#[error]") == "#\\#[error]\n"
    assert shown(":\x1b[0m:error::x") == ":\\:error::x\n"
    assert shown("\x1b\x1b[0m[31mx") == "\\x1b[31mx\n"


@pytest.mark.parametrize("color", [False, True])
def test_a_terminal_may_be_that_of_a_ci_job_and_gets_no_command_either(color: bool) -> None:
    line = shown(Painted("app | ", dim=True), "#\x1b[31m#[error] x", color=color, terminal=True)

    assert line == "app | #\\#[error] x\n"
    assert shown("a\r##[error]b", color=color, terminal=True) == "a\\x0d#\\#[error]b\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\x1b[31mred\x1b[0m", "\x1b[31mred\x1b[0m\x1b[0m"),
        ("\x1b[1;38;5;208mnever closed", "\x1b[1;38;5;208mnever closed\x1b[0m"),
        ("\x1b[38;2;1;2;3mtrue", "\x1b[38;2;1;2;3mtrue\x1b[0m"),
        ("\x1b[mreset", "\x1b[mreset\x1b[0m"),
        ("\x1b[8mhidden", r"\x1b[8mhidden"),
        ("\x1b[5mblinking", r"\x1b[5mblinking"),
        ("\x1b[2Jcleared", r"\x1b[2Jcleared"),
        ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
        ("\x9b31mred", r"\x9b31mred"),
        ("\x1b\x1b[31m[2J", "\\x1b\x1b[31m[2J\x1b[0m"),
    ],
)
def test_colours_reach_a_terminal_and_are_closed_and_nothing_else_does(
    text: str, expected: str
) -> None:
    assert shown(text, color=True, terminal=True) == expected + "\n"


def test_colours_are_taken_out_where_there_are_none() -> None:
    assert shown("\x1b[31mred\x1b[0m \x1b[8mx") == "red \\x1b[8mx\n"
    assert shown("\x1b[31mred\x1b[0m", terminal=True) == "red\n"


def test_what_we_paint_takes_no_colours_from_strangers() -> None:
    painted = shown(Painted("a\x1b[31mb", dim=True), "c", color=True, terminal=True)

    assert painted == "\x1b[2mab\x1b[0mc\n"


@pytest.mark.parametrize("color", [False, True])
@pytest.mark.parametrize("letter", ["x", "\x01", "ü", "#", "\x1b[31mx"])
def test_a_line_has_a_limit_and_says_that_it_was_cut(letter: str, color: bool) -> None:
    line = shown("    app | ", letter * 100_000, color=color, terminal=color)

    plain = re.sub(r"\x1b\[\d+m", "", line)
    assert LINE_LETTERS / 2 < len(plain) <= LINE_LETTERS + 1
    assert plain.endswith("…\n")


def test_a_text_of_several_lines_is_made_harmless_line_by_line() -> None:
    stream = io.StringIO()

    Door(stream).text(f"Traceback\n{SET}\r##[error]\n")

    assert stream.getvalue() == "Traceback\n:\\:set-output name=sha::evil\\x0d#\\#[error]\n"


def test_a_document_says_the_same_and_holds_no_command() -> None:
    said = {"reason": "\n##[error] ###vso[x] ##", "##[k]": ["\x9b\u2028\ud800##teamcity[x]"]}
    stream = io.StringIO()

    Door(stream).document(said)

    text = stream.getvalue()
    assert json.loads(text) == said
    assert text.isascii()
    assert list(commands(text)) == []


@pytest.mark.parametrize(
    "event",
    [
        StepStarted(StepName.BUILD, f"a\n{SET}", BEGIN),
        StepFinished(StepName.BUILD, "ok", BEGIN, 1.0, f"a\n{SET}"),
        StepFinished(StepName.BUILD, f"a\n{SET}", BEGIN, 1.0, "", f"b\n{SET}"),
        LogLine(f"a\n{SET}", f"b\n{SET}"),
        Note(f"a\n{SET}"),
        Note(f"a\r\n{SET}", "warning"),
        Requested("GET", f"/a\n{SET}", 200, 0.1, f"b\n{SET}"),
        Retried("GET /", f"a\n{SET}", 0.1),
    ],
    ids=lambda event: type(event).__name__,
)
@pytest.mark.parametrize("color", [False, True])
def test_every_event_is_one_line_whatever_it_quotes(event: object, color: bool) -> None:
    stream = Terminal() if color else io.StringIO()

    Console(stream, FakeClock(), color=color, verbosity=2)(event)  # type: ignore[arg-type]  # each is one

    assert stream.getvalue().count("\n") == 1
    assert not re.search(r"(?m)^\s*::", stream.getvalue())


def test_a_failure_is_two_lines_whatever_it_quotes() -> None:
    stream = io.StringIO()

    Console(stream, FakeClock(), color=False).error(f"frozen: a\n{SET}", f"b\x1b[2J\n{SET}")

    assert stream.getvalue() == (
        "error: frozen: a ::set-output name=sha::evil\n"
        "hint:  b\\x1b[2J ::set-output name=sha::evil\n"
    )


def test_a_reason_with_a_line_end_is_one_line_of_the_result() -> None:
    report = MarkReport("shop", "freeze", reason=f"why\n{SET}", state="frozen", changed=True)

    assert render_mark(report) == [f"shop is frozen (why {SET})."]


TOKENS = [
    *(b"::", b":", b"##", b"#", b"[", b"]", b"##[", b"]x", b" ", b"\t", b"\r", b"\r\n", b"\x0b"),
    *(b"::set-output name=a::", b"::stop-commands::", b"add-mask::", b"##[group]", b"##vso[a.b]"),
    *(b"##VSO[task.setvariable variable=x]y", b"vso[", b"##teamcity[x]", b"teamcity["),
    *(b"section_start:1:a\r\x1b[0K", b"section_end:", b"travis_fold:start:", b"--- ", b"+++ "),
    *(
        b"\x1b[31m",
        b"\x1b[0m",
        b"\x1b[",
        b"m",
        b"\x1b]0;t\x07",
        b"\x1b[8m",
        b"\x9b",
        b"\x08",
        b"\0",
    ),
    *("\x85\u2028\u2029\u202e\u00a0\u3000\ufeff\u200b".encode(), b"\xed\xa0\x80", b"\xff", b"\\"),
]


def hostile_lines(dice: random.Random, count: int) -> list[bytes]:
    letters = [*TOKENS * 50, *(bytes([number]) for number in range(256))]
    parts = iter(dice.choices(letters, k=8 * count))
    return [b"".join(islice(parts, length)) for length in dice.choices(range(1, 8), k=count)]


def in_blocks(data: bytes, dice: random.Random) -> list[bytes]:
    cuts = sorted(dice.sample(range(1, len(data)), len(data) // 50))
    return [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]


def test_no_runner_finds_a_command_in_what_comes_through_the_door() -> None:
    dice = random.Random(8)  # noqa: S311  # always the same lines
    data = b"\n".join(hostile_lines(dice, 100_000))
    stream = io.StringIO()
    console = Console(stream, FakeClock(), color=False, verbosity=2)
    ways = [
        lambda line: console(LogLine("build shop", line)),
        lambda line: console(LogLine(line, "said")),
        lambda line: console(Note(line)),
        lambda line: console(StepStarted(StepName.BUILD, line, BEGIN)),
        lambda line: console.error(line, line),
        lambda line: Door(stream).line(line),
        lambda line: Door(stream).text(line),
    ]

    count = 0
    for number, line in enumerate(split_lines(in_blocks(data, dice))):
        ways[number % len(ways)](line)
        count += 1

    assert count >= 100_000
    raw = {name for name, _ in commands(data[:200_000].decode("utf-8", "replace"))}
    assert raw == set(READERS)  # all of them find commands in what was sent
    text = stream.getvalue()
    assert list(commands(text)) == []
    assert CONTROL.search(text) is None
    assert max(len(line) for line in text.split("\n")) <= LINE_LETTERS


BUGS = f"""
import threading
import accelerator.__main__ as edge

def fail(*_):
    raise RuntimeError("no\\n{SET}\\r##[error]\\x1b[2J")

def run(*_):
    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    fail()

edge.run = run
edge.main()
"""


def test_the_traceback_of_a_bug_gives_no_commands() -> None:
    done = subprocess.run(
        [sys.executable, "-c", BUGS], capture_output=True, text=True, check=False, cwd=CLIENT.parent
    )

    assert done.returncode == 1
    assert done.stderr.count("RuntimeError: no\n:\\:set-output") == 2
    assert list(commands(done.stderr)) == []
    assert CONTROL.search(done.stderr) is None


def writers(path: Path) -> list[str]:
    """Return every call in a module that may write to a stream of the process."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if re.search(r"(^|\.)(print|echo|secho|echo_via_pager|print_exc|show)$", called) or (
                re.search(r"(stdout|stderr|stream)(\.buffer)?\.(write|writelines)$", called)
            ):
                found.append(called)
    return found


def test_nothing_but_the_door_writes_to_a_stream() -> None:
    modules = [
        path
        for path in CLIENT.rglob("*.py")
        if not {"localheroku", "sample"} & set(path.relative_to(CLIENT).parts)
    ]
    writing = {
        path.relative_to(CLIENT).as_posix(): found for path in modules if (found := writers(path))
    }

    # Where the tool does not run, the door cannot even be imported.
    assert writing == {
        "output/door.py": ["self._stream.write"] * 4,
        "__main__.py": ["sys.stderr.write"],
    }
