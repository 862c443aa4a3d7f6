"""`accelerator resume`: finish or report a deploy that was cut short."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from accelerator.cli.endings import epilog
from accelerator.cli.options import (
    MISS_AND_VERIFICATION,
    SUBDIR,
    TIMEOUT,
    WHERE_LOCKS_ARE,
    Allowed,
    Talk,
    setting,
    takes,
)
from accelerator.cli.session import Session
from accelerator.output.deploy import deploy_document, render_deploy
from accelerator.steps import resume as step
from accelerator.steps.report import Report

if TYPE_CHECKING:
    from accelerator.cli.invocation import Invocation
    from accelerator.errors import ExitCode
    from accelerator.settings import Given


@click.command(epilog=epilog("resume"))
@click.argument("target")
@takes(
    *WHERE_LOCKS_ARE,
    *MISS_AND_VERIFICATION,
    SUBDIR,
    Allowed,
    setting("--strict"),
    TIMEOUT,
    Talk,
)
@click.pass_obj
def resume(
    invocation: Invocation, /, talk: Talk, given: Given, target: str, allowed: Allowed
) -> ExitCode:
    """Finish the deploy to TARGET that was interrupted, killed or ended with an unknown outcome.

    Reads the note the deploy left in the lock remote, looks at what the platform did, and goes on
    from there: what happened already is not done again.
    """
    session = Session("resume", invocation, talk, given)
    report = Report()

    def work() -> None:
        connection = session.connection
        rules = connection.make_rules(allow_older=allowed.older, allow_diverged=allowed.diverged)
        app = connection.find_app(target)
        step.resume(connection.run, app, rules, report)

    return session.perform(
        work,
        lambda outcome: deploy_document(report, outcome, session.name),
        lambda outcome: render_deploy(report, outcome),
    )
