"""The edge: argv and environment are read once here, and errors become exit codes."""

from __future__ import annotations

import sys

from accelerator.supported import find_refusal

if find_refusal(sys.platform, sys.version_info[:2]):  # before anything fails to be imported
    sys.stderr.write(find_refusal(sys.platform, sys.version_info[:2]) + "\n")
    sys.exit(2)

import contextlib
import errno
import gc
import io
import os
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from accelerator.cli import asks_for_json, split_command
from accelerator.cli import main as commands
from accelerator.cli.invocation import Invocation
from accelerator.cli.mistakes import describe_mistake
from accelerator.errors import AcceleratorError, ExitCode, Interrupted, Terminated, UsageProblem
from accelerator.output.door import Door
from accelerator.output.streams import find_trouble, open_pipe, open_standard_streams, wants_color

if TYPE_CHECKING:
    from collections.abc import MutableMapping
    from types import FrameType

    from accelerator.events import Listener

PR_SET_DUMPABLE = 4  # prctl(2)
STEPS = "_ACCELERATOR_STEPS"  # by it the demo asks for steps as they end: `output/steps.py`
COMPLETION = "_ACCELERATOR_COMPLETE"  # click's name: by it a shell asks what may follow
INSIST_SECONDS = 0.05
GARBAGE_AFTER = 50_000  # objects: starting makes many that stay, and no garbage


def main() -> NoReturn:
    """Run the command line and exit; the only place that does."""
    gc.set_threshold(GARBAGE_AFTER)
    open_standard_streams()
    threading.excepthook = lambda failed: _show_bug(failed.exc_value)
    stops = Stops()
    stops.watch()
    if COMPLETION in os.environ:
        complete(stops)
    try:
        code = run(sys.argv[1:], stops)
    except Terminated:
        code = ExitCode.TERMINATED
    except KeyboardInterrupt:
        code = ExitCode.INTERRUPTED
    except Exception as bug:
        _show_bug(bug)
        code = ExitCode.BUG
    stops.ignore()
    tell_of_loss()
    sys.exit(code)


def complete(stops: Stops) -> NoReturn:
    """Answer a shell. Somebody is typing, so nothing is said of what goes wrong."""
    gone_wrong = (Exception, KeyboardInterrupt)
    with contextlib.suppress(*gone_wrong), contextlib.redirect_stderr(io.StringIO()):
        run(sys.argv[1:], stops)
    sys.exit(ExitCode.DONE)


