"""The edge: argv and environment are read once here, and errors become exit codes."""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from accelerator.cli import COMMANDS
from accelerator.cli import main as commands
from accelerator.cli.invocation import Invocation
from accelerator.errors import AcceleratorError, ExitCode, Terminated

if TYPE_CHECKING:
    from types import FrameType


def main() -> NoReturn:
    """Run the command line and exit; the only place that does."""
    signal.signal(signal.SIGTERM, _terminate)
    try:
        code = run(sys.argv[1:])
        sys.stdout.flush()
    except Terminated:
        code = ExitCode.TERMINATED
    except KeyboardInterrupt:
        code = ExitCode.INTERRUPTED
    except BrokenPipeError:  # the reader of our output has gone, which is its right
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = ExitCode.DONE
    except Exception:
        traceback.print_exc()
        code = ExitCode.BUG
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """Run one command; gives its exit code."""
    invocation = Invocation(dict(os.environ), Path.cwd(), sys.stdout, sys.stderr)
    try:
        result = commands.main(
            arguments, prog_name="accelerator", obj=invocation, standalone_mode=False
        )
    except click.Abort:
        return ExitCode.INTERRUPTED
    except click.ClickException as error:
        error.show(sys.stderr)
        return _refuse(arguments, "usage", error.format_message(), ExitCode.USAGE)
    except AcceleratorError as error:
        click.echo(f"error: {error.message}", err=True)
        return _refuse(arguments, error.code, error.message, error.exit_code)
    return int(result or 0)


def _refuse(arguments: list[str], code: str, message: str, exit_code: ExitCode) -> int:
    """Keep the promise of one JSON document for failures from before a command began."""
    if "--json" in arguments:
        name = next((word for word in arguments if word in COMMANDS), "accelerator")
        hint = f"`accelerator {name} --help` shows the options" if name in COMMANDS else None
        from accelerator.output.document import error_document  # noqa: PLC0415  # rarely needed

        error = {"code": code, "message": message, "hint": hint}
        document = error_document(name, exit_code, error)
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
    return exit_code


def _terminate(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001  # signal's form
    raise Terminated


if __name__ == "__main__":
    main()
