"""Where the time went: the table of the steps, with bars on one time axis."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelerator.output.console import render_seconds

if TYPE_CHECKING:
    from accelerator.events import StepFinished

BAR_WIDTH = 28


def render_timings(steps: tuple[StepFinished, ...]) -> str:
    """Render the steps as a table with bars on one time axis: overlap shows as overlap."""
    if not steps:
        return "No step was begun."
    ordered = sorted(steps, key=lambda step: step.started_at)
    begin = ordered[0].started_at
    starts = [(step.started_at - begin).total_seconds() for step in ordered]
    total = max(start + step.seconds for start, step in zip(starts, ordered, strict=True)) or 1e-9
    width = max(len(_label(step)) for step in ordered)
    lines = [
        f"{_label(step):<{width}}  {render_seconds(step.seconds):>10}  "
        f"{_bar(start, step.seconds, total)}"
        for start, step in zip(starts, ordered, strict=True)
    ]
    return "\n".join([*lines, f"{'in all':<{width}}  {render_seconds(total):>10}"])


def _label(step: StepFinished) -> str:
    return f"{step.name} {step.detail}".strip()[:48]


def _bar(start: float, seconds: float, total: float) -> str:
    first = min(int(start / total * BAR_WIDTH), BAR_WIDTH - 1)
    length = max(1, round(seconds / total * BAR_WIDTH))
    return "." * first + "#" * min(length, BAR_WIDTH - first)
