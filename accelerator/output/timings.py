"""Where the time went: the table of the steps, with bars on one time axis."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelerator.foreign import one_line
from accelerator.output.wording import render_seconds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from accelerator.events import StepFinished

BAR_WIDTH = 28
LABEL_WIDTH = 48


def render_timings(steps: tuple[StepFinished, ...]) -> list[str]:
    """Render the steps as a table with bars on one time axis: overlap shows as overlap."""
    if not steps:
        return ["No step was begun."]
    ordered = sorted(steps, key=lambda step: step.started_at)
    begin = ordered[0].started_at
    starts = [(step.started_at - begin).total_seconds() for step in ordered]
    total = max(start + step.seconds for start, step in zip(starts, ordered, strict=True)) or 1e-9
    labels = _labels(ordered)
    width = max(len(label) for label in labels)
    lines = [
        f"{label:<{width}}  {render_seconds(step.seconds):>10}  {_bar(start, step.seconds, total)}"
        for label, start, step in zip(labels, starts, ordered, strict=True)
    ]
    return [*lines, f"{'in all':<{width}}  {render_seconds(total):>10}"]


def _labels(steps: Sequence[StepFinished]) -> list[str]:
    """Return the name and the detail of each step, with its app where several had such a step."""
    apps: dict[str, set[str]] = {}
    for step in steps:
        apps.setdefault(step.name, set()).update({step.app} if step.app else ())
    return [_label(step, names_app=len(apps[step.name]) > 1) for step in steps]


def _label(step: StepFinished, *, names_app: bool) -> str:
    app = step.app if names_app else None
    said = " ".join(word for word in (step.name, app, step.detail) if word)
    return one_line(said)[:LABEL_WIDTH]


def _bar(start: float, seconds: float, total: float) -> str:
    first = min(int(start / total * BAR_WIDTH), BAR_WIDTH - 1)
    length = max(1, round(seconds / total * BAR_WIDTH))
    return "." * first + "#" * min(length, BAR_WIDTH - first)
