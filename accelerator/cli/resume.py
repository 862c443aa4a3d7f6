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
    Confirmation,
    Talk,
    setting,
    takes,
)
from accelerator.cli.session import Session
from accelerator.environment import detect_ci
from accelerator.errors import UsageProblem
from accelerator.output.deploy import deploy_document, render_deploy
from accelerator.steps import resume as step
from accelerator.steps.report import Report
from accelerator.steps.resume import ResumeOrder

if TYPE_CHECKING:
    from accelerator.cli.invocation import Invocation
    from accelerator.errors import ExitCode
    from accelerator.settings import Given


@click.command(epilog=epilog("resume"))
@click.argument("target")
@takes(
    Confirmation,
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
    invocation: Invocation,
    /,
    talk: Talk,
    given: Given,
    target: str,
    confirmation: Confirmation,
    allowed: Allowed,
) -> ExitCode:
    """Finish the deploy to TARGET that was interrupted, killed or ended with an unknown outcome.

    Reads the note the deploy left in the lock remote, looks at what the platform did, and goes on
    from there: what happened already is not done again.

    The note is a claim: whoever may write to the lock remote can have made it up. Its commit is
    shown, and deployed when --commit names it, when it is the commit of this CI job, or when a
    person confirms it: in a terminal by typing the app's name, in scripts by --confirm.
    """
    session = Session("resume", invocation, talk, given)
    report = Report()

    def work() -> None:
        connection = session.connection
        app = connection.find_app(target)
        if confirmation.app not in {None, app}:
            raise UsageProblem(
                f"--confirm names {confirmation.app}, and what is deployed to is {app}",
                f"--confirm {app}, if that is what you mean",
            )
        named, sources = confirmation.commit, connection.places.find_sources(app)
        rules = connection.make_rules(
            allow_older=allowed.older, allow_diverged=allowed.diverged, sources=sources
        )
        order = ResumeOrder(
            app,
            rules,
            connection.find_commit(named).sha if named is not None else None,
            connection.find_own_commit(),
            is_confirmed=confirmation.app is not None,
        )
        # A CI job can have a terminal, too, but nobody sits at it.
        may_ask = invocation.has_person and detect_ci(invocation.environment).name is None
        ask = invocation.ask if may_ask else None
        step.resume(connection.run_at_home(app), order, report, ask)

    return session.perform(
        work,
        lambda outcome: deploy_document(report, outcome, session.name),
        lambda outcome: render_deploy(report, outcome),
    )
