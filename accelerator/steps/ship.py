"""Ship: tests beside the build, then stage by stage, each verified before the next."""

from __future__ import annotations

import contextlib
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from accelerator.errors import AcceleratorError, TestsFailed
from accelerator.steps.deploy import deploy
from accelerator.steps.facts import Place
from accelerator.steps.report import PrepareReport, Report, ShipReport

if TYPE_CHECKING:
    from collections.abc import Callable

    from accelerator.models import Build
    from accelerator.steps.child import ChildCommand
    from accelerator.steps.order import DeployOrder
    from accelerator.steps.run import Run

STOP_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class ShipOrder:
    """The whole way of one commit.

    ``stages`` are the groups of target apps in order; ``deploy`` holds what every stage shares.
    ``start_tests`` and ``prepare`` start the two things that run beside each other; either may be
    None, when there are no tests or nothing is to be built ahead.
    """

    stages: tuple[tuple[str, tuple[str, ...]], ...]
    deploy: DeployOrder
    start_tests: Callable[[], ChildCommand] | None
    prepare: Callable[[PrepareReport], PrepareReport] | None


def ship(run: Run, order: ShipOrder, report: ShipReport) -> ShipReport:
    """Test and prepare at the same time, then deploy to each stage in turn.

    Failing tests stop the build that runs beside them and nothing is released. A later stage also
    finds the artifact on the stages before it, so that even a miss is built once only.
    """
    report.commit = order.deploy.commit
    _test_and_prepare(run, order, report)
    places = order.deploy.places
    for stage, targets in order.stages:
        staged = Report()
        report.stages.append((stage, staged))
        run.events.note(f"Stage {stage}: {', '.join(targets)}")
        deploy(run, replace(order.deploy, places=places, targets=targets), staged)
        places += tuple(Place(target, is_prepare=False) for target in targets)
    return report


def _test_and_prepare(run: Run, order: ShipOrder, report: ShipReport) -> None:
    tests = order.start_tests() if order.start_tests else None
    with ThreadPoolExecutor(2, thread_name_prefix="ship") as pool:
        testing = pool.submit(_test, run, tests) if tests else None
        preparing = None
        if order.prepare is not None:
            report.prepared = PrepareReport(order.deploy.places[0].app)
            preparing = pool.submit(order.prepare, report.prepared)
        report.tests = "running" if tests else "not_run"
        try:
            _join(testing, preparing)
        except BaseException:
            report.tests = _describe(testing)
            _stop(run, tests, preparing, report.prepared)
            raise
        report.tests = _describe(testing)


def _test(run: Run, tests: ChildCommand) -> None:
    with run.events.step("test", f"Test: {tests.command}"):
        status = tests.wait() or 0
        if status != 0:
            raise TestsFailed(tests.command, status)


def _join(testing: Future[None] | None, preparing: Future[PrepareReport] | None) -> None:
    """Wait for both; the first failure comes out at once, without waiting for the other."""
    pending: set[Future[Any]] = {future for future in (testing, preparing) if future}
    while pending:
        done, pending = wait(pending, timeout=0.2, return_when=FIRST_COMPLETED)  # lets signals in
        for future in done:
            future.result()


def _describe(testing: Future[None] | None) -> str:
    """Say how the tests ended; those that still run are about to be stopped."""
    if testing is None:
        return "not_run"
    if not testing.done():
        return "stopped"
    return "failed" if testing.exception() else "passed"


def _stop(
    run: Run,
    tests: ChildCommand | None,
    preparing: Future[PrepareReport] | None,
    prepared: PrepareReport | None,
) -> None:
    """End the tests and the build that is no longer wanted; what cannot be stopped is said."""
    run.stop.set()
    if tests is not None:
        tests.stop()
    if preparing is None or prepared is None or preparing.done():
        return
    with contextlib.suppress(AcceleratorError):
        build = prepared.build or _find_running(run, prepared)
        if build is not None:
            run.heroku.builds.cancel(prepared.app, build.id)
            run.events.note(f"Cancelled build {build.id} on {prepared.app}", "warning")
    wait([preparing], timeout=STOP_SECONDS)
    if not preparing.done():
        run.events.note(f"the build on {prepared.app} could not be stopped", "warning")


def _find_running(run: Run, prepared: PrepareReport) -> Build | None:
    """Find the build a git push started: it is known only to the platform while it runs."""
    if prepared.commit is None:
        return None
    builds = run.heroku.builds.fetch_newest(prepared.app)
    sha = prepared.commit.sha
    return next((b for b in builds if b.status == "pending" and b.commit == sha), None)
