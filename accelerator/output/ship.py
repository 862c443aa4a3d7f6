"""The result of `ship`: document, text, blank document."""

from __future__ import annotations

from accelerator.output.deploy import deployed_keys
from accelerator.output.outcome import Outcome
from accelerator.output.parts import Document, commit_head, run_tail, with_timings
from accelerator.output.prepare import prepared_keys
from accelerator.output.targets import target_lines
from accelerator.steps.report import ShipReport


def ship_document(report: ShipReport, outcome: Outcome) -> Document:
    """Render the result of `ship` as ``accelerator.ship/1``: each stage as in a deploy."""
    return {
        **commit_head("ship", report.commit, outcome),
        "tests": report.tests,
        "no_test": report.is_without_tests,
        "prepared": prepared_keys(report.prepared) if report.prepared else None,
        "stages": [{"stage": stage, **deployed_keys(staged)} for stage, staged in report.stages],
        **run_tail(outcome),
    }


def render_ship(report: ShipReport, outcome: Outcome) -> list[str]:
    """Render the result of a ship, stage by stage."""
    if outcome.look.is_quiet:
        quiet = (target_lines(each, is_quiet=True, told=outcome.told) for _, each in report.stages)
        return [line for lines in quiet for line in lines]
    why = " (--no-test)" if report.is_without_tests else ""
    lines = [f"Tests {report.tests.replace('_', ' ')}{why}."]
    for stage, staged in report.stages:
        staged_lines = target_lines(staged, told=outcome.told)
        lines += [f"Stage {stage}:", *(f"  {line}" for line in staged_lines)]
    return with_timings(lines, outcome)


def blank() -> Document:
    """Return the document of a run that did not begin."""
    return ship_document(ShipReport(), Outcome())
