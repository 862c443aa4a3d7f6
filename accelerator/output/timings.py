"""Where the time went: the table of the steps with bars on one time axis, and the sum of its parts.

The table fits the width it is made for. Bars give way first, then the details of steps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelerator.events import BriefStep, StepFinished
from accelerator.foreign import one_line
from accelerator.models import StepName
from accelerator.output.wording import USUAL_COLUMNS, render_seconds

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

BAR_WIDTH = 28
FEWEST_BARS = 8  # narrower ones tell nothing
LABEL_WIDTH = 48
TIME_WIDTH = 10
NOTHING_SECONDS = 0.0005  # shown as 0 ms
WHILE_SECONDS = 1.0
BRIEF_SECONDS = 0.1  # a brief step that is shorter has no row: nothing was waited for

PARTS = {
    "tests": {StepName.TEST},
    "build": {StepName.ARCHIVE, StepName.UPLOAD, StepName.PUSH, StepName.BUILD, StepName.WAIT},
    "promotion": {StepName.PROMOTE, StepName.RELEASE},
    "verification": {StepName.VERIFY},
    "rollback": {StepName.ROLLBACK},
}
# What goes on beside the work is a part only where it was waited for.
PARTS_BESIDE = {
    "reading": {StepName.LOOK, StepName.COMPARE, StepName.RECONCILE},
    "locks": {StepName.LOCK, StepName.GUARD, StepName.UNLOCK},
}


def render_timings(steps: tuple[StepFinished, ...], columns: int = USUAL_COLUMNS) -> list[str]:
    """Render the steps as a table with bars on one time axis: overlap shows as overlap."""
    if not steps:
        return ["No step was begun."]
    begin, total = _span(steps)
    ordered = sorted(filter(_is_worth_a_row, steps), key=lambda step: step.started_at)
    labels = _labels(ordered)
    width, bar_width = _divide(columns, max(map(len, [*labels, "in all"])))
    lines = []
    for label, step in zip(labels, ordered, strict=True):
        start = (step.started_at - begin).total_seconds()
        bar = _bar(start / total, step.seconds / total, bar_width)
        took = f"{render_seconds(step.seconds):>{TIME_WIDTH}}"
        lines.append(f"{_cut(label, width):<{width}}  {took}  {bar}".rstrip())
    return [*lines, f"{'in all':<{width}}  {render_seconds(total):>{TIME_WIDTH}}"]


def sum_up(steps: Sequence[StepFinished]) -> str:
    """Return how long all took and what its parts did: ``12.4 s: tests 10.0 s, build 9.1 s``.

    Parts that run side by side take more together than all of it.
    """
    if not steps:
        return ""
    spent = (*_spent(steps, PARTS, NOTHING_SECONDS), *_spent(steps, PARTS_BESIDE, BRIEF_SECONDS))
    parts = [f"{part} {render_seconds(took)}" for part, took in spent]
    total = render_seconds(_span(steps)[1])
    return f"{total}: {', '.join(parts)}" if parts else total


def took_a_while(steps: Sequence[StepFinished]) -> bool:
    """Return whether it took so long that somebody wants to know why."""
    return bool(steps) and _span(steps)[1] >= WHILE_SECONDS


def _spent(
    steps: Sequence[StepFinished], parts: Mapping[str, set[StepName]], least: float
) -> Iterator[tuple[str, float]]:
    """Yield the parts that took no less than so many seconds."""
    for part, names in parts.items():
        took = _covered([step for step in steps if step.name in names])
        if took >= least:
            yield part, took


def _span(steps: Sequence[StepFinished]) -> tuple[datetime, float]:
    """Return when the first step began, and the seconds from then to the last end."""
    begin = min(step.started_at for step in steps)
    ends = ((step.started_at - begin).total_seconds() + step.seconds for step in steps)
    return begin, max(ends) or 1e-9


def _covered(steps: Sequence[StepFinished]) -> float:
    """Return the seconds in which at least one of the steps ran."""
    if not steps:
        return 0.0
    covered, until = 0.0, 0.0
    begin, _ = _span(steps)
    for step in sorted(steps, key=lambda step: step.started_at):
        start = (step.started_at - begin).total_seconds()
        end = start + step.seconds
        covered += max(end - max(start, until), 0.0)
        until = max(until, end)
    return covered


def _is_worth_a_row(step: StepFinished) -> bool:
    least = BRIEF_SECONDS if isinstance(step, BriefStep) else NOTHING_SECONDS
    return step.outcome != "ok" or step.seconds >= least


def _divide(columns: int, longest: int) -> tuple[int, int]:
    """Return the widths of labels and bars, 0 for no bars; what is left over stays blank."""
    room = max(columns - TIME_WIDTH - 2, len("in all"))
    label = min(longest, LABEL_WIDTH)
    bars = min(BAR_WIDTH, room - label - 2)
    return (label, bars) if bars >= FEWEST_BARS else (min(longest, room), 0)


def _labels(steps: Iterable[StepFinished]) -> list[str]:
    """Return the name and the detail of each step, with its app where there were several."""
    steps = tuple(steps)
    names_app = len({step.app for step in steps if step.app}) > 1
    return [_label(step, names_app=names_app) for step in steps]


def _label(step: StepFinished, *, names_app: bool) -> str:
    app = step.app if names_app and step.app not in step.detail.split() else None
    return one_line(" ".join(word for word in (step.name, app, step.detail) if word))


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _bar(start: float, length: float, width: int) -> str:
    """Return a bar from one share of the width to another."""
    if not width:
        return ""
    first = min(int(start * width), width - 1)
    return "." * first + "#" * min(max(1, round(length * width)), width - first)
