"""The result of `prepare`: document, text, blank document."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelerator.output.outcome import Outcome
from accelerator.output.parts import (
    Document,
    commit_head,
    render_artifact,
    render_same,
    run_tail,
    with_timings,
)
from accelerator.output.targets import after_prepare, quote_subject
from accelerator.steps.report import PrepareReport

if TYPE_CHECKING:
    from accelerator.models import Build


def prepare_document(report: PrepareReport, outcome: Outcome) -> Document:
    """Render the result of `prepare` as ``accelerator.prepare/1``."""
    return {
        **commit_head("prepare", report.commit, outcome),
        **prepared_keys(report),
        **run_tail(outcome),
    }


def render_prepare(report: PrepareReport, outcome: Outcome) -> list[str]:
    """Render the result of a preparation."""
    commit = report.commit.short if report.commit else "nothing"
    if outcome.error is not None:
        said = f"{commit} is not prepared on {report.app or 'any app'}."
        return with_timings([said], outcome)
    lines = [f"{report.app}: {commit} is prepared as {_held(report)}"]
    if outcome.look.is_quiet:
        return lines
    subject = quote_subject(report.commit)
    known = "was built already" if report.reused else "built here"
    artifact = f"{report.artifact.kind} {report.artifact.id[:8]}" if report.artifact else ""
    same = f"the same source as {report.same.commit[:8]}" if report.same else ""
    lines.append(f"  {', '.join(filter(None, (subject, known, artifact, same)))}")
    onward = after_prepare(report.commit, report.app, outcome) if report.commit else []
    return [*with_timings(lines, outcome), *onward]


def _held(report: PrepareReport) -> str:
    return f"v{report.release.version}" if report.release else "a build without a release"


def blank() -> Document:
    """Return the document of a run that did not begin."""
    return prepare_document(PrepareReport(app=""), Outcome())


def prepared_keys(report: PrepareReport) -> Document:
    """Return what is prepared, and where; `ship` tells it, too."""
    return {
        "app": report.app,
        "strategy": report.strategy,
        "reused": report.reused,
        "build": _build(report.build),
        "release": report.release.version if report.release else None,
        "release_id": report.release.id if report.release else None,
        "release_status": report.release.status if report.release else None,
        "artifact": render_artifact(report.artifact),
        "same": render_same(report.same),
    }


def _build(build: Build | None) -> Document | None:
    return {"id": build.id, "status": build.status} if build else None
