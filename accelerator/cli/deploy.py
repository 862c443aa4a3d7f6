"""`accelerator deploy`: the CI deploy step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from accelerator.cli.endings import epilog
from accelerator.cli.options import (
    COMMIT,
    FROM,
    MISS_AND_VERIFICATION,
    ORDER_AND_LOCKS,
    SUBDIR,
    TIMEOUT,
    TO,
    Allowed,
    Talk,
    Waves,
    demand_targets,
    takes,
)
from accelerator.cli.session import Session
from accelerator.output.deploy import deploy_document, render_deploy
from accelerator.steps import deploy as step
from accelerator.steps.order import DeployOrder
from accelerator.steps.report import Report

if TYPE_CHECKING:
    from accelerator.cli.invocation import Invocation
    from accelerator.errors import ExitCode
    from accelerator.settings import Given


@click.command(epilog=epilog("deploy"))
@takes(
    FROM,
    TO,
    COMMIT,
    *MISS_AND_VERIFICATION,
    SUBDIR,
    Waves,
    Allowed,
    *ORDER_AND_LOCKS,
    click.option("--plan", is_flag=True, help="Only say what would be done; nothing is written."),
    TIMEOUT,
    Talk,
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
    """Ship a commit the fastest honest way, and prove that it serves.

    Compares the commit with what the prepare app (--from) holds. On a match exactly that release
    is promoted to each target (--to); otherwise the commit is built once and released. Each
    target is verified, and goes back to the release before when it does not pass.

    Running it again is safe: a target that runs the commit already is left alone.

    \b
      accelerator deploy --from foo-prepare --to foo-staging --smoke '/health {commit}'
      accelerator deploy --from foo-prepare --to staging --then production --json
    """  # noqa: D301  # click takes the backspace itself as "do not wrap"
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
