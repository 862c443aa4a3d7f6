"""The command on a real terminal: a pty of a fixed size, read as a terminal reads it."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from tests.e2e.commands import LIMIT_SECONDS
from tests.unit import vt

if TYPE_CHECKING:
    from tests.e2e.commands import Command
    from tests.e2e.sample import Repository
    from tests.e2e.world import Pipeline

COLOURS = {b"\x1b[0m", b"\x1b[1m", b"\x1b[31m", b"\x1b[33m", b"\x1b[34m"}
HOSTILE = r"""#!/bin/sh
printf 'first\n\033[2J\033[10A\033]0;title\007\033[?25l over all of it\n'
printf 'wide 日本語 %0200d\n' 7
"""


@dataclass
class OnTerminal:
    """A command on a terminal of its own; `screen` is what can be read there."""

    process: subprocess.Popen[bytes]
    master: int
    screen: vt.Screen
    raw: bytearray = field(default_factory=bytearray)
    said: threading.Condition = field(default_factory=threading.Condition)

    def read(self) -> None:
        """Read until the command has left the terminal."""
        while True:
            try:
                data = os.read(self.master, 65536)
            except OSError:  # nobody has it open any more
                return
            with self.said:
                self.raw += data
                self.said.notify_all()

    def wait_for(self, text: str) -> None:
        """Wait until something was written."""
        with self.said:
            assert self.said.wait_for(lambda: text.encode() in self.raw, 30)

    def finish(self) -> int:
        """Wait for the end and read the screen; return the exit code."""
        try:
            code = self.process.wait(LIMIT_SECONDS)
        finally:
            self.process.kill()
        self.reader.join(LIMIT_SECONDS)
        os.close(self.master)
        self.screen.feed(self.raw.decode())
        return code

    def __post_init__(self) -> None:
        self.reader = threading.Thread(target=self.read)
        self.reader.start()


def on_terminal(run: Command, *arguments: str, columns: int = 80, **env: str) -> OnTerminal:
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen(
        [run.program, *arguments],
        cwd=run.directory,
        env={**run.environment, "TERM": "xterm", "LANG": "C.UTF-8", "PYTHONUTF8": "1", **env},
        stdin=slave,
        stdout=slave,
        stderr=slave,
    )
    os.close(slave)
    return OnTerminal(process, master, vt.Screen(columns))


@pytest.mark.parametrize("columns", [40, 80])
def test_a_hostile_build_is_drawn_within_the_terminal_and_stays_as_one_line(
    columns: int, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    repo.commit({"bin/compile": HOSTILE}, subject="##[error]subject \x1b[2J")

    shown = on_terminal(run, "prepare", "--app", pipeline.prepare.name, columns=columns)

    assert shown.finish() == 0, shown.raw.decode()
    text = shown.screen.text
    assert shown.screen.is_cursor_shown
    assert shown.screen.wraps
    assert sum("Build" in line for line in text) == 1
    assert not any("over all" in line for line in text)
    assert max(map(len, text)) <= columns


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_a_run_that_is_stopped_leaves_the_terminal_as_it_was(
    number: signal.Signals, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    repo.commit({"bin/compile": "#!/bin/sh\necho compiling\nsleep 20\n"})
    shown = on_terminal(run, "deploy", *pipeline.to_staging)

    shown.wait_for("compiling")
    shown.process.send_signal(number)

    assert shown.finish() == {signal.SIGINT: 130, signal.SIGTERM: 143}[number], shown.raw.decode()
    assert shown.screen.is_cursor_shown
    assert shown.screen.wraps
    assert any(line.startswith("error: ") for line in shown.screen.text)


@pytest.mark.parametrize(
    "env",
    [{"TERM": "dumb"}, {"GITHUB_ACTIONS": "true"}],
    ids=["a dumb terminal", "the terminal of a CI"],
)
def test_where_nothing_can_be_drawn_there_are_plain_lines(
    env: dict[str, str], repo: Repository, run: Command
) -> None:
    repo.commit()

    shown = on_terminal(run, "deploy", "--to", "staging", "--from", "nowhere-at-all", **env)

    assert shown.finish() == 12, shown.raw.decode()
    assert set(re.findall(rb"\x1b\[[^m]*?[A-Za-z]", shown.raw)) <= COLOURS


def test_a_run_in_a_pipe_does_not_import_what_draws(
    pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    repo.commit()
    python = run.program.with_name("python")

    done = subprocess.run(
        [python, "-X", "importtime", run.program, "deploy", *pipeline.to_staging],
        cwd=run.directory,
        env=dict(run.environment),
        check=True,
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
    )

    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "accelerator.output.console" in imported
    assert {name for name in imported if name.partition(".")[0] == "rich"} == set()
    assert "accelerator.output.live" not in imported
