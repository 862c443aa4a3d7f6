"""`accelerator lock, unlock, freeze, unfreeze, reject, accept`: who may ship what, by hand."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import click

from accelerator.cli.helping import command
from accelerator.cli.options import OUTPUT, WHERE_LOCKS_ARE, Target, commit
from accelerator.cli.parts import Option, takes
from accelerator.cli.texts import demand_text
from accelerator.errors import UsageProblem
from accelerator.foreign import one_line
from accelerator.settings.parsing import parse_duration

if TYPE_CHECKING:
    from collections.abc import Callable

    from accelerator.cli.invocation import Invocation
    from accelerator.cli.options import Talk
    from accelerator.cli.session import Session
    from accelerator.errors import ExitCode
    from accelerator.models import Commit
    from accelerator.settings import Given
    from accelerator.steps.guard.marks import Desk, Marked, MarkOrder

    Change = Callable[[Desk, MarkOrder], Marked]


def _parse_seconds(_context: click.Context, option: click.Parameter, typed: str) -> float:
    demand_text(option, typed)
    try:
        seconds = parse_duration(typed)
    except ValueError as problem:
        raise click.BadParameter(str(problem)) from None
    from accelerator.steps.guard.notes import BY_HAND_SECONDS

    if seconds > BY_HAND_SECONDS:
        raise click.BadParameter("a year is the longest; a freeze has no end")
    return seconds


def _reason(help: str, *, required: bool = True) -> Option:
    return click.option("--reason", metavar="TEXT", required=required, help=help)


@command("lock")
@takes(
    "What to lock",
    Target,
    click.option(
        "--for",
        "seconds",
        metavar="DUR",
        default="1h",
        show_default=True,
        callback=_parse_seconds,
        help="How long the lock lasts, such as 30s, 30m or 2h.",
    ),
    _reason("Why. Deploys that wait show it.", required=False),
    click.option(
        "--probe",
        is_flag=True,
        help="Lock nothing. Test whether locks hold in the lock remote, and show the result.",
    ),
    *WHERE_LOCKS_ARE,
    *OUTPUT,
)
@click.pass_obj
def lock(
    invocation: Invocation,
    /,
    talk: Talk,
    given: Given,
    target: Target,
    reason: str | None,
    *,
    seconds: float,
    probe: bool,
) -> ExitCode:
    """Make deploys to TARGET wait for a while.

    With --probe no TARGET is named: it tests whether locks hold where they would be kept.

    \b
      accelerator lock foo-production --for 30m --reason tidying
      accelerator lock --probe --lock-remote origin
    """  # noqa: D301  # click takes the backspace itself as "do not wrap"
    named = target.find() if probe else target.demand("lock")
    if probe and named is not None:
        raise UsageProblem(
            f"--probe locks nothing, and {one_line(named)} is named", "leave out one of them"
        )
    from accelerator.cli.session import Session
    from accelerator.steps.guard import marks as step

    session = Session("lock", invocation, talk, given)
    if named is None:
        return _probe(session)
    return _perform(session, named, lambda desk, order: step.lock(desk, order, seconds), reason)


@command("unlock")
@takes("What to unlock", Target, *WHERE_LOCKS_ARE, *OUTPUT)
@click.pass_obj
def unlock(invocation: Invocation, /, talk: Talk, given: Given, target: Target) -> ExitCode:
    """Remove TARGET's lock, whoever holds it. Make sure first that no deploy is running.

    \b
      accelerator unlock foo-production
    """  # noqa: D301  # click takes the backspace itself as "do not wrap"
    named = target.demand("unlock")
    from accelerator.cli.session import Session
    from accelerator.steps.guard import marks as step

    return _perform(Session("unlock", invocation, talk, given), named, step.unlock)


@command("freeze")
@takes(
    "What to freeze",
    Target,
    _reason("Why nothing may be deployed. Refused deploys show it."),
    *WHERE_LOCKS_ARE,
    *OUTPUT,
)
@click.pass_obj
def freeze(
    invocation: Invocation, /, talk: Talk, given: Given, target: Target, reason: str
) -> ExitCode:
    """Block all deploys to TARGET until it is unfrozen. They fail at once, with the reason.

    \b
      accelerator freeze foo-production --reason incident
    """  # noqa: D301  # click takes the backspace itself as "do not wrap"
    named = target.demand("freeze")
    from accelerator.cli.session import Session
    from accelerator.steps.guard import marks as step

    return _perform(Session("freeze", invocation, talk, given), named, step.freeze, reason)


@command("unfreeze")
@takes("What to unfreeze", Target, *WHERE_LOCKS_ARE, *OUTPUT)
@click.pass_obj
def unfreeze(invocation: Invocation, /, talk: Talk, given: Given, target: Target) -> ExitCode:
    """Allow deploys to TARGET again.

    \b
      accelerator unfreeze foo-production
    """  # noqa: D301  # click takes the backspace itself as "do not wrap"
    named = target.demand("unfreeze")
    from accelerator.cli.session import Session
    from accelerator.steps.guard import marks as step

    return _perform(Session("unfreeze", invocation, talk, given), named, step.unfreeze)


@command("reject")
@takes(
    "What to reject",
    Target,
    commit("The commit to reject: a sha, branch or tag."),
    _reason("What is wrong with the commit. Refused deploys show it."),
    *WHERE_LOCKS_ARE,
    *OUTPUT,
)
@click.pass_obj
def reject(
    invocation: Invocation,
    /,
    talk: Talk,
    given: Given,
    target: Target,
    reason: str,
    commit: str | None,
) -> ExitCode:
    """Block one commit from TARGET until it is accepted. Other commits are not affected.

    An automatic rollback rejects its commit by itself.

    \b
      accelerator reject foo --commit 1a2b3c4 --reason slow
    """  # noqa: D301  # click takes the backspace itself as "do not wrap"
    named = target.demand("reject")
    from accelerator.cli.session import Session
    from accelerator.steps.guard import marks as step

    session = Session("reject", invocation, talk, given)
    return _perform(
        session, named, step.reject, reason, lambda: session.connection.find_commit(commit)
    )


@command("accept")
@takes(
    "What to accept",
    Target,
    commit("The commit to accept: a sha, branch or tag."),
    *WHERE_LOCKS_ARE,
    *OUTPUT,
)
@click.pass_obj
def accept(
    invocation: Invocation, /, talk: Talk, given: Given, target: Target, commit: str | None
) -> ExitCode:
    """Allow a rejected commit on TARGET again.

    \b
      accelerator accept foo-production --commit 1a2b3c4
    """  # noqa: D301  # click takes the backspace itself as "do not wrap"
    named = target.demand("accept")
    from accelerator.cli.session import Session
    from accelerator.steps.guard import marks as step

    session = Session("accept", invocation, talk, given)
    return _perform(
        session, named, step.accept, find_commit=lambda: session.connection.find_commit(commit)
    )


def _probe(session: Session) -> ExitCode:
    from accelerator.output.marks import mark_document, render_mark
    from accelerator.steps.guard.probe import Probed
    from accelerator.steps.guard.probe import probe as race
    from accelerator.steps.report import MarkReport

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
    from accelerator.output.marks import mark_document, render_mark
    from accelerator.steps.guard.marks import Desk, MarkOrder
    from accelerator.steps.guard.watch import open_remote
    from accelerator.steps.report import MarkReport

    report = MarkReport(target, session.name)

    def work() -> None:
        connection = session.connection
        app = connection.find_app(target)
        commit = find_commit().sha if find_commit else None
        order = MarkOrder(app, connection.author, reason, commit)
        report.ordered(order)
        host = connection.places.lock_host_of(app)
        now = connection.heroku.moment()  # finding the app has told it: our clock may be off
        with closing(open_remote(host)) as remote:
            marked = change(Desk(remote, now, session.clock.sleep), order)
            report.ended(marked)
            marked.demand()

    return session.perform(
        work,
        lambda outcome: mark_document(report, outcome),
        lambda _: render_mark(report),
    )
