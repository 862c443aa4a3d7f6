"""Settle each target: verify what it carries now, and go back where that does not pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelerator.errors import (
    AcceleratorError,
    Inconclusive,
    OutcomeUnknown,
    PartlyDone,
    Unreachable,
    VerificationFailed,
)
from accelerator.models import Commit, Route
from accelerator.steps.rollback import roll_back
from accelerator.steps.verify import verify

if TYPE_CHECKING:
    from accelerator.models import ArtifactRef
    from accelerator.steps.known import Facts
    from accelerator.steps.moving import Ends
    from accelerator.steps.order import DeployOrder
    from accelerator.steps.report import Report, TargetReport
    from accelerator.steps.run import Run

Errors = dict[str, AcceleratorError]

DONE = frozenset({"succeeded", "unchanged"})


def settle(run: Run, order: DeployOrder, facts: Facts, ends: Ends, report: Report) -> Errors:
    """Verify every target and write its end into the report; gives the errors by target."""
    errors: Errors = {}
    for app, end in ends.items():
        entry = report.target(app)
        try:
            _settle_one(run, order, facts, entry, end)
        except AcceleratorError as error:
            entry.error, errors[app] = error.message, error
            entry.status = (
                "pending" if isinstance(error, (OutcomeUnknown, Unreachable)) else "failed"
            )
    return errors


def compensate(run: Run, order: DeployOrder, facts: Facts, report: Report) -> None:
    """Return every finished target to its own recorded release: all of them, or none."""
    for target in facts.targets:
        entry = report.target(target.app)
        if entry.status != "succeeded" or entry.previous_release is None:
            continue
        served = facts.serves(target)
        old = Commit(served) if served else None
        made, why = roll_back(run, target, old, order.smoke(_stage_of(facts, entry.app)))
        if made is None:
            entry.error = f"could not be returned to v{entry.previous_release.version}{why}"
            continue
        entry.status, entry.rolled_back_to = "compensated", entry.previous_release.version
        entry.rollback_release = made.version


def conclude(report: Report, errors: Errors) -> None:
    """Raise the error of a failed target, or `PartlyDone` when others succeeded."""
    if not errors:
        return
    done = tuple(entry.app for entry in report.targets if entry.status in DONE)
    missing = tuple(entry.app for entry in report.targets if entry.app not in done)
    first = next(iter(errors.values()))
    if done:
        raise PartlyDone(done, missing, first.message)
    raise first


def _settle_one(
    run: Run,
    order: DeployOrder,
    facts: Facts,
    entry: TargetReport,
    end: ArtifactRef | AcceleratorError,
) -> None:
    if isinstance(end, AcceleratorError):
        raise end
    checks = order.smoke(_stage_of(facts, entry.app))
    verdict = verify(run, entry.app, entry.release_id or "", end, order.commit, checks)
    entry.release = verdict.release
    entry.artifact = facts.artifacts.get(end.id) or end
    entry.verified = verdict.outcome
    if verdict.outcome == "passed":
        entry.status = "unchanged" if entry.route is Route.LIVE else "succeeded"
        return
    if verdict.outcome == "inconclusive":
        raise Inconclusive(
            f"{entry.app} could not be verified: {verdict.flaw}",
            f"nothing was rolled back; `accelerator verify -a {entry.app}` looks again",
        )
    _go_back(run, order, facts, entry, verdict.flaw or "")


def _go_back(run: Run, order: DeployOrder, facts: Facts, entry: TargetReport, flaw: str) -> None:
    if not order.rollback:
        raise VerificationFailed(entry.app, flaw, None, ", as --no-rollback asks")
    if entry.route is Route.LIVE:
        raise VerificationFailed(entry.app, flaw, None, ", as this run released nothing there")
    target = next(target for target in facts.targets if target.app == entry.app)
    previous, served = entry.previous_release, facts.serves(target)
    old = Commit(served) if served else None
    checks = order.smoke(_stage_of(facts, entry.app))
    made, why = roll_back(run, target, old, checks)
    if made is None or previous is None:
        raise VerificationFailed(entry.app, flaw, None, why)
    entry.rolled_back_to, entry.rollback_release = previous.version, made.version
    order.reject(entry.app, order.commit, flaw)
    raise VerificationFailed(entry.app, flaw, previous.version)


def _stage_of(facts: Facts, app: str) -> str | None:
    target = next(target for target in facts.targets if target.app == app)
    return target.coupling.stage if target.coupling else None