class Stops:
    """SIGINT and SIGTERM: the first one ends the run, later ones leave its orderly end alone."""

    NUMBERS = (signal.SIGINT, signal.SIGTERM)

    def __init__(self) -> None:
        self._is_stopping = self._is_ignoring = False

    def watch(self) -> None:
        """Turn the first signal into an exception in the main thread."""
        for number in self.NUMBERS:
            signal.signal(number, self._stop)
        hears, tells = os.pipe()
        os.set_blocking(tells, False)
        signal.set_wakeup_fd(tells, warn_on_full_buffer=False)
        threading.Thread(target=self._insist, args=(hears,), name="stops", daemon=True).start()

    def ignore(self) -> None:
        """Ignore signals from now on: the result is being written, nothing is left to stop."""
        self._is_ignoring = True
        for number in self.NUMBERS:
            signal.signal(number, signal.SIG_IGN)

    def _insist(self, hears: int) -> None:
        """Send a signal again until the main thread has heard it.

        One that comes in the moment before it begins to wait, or in another thread, is noted by the
        interpreter and ends no wait: the run would go on until what it waits for is there.
        """
        main, pause = threading.main_thread().ident or 0, threading.Event()
        while number := os.read(hears, 1):
            while number[0] in self.NUMBERS and not (self._is_stopping or self._is_ignoring):
                pause.wait(INSIST_SECONDS)
                if not self._is_stopping:
                    signal.pthread_kill(main, number[0])

    def _stop(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002  # signal's form
        if not self._is_stopping:
            self._is_stopping = True
            raise Terminated if number == signal.SIGTERM else KeyboardInterrupt


def run(arguments: list[str], stops: Stops) -> int:
    """Run one command; return its exit code."""
    if split_command(arguments)[0]:
        keep_to_itself()
    try:
        listeners = take_listeners(os.environ)
        edge = (dict(os.environ), find_directory(), sys.stdout, sys.stderr)
        invocation = Invocation(
            *edge, stops.ignore, stdin=sys.stdin, forget=forget, listeners=listeners
        )
        result = commands.main(
            arguments, prog_name="accelerator", obj=invocation, standalone_mode=False
        )
    except click.Abort as abort:  # a signal before the command had begun or after it had ended
        return _refuse(arguments, Interrupted(isinstance(abort.__cause__, Terminated)))
    except click.exceptions.NoArgsIsHelpError as error:
        Door(sys.stderr).text(error.format_message())
        return _refuse(arguments, UsageProblem("no command is named"))
    except click.ClickException as error:
        return _tell(arguments, describe_mistake(error, split_command(arguments)[0]))
    except AcceleratorError as error:
        return _tell(arguments, error)
    return int(result or 0)


def keep_to_itself() -> None:
    """Keep other processes of this user out of our memory and our environment, where Linux can.

    The key is in both, and what we start, tests and builds, runs as the same user. What we start is
    as readable as ever: each program it becomes begins anew.
    """
    if sys.platform != "linux":
        return
    import ctypes  # noqa: PLC0415  # costs 2 ms, and heroku3 imports it anyway

    with contextlib.suppress(OSError, AttributeError):  # a C library without it
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)


def take_listeners(environment: MutableMapping[str, str]) -> tuple[Listener, ...]:
    """Return who hears of steps beside people: the demo, where that started us.

    The variable goes out of the environment: what we start has no such pipe.
    """
    number = environment.pop(STEPS, "")
    if not number.isdecimal():
        return ()
    from accelerator.output.steps import StepLines  # noqa: PLC0415  # for the demo only

    try:
        return (StepLines(open_pipe(int(number))),)
    except (OSError, OverflowError):
        return ()


def find_directory() -> Path:
    """Return the working directory; raises `UsageProblem` where it was removed."""
    try:
        return Path.cwd()
    except FileNotFoundError:
        raise UsageProblem(
            "the working directory is gone", "change into one that exists, and run this again"
        ) from None


def tell_of_loss() -> None:
    """Say that stdout could not be written; a reader that has gone away did not want it."""
    trouble = find_trouble(sys.stdout)
    if trouble is not None and trouble.errno != errno.EPIPE:
        Door(sys.stderr).error(f"stdout cannot be written: {trouble.strerror}", None)


def forget(variable: str) -> None:
    """Take a variable out of what children inherit that are given no environment of their own."""
    os.environ.pop(variable, None)


def _tell(arguments: list[str], error: AcceleratorError) -> int:
    """Say what kept a command from beginning; return its exit code."""
    color = wants_color(sys.stderr, os.environ)
    first, *more = error.lines
    Door(sys.stderr, color=color).error(first, error.hint, more)
    return _refuse(arguments, error)


def _refuse(arguments: list[str], error: AcceleratorError) -> int:
    """Keep the promise of one JSON document for failures from before a command began."""
    if asks_for_json(arguments):
        from accelerator.cli.blanks import failed_document  # noqa: PLC0415  # rarely needed
        from accelerator.output.parts import render_error  # noqa: PLC0415

        name, _ = split_command(arguments)
        told = render_error(error) or {}
        document = failed_document(name or "accelerator", error.exit_code, told)
        Door(sys.stdout).document(document)
    return error.exit_code


def _show_bug(bug: BaseException | None) -> None:
    """Write a traceback: its last line may quote what a stranger wrote."""
    import traceback  # noqa: PLC0415  # for bugs only

    Door(sys.stderr).text("".join(traceback.format_exception(bug)))


if __name__ == "__main__":
    main()
