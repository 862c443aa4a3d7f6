"""Ship: tests beside the build, then stage by stage, each verified before the next."""

from __future__ import annotations

import contextlib
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, replace
from threading import Thread
from typing import TYPE_CHECKING, Any, TypeVar

from accelerator.errors import AcceleratorError, TestsFailed
from accelerator.steps.compare.reading import Place
from accelerator.steps.deploy import deploy
from accelerator.steps.follow.user_command import GRACE_SECONDS
from accelerator.steps.report import PrepareReport, Report, ShipReport

if TYPE_CHECKING:
    from collections.abc import Callable

    from accelerator.models import Build
    from accelerator.steps.follow.user_command import ChildCommand
    from accelerator.steps.order import DeployOrder
    from accelerator.steps.run import Run

Value = TypeVar("Value")

STOP_SECONDS = 10.0
HURRY_SECONDS = 3.5  # an interrupted run has five seconds for everything
LAST_SECONDS = 0.5
STOP_LOOKS = 10


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
    tests, testing, preparing = None, None, None
    try:
        if order.start_tests is not None:
            tests = order.start_tests()
            testing = _beside(_test, run, tests)
        if order.prepare is not None:
            report.prepared = PrepareReport(order.deploy.places[0].app)
            preparing = _beside(order.prepare, report.prepared)
        report.tests = "running" if tests else "not_run"
        _join(testing, preparing)
    except BaseException as end:
        report.tests = _describe(testing)
        if isinstance(end, KeyboardInterrupt):
            run.deadline.shorten(HURRY_SECONDS)
        _stop(run, tests, preparing, report.prepared)
        raise
    report.tests = _describe(testing)


def _beside(call: Callable[..., Value], *arguments: Any) -> Future[Value]:
    """Call in a thread of its own; one that cannot be stopped does not hold up the process's end.

    That is why it is no `ThreadPoolExecutor`: Python waits for the threads of those.
    """
    future: Future[Value] = Future()

    def work() -> None:
        try:
            future.set_result(call(*arguments))
        except BaseException as error:  # comes out of the future
            future.set_exception(error)

    Thread(target=work, name="ship", daemon=True).start()
    return future


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
        tests.terminate()
    if preparing is not None and prepared is not None:
        _stop_build(run, preparing, prepared)
    if tests is not None:
        tests.stop(min(GRACE_SECONDS, max(LAST_SECONDS, run.deadline.remaining)))


def _stop_build(run: Run, preparing: Future[PrepareReport], prepared: PrepareReport) -> None:
    is_cancelled = False
    for _ in range(STOP_LOOKS):  # a build that was just being asked for shows up a moment later
        if preparing.done():
            return
        is_cancelled = is_cancelled or _cancel(run, prepared)
        wait([preparing], timeout=min(STOP_SECONDS / STOP_LOOKS, run.deadline.remaining))
    if not preparing.done():
        run.events.note(f"the build on {prepared.app} could not be stopped", "warning")


def _cancel(run: Run, prepared: PrepareReport) -> bool:
    """Cancel the build that runs, if there is one to be seen; it is asked for once only."""
    build = None
    with contextlib.suppress(AcceleratorError):
        build = prepared.build = prepared.build or _find_running(run, prepared)
        if build is not None:
            run.heroku.builds.cancel(prepared.app, build.id)
            run.events.note(f"Cancelled build {build.id} on {prepared.app}", "warning")
            prepared.build = run.heroku.builds.fetch(prepared.app, build.id)
    return build is not None


def _find_running(run: Run, prepared: PrepareReport) -> Build | None:
    """Find the build a git push started: it is known only to the platform while it runs."""
    if prepared.commit is None:
        return None
    builds = run.heroku.builds.fetch_newest(prepared.app)
    sha = prepared.commit.sha
    return next((b for b in builds if b.status == "pending" and b.commit == sha), None)
