"""The result of `deploy` and `resume`: document, text, blank document, and the plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelerator.foreign import one_line
from accelerator.models import TargetStatus
from accelerator.output.outcome import Outcome
from accelerator.output.parts import (
    Document,
    commit_head,
    render_artifact,
    render_same,
    run_tail,
    usage_lines,
    with_timings,
)
from accelerator.steps.report import Report

FAILURES = {TargetStatus.PENDING: "not known", TargetStatus.REFUSED: "refused"}

if TYPE_CHECKING:
    from accelerator.steps.plan import Plan
    from accelerator.steps.report import TargetReport
    from accelerator.steps.source_report import SourceReport


def deploy_document(report: Report, outcome: Outcome, command: str = "deploy") -> Document:
    """Render the result of `deploy` as ``accelerator.deploy/1``; `resume` has the same keys."""
    return {
        **commit_head(command, report.commit, outcome),
        **deployed_keys(report),
        "plan": _plan(report.plan),
        **run_tail(outcome),
    }


def render_deploy(report: Report, outcome: Outcome) -> list[str]:
    """Render the result of a deploy: a line per target, then the timing table."""
    if report.plan is not None and outcome.error is None:
        return [*_planned(report, report.plan), *usage_lines(outcome)]
    return with_timings(target_lines(report), outcome)


def blank() -> Document:
    """Return the document of a run that did not begin."""
    return deploy_document(Report(), Outcome())


def deployed_keys(report: Report) -> Document:
    """Return how a commit got to its targets; `ship` tells it of each stage."""
    return {
        "route": report.route,
        "reason": report.reason,
        "source": _source(report.source),
        "targets": [_target(entry) for entry in report.targets],
        "passed_over": list(report.passed_over),
        "compensation": report.compensation,
        "lock": report.lock,
    }


def target_lines(report: Report) -> list[str]:
    """Return a line per target."""
    commit = report.commit.short if report.commit else "?"
    return [one_line(f"{entry.app}: {_target_text(entry, commit)}") for entry in report.targets]


def _source(source: SourceReport | None) -> Document | None:
    if source is None:
        return None
    release = source.release
    return {
        "app": source.app,
        "release": release.version if release else None,
        "release_id": release.id if release else None,
        "commit": source.commit,
        "artifact": render_artifact(source.artifact),
        "metadata": source.metadata,
        "verified": source.verified,
        "same": render_same(source.same),
    }


def _target(entry: TargetReport) -> Document:
    previous, serving = entry.previous_release, entry.serving
    return {
        "app": entry.app,
        "route": entry.route,
        "status": entry.status,
        "release": entry.release.version if entry.release else None,
        "previous_release": previous.version if previous else None,
        "artifact": render_artifact(entry.artifact),
        "verified": entry.verified,
        "rolled_back_to": entry.rolled_back_to,
        "rollback_release": entry.rollback_release,
        "rejection": entry.rejection,
        "error": entry.error,
        "refusal": entry.refusal,
        "serving": {"release": serving.release, "commit": serving.commit} if serving else None,
    }


def _plan(plan: Plan | None) -> Document | None:
    if plan is None:
        return None
    checks = [
        {
            "target": app,
            "name": check.name,
            "outcome": check.outcome,
            "detail": check.detail or None,
        }
        for app, check in plan.checks
    ]
    calls = [{"method": each.method, "path": each.path, "does": each.does} for each in plan.writes]
    return {"checks": checks, "calls": calls}


def _planned(report: Report, plan: Plan) -> list[str]:
    commit = report.commit.short if report.commit else "?"
    lines = [f"Plan for {commit}: {report.route} ({report.reason}). Nothing was written."]
    for entry in report.targets:
        runs = f"v{entry.previous_release.version}" if entry.previous_release else "nothing"
        lines += ["", f"{entry.app}: {entry.route}; it runs {runs}"]
        mine = [check for app, check in plan.checks if app == entry.app]
        width = max((len(check.name) for check in mine), default=0)
        lines += [
            f"  {check.name:<{width}}  {check.outcome:<7}  {check.detail}".rstrip()
            for check in mine
        ]
    lines += ["", "These writes would follow:" if plan.writes else "No write would follow."]
    return [*lines, *(f"  {each.method} {each.path}: {each.does}" for each in plan.writes), ""]


def _target_text(entry: TargetReport, commit: str) -> str:
    if entry.rolled_back_to is not None:
        taken = "was taken back, as others failed"
        why = taken if entry.status is TargetStatus.COMPENSATED else "failed verification"
        return f"{commit} {why}; back to the code of v{entry.rolled_back_to}"
    if entry.status in {TargetStatus.SUCCEEDED, TargetStatus.UNCHANGED}:
        return _live_text(entry, commit)
    if entry.status is TargetStatus.SKIPPED:
        return _skipped_text(entry, commit)
    if entry.error is not None:
        return f"{FAILURES.get(entry.status, 'failed')}: {entry.error}"
    return "not attempted" if entry.status is TargetStatus.PENDING else entry.status


def _skipped_text(entry: TargetReport, commit: str) -> str:
    serving = entry.serving
    if serving is None or serving.release is None:
        return f"{commit} is skipped: newer code runs there"
    held = f" ({serving.commit[:8]})" if serving.commit else ""
    return f"{commit} is skipped: v{serving.release}{held} runs there, which contains it"


def _live_text(entry: TargetReport, commit: str) -> str:
    version = f"v{entry.release.version}" if entry.release else "no release"
    is_old = entry.status is TargetStatus.UNCHANGED
    said = f"live already as {version}" if is_old else f"live as {version} by {entry.route}"
    left = f"; {entry.error}" if entry.error else ""  # it was to go back, as others failed
    return f"{commit} is {said}, {_verified(entry)}{left}"


def _verified(entry: TargetReport) -> str:
    return {"passed": "verified", "not_run": "not verified"}.get(
        entry.verified, f"verification {entry.verified}"
    )
