"""One command under way: its settings, its collaborators, and how it ends.

A command hands its work to `perform`; whatever happens, one result is written to stdout and the
exit code is given back to ``__main__``.
"""

from __future__ import annotations

import json
import re
import traceback
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from accelerator.cli.blanks import failed_document
from accelerator.environment import find_commit
from accelerator.errors import AcceleratorError, ExitCode, Interrupted, Terminated, UsageProblem
from accelerator.events import Recorder
from accelerator.models import Commit
from accelerator.output.console import Console, wants_color
from accelerator.output.heartbeat import Heartbeat
from accelerator.output.outcome import Outcome, StepLog
from accelerator.settings import endpoint, load_settings, read_file
from accelerator.waiting import Deadline, SystemClock

if TYPE_CHECKING:
    from collections.abc import Callable

    from accelerator.cli.invocation import Invocation
    from accelerator.cli.options import Talk
    from accelerator.heroku import Heroku
    from accelerator.models import Endpoint, Secret
    from accelerator.repository import Repository
    from accelerator.settings import Given, Settings
    from accelerator.steps.run import Run

FULL_SHA = re.compile(r"[0-9a-f]{40}")
NOTHING_GIVEN: Given = MappingProxyType({})  # by a command without flags of settings
FOREVER = 10 * 365 * 24 * 3600.0


class Session:
    """What a command works with. Nothing is read or connected before it is asked for."""

    def __init__(
        self, name: str, invocation: Invocation, talk: Talk, given: Given = NOTHING_GIVEN
    ) -> None:
        self.name, self.invocation, self.talk, self.given = name, invocation, talk, given
        self.environment = invocation.environment
        self.clock = SystemClock()
        color = wants_color(invocation.stderr, invocation.environment)
        self.console = Console(invocation.stderr, self.clock, color=color, verbosity=talk.verbosity)
        self.heartbeat = Heartbeat(self.console, self.clock, invocation.heartbeat_seconds)
        self.steps = StepLog()
        self.events = Recorder(self.clock, [self.steps, self.heartbeat, self.console])
        self._heroku: Heroku | None = None

    @cached_property
    def settings(self) -> Settings:
        """Merge flags, environment and file."""
        named = self.talk.config
        found = read_file(Path(named) if named else None, self.invocation.directory)
        content, path = found if found else (None, None)
        file_name = path.name if path else "accelerator.toml"
        settings = load_settings(self.given, self.environment, content, file_name)
        for warning in settings.warnings:
            self.events.note(warning, "warning")
        return settings

    @cached_property
    def endpoint(self) -> Endpoint:
        """Say where the platform is."""
        return endpoint(self.environment)

    @cached_property
    def key(self) -> Secret:
        """Find the API key; where it came from is said, its value never."""
        from accelerator.credentials import find_key  # noqa: PLC0415  # only with a key to find

        home = Path(self.environment.get("HOME") or Path.home())
        key, source = find_key(self.settings.key_env, self.environment, self.endpoint, home)
        self.events.note(f"API key from {source}", "detail")
        return key

    @cached_property
    def run(self) -> Run:
        """Connect: collaborators and limits of this run."""
        from accelerator.heroku import Heroku  # noqa: PLC0415  # the commands without it stay light
        from accelerator.steps.run import Run, Waits  # noqa: PLC0415

        limits = self.settings.deadlines
        deadline = Deadline.after(self.clock, self.settings.timeout or FOREVER)
        self._heroku = Heroku(
            self.endpoint,
            self.key,
            deadline=deadline,
            listener=self.events.emit,
            environment=self.environment,
        )
        waits = Waits(
            limits.build,
            limits.promotion,
            limits.release_phase,
            limits.dynos,
            limits.smoke_deadline,
            limits.traces,
        )
        return Run(self._heroku, self.events, deadline, waits, environment=self.harmless)

    @cached_property
    def harmless(self) -> dict[str, str]:
        """Give the environment without any API key: by its name, and by its value anywhere."""
        key = self.key.reveal()
        names = {"HEROKU_API_KEY", self.settings.key_env}
        return {k: v for k, v in self.environment.items() if k not in names and key not in v}

    @cached_property
    def repository(self) -> Repository:
        """Open the repository around the working directory."""
        from accelerator.repository import Repository  # noqa: PLC0415  # imports git

        return Repository.open(self.invocation.directory, self.environment)

    def find_commit(self, named: str | None) -> Commit:
        """Find the commit: as named, by a CI variable, HEAD. A full sha needs no repository yet."""
        found = find_commit(self.environment)
        revision = named or (found[1] if found else "HEAD")
        if FULL_SHA.fullmatch(revision):
            return Commit(revision)
        return self.repository.resolve(revision)

    def find_sources(self) -> tuple[str, ...]:
        """Name the prepare apps; raises `UsageProblem` when there is none."""
        apps: tuple[str, ...] = self.settings.prepare.apps
        if not apps:
            raise UsageProblem(
                "no prepare app is named",
                "use --from APP (for prepare: --app APP), or set prepare.apps in accelerator.toml",
            )
        return apps

    def perform(
        self,
        work: Callable[[], object],
        document: Callable[[Outcome], dict[str, Any]],
        summary: Callable[[Outcome], str],
    ) -> ExitCode:
        """Do the work and write its one result, whatever the end; gives the exit code."""
        error: AcceleratorError | None = None
        try:
            with self.heartbeat.beating():
                work()
        except AcceleratorError as failure:
            error = failure
        except KeyboardInterrupt as stop:
            error = Interrupted(isinstance(stop, Terminated))
        except Exception as bug:
            self._write_bug(bug)
            raise
        finally:
            usage = self._heroku.usage if self._heroku else None
            if self._heroku:
                self._heroku.close()
        self.invocation.settle()
        outcome = Outcome(tuple(self.steps.steps), usage, error)
        self._write(outcome, document, summary)
        return outcome.exit_code

    def _write(
        self,
        outcome: Outcome,
        document: Callable[[Outcome], dict[str, Any]],
        summary: Callable[[Outcome], str],
    ) -> None:
        stdout, error = self.invocation.stdout, outcome.error
        if self.talk.json:
            stdout.write(json.dumps(document(outcome), indent=2) + "\n")
        elif outcome.steps or error is None:
            stdout.write(summary(outcome) + "\n")
        stdout.flush()
        if error is not None:
            if self.talk.debug:
                trace = "".join(traceback.format_exception(error))
                self.invocation.stderr.write(trace)
            self.console.error(error.message, error.hint)
        self.console.close()

    def _write_bug(self, bug: Exception) -> None:
        self.invocation.settle()
        self.console.close()
        if self.talk.json:
            said = {
                "code": "bug",
                "message": f"{type(bug).__name__}: this is a bug in accelerator",
                "hint": "please report it with the traceback on stderr",
            }
            text = json.dumps(failed_document(self.name, ExitCode.BUG, said), indent=2)
            self.invocation.stdout.write(text + "\n")
            self.invocation.stdout.flush()
