"""One command under way: its settings, its collaborators, and how it ends.

A command hands its work to `perform`; whatever happens, one result is written to stdout and the
exit code goes back to ``__main__``.
"""

from __future__ import annotations

import traceback
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from accelerator.cli.blanks import failed_document
from accelerator.errors import AcceleratorError, DiskFull, ExitCode, Interrupted, Terminated
from accelerator.events import Recorder
from accelerator.output.console import Console, wants_color
from accelerator.output.door import Door
from accelerator.output.heartbeat import Heartbeat
from accelerator.output.outcome import Outcome, StepLog
from accelerator.settings import FILE_NAME, load_settings, read_file
from accelerator.waiting import SystemClock

if TYPE_CHECKING:
    from collections.abc import Callable

    from accelerator.cli.invocation import Invocation
    from accelerator.cli.options import Talk
    from accelerator.connect import Connection
    from accelerator.settings import Given, Settings

NOTHING_GIVEN: Given = MappingProxyType({})  # by a command without flags of settings


class Session:
    """What a command works with. Nothing is read or connected before it is asked for."""

    def __init__(
        self, name: str, invocation: Invocation, talk: Talk, given: Given = NOTHING_GIVEN
    ) -> None:
        self.name, self.invocation, self.talk, self.given = name, invocation, talk, given
        self.clock = SystemClock()
        color = wants_color(invocation.stderr, invocation.environment)
        self.console = Console(invocation.stderr, self.clock, color=color, verbosity=talk.verbosity)
        self.heartbeat = Heartbeat(self.console, self.clock, invocation.heartbeat_seconds)
        self.steps = StepLog()
        self.events = Recorder(self.clock, [self.steps, self.heartbeat, self.console])
        self._connection: Connection | None = None

    @cached_property
    def settings(self) -> Settings:
        """Merge flags, environment and file."""
        named = self.talk.config
        edge = self.invocation
        found = read_file(edge.directory / named if named else None, edge.directory)
        content, path = found if found else (None, None)
        settings = load_settings(
            self.given,
            edge.environment,
            content,
            path.name if path else FILE_NAME,
            is_named=bool(named),
        )
        for warning in settings.warnings:
            self.events.note(warning, "warning")
        return settings

    @property
    def connection(self) -> Connection:
        """Return what the steps start from; imported late, so that `config` stays light."""
        if self._connection is None:
            from accelerator.connect import Connection  # noqa: PLC0415

            edge, settings = self.invocation, self.settings
            self._connection = Connection(settings, edge.environment, edge.directory, self.events)
            for variable in self._connection.key_variables:
                edge.forget(variable)
        return self._connection

    def perform(
        self,
        work: Callable[[], object],
        document: Callable[[Outcome], dict[str, Any]],
        summary: Callable[[Outcome], list[str]],
    ) -> ExitCode:
        """Do the work and write its one result, whatever the end; return the exit code."""
        error: AcceleratorError | None = None
        try:
            with self.heartbeat.beating():
                work()
        except AcceleratorError as failure:
            error = failure
        except KeyboardInterrupt as stop:
            error = Interrupted(isinstance(stop, Terminated))
        except Exception as bug:
            if not (isinstance(bug, OSError) and DiskFull.knows(bug)):
                self._write_bug(bug)
                raise
            error = DiskFull(bug)
        finally:
            connection = self._connection
            usage = connection.usage if connection else None
            if connection:
                connection.close()
        self.invocation.ignore_signals()
        outcome = Outcome(tuple(self.steps.steps), usage, error)
        self._write(outcome, document, summary)
        return outcome.exit_code

    def _write(
        self,
        outcome: Outcome,
        document: Callable[[Outcome], dict[str, Any]],
        summary: Callable[[Outcome], list[str]],
    ) -> None:
        result, error = Door(self.invocation.stdout), outcome.error
        if self.talk.json:
            result.document(document(outcome))
        elif outcome.steps or error is None:
            result.lines(summary(outcome))
        if error is not None:
            if self.talk.debug:
                trace = "".join(traceback.format_exception(error))
                Door(self.invocation.stderr).text(trace)
            self.console.error(error.message, error.hint)
        self.console.close()

    def _write_bug(self, bug: Exception) -> None:
        self.invocation.ignore_signals()
        self.console.close()
        if self.talk.json:
            said = {
                "code": "bug",
                "message": f"{type(bug).__name__}: this is a bug in accelerator",
                "hint": "please report it with the traceback on stderr",
            }
            document = failed_document(self.name, ExitCode.BUG, said)
            Door(self.invocation.stdout).document(document)
