"""The edge: argv and environment are read once here, and errors become exit codes."""

from __future__ import annotations

import contextlib
import errno
import gc
import io
import os
import signal
import sys
import threading
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from accelerator.cli import asks_for_json, split_command
from accelerator.cli import main as commands
from accelerator.cli.invocation import Invocation
from accelerator.errors import AcceleratorError, ExitCode, Interrupted, Terminated, UsageProblem
from accelerator.output.door import Door
from accelerator.output.streams import find_trouble, open_standard_streams

if TYPE_CHECKING:
    from types import FrameType

PR_SET_DUMPABLE = 4  # prctl(2)
GARBAGE_AFTER = 50_000  # objects: starting makes many that stay, and no garbage


def main() -> NoReturn:
    """Run the command line and exit; the only place that does."""
    gc.set_threshold(GARBAGE_AFTER)
    open_standard_streams()
    threading.excepthook = lambda failed: _show_bug(failed.exc_value)
    stops = Stops()
    stops.watch()
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


class Stops:
    """SIGINT and SIGTERM: the first one ends the run, later ones leave its orderly end alone."""

    def __init__(self) -> None:
        self._is_stopping = False

    def watch(self) -> None:
        """Turn the first signal into an exception in the main thread."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._stop)

    def ignore(self) -> None:
        """Ignore signals from now on: the result is being written, nothing is left to stop."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)

    def _stop(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002  # signal's form
        if not self._is_stopping:
            self._is_stopping = True
            raise Terminated if number == signal.SIGTERM else KeyboardInterrupt


def run(arguments: list[str], stops: Stops) -> int:
    """Run one command; return its exit code."""
    if split_command(arguments)[0]:
        keep_to_itself()
    try:
        edge = (dict(os.environ), find_directory(), sys.stdout, sys.stderr)
        invocation = Invocation(*edge, stops.ignore, stdin=sys.stdin, forget=forget)
        result = commands.main(
            arguments, prog_name="accelerator", obj=invocation, standalone_mode=False
        )
    except click.Abort as abort:  # a signal before the command had begun or after it had ended
        return _refuse(arguments, Interrupted(isinstance(abort.__cause__, Terminated)))
    except click.ClickException as error:
        shown = io.StringIO()
        error.show(shown)
        Door(sys.stderr).text(shown.getvalue())
        name, _ = split_command(arguments)
        hint = f"`accelerator {name} --help` shows the options" if name else None
        return _refuse(arguments, UsageProblem(error.format_message(), hint))
    except AcceleratorError as error:
        Door(sys.stderr).error(error.message, error.hint)
        return _refuse(arguments, error)
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
    Door(sys.stderr).text("".join(traceback.format_exception(bug)))


if __name__ == "__main__":
    main()
