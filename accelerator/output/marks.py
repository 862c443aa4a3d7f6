"""What stands for a target (`lock`, `freeze`, `reject`…): document, text, blank document."""

from __future__ import annotations

from accelerator.foreign import one_line
from accelerator.output.outcome import Outcome
from accelerator.output.parts import Document, head, render_error
from accelerator.steps.guard.probe import Ended, Probed
from accelerator.steps.report import MarkReport


def mark_document(report: MarkReport, outcome: Outcome) -> Document:
    """Render what stands for a target, as ``accelerator.lock/1`` and its like."""
    return {
        **head(report.kind, outcome),
        "target": report.target or None,
        "state": report.state if outcome.error is None and report.target else None,
        "changed": report.changed,
        "written": report.written,
        "commit": report.commit,
        "by": report.by,
        "reason": report.reason,
        "at": report.at,
        "probe": render_probe(report.probe),
        "error": render_error(outcome.error),
    }


def render_probe(probe: Probed | None) -> Document | None:
    """Render what races in the lock remote came to; None where there were none."""
    if probe is None:
        return None
    ended = {end.value: probe.ended[end] for end in Ended}
    return {"races": probe.races, **ended, "operations": probe.operations}


def render_mark(report: MarkReport) -> list[str]:
    """Render what stands for a target now, or what its remote is worth."""
    if report.probe is not None:
        held, races = report.probe.ended[Ended.HELD], report.probe.races
        return [f"Compare-and-swap held in {held} of {races} races."]
    what = f"{report.commit[:8]} is {report.state} for" if report.commit else ""
    said = f"{what} {report.target}" if what else f"{report.target} is {report.state}"
    why = f" ({report.reason})" if report.reason else ""
    return [one_line(f"{said}{why}{'' if report.changed else ', as before'}.")]


def blank() -> Document:
    """Return the document of a run that did not begin."""
    return {**mark_document(MarkReport("", "mark"), Outcome()), "target": None, "state": None}
