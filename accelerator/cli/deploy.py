"""`accelerator deploy`: the CI deploy step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from accelerator.cli.helping import command
from accelerator.cli.options import (
    COMMIT,
    FROM,
    GUARDS,
    LOCKS,
    ON_A_MISS,
    OUTPUT,
    SUBDIR,
    TIMEOUT,
    TO,
    VERIFICATION,
    Waves,
    demand_targets,
)
from accelerator.cli.parts import takes

if TYPE_CHECKING:
    from accelerator.cli.invocation import Invocation
    from accelerator.cli.options import Allowed, Talk
    from accelerator.errors import ExitCode
    from accelerator.settings import Given


@command("deploy")
@takes(
    "What to ship",
    FROM,
    COMMIT,
    SUBDIR,
    "Where to",
    TO,
    Waves,
    *ON_A_MISS,
    *VERIFICATION,
    *GUARDS,
    *LOCKS,
    "The run",
    click.option("--plan", is_flag=True, help="Show what would be done, and write nothing."),
    TIMEOUT,
    *OUTPUT,
)
@click.pass_obj
def deploy(
    invocation: Invocation,
    /,
    *,
    talk: Talk,
    given: Given,
    to: tuple[str, ...],
    commit: str | None,
    waves: Waves,
    allowed: Allowed,
    plan: bool,
) -> ExitCode:
    """Ship a commit the fastest safe way, and verify that it serves.

    Compares the commit with what the prepare app (--from) holds. If it is prepared, exactly that
    release is promoted to each target (--to). If not, the commit is built once and released. Each
    target is verified, and returns to its previous release when it does not pass.

    You can run it again safely: a target that already runs the commit is left alone.

    \b
      accelerator deploy --from foo-prepare --to foo-production --smoke /health
      accelerator deploy --from foo-prepare --to staging --then production --json
    """  # noqa: D301  # click takes the backspace itself as "do not wrap"
    from accelerator.cli.session import Session
    from accelerator.output.deploy import deploy_document, render_deploy
    from accelerator.steps import deploy as step
    from accelerator.steps.order import DeployOrder
    from accelerator.steps.report import Report

    session = Session("deploy", invocation, talk, given)
    report = Report()

    def work() -> None:
        connection = session.connection
        targets = demand_targets(to)
        rules = connection.make_rules(
            allow_older=allowed.older,
            allow_diverged=allowed.diverged,
            may_lose_processes=allowed.missing_processes,
        )
        named = connection.find_commit(commit)
        report.ordered(named)
        resolved = connection.resolve_waves((targets, *((each,) for each in waves.then)))
        order = DeployOrder(named, resolved, rules, waves.on_failure, plan)
        step.deploy(connection.run, order, report)

    return session.perform(
        work,
        lambda outcome: deploy_document(report, outcome),
        lambda outcome: render_deploy(report, outcome),
    )
