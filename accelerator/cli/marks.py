"""`accelerator lock, unlock, freeze, unfreeze, reject, accept`: who may ship what, by hand."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import click

from accelerator.cli.endings import epilog
from accelerator.cli.options import COMMIT, WHERE_LOCKS_ARE, Talk, takes
from accelerator.cli.session import Session
from accelerator.cli.texts import demand_text
from accelerator.errors import UsageProblem
from accelerator.output.marks import mark_document, render_mark
from accelerator.settings.parsing import parse_duration
from accelerator.steps.guard import marks as step
from accelerator.steps.guard.marks import Desk, MarkOrder
from accelerator.steps.guard.notes import BY_HAND_SECONDS
from accelerator.steps.guard.probe import Probed
from accelerator.steps.guard.probe import probe as race
from accelerator.steps.guard.watch import open_remote
from accelerator.steps.report import MarkReport

if TYPE_CHECKING:
    from collections.abc import Callable

    from accelerator.cli.invocation import Invocation
    from accelerator.errors import ExitCode
    from accelerator.models import Commit
    from accelerator.settings import Given
    from accelerator.steps.guard.marks import Marked

    Change = Callable[[Desk, MarkOrder], Marked]


def _parse_seconds(_context: click.Context, option: click.Parameter, typed: str) -> float:
    demand_text(option, typed)
    try:
        seconds = parse_duration(typed)
    except ValueError as problem:
        raise click.BadParameter(str(problem)) from None
    if seconds > BY_HAND_SECONDS:
        raise click.BadParameter("a year is the longest; a freeze has no end")
    return seconds


@click.command(epilog=epilog("lock"))
@click.argument("target", required=False)
@takes(
    click.option(
        "--probe",
        is_flag=True,
        help="Lock nothing: race for notes that nobody needs, and say what locks are worth there.",
    ),
    click.option("--reason", metavar="TEXT", help="Why, for those who have to wait."),
    click.option(
        "--for",
        "seconds",
        metavar="DUR",
        default="1h",
        show_default=True,
        callback=_parse_seconds,
        help="How long (30s, 30m, 2h).",
    ),
    *WHERE_LOCKS_ARE,
    Talk,
)
@click.pass_obj
def lock(
    invocation: Invocation,
    /,
    talk: Talk,
    given: Given,
    target: str | None,
    reason: str | None,
    *,
    seconds: float,
    probe: bool,
) -> ExitCode:
    """Keep deploys away from TARGET for a while; they wait for the lock.

    With --probe no TARGET is named: it tries out whether locks hold where they would be.
    """
    session = Session("lock", invocation, talk, given)
    if probe is not (target is None):
        raise UsageProblem(
            "lock takes a target, or --probe without one",
            "name the app or the stage to lock: accelerator lock foo-staging",
        )
    if target is None:
        return _probe(session)
    return _perform(
        session,
        target,
        lambda desk, order: step.lock(desk, order, seconds),
        reason,
    )


@click.command(epilog=epilog("unlock"))
@click.argument("target")
@takes(*WHERE_LOCKS_ARE, Talk)
@click.pass_obj
def unlock(invocation: Invocation, /, talk: Talk, given: Given, target: str) -> ExitCode:
    """Remove TARGET's lock, whoever holds it. Make sure first that no deploy is running."""
    return _perform(
        Session("unlock", invocation, talk, given),
        target,
        step.unlock,
    )


@click.command(epilog=epilog("freeze"))
@click.argument("target")
@takes(
    click.option("--reason", metavar="TEXT", required=True, help="Why nothing may be deployed."),
    *WHERE_LOCKS_ARE,
    Talk,
)
@click.pass_obj
def freeze(
    invocation: Invocation, /, talk: Talk, given: Given, target: str, reason: str
) -> ExitCode:
    """Let no deploy through to TARGET until it is unfrozen; they fail at once, with the reason."""
    return _perform(
        Session("freeze", invocation, talk, given),
        target,
        step.freeze,
        reason,
    )


@click.command(epilog=epilog("unfreeze"))
@click.argument("target")
@takes(*WHERE_LOCKS_ARE, Talk)
@click.pass_obj
def unfreeze(invocation: Invocation, /, talk: Talk, given: Given, target: str) -> ExitCode:
    """Let deploys through to TARGET again."""
    return _perform(
        Session("unfreeze", invocation, talk, given),
        target,
        step.unfreeze,
    )


@click.command(epilog=epilog("reject"))
@click.argument("target")
@takes(
    click.option("--reason", metavar="TEXT", required=True, help="What is wrong with the commit."),
    COMMIT,
    *WHERE_LOCKS_ARE,
    Talk,
)
@click.pass_obj
def reject(
    invocation: Invocation,
    /,
    talk: Talk,
    given: Given,
    target: str,
    reason: str,
    commit: str | None,
) -> ExitCode:
    """Keep a commit from TARGET until it is accepted; other commits pass.

    After an automatic rollback this is done by itself.
    """
    session = Session("reject", invocation, talk, given)
    return _perform(
        session, target, step.reject, reason, lambda: session.connection.find_commit(commit)
    )


@click.command(epilog=epilog("accept"))
@click.argument("target")
@takes(COMMIT, *WHERE_LOCKS_ARE, Talk)
@click.pass_obj
def accept(
    invocation: Invocation, /, talk: Talk, given: Given, target: str, commit: str | None
) -> ExitCode:
    """Let a rejected commit through to TARGET again."""
    session = Session("accept", invocation, talk, given)
    return _perform(
        session,
        target,
        step.accept,
        find_commit=lambda: session.connection.find_commit(commit),
    )


def _probe(session: Session) -> ExitCode:
    report = MarkReport("", session.name)

    def work() -> None:
        host = session.connection.lock_host
        report.probe = Probed()
        race(host, session.clock.moment(), report.probe)
        session.events.note(f"{report.probe.operations} git operations were made")
        report.probe.demand_worth(is_named_heroku=host.is_named_heroku)

    return session.perform(
        work,
        lambda outcome: mark_document(report, outcome),
        lambda _: render_mark(report),
    )


def _perform(
    session: Session,
    target: str,
    change: Change,
    reason: str | None = None,
    find_commit: Callable[[], Commit] | None = None,
) -> ExitCode:
    report = MarkReport(target, session.name, reason=reason)

    def work() -> None:
        connection = session.connection
        report.by = connection.author
        app = connection.find_app(target)
        commit = find_commit().sha if find_commit else None
        order = MarkOrder(app, connection.author, reason, commit)
        report.ordered(order)
        now = session.clock.moment()
        if session.name == "lock":  # it ends by the platform's clock: ours may be off by minutes
            connection.run.heroku.apps.fetch(app)
            now = connection.run.heroku.moment()
        with closing(open_remote(connection.lock_host)) as remote:
            marked = change(Desk(remote, now, session.clock.sleep), order)
            report.ended(marked)
            marked.demand()

    return session.perform(
        work,
        lambda outcome: mark_document(report, outcome),
        lambda _: render_mark(report),
    )
