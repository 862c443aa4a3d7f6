"""One command under way: its settings, its collaborators, and how it ends.

A command hands its work to `perform`; whatever happens, one result is written to stdout and the
exit code goes back to ``__main__``.
"""

from __future__ import annotations

import threading
import traceback
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import click

from accelerator.cli.blanks import failed_document
from accelerator.cli.hints import complete, complete_next, typed_flags
from accelerator.cli.suggestions import suggest
from accelerator.errors import AcceleratorError, DiskFull, ExitCode, Interrupted, Terminated
from accelerator.events import Note, Recorder
from accelerator.output.door import Door
from accelerator.output.heartbeat import Heartbeat
from accelerator.output.outcome import Look, Outcome, Pause, StepLog
from accelerator.output.screen import measure
from accelerator.output.terminal import make_console
from accelerator.output.wording import with_times_for_people, wrap_line
from accelerator.settings import load_settings, read_nearest
from accelerator.waiting import SystemClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from accelerator.cli.invocation import Invocation
    from accelerator.cli.options import Talk
    from accelerator.connect import Connection
    from accelerator.events import Event
    from accelerator.settings import Given, Settings

NOTHING_GIVEN: Given = MappingProxyType({})  # by a command without flags of settings


class Session:
    """What a command works with. Nothing is read or connected before it is asked for."""

    def __init__(
        self, name: str, invocation: Invocation, talk: Talk, given: Given = NOTHING_GIVEN
    ) -> None:
        self.name, self.invocation, self.talk, self.given = name, invocation, talk, given
        self.clock = SystemClock()
        edge = (invocation.stderr, invocation.environment)
        self.console = make_console(*edge, self.clock, talk.verbosity)
        self.heartbeat = Heartbeat(self.console, self.clock, invocation.heartbeat_seconds)
        self.steps = StepLog()
        self.typed = typed_flags(click.get_current_context(silent=True))
        self.events = Recorder(self.clock, [self.steps, self.heartbeat, self._show])
        self.events.listeners += invocation.listeners
        self._connection: Connection | None = None
        self._pauses: list[Pause] = []

    @cached_property
    def settings(self) -> Settings:
        """Merge flags, environment and file."""
        content, name = self.read_file()
        environment, is_named = self.invocation.environment, bool(self.talk.config)
        settings = load_settings(self.given, environment, content, name, is_named=is_named)
        for warning in settings.warnings:
            self.events.note(warning, "warning")
        return settings

    def read_file(self) -> tuple[Mapping[str, Any] | None, str]:
        """Read the configuration file, the named one or the nearest; return its name as well."""
        return read_nearest(self.talk.config, self.invocation.directory)

    @property
    def connection(self) -> Connection:
        """Return what the steps start from; imported late, so that `config` stays light."""
        if self._connection is None:
            from accelerator.connect import Connection

            edge, settings = self.invocation, self.settings
            self._connection = Connection(settings, edge.environment, edge.directory, self.events)
            for variable in self._connection.key_variables:
                edge.forget(variable)
        return self._connection

    def ask(self, question: str) -> str:
        """Put a question to the person, with nothing drawn over it; return what was typed.

        The time that the person takes is no time of the run's.
        """
        at, begun = self.clock.moment(), self.clock.now()
        with self.console.pause():
            typed = self.invocation.ask(question)
        seconds = self.clock.now() - begun
        self._pauses.append(Pause(at, seconds))
        if self._connection is not None:
            self._connection.deadline.wait_along(seconds)
        return typed

    def perform(
        self,
        work: Callable[[], object],
        document: Callable[[Outcome], dict[str, Any]],
        summary: Callable[[Outcome], list[str]],
        *,
        tells_always: bool = False,
    ) -> ExitCode:
        """Do the work and write its one result, whatever the end; return the exit code.

        A summary is of steps that were taken, so a run that failed before them has none, unless it
        `tells_always`.
        """
        error: AcceleratorError | None = None
        try:
            with self.heartbeat.beating(), self._bugs_shown():
                work()
        except (Exception, KeyboardInterrupt) as end:
            error = self._understand(end)
        finally:
            connection = self._connection
            usage = connection.usage if connection else None
            if connection:
                connection.close()
        self.invocation.ignore_signals()
        pauses = tuple(self._pauses)
        outcome = Outcome(tuple(self.steps.steps), usage, error, self._look, pauses)
        has_told = tells_always or bool(outcome.steps) or error is None
        self._write(outcome, document, summary if has_told else lambda _: [])
        return outcome.exit_code

    def _show(self, event: Event) -> None:
        """Show an event; a command that a note names can be pasted."""
        if isinstance(event, Note):
            event = replace(event, text=complete(event.text, self.typed))
        self.console(event)

    def _understand(self, end: BaseException) -> AcceleratorError:
        """Return the error that ended the work, as it is told; a bug is written, and raised."""
        if isinstance(end, AcceleratorError):
            error = end
            suggest(error, self._connection, takes_stages=self.name != "prepare")
        elif isinstance(end, KeyboardInterrupt):
            error = self._interrupted(isinstance(end, Terminated))
        elif isinstance(end, OSError) and DiskFull.knows(end):
            error = DiskFull(end)
        else:
            self._write_bug(end)
            raise end
        error.hint = complete(error.hint or "", self.typed) or None
        return error

    def _interrupted(self, is_terminated: bool) -> Interrupted:
        """Return the error of a run that was stopped, with what goes on without it."""
        if self._connection is None:
            return Interrupted(is_terminated)
        under_way = self._connection.under_way
        return Interrupted(
            is_terminated, under_way.texts, under_way.resumable, tuple(under_way.earlier.items())
        )

    def _write(
        self,
        outcome: Outcome,
        document: Callable[[Outcome], dict[str, Any]],
        summary: Callable[[Outcome], list[str]],
    ) -> None:
        self.console.settle()
        result, error = Door(self.invocation.stdout), outcome.error
        if self.talk.json:
            result.document(document(outcome))
        else:
            lines = complete_next(summary(outcome), self.typed)
            now = self.clock.moment()
            result.lines(self._fit([with_times_for_people(line, now) for line in lines]))
        if error is not None:
            if self.talk.debug:
                trace = "".join(traceback.format_exception(error))
                Door(self.invocation.stderr).text(trace)
            first, *more = error.lines
            asked = (error.details,) if error.details and self.talk.verbosity > 0 else ()
            self.console.error(first, error.hint, (*more, *asked))
        self.console.close()

    @property
    def _look(self) -> Look:
        typed = self.given.get("from") or self.given.get("app") or ()
        stdout, verbosity = self.invocation.stdout, self.talk.verbosity
        has_seen = self.console.draws and stdout.isatty()
        is_beside = stdout.isatty() and self.invocation.stderr.isatty()
        return Look(measure(stdout)[0], verbosity, tuple(typed), has_seen, is_beside)

    def _fit(self, lines: list[str]) -> list[str]:
        """Break lines where a terminal shows them; a pipe gets them whole."""
        if not self.invocation.stdout.isatty():
            return lines
        columns, _ = measure(self.invocation.stdout)
        return [part for line in lines for part in wrap_line(line, columns)]

    @contextmanager
    def _bugs_shown(self) -> Iterator[None]:
        """Keep the traceback of a thread that fails out of what is drawn."""
        usual = threading.excepthook

        def tell_apart(failed: threading.ExceptHookArgs) -> None:
            with self.console.pause():
                usual(failed)

        threading.excepthook = tell_apart
        try:
            yield
        finally:
            threading.excepthook = usual

    def _write_bug(self, bug: BaseException) -> None:
        self.invocation.ignore_signals()
        self.console.close()
        if self.talk.json:
            said = {
                "code": "bug",
                "message": f"{type(bug).__name__}: this is a bug in accelerator",
                "hint": "please report it with the traceback on stderr",
                "details": None,
            }
            document = failed_document(self.name, ExitCode.BUG, said)
            Door(self.invocation.stdout).document(document)
