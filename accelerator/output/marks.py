"""What stands for a target (`lock`, `freeze`, `reject`…): document, text, blank document."""

from __future__ import annotations

from accelerator.foreign import one_line
from accelerator.output.outcome import Outcome
from accelerator.output.parts import Document, head, render_error
from accelerator.steps.guard.probe import Ended, Probed
from accelerator.steps.report import MarkReport

_WERE = {"unlock": "locked", "unfreeze": "frozen", "accept": "rejected"}


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
        "until": report.until,
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
    until = f" until {report.until}" if report.until else ""
    as_before = "" if report.changed else ", as before"
    return [one_line(f"{said}{until}{_describe_note(report)}{as_before}.")]


def _describe_note(report: MarkReport) -> str:
    """Return why a note stands, and whose it is if it stood before; or whose it was that is gone.

    The caller knows what the caller wrote.
    """
    why = f"{report.by}: {report.reason}" if report.reason else f"{report.by}"
    if was := _WERE.get(report.kind):
        return f" (it was {was} by {why})" if report.by and report.changed else ""
    if report.by and not report.changed:
        return f" (by {why})"
    return f" ({report.reason})" if report.reason else ""


def blank() -> Document:
    """Return the document of a run that did not begin."""
    return {**mark_document(MarkReport("", "mark"), Outcome()), "target": None, "state": None}
