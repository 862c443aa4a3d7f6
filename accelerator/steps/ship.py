"""Ship: tests beside the build, then stage by stage, each verified before the next.

The tests are a child process and the preparation a thread; the first of them to fail ends the
other. A thread cannot be stopped from outside, and the platform may not answer. So the build is
cancelled by asking the platform for it, within seconds that are counted, and the thread is one that
does not hold up the end of the process.
"""

from __future__ import annotations

import contextlib
from concurrent.futures import FIRST_COMPLETED, wait
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from accelerator.errors import AcceleratorError, TestsFailed
from accelerator.events import Evidence
from accelerator.foreign import hide_credentials
from accelerator.models import StepName
from accelerator.steps.compare.wanted import SourceApp
from accelerator.steps.deploy import deploy
from accelerator.steps.follow.user_command import GRACE_SECONDS, ChildCommand
from accelerator.steps.guard.checkout import demand_checkout
from accelerator.steps.order import DeployOrder
from accelerator.steps.prepare import prepare, refuse_unusable
from accelerator.steps.run import beside
from accelerator.steps.verify.sound import demand_programs

if TYPE_CHECKING:
    from concurrent.futures import Future

    from accelerator.models import Build
    from accelerator.steps.order import Rules
    from accelerator.steps.prepare import PrepareOrder
    from accelerator.steps.report import PrepareReport, ShipReport
    from accelerator.steps.run import Run

STOP_SECONDS = 10.0
HURRY_SECONDS = 3.5  # an interrupted run has five seconds for everything
LAST_SECONDS = 0.5
STOP_LOOKS = 10


@dataclass(frozen=True, slots=True)
class ShipOrder:
    """The whole way of one commit: tests beside its preparation, then stage by stage.

    ``stages`` are the groups of target apps in order, each with its name; ``rules`` hold for all of
    them. ``test`` is the test command, or None for no tests. With ``allow_dirty`` it may run on
    other files than those of the commit.
    """

    prepare: PrepareOrder
    stages: tuple[tuple[str, tuple[str, ...]], ...]
    rules: Rules
    test: str | None = None
    allow_dirty: bool = False


def ship(run: Run, order: ShipOrder, report: ShipReport) -> None:
    """Test and prepare at the same time, then deploy to each stage in turn.

    Failing tests stop the build that runs beside them and nothing is released. A later stage also
    finds the artifact on the stages before it, so that even a miss is built once only.
    """
    report.ordered(order.prepare.commit, is_without_tests=order.test is None)
    refuse_unusable(run, order.prepare)
    for stage, _ in order.stages:
        checks = order.rules.verification.checks_of(stage)
        demand_programs(checks, run.environment, may_come=order.test is not None)
    if order.test is None:
        run.events.note(f"{order.prepare.commit.short} is shipped without tests", "warning")
    else:
        with run.events.brief(StepName.GUARD):
            demand_checkout(run, order.prepare.commit, allow_dirty=order.allow_dirty)
    _test_and_prepare(run, order, report)
    rules = order.rules
    for stage, targets in order.stages:
        run.events.note(f"Stage {stage}: {', '.join(targets)}")
        deploy(run, DeployOrder(order.prepare.commit, (targets,), rules), report.stage(stage))
        sources = (*rules.sources, *(SourceApp(target, is_prepare=False) for target in targets))
        rules = replace(rules, sources=sources)


def _test_and_prepare(run: Run, order: ShipOrder, report: ShipReport) -> None:
    tests, testing, preparing = None, None, None
    prepared = report.preparing(order.rules.sources[0].app)
    try:
        if order.test is not None:
            directory, environment = run.clone.directory, run.environment
            tests = ChildCommand(order.test, directory, environment, run.events)
            testing = beside(_test, run, tests)
        preparing = beside(prepare, run, order.prepare, prepared)
        report.tested("running" if tests else "not_run")
        _join(testing, preparing)
    except BaseException as end:
        report.tested(_describe(testing))
        if isinstance(end, KeyboardInterrupt):
            run.deadline.shorten(HURRY_SECONDS)
        _stop(run, order.prepare, tests, preparing, prepared)
        raise
    report.tested(_describe(testing))


def _test(run: Run, tests: ChildCommand) -> None:
    shown = hide_credentials(tests.command)
    with run.events.step(StepName.TEST, f"Test: {shown}"):
        status = tests.wait() or 0
        run.refuse_if_stopping()  # then it was ended by us, and its status is no verdict
        if status != 0:
            if tests.last:
                title = "the last lines of the tests"
                run.events.emit(Evidence(title, tuple(tests.last), is_repeat=True))
            raise TestsFailed(shown, status)


def _join(testing: Future[None] | None, preparing: Future[None] | None) -> None:
    """Wait for both; the first failure comes out at once, without waiting for the other."""
    pending: set[Future[Any]] = {future for future in (testing, preparing) if future}
    while pending:
        done, pending = wait(pending, timeout=0.2, return_when=FIRST_COMPLETED)  # lets signals in
        for future in done:
            future.result()


def _describe(testing: Future[None] | None) -> str:
    """Return how the tests ended; those that still run are about to be stopped."""
    if testing is None:
        return "not_run"
    if not testing.done():
        return "stopped"
    return "failed" if testing.exception() else "passed"


def _stop(
    run: Run,
    order: PrepareOrder,
    tests: ChildCommand | None,
    preparing: Future[None] | None,
    report: PrepareReport,
) -> None:
    """End the tests and the build that is no longer wanted; what cannot be stopped is said."""
    run.stop.set()
    if tests is not None:
        tests.terminate()
    if preparing is not None:
        _stop_build(run, order, preparing, report)
    if tests is not None:
        tests.stop(min(GRACE_SECONDS, max(LAST_SECONDS, run.deadline.remaining)))


def _stop_build(
    run: Run, order: PrepareOrder, preparing: Future[None], report: PrepareReport
) -> None:
    is_cancelled = False
    for _ in range(STOP_LOOKS):  # a build that was just being asked for shows up a moment later
        if preparing.done():
            return
        is_cancelled = is_cancelled or _cancel(run, order, report)
        wait([preparing], timeout=min(STOP_SECONDS / STOP_LOOKS, run.deadline.remaining))
    if not preparing.done():
        run.events.note(f"the build on {', '.join(order.apps)} could not be stopped", "warning")


def _cancel(run: Run, order: PrepareOrder, report: PrepareReport) -> bool:
    """Cancel the build that runs, if there is one to be seen; it is asked for once only.

    The platform is asked which one it is: that of a git push is known to nobody else.
    """
    build = None
    with contextlib.suppress(AcceleratorError):
        build = _find_running(run, order)
        if build is not None:
            run.heroku.builds.cancel(build.app_name, build.id)
            run.events.note(f"Cancelled the build on {build.app_name}", "warning")
            report.building(run.heroku.builds.fetch(build.app_name, build.id))
    return build is not None


def _find_running(run: Run, order: PrepareOrder) -> Build | None:
    reads = [partial(run.heroku.builds.fetch_newest, app) for app in order.apps]
    builds = (build for page in run.heroku.together(*reads) for build in page)
    return next((build for build in builds if build.is_running_of(order.commit.sha)), None)
