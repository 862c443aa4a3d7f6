"""The programs that the demo starts: their talk is handed on line by line, and all end with it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from collections import deque
from dataclasses import dataclass
from threading import Lock, Thread
from typing import IO, TYPE_CHECKING, Any, Self, cast

from accelerator.errors import AcceleratorError
from accelerator.lines import read_lines
from accelerator.output.steps import CHANNEL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from io import BufferedReader
    from pathlib import Path

    HearStep = Callable[[dict[str, Any]], None]

STOP_SECONDS = 6.0  # an interrupted `accelerator ship` takes up to five
KEPT_LINES = 40


class DemoFailed(AcceleratorError):
    """A command of the demo did not do what it should; `said` is what it said last."""

    code = "demo_failed"

    def __init__(self, message: str, said: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.said = tuple(said)


@dataclass(frozen=True, slots=True)
class Program:
    """What to start, where, and in which environment. A text is a command line for the shell."""

    command: Sequence[str] | str
    directory: Path
    environment: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended: its status, its stdout where that is a result, its last lines."""

    status: int
    result: str
    said: tuple[str, ...]


class Children:
    """The programs that run. Leaving the context ends them with all that they have started."""

    def __init__(self) -> None:
        self._lock, self._running = Lock(), set[subprocess.Popen[bytes]]()
        self._is_over = False

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(self, *_: object) -> None:
        """End what runs."""
        self.stop()

    def run(
        self,
        program: Program,
        hear: Callable[[str], None],
        *,
        has_result: bool,
        hear_step: HearStep | None = None,
    ) -> Ended:
        """Run a program to its end; `hear` gets each line that it says.

        Its stdout is a result or talk like its stderr. `hear_step`, for a command of ours, gets
        each of its steps as it ends.
        """
        said: deque[str] = deque(maxlen=KEPT_LINES)

        def listen(stream: IO[bytes]) -> None:
            for line in read_lines(cast("BufferedReader", stream)):
                said.append(line)
                hear(line)

        with (
            _pipe_to(hear_step) as pipe,
            self._start(program, pipe, has_result=has_result) as process,
        ):
            talk = cast("IO[bytes]", process.stderr if has_result else process.stdout)
            listener = Thread(target=listen, args=(talk,), daemon=True)
            listener.start()
            result = cast("IO[bytes]", process.stdout).read().decode() if has_result else ""
            listener.join()
            status = process.wait()
        with self._lock:
            self._running.discard(process)
        return Ended(status, result, tuple(said))

    def stop(self) -> None:
        """Ask all that runs to end, and kill what does not; nothing is started from now on."""
        with self._lock:
            self._is_over = True
            running = tuple(self._running)
        for process in running:
            _signal(process, signal.SIGTERM)
        for process in running:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(STOP_SECONDS)
            _signal(process, signal.SIGKILL)

    def _start(
        self, program: Program, pipe: tuple[int, ...], *, has_result: bool
    ) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._is_over:
                raise DemoFailed("the demo was stopped")
            process = subprocess.Popen(
                program.command,
                shell=isinstance(program.command, str),
                cwd=program.directory,
                env={**program.environment, **_naming(pipe)},
                pass_fds=pipe,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE if has_result else subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for the demo, which then ends them all
            )
            self._running.add(process)
        return process


def _naming(pipe: tuple[int, ...]) -> dict[str, str]:
    return {CHANNEL: str(pipe[0])} if pipe else {}


@contextlib.contextmanager
def _pipe_to(hear_step: HearStep | None) -> Iterator[tuple[int, ...]]:
    """Open a pipe for steps, where they are to be heard; on leaving, all that came was heard."""
    if hear_step is None:
        yield ()
        return
    reading, writing = os.pipe()

    def listen() -> None:
        with os.fdopen(reading, "rb") as stream:
            for line in stream:
                if line.endswith(b"\n"):  # a command that is killed leaves half a line
                    hear_step(json.loads(line))

    listener = Thread(target=listen, daemon=True)
    listener.start()
    try:
        yield (writing,)
    finally:
        os.close(writing)
        listener.join()


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
