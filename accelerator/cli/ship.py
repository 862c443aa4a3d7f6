"""`accelerator ship`: everything at once."""

from __future__ import annotations

from functools import partial
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
    setting,
    takes,
)
from accelerator.cli.ordering import demand_targets, make_deploy_order
from accelerator.cli.prepare import make_preparation
from accelerator.cli.session import Session
from accelerator.output.ship import render_ship, ship_document
from accelerator.steps import ship as step
from accelerator.steps.compare.reading import resolve_targets
from accelerator.steps.follow.user_command import ChildCommand
from accelerator.steps.report import PrepareReport, ShipReport

if TYPE_CHECKING:
    from accelerator.cli.invocation import Invocation
    from accelerator.errors import ExitCode
    from accelerator.models import Commit
    from accelerator.settings import Given
    from accelerator.steps.order import DeployOrder
    from accelerator.steps.ship import ShipOrder


@click.command(epilog=epilog("ship"))
@takes(
    click.option(
        "--test", metavar="CMD", help="The test command, run by the shell beside the build."
    ),
    FROM,
    TO,
    COMMIT,
    setting("--strategy"),
    SUBDIR,
    *MISS_AND_VERIFICATION,
    Allowed,
    *ORDER_AND_LOCKS,
    TIMEOUT,
    Talk,
)
@click.pass_obj
def ship(
    invocation: Invocation,
    /,
    *,
    talk: Talk,
    given: Given,
    test: str | None,
    to: tuple[str, ...],
    commit: str | None,
    allowed: Allowed,
) -> ExitCode:
    """Test and prepare at once, then deploy to each stage, verifying one before the next.

    Failing tests stop the build that runs beside them, and nothing is released. The API key is
    not in the environment of the tests.

    \b
      accelerator ship --test 'pytest -q' --from foo-prepare --to staging --to production
    """  # noqa: D301  # click takes the backspace itself as "do not wrap"
    session = Session("ship", invocation, talk, given)
    report = ShipReport()

    def work() -> None:
        targets = demand_targets(to)
        order = make_deploy_order(session, (), commit, allowed)
        report.commit = session.repository.resolve(order.commit.sha)
        step.ship(session.run, _make_order(session, order, targets, report.commit, test), report)

    return session.perform(
        work,
        lambda outcome: ship_document(report, outcome),
        lambda outcome: render_ship(report, outcome),
    )


def _make_order(
    session: Session,
    deploy: DeployOrder,
    targets: tuple[str, ...],
    commit: Commit,
    test: str | None,
) -> ShipOrder:
    preparation = make_preparation(session)
    run, prepare_app = session.run, deploy.places[0].app
    stages = tuple((name, resolve_targets(run, prepare_app, (name,))) for name in targets)

    def start_tests(command: str) -> ChildCommand:
        return ChildCommand(command, session.invocation.directory, session.harmless, session.events)

    def prepare(prepared: PrepareReport) -> PrepareReport:
        return preparation(run, commit, prepared)

    return step.ShipOrder(stages, deploy, partial(start_tests, test) if test else None, prepare)
