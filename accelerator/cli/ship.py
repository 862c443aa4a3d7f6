"""`accelerator ship`: everything at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from accelerator.cli import options
from accelerator.cli.ordering import demand_targets, make_deploy_order
from accelerator.cli.prepare import make_preparation
from accelerator.cli.session import Session
from accelerator.output.document import ship_document
from accelerator.output.summary import render_ship
from accelerator.steps import ship as step
from accelerator.steps.compare.reading import resolve_targets
from accelerator.steps.follow.user_command import ChildCommand
from accelerator.steps.report import PrepareReport, ShipReport

if TYPE_CHECKING:
    from accelerator.cli.invocation import Invocation
    from accelerator.errors import ExitCode
    from accelerator.steps.ship import ShipOrder


@click.command(epilog="Exit codes: 0 done, 13 tests failed, and those of `accelerator deploy`.")
@click.option("--test", metavar="CMD", help="The test command, run by the shell beside the build.")
@options.targets
@options.commit
@click.option(
    "--strategy",
    type=click.Choice(["source", "git"]),
    help="How the prepare app gets the commit.  [default: source]",
)
@options.subdir
@options.safety
@options.guards
@options.limits
@options.common
@click.pass_obj
def ship(invocation: Invocation, /, **flags: Any) -> ExitCode:
    """Test and prepare at once, then deploy to each stage, verifying one before the next.

    Failing tests stop the build that runs beside them, and nothing is released. The API key is
    not in the environment of the tests.

    \b
      accelerator ship --test 'pytest -q' --from foo-prepare --to staging --to production
    """  # noqa: D301  # click takes the backspace itself as "do not wrap"
    session = Session("ship", invocation, flags)
    report = ShipReport()

    def work() -> None:
        step.ship(session.run, _make_order(session, report, flags), report)

    return session.perform(
        work,
        lambda outcome: ship_document(report, outcome),
        lambda outcome: render_ship(report, outcome),
    )


def _make_order(session: Session, report: ShipReport, flags: dict[str, Any]) -> ShipOrder:
    targets = demand_targets(flags["to"])
    deploy = make_deploy_order(session, ())
    commit = report.commit = session.repository.resolve(deploy.commit.sha)
    preparation = make_preparation(session)
    run, prepare_app = session.run, deploy.places[0].app
    stages = tuple((name, resolve_targets(run, prepare_app, (name,))) for name in targets)

    def start_tests() -> ChildCommand:
        return ChildCommand(
            flags["test"], session.invocation.directory, session.harmless, session.events
        )

    def prepare(prepared: PrepareReport) -> PrepareReport:
        return preparation(run, commit, prepared)

    return step.ShipOrder(stages, deploy, start_tests if flags["test"] else None, prepare)
