"""`accelerator demo`: the whole story on this machine."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from accelerator.cli.options import Talk, option, takes
from accelerator.cli.session import Session
from accelerator.demo.children import DemoFailed
from accelerator.demo.farewell import find_program, render_farewell, render_kept
from accelerator.demo.report import DemoReport, Model, demo_document, render_demo
from accelerator.demo.screen import Lines, wants_picture
from accelerator.demo.showing import DemoOrder, play
from accelerator.errors import Interrupted, Terminated, UsageProblem
from accelerator.events import Evidence
from accelerator.output.console import wants_color
from accelerator.output.door import Door

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from accelerator.cli.invocation import Invocation
    from accelerator.demo.platform import LocalPlatform
    from accelerator.demo.repository import DemoRepository
    from accelerator.demo.screen import Screen
    from accelerator.errors import ExitCode

# What the builds and the tests of an application with dependencies take at least.
SAMPLE_BUILD_SECONDS, SAMPLE_TEST_SECONDS = 9.0, 10.0


@dataclass(frozen=True, slots=True)
class Own:
    """What is shipped in place of the sample: a repository, with what it takes to run."""

    repo: str | None = option(
        "--repo", metavar="DIR", help="Ship your own repository; it needs a Procfile."
    )
    test: str | None = option(
        "--test", metavar="CMD", help="The tests of your repository; they get no key."
    )
    smoke: tuple[str, ...] = option(
        "--smoke", metavar="CHECK", multiple=True, default=(), help="Smoke checks.  [default: /]"
    )
    env: tuple[str, ...] = option(
        "--env",
        metavar="NAME=VALUE",
        multiple=True,
        default=(),
        help="A config var for the apps; {app} stands for the app's name. May be repeated.",
    )


@dataclass(frozen=True, slots=True)
class Longer:
    """By how much builds and tests are made longer; None takes what fits what is shipped."""

    build_seconds: float | None = option(
        "--build-seconds",
        type=click.FloatRange(0, 600),
        default=None,
        metavar="SECONDS",
        help="Make every build take longer.  [default: 9 for the sample, 0 with --repo]",
    )
    test_seconds: float | None = option(
        "--test-seconds",
        type=click.FloatRange(0, 600),
        default=None,
        metavar="SECONDS",
        help="Make the sample's tests take longer.  [default: 10]",
    )

    def model(self, own: Own) -> Model:
        """Return what is added; raises `UsageProblem` for tests that are not the sample's."""
        is_sample = own.repo is None
        has_own_tests = own.test is not None or not is_sample
        if has_own_tests and self.test_seconds:
            raise UsageProblem(
                "--test-seconds is for the tests of the sample",
                "let your own command take longer: --test 'pytest -q && sleep 10'",
            )
        build, test = self.build_seconds, self.test_seconds
        return Model(
            (SAMPLE_BUILD_SECONDS if is_sample else 0.0) if build is None else build,
            (0.0 if has_own_tests else SAMPLE_TEST_SECONDS) if test is None else test,
            at_once=is_sample,
        )


@click.command()
@takes(
    Own,
    Longer,
    click.option("--keep", is_flag=True, help="Leave the sites up until Ctrl-C."),
    Talk,
)
@click.pass_obj
def demo(invocation: Invocation, /, talk: Talk, own: Own, longer: Longer, keep: bool) -> ExitCode:
    """See the whole story on the local platform: no account, no network.

    Starts a Heroku-compatible platform on this machine, makes a prepare app, staging and
    production in one pipeline, and ships two commits of a real application. Nothing is prepared
    for the first, so it is built. The second goes out both ways: built beside its tests and
    promoted, and built at every stage. A picture shows how far each way is.

    The sample is small. So its builds and tests are made as long as those of an application with
    dependencies. Nothing of your own repository is made longer, and one way goes after the other,
    because real builds would slow each other down.

    \b
      accelerator demo --keep
      accelerator demo --repo . --test 'pytest -q' --smoke /health
    """  # noqa: D301  # click takes the backspace itself as "do not wrap"
    session, report = Session("demo", invocation, talk), DemoReport()
    program = find_program(invocation.environment, invocation.directory)
    told: list[str] = []

    def result() -> list[str]:
        return render_demo(report, with_steps=talk.verbose > 0)

    def stay(local: LocalPlatform, repository: DemoRepository) -> None:
        told.extend(result())
        if keep:
            _stay(session, local, [*told, *render_kept(report, local, repository, program)])

    def work() -> None:
        report.model = longer.model(own)
        try:
            play(_order(own, invocation), invocation.environment, _screen(session), report, stay)
        except DemoFailed as failure:
            if failure.said:
                session.events.emit(Evidence("what it said last", failure.said))
            raise
        except KeyboardInterrupt as stop:
            ended = Interrupted(isinstance(stop, Terminated))
            ended.hint = None  # nothing of it is left, so there is nothing to take up again
            raise ended from None

    return session.perform(
        work,
        lambda outcome: demo_document(report, outcome),
        lambda outcome: [] if outcome.error or keep else [*told, *render_farewell(program)],
    )


def _order(own: Own, invocation: Invocation) -> DemoOrder:
    repo = None if own.repo is None else invocation.directory / own.repo
    return DemoOrder(repo, own.test, own.smoke, dict(_split(pair) for pair in own.env))


def _screen(session: Session) -> Callable[[], AbstractContextManager[Screen]]:
    edge, talk = session.invocation, session.talk
    if not wants_picture(edge.stderr, edge.environment, talk.verbosity):
        return lambda: nullcontext(Lines(session.events))
    from accelerator.demo.picture import Picture  # noqa: PLC0415  # rich is for terminals only

    color = wants_color(edge.stderr, edge.environment)
    return lambda: Picture(edge.stderr, session.clock, session.steps, color=color)


def _stay(session: Session, local: LocalPlatform, lines: list[str]) -> None:
    """Show the result, then leave the sites up until Ctrl-C."""
    edge = session.invocation
    # With --json stdout is for the one document, which comes at the end.
    Door(edge.stderr if session.talk.json else edge.stdout).lines(lines)
    try:
        local.process.wait()
    except KeyboardInterrupt:
        session.events.note("Stopping.")


def _split(pair: str) -> tuple[str, str]:
    name, equals, value = pair.partition("=")
    if not equals or not name:
        raise UsageProblem(f"--env {pair} is not NAME=VALUE")
    return name, value
