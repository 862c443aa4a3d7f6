"""`accelerator resume`: finish or report a deploy that was cut short."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from accelerator.cli.helping import command
from accelerator.cli.options import (
    ON_A_MISS,
    OUTPUT,
    SUBDIR,
    TIMEOUT,
    VERIFICATION,
    WHERE_LOCKS_ARE,
    Allowed,
    Confirmation,
    Target,
)
from accelerator.cli.parts import setting, takes

if TYPE_CHECKING:
    from accelerator.cli.invocation import Invocation
    from accelerator.cli.options import Talk
    from accelerator.errors import ExitCode
    from accelerator.settings import Given


@command("resume")
@takes(
    "What to resume",
    Target,
    Confirmation,
    SUBDIR,
    *WHERE_LOCKS_ARE,
    *ON_A_MISS,
    *VERIFICATION,
    "Guards",
    Allowed,
    setting("--strict"),
    "The run",
    TIMEOUT,
    *OUTPUT,
)
@click.pass_obj
def resume(
    invocation: Invocation,
    /,
    talk: Talk,
    given: Given,
    target: Target,
    confirmation: Confirmation,
    allowed: Allowed,
) -> ExitCode:
    """Finish a deploy to TARGET that was interrupted, was killed or ended as unknown.

    Reads the note that the deploy left in the lock remote, looks at what the platform did, and
    continues from there. Nothing is done twice.

    Anyone who may write to the lock remote can have written that note. So its commit is shown,
    and deployed only if --commit names it, if it is the commit of this CI job, or if a person
    confirms it: by typing the app's name in a terminal, or with --confirm in a script.

    \b
      accelerator resume foo-production
      accelerator resume foo-production --commit 1a2b3c4
      accelerator resume -a foo --confirm foo
    """  # noqa: D301  # click takes the backspace itself as "do not wrap"
    named = target.demand("resume")
    from accelerator.cli.session import Session
    from accelerator.output.deploy import deploy_document, render_deploy
    from accelerator.steps import resume as step
    from accelerator.steps.report import Report
    from accelerator.steps.resume import ResumeOrder

    session = Session("resume", invocation, talk, given)
    report = Report()
    found: list[str] = []  # without settings: a deploy that is typed next has to name them

    def work() -> None:
        connection = session.connection
        app = connection.find_app(named)
        wanted, sources = confirmation.commit, connection.places.find_sources(app)
        found.extend(() if session.settings.prepare.apps else sources)
        rules = connection.make_rules(
            allow_older=allowed.older,
            allow_diverged=allowed.diverged,
            may_lose_processes=allowed.missing_processes,
            sources=sources,
        )
        order = ResumeOrder(
            app,
            rules,
            connection.find_commit(wanted).sha if wanted is not None else None,
            connection.find_own_commit(),
            confirmation.app,
        )
        ask = session.ask if invocation.has_person else None
        step.resume(connection.run_at_home(app), order, report, ask)

    return session.perform(
        work,
        lambda outcome: deploy_document(report, outcome, session.name),
        lambda outcome: render_deploy(report, outcome.naming(found)),
    )
