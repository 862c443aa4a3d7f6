"""Stdout and stderr take what is written, whether anybody reads it or not."""

from __future__ import annotations

import errno
import io
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from accelerator.__main__ import take_listeners
from accelerator.events import Recorder
from accelerator.models import StepName
from accelerator.output.door import Door
from accelerator.output.streams import Lasting, find_trouble
from tests.unit.fakes import FakeClock

HERE = Path(__file__).resolve().parents[2]


def stream_to(number: int) -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BufferedWriter(Lasting(number, "w")), encoding="utf-8")


def test_a_reader_that_goes_away_is_no_failure() -> None:
    reading, writing = os.pipe()
    os.close(reading)

    with stream_to(writing) as stream:
        for _ in range(3):
            Door(stream).line("nobody reads this")
        trouble = find_trouble(stream)

    assert trouble is not None
    assert trouble.errno == errno.EPIPE


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_is_no_failure_and_is_told_of() -> None:
    with stream_to(os.open("/dev/full", os.O_WRONLY)) as stream:
        Door(stream).document({"much": "x" * 100_000})
        trouble = find_trouble(stream)

    assert trouble is not None
    assert trouble.errno == errno.ENOSPC


def test_the_demo_hears_the_steps_of_what_it_started_and_nothing_below_is_told_of_it() -> None:
    reading, writing = os.pipe()
    os.set_inheritable(writing, True)
    environment = {"_ACCELERATOR_STEPS": str(writing), "PATH": "/bin"}

    (listener,) = take_listeners(environment)
    with Recorder(FakeClock(), [listener]).step(StepName.BUILD, "Build it", "foo"):
        pass
    is_inherited = os.get_inheritable(writing)
    os.close(writing)

    with os.fdopen(reading) as told:
        (step,) = map(json.loads, told)
    assert (step["name"], step["outcome"], step["app"]) == ("build", "ok", "foo")
    assert (environment, is_inherited) == ({"PATH": "/bin"}, False)


@pytest.mark.parametrize("number", ["", "stderr", "-1", "1000000", "9" * 30])
def test_a_pipe_that_is_not_there_hears_nothing(number: str) -> None:
    assert take_listeners({"_ACCELERATOR_STEPS": number}) == ()


def test_what_is_read_is_no_trouble(tmp_path: Path) -> None:
    path = tmp_path / "out"

    with stream_to(os.open(path, os.O_WRONLY | os.O_CREAT)) as stream:
        Door(stream).line("grün")
        trouble = find_trouble(stream)

    assert trouble is None
    assert path.read_text(encoding="utf-8") == "grün\n"


def test_another_stream_than_ours_has_no_trouble() -> None:
    assert find_trouble(io.StringIO()) is None


def test_a_pipe_that_does_not_wait_loses_nothing() -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    read: list[bytes] = []

    def read_all() -> None:
        with os.fdopen(reading, "rb") as source:
            read.extend(iter(lambda: source.read(4096), b""))

    reader = threading.Thread(target=read_all)
    with stream_to(writing) as stream:
        timer = threading.Timer(0.1, reader.start)  # the pipe is full by then
        timer.start()
        Door(stream).document({"much": "x" * 1_000_000})
        trouble = find_trouble(stream)
    timer.join()
    reader.join()

    assert trouble is None
    assert b"".join(read) == b'{\n  "much": "' + b"x" * 1_000_000 + b'"\n}\n'


CLOSED = """
import os, sys
from accelerator.output.streams import open_standard_streams
open_standard_streams()
print("nobody reads this")
print("nor that", file=sys.stderr)
taken = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT)
child = os.spawnlp(os.P_WAIT, "sh", "sh", "-c", "echo lost; echo lost >&2")
os.write(taken, f"{taken > 2} {child}".encode())
"""


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- 2>&-", "<&- >&- 2>&-"])
def test_what_is_opened_never_gets_the_number_of_a_closed_stream(
    tmp_path: Path, closed: str
) -> None:
    path = tmp_path / "opened"
    line = f'exec "$0" -c "$1" "$2" {closed}'

    done = subprocess.run(
        ["sh", "-c", line, sys.executable, CLOSED, path], check=False, capture_output=True, cwd=HERE
    )

    assert done.returncode == 0
    assert path.read_text() == "True 0"


LETTERS = """
from accelerator.output.streams import open_standard_streams
open_standard_streams()
print("gr\\u00fcn \\u65e5 \\ud800")
"""


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_no_letter_is_too_strange_for_a_stream(encoding: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LETTERS],
        check=False,
        capture_output=True,
        cwd=HERE,
        env={**os.environ, "PYTHONIOENCODING": encoding},
    )

    assert done.returncode == 0, done.stderr
    said = done.stdout.decode(encoding)
    assert said.startswith("gr")
    assert said.endswith("\\ud800\n")
