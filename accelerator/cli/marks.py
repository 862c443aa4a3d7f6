"""`accelerator lock, unlock, freeze, unfreeze, reject, accept`: who may ship what, by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from accelerator.cli import options
from accelerator.cli.locks import find_app, find_moment, open_refs, who
from accelerator.cli.session import Session
from accelerator.output.document import mark_document
from accelerator.output.summary import render_mark
from accelerator.settings.parsing import parse_duration
from accelerator.steps.guard import marks as step
from accelerator.steps.guard.marks import MarkReport

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from accelerator.cli.invocation import Invocation
    from accelerator.errors import ExitCode
    from accelerator.steps.guard.held import Refs

    Change = Callable[[Refs, MarkReport, datetime], MarkReport]


@click.command()
@click.argument("target")
@click.option("--reason", metavar="TEXT", help="Why, for those who have to wait.")
@click.option("--for", "duration", default="1h", show_default=True, help="How long (30m, 2h).")
@options.lock_remote
@options.common
@click.pass_obj
def lock(invocation: Invocation, /, **flags: Any) -> ExitCode:
    """Keep deploys away from TARGET for a while; they wait for the lock."""
    return _perform(
        "lock",
        invocation,
        flags,
        lambda refs, report, now: step.lock(refs, report, now, parse_duration(flags["duration"])),
    )


@click.command()
@click.argument("target")
@options.lock_remote
@options.common
@click.pass_obj
def unlock(invocation: Invocation, /, **flags: Any) -> ExitCode:
    """Remove TARGET's lock, whoever holds it. Make sure first that no deploy is running."""
    return _perform("unlock", invocation, flags, lambda refs, report, _: step.unlock(refs, report))


@click.command()
@click.argument("target")
@click.option("--reason", metavar="TEXT", required=True, help="Why nothing may be deployed.")
@options.lock_remote
@options.common
@click.pass_obj
def freeze(invocation: Invocation, /, **flags: Any) -> ExitCode:
    """Let no deploy through to TARGET until it is unfrozen; they fail at once, with the reason."""
    return _perform("freeze", invocation, flags, step.freeze)


@click.command()
@click.argument("target")
@options.lock_remote
@options.common
@click.pass_obj
def unfreeze(invocation: Invocation, /, **flags: Any) -> ExitCode:
    """Let deploys through to TARGET again."""
    return _perform(
        "unfreeze", invocation, flags, lambda refs, report, _: step.unfreeze(refs, report)
    )


@click.command()
@click.argument("target")
@click.option("--reason", metavar="TEXT", required=True, help="What is wrong with the commit.")
@options.commit
@options.lock_remote
@options.common
@click.pass_obj
def reject(invocation: Invocation, /, **flags: Any) -> ExitCode:
    """Keep a commit from TARGET until it is accepted; other commits pass.

    After an automatic rollback this is done by itself.
    """
    return _perform("reject", invocation, flags, step.reject)


@click.command()
@click.argument("target")
@options.commit
@options.lock_remote
@options.common
@click.pass_obj
def accept(invocation: Invocation, /, **flags: Any) -> ExitCode:
    """Let a rejected commit through to TARGET again."""
    return _perform("accept", invocation, flags, lambda refs, report, _: step.accept(refs, report))


def _perform(name: str, invocation: Invocation, flags: dict[str, Any], change: Change) -> ExitCode:
    session = Session(name, invocation, flags)
    report = MarkReport(flags["target"], name)

    def work() -> None:
        report.by, report.reason = who(session), flags.get("reason")
        report.target = find_app(session, flags["target"])
        if name in {"reject", "accept"}:
            report.commit = session.find_commit().sha
        ends = name == "lock"
        now = find_moment(session, report.target) if ends else session.clock.moment()
        with open_refs(session) as refs:
            change(refs, report, now)

    return session.perform(
        work,
        lambda outcome: mark_document(report, outcome),
        lambda _: render_mark(report),
    )
