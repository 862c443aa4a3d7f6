"""One run of `accelerator demo`: from its options to what is shown of it, and its one result.

Apart from the command itself, because all that a deploy imports is imported here.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from accelerator.cli.session import Session
from accelerator.demo.children import DemoFailed
from accelerator.demo.farewell import find_program, render_farewell, render_kept
from accelerator.demo.report import DemoReport, Model, demo_document, render_demo
from accelerator.demo.screen import Lines, wants_picture
from accelerator.demo.showing import DemoOrder, play
from accelerator.errors import Interrupted, Terminated, UsageProblem
from accelerator.events import Evidence
from accelerator.output.door import Door
from accelerator.output.streams import wants_color
from accelerator.steps.verify.sound import demand_sound

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from accelerator.cli.invocation import Invocation
    from accelerator.cli.options import Talk
    from accelerator.demo.platform import LocalPlatform
    from accelerator.demo.repository import DemoRepository
    from accelerator.demo.screen import Screen
    from accelerator.errors import ExitCode
    from accelerator.output.outcome import Outcome

# What the builds and the tests of an application with dependencies take at least.
SAMPLE_BUILD_SECONDS, SAMPLE_TEST_SECONDS = 9.0, 10.0


@dataclass(frozen=True, slots=True)
class Asked:
    """What was typed; None where nothing was."""

    repo: str | None
    test: str | None
    smoke: tuple[str, ...]
    env: tuple[str, ...]
    build_seconds: float | None
    test_seconds: float | None


class Exhibit:
    """The demo as it was asked for."""

    def __init__(self, invocation: Invocation, talk: Talk, asked: Asked) -> None:
        self._edge, self._talk, self._asked = invocation, talk, asked
        self._session, self._report = Session("demo", invocation, talk), DemoReport()
        self._program = find_program(invocation.environment, invocation.directory)

    def run(self, *, keep: bool) -> ExitCode:
        """Show the demo and write its one result; return the exit code."""
        return self._session.perform(
            lambda: self._work(keep=keep),
            lambda outcome: demo_document(self._report, outcome),
            lambda outcome: [] if keep else self._result(outcome),
        )

    def _work(self, *, keep: bool) -> None:
        self._report.model = make_model(self._asked)
        order = make_order(self._asked, self._edge)
        stay = self._stay if keep else lambda *_: None
        try:
            play(order, self._edge.environment, self._screen, self._report, stay)
        except DemoFailed as failure:
            if failure.said:
                self._session.events.emit(Evidence("what it said last", failure.said))
            raise
        except KeyboardInterrupt as stop:
            ended = Interrupted(isinstance(stop, Terminated))
            ended.hint = None  # nothing of it is left, so there is nothing to take up again
            raise ended from None

    def _result(self, outcome: Outcome) -> list[str]:
        return [] if outcome.error else [*self._lines(), *render_farewell(self._program)]

    def _lines(self) -> list[str]:
        return render_demo(self._report, with_steps=self._talk.verbose > 0)

    def _screen(self) -> AbstractContextManager[Screen]:
        stream, environment = self._edge.stderr, self._edge.environment
        if not wants_picture(stream, environment, self._talk.verbosity):
            return nullcontext(Lines(self._session.events))
        from accelerator.demo.picture import Picture  # rich is for terminals only

        color = wants_color(stream, environment)
        return Picture(stream, self._session.clock, self._session.steps, color=color)

    def _stay(self, local: LocalPlatform, repository: DemoRepository) -> None:
        """Show the result, then leave the sites up until Ctrl-C."""
        kept = render_kept(self._report, local, repository, self._program)
        # With --json stdout is for the one document, which comes at the end.
        stream = self._edge.stderr if self._talk.json else self._edge.stdout
        Door(stream).lines([*self._lines(), *kept])
        try:
            local.process.wait()
        except KeyboardInterrupt:
            self._session.events.note("Stopping.")


def make_model(asked: Asked) -> Model:
    """Return what is made longer; raises `UsageProblem` for tests that are not the sample's."""
    is_sample = asked.repo is None
    has_own_tests = asked.test is not None or not is_sample
    build, test = asked.build_seconds, asked.test_seconds
    if has_own_tests and test:
        raise UsageProblem(
            "--test-seconds is for the tests of the sample",
            "let your own command take longer: --test 'pytest -q && sleep 10'",
        )
    return Model(
        (SAMPLE_BUILD_SECONDS if is_sample else 0.0) if build is None else build,
        (0.0 if has_own_tests else SAMPLE_TEST_SECONDS) if test is None else test,
        at_once=is_sample,
    )


def make_order(asked: Asked, invocation: Invocation) -> DemoOrder:
    """Return what is shipped; a folder counts from where the command was called.

    A slip in what was typed is told before anything is made, as by the commands that deploy.
    """
    for check in asked.smoke:
        demand_sound(check, "flag --smoke")
    repo = None if asked.repo is None else invocation.directory / asked.repo
    return DemoOrder(repo, asked.test, asked.smoke, dict(_split(pair) for pair in asked.env))


def _split(pair: str) -> tuple[str, str]:
    name, equals, value = pair.partition("=")
    if not equals or not name:
        raise UsageProblem(f"--env {pair} is not NAME=VALUE")
    return name, value
