"""`accelerator ship`: everything at once."""

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
    demand_targets,
)
from accelerator.cli.parts import setting, takes
from accelerator.errors import UsageProblem

if TYPE_CHECKING:
    from accelerator.cli.invocation import Invocation
    from accelerator.cli.options import Allowed, Talk
    from accelerator.errors import ExitCode
    from accelerator.settings import Given


@command("ship")
@takes(
    "Tests",
    click.option(
        "--test", metavar="CMD", help="The test command. The shell runs it beside the build."
    ),
    click.option(
        "--no-test", is_flag=True, help="Ship without tests. One of --test and --no-test is needed."
    ),
    click.option(
        "--allow-dirty",
        is_flag=True,
        help="Test and ship although the checked-out files differ from the commit.",
    ),
    "What to ship",
    FROM,
    COMMIT,
    setting("--strategy"),
    SUBDIR,
    "Where to",
    TO,
    *ON_A_MISS,
    *VERIFICATION,
    *GUARDS,
    *LOCKS,
    "The run",
    TIMEOUT,
    *OUTPUT,
)
@click.pass_obj
def ship(
    invocation: Invocation,
    /,
    *,
    talk: Talk,
    given: Given,
    test: str | None,
    no_test: bool,
    allow_dirty: bool,
    to: tuple[str, ...],
    commit: str | None,
    allowed: Allowed,
) -> ExitCode:
    """Test and prepare at once, then deploy to each stage, verifying one before the next.

    Failing tests stop the build that runs beside them, and nothing is released. The tests run on
    the checked-out files, without the API key in their environment. If those files differ from
    the commit, nothing is done, unless --allow-dirty is given. --no-test ships without tests.

    \b
      accelerator ship --test 'pytest -q' --from foo-prepare --to staging
    """  # noqa: D301  # click takes the backspace itself as "do not wrap"
    from accelerator.cli.session import Session
    from accelerator.output.ship import render_ship, ship_document
    from accelerator.steps import ship as step
    from accelerator.steps.prepare import PrepareOrder
    from accelerator.steps.report import ShipReport
    from accelerator.steps.ship import ShipOrder

    session = Session("ship", invocation, talk, given)
    report = ShipReport()

    def work() -> None:
        demand_tests(test, is_without=no_test)
        connection = session.connection
        targets = demand_targets(to)
        rules = connection.make_rules(
            allow_older=allowed.older,
            allow_diverged=allowed.diverged,
            may_lose_processes=allowed.missing_processes,
        )
        named = connection.clone.resolve(connection.find_commit(commit).sha)
        report.ordered(named, is_without_tests=no_test)
        settings, pool = connection.settings, connection.prepare_apps
        strategy, verify_source = settings.prepare.strategy, settings.verify_source
        prepare = PrepareOrder(
            named,
            pool,
            strategy,
            verify_source=verify_source,
            same_tree=settings.same_tree,
            build_config=settings.prepare.build_config,
        )
        apps = connection.resolve_waves((target,) for target in targets)
        stages = tuple(zip(targets, apps, strict=True))
        order = ShipOrder(prepare, stages, rules, test, allow_dirty)
        step.ship(connection.run, order, report)

    return session.perform(
        work,
        lambda outcome: ship_document(report, outcome),
        lambda outcome: render_ship(report, outcome),
    )


def demand_tests(test: str | None, *, is_without: bool) -> None:
    """Refuse to ship untested unless somebody says so."""
    if test is None and not is_without:
        raise UsageProblem(
            "no test command is named",
            "use --test with the command that runs your tests: --test 'pytest -q'; or --no-test, "
            "to ship without tests",
        )
    if test is not None and is_without:
        raise UsageProblem("--test and --no-test exclude each other", "leave out one of them")
