"""Settle each target: verify what it carries now, and go back where that does not pass."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from accelerator.errors import (
    AcceleratorError,
    Inconclusive,
    KeyRefused,
    OutcomeUnknown,
    PartlyDone,
    Unreachable,
    VerificationFailed,
)
from accelerator.models import Artifact, Commit, Route
from accelerator.steps.verify.adjacency import demand_no_stranger
from accelerator.steps.verify.going_back import Way, roll_back
from accelerator.steps.verify.serving import verify

if TYPE_CHECKING:
    from accelerator.models import ArtifactRef
    from accelerator.steps.compare.facts import Facts
    from accelerator.steps.order import DeployOrder
    from accelerator.steps.report import Report, TargetReport
    from accelerator.steps.route.take import Ends
    from accelerator.steps.run import Run

Errors = dict[str, AcceleratorError]

DONE = frozenset({"succeeded", "unchanged"})


def is_open(error: AcceleratorError | None) -> bool:
    """Say whether an error leaves open what becomes of its target: we were cut off from it."""
    return isinstance(error, OutcomeUnknown | Unreachable | KeyRefused)


def settle(run: Run, order: DeployOrder, facts: Facts, ends: Ends, report: Report) -> Errors:
    """Verify every target and write its end into the report; gives the errors by target."""
    errors: Errors = {}
    for app, end in ends.items():
        entry = report.target(app)
        try:
            _settle_one(run, order, _with_built(facts, report), entry, end)
        except AcceleratorError as error:
            entry.error, errors[app] = error.message, error
            entry.status = "pending" if is_open(error) else "failed"
    return errors


def compensate(run: Run, order: DeployOrder, facts: Facts, report: Report, errors: Errors) -> None:
    """Return every finished target to its own recorded release: all of them, or none.

    Not while the outcome of another one is unknown: it may yet succeed.
    """
    if any(is_open(error) for error in errors.values()):
        run.events.note("nothing was returned: the outcome of a target is not known", "warning")
        return
    for entry in report.targets:
        if entry.status != "succeeded" or entry.previous_release is None:
            continue
        made, why = roll_back(run, _way_back(order, facts, entry))
        if made is None:
            entry.error = f"could not be returned to v{entry.previous_release.version}{why}"
            continue
        entry.status, entry.rolled_back_to = "compensated", entry.previous_release.version
        entry.rollback_release = made.version


def conclude(report: Report, errors: Errors) -> None:
    """Raise the error of a failed target, or `PartlyDone` when others succeeded."""
    if not errors:
        return
    for entry in report.targets:  # those of waves that were not reached
        if entry.route is Route.LIVE and entry.status == "pending" and entry.error is None:
            entry.status = "unchanged"
    done = tuple(entry.app for entry in report.targets if entry.status in DONE)
    missing = tuple(entry.app for entry in report.targets if entry.app not in done)
    first = next(iter(errors.values()))
    if done:
        raise PartlyDone(done, missing, first.message)
    raise first


def _with_built(facts: Facts, report: Report) -> Facts:
    """Add what was built in this very run, and read after that."""
    built = (entry.artifact for entry in report.targets if isinstance(entry.artifact, Artifact))
    return replace(facts, artifacts={**{held.id: held for held in built}, **facts.artifacts})


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
    # An equal tree's artifact says of itself the commit it was built from.
    built = Commit(facts.commit_of(end) or order.commit.sha)
    verdict = verify(run, entry.app, entry.release_id or "", end, built, checks)
    entry.release = verdict.release
    entry.artifact = facts.artifacts.get(end.id) or end
    entry.verified = verdict.outcome
    if verdict.outcome == "inconclusive":
        raise Inconclusive(
            f"{entry.app} could not be verified: {verdict.flaw}",
            "nothing was rolled back; run the same command again: it verifies what is live",
        )
    if verdict.outcome != "passed":
        _go_back(run, order, facts, entry, verdict.flaw or "")
    if entry.route is not Route.LIVE:
        demand_no_stranger(run, order, facts, verdict.release)
    entry.status = "unchanged" if entry.route is Route.LIVE else "succeeded"


def _go_back(run: Run, order: DeployOrder, facts: Facts, entry: TargetReport, flaw: str) -> None:
    if not order.rollback:
        raise VerificationFailed(entry.app, flaw, None, ", as --no-rollback asks")
    if entry.route is Route.LIVE and not entry.is_adopted:
        raise VerificationFailed(entry.app, flaw, None, ", as this run released nothing there")
    previous = entry.previous_release
    made, why = roll_back(run, _way_back(order, facts, entry))
    if made is None or previous is None:
        raise VerificationFailed(entry.app, flaw, None, why)
    entry.rolled_back_to, entry.rollback_release = previous.version, made.version
    order.reject(entry.app, order.commit, flaw)
    raise VerificationFailed(entry.app, flaw, previous.version)


def _way_back(order: DeployOrder, facts: Facts, entry: TargetReport) -> Way:
    """Say from which release to which one a target goes back, and how that is checked."""
    previous = entry.previous_release
    served = facts.served_by(previous) if previous else None
    checks = order.smoke(_stage_of(facts, entry.app))
    return Way(entry.app, entry.release, previous, Commit(served) if served else None, checks)


def _stage_of(facts: Facts, app: str) -> str | None:
    target = next(target for target in facts.targets if target.app == app)
    return target.coupling.stage if target.coupling else None
