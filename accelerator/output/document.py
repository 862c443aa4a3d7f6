"""The JSON documents: exactly one a command, on failure too (design, section 4).

Keys may be added; changing or removing one raises the number in ``schema``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from accelerator.models import Artifact
from accelerator.output.outcome import Outcome
from accelerator.steps.report import PrepareReport, Report, ShipReport

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from accelerator.errors import AcceleratorError
    from accelerator.events import StepFinished
    from accelerator.models import ArtifactRef, Build, Commit
    from accelerator.settings import Row
    from accelerator.steps.guard.marks import MarkReport
    from accelerator.steps.plan import Plan
    from accelerator.steps.report import SourceReport, TargetReport

Document = dict[str, Any]


def deploy_document(report: Report, outcome: Outcome) -> Document:
    """Render the result of `deploy` as ``accelerator.deploy/1``."""
    return {
        **_head("deploy", report.commit, outcome),
        **_deployed(report),
        "plan": _plan(report.plan),
        **_tail(outcome),
    }


def prepare_document(report: PrepareReport, outcome: Outcome) -> Document:
    """Render the result of `prepare` as ``accelerator.prepare/1``."""
    return {
        **_head("prepare", report.commit, outcome),
        **_prepared(report),
        **_tail(outcome),
    }


def ship_document(report: ShipReport, outcome: Outcome) -> Document:
    """Render the result of `ship` as ``accelerator.ship/1``: each stage as in a deploy."""
    return {
        **_head("ship", report.commit, outcome),
        "tests": report.tests,
        "prepared": _prepared(report.prepared) if report.prepared else None,
        "stages": [{"stage": stage, **_deployed(staged)} for stage, staged in report.stages],
        **_tail(outcome),
    }


def config_document(rows: tuple[Row, ...], outcome: Outcome) -> Document:
    """Render the settings as ``accelerator.config/1``."""
    return {
        "schema": "accelerator.config/1",
        "ok": outcome.error is None,
        "exit_code": int(outcome.exit_code),
        "settings": [{"name": row.name, "value": row.value, "source": row.source} for row in rows],
        "error": render_error(outcome.error),
    }


def mark_document(report: MarkReport, outcome: Outcome) -> Document:
    """Render what stands for a target, as ``accelerator.lock/1`` and its like."""
    return {
        "schema": f"accelerator.{report.kind}/1",
        "ok": outcome.error is None,
        "exit_code": int(outcome.exit_code),
        "target": report.target,
        "state": report.state if outcome.error is None else None,
        "changed": report.changed,
        "commit": report.commit,
        "by": report.by,
        "reason": report.reason,
        "at": report.at,
        "error": render_error(outcome.error),
    }


def error_document(command: str, exit_code: int, error: Mapping[str, str | None]) -> Document:
    """Render a failure from before a command could begin (a wrong option, say).

    It has the keys of the command's other documents, so that a reader finds what it looks for.
    """
    blank = _BLANKS.get(command, lambda: {"schema": f"accelerator.{command}/1"})()
    return {**blank, "ok": False, "exit_code": exit_code, "error": dict(error)}


def render_error(error: AcceleratorError | None) -> Document | None:
    """Render an error as code, message and hint."""
    if error is None:
        return None
    return {"code": error.code, "message": error.message, "hint": error.hint}


def render_moment(moment: datetime) -> str:
    """Write a moment as ISO 8601 in UTC with milliseconds."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _head(command: str, commit: Commit | None, outcome: Outcome) -> Document:
    return {
        "schema": f"accelerator.{command}/1",
        "ok": outcome.error is None,
        "exit_code": int(outcome.exit_code),
        "commit": commit.sha if commit else None,
    }


def _tail(outcome: Outcome) -> Document:
    usage = outcome.usage
    return {
        "steps": [_step(step) for step in outcome.steps],
        "api": {
            "requests": usage.requests if usage else 0,
            "round_trips": usage.round_trips if usage else 0,
            "retries": usage.retries if usage else 0,
            "rate_limit_remaining": usage.rate_limit_remaining if usage else None,
        },
        "error": render_error(outcome.error),
    }


def _step(step: StepFinished) -> Document:
    return {
        "name": step.name,
        "outcome": step.outcome,
        "started_at": render_moment(step.started_at),
        "seconds": round(step.seconds, 3),
        "detail": step.detail or None,
    }


def _deployed(report: Report) -> Document:
    return {
        "route": report.route,
        "reason": report.reason,
        "source": _source(report.source),
        "targets": [_target(entry) for entry in report.targets],
        "passed_over": list(report.passed_over),
    }


def _source(source: SourceReport | None) -> Document | None:
    if source is None:
        return None
    release = source.release
    return {
        "app": source.app,
        "release": release.version if release else None,
        "release_id": release.id if release else None,
        "commit": source.commit,
        "artifact": _artifact(source.artifact),
        "metadata": source.metadata,
    }


def _target(entry: TargetReport) -> Document:
    previous = entry.previous_release
    return {
        "app": entry.app,
        "route": entry.route,
        "status": entry.status,
        "release": entry.release.version if entry.release else None,
        "previous_release": previous.version if previous else None,
        "artifact": _artifact(entry.artifact),
        "verified": entry.verified,
        "rolled_back_to": entry.rolled_back_to,
        "rollback_release": entry.rollback_release,
        "error": entry.error,
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
    calls = [{"method": call.method, "path": call.path, "does": call.does} for call in plan.calls]
    return {"checks": checks, "calls": calls}


def _prepared(report: PrepareReport) -> Document:
    return {
        "app": report.app,
        "strategy": report.strategy,
        "reused": report.reused,
        "build": _build(report.build),
        "release": report.release.version if report.release else None,
        "release_id": report.release.id if report.release else None,
        "release_status": report.release.status if report.release else None,
        "artifact": _artifact(report.artifact),
    }


def _build(build: Build | None) -> Document | None:
    return {"id": build.id, "status": build.status} if build else None


def _artifact(artifact: Artifact | ArtifactRef | None) -> Document | None:
    if artifact is None:
        return None
    checksum = artifact.checksum if isinstance(artifact, Artifact) else None
    return {"kind": artifact.kind, "id": artifact.id, "checksum": checksum}


_BLANKS: Mapping[str, Callable[[], Document]] = {
    "deploy": lambda: deploy_document(Report(), Outcome()),
    "prepare": lambda: prepare_document(PrepareReport(app=""), Outcome()),
    "ship": lambda: ship_document(ShipReport(), Outcome()),
    "config": lambda: config_document((), Outcome()),
}
