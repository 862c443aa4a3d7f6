"""`accelerator resume`: finish or report a deploy that was cut short."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from accelerator.cli.endings import epilog
from accelerator.cli.locks import find_app, find_moment, open_refs
from accelerator.cli.options import (
    MISS_AND_VERIFICATION,
    SUBDIR,
    TIMEOUT,
    WHERE_LOCKS_ARE,
    Allowed,
    Talk,
    takes,
)
from accelerator.cli.ordering import make_deploy_order
from accelerator.cli.session import Session
from accelerator.errors import NotFound, Refused
from accelerator.models import Commit, Refusal
from accelerator.output.deploy import deploy_document, render_deploy
from accelerator.steps import deploy as step
from accelerator.steps.guard.held import look
from accelerator.steps.report import Report

if TYPE_CHECKING:
    from accelerator.cli.invocation import Invocation
    from accelerator.errors import ExitCode
    from accelerator.settings import Given
    from accelerator.steps.guard.notes import LockNote


@click.command(epilog=epilog("resume"))
@click.argument("target")
@takes(*WHERE_LOCKS_ARE, *MISS_AND_VERIFICATION, SUBDIR, TIMEOUT, Talk)
@click.pass_obj
def resume(invocation: Invocation, /, talk: Talk, given: Given, target: str) -> ExitCode:
    """Finish the deploy to TARGET that was interrupted, killed or ended with an unknown outcome.

    Reads the note the deploy left in the lock remote, looks at what the platform did, and goes on
    from there: what happened already is not done again.
    """
    session = Session("resume", invocation, talk, given)
    report = Report()

    def work() -> None:
        app = find_app(session, target)
        note = _find_note(session, app)
        session.events.note(f"resuming: {note.describe()}")
        order = make_deploy_order(session, (app,), note.commit, Allowed())
        report.commit = Commit(note.commit)
        step.deploy(session.run, replace(order, commit=order.commit), report)

    return session.perform(
        work,
        lambda outcome: deploy_document(report, outcome, session.name),
        lambda outcome: render_deploy(report, outcome),
    )


def _find_note(session: Session, target: str) -> LockNote:
    with open_refs(session) as refs:
        found = look(refs, target)
    if found is None or found.note is None or not found.note.commit:
        raise NotFound(
            f"no deploy to {target} was cut short: the lock remote has no note of one",
            "run `accelerator deploy` again with the commit: it is safe to repeat",
        )
    if not found.note.is_free(find_moment(session, target)):
        raise Refused(
            Refusal.LOCKED,
            f"the deploy to {target} seems to be running: {found.note.describe()}",
            "a dead one's lock ends by itself within minutes; then run this again",
        )
    return found.note
