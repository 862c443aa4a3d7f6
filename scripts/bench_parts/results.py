"""What was measured, as values: series of numbers, ratios, and parts of the benchmark."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

NOTHING = "-"


class BenchFailed(Exception):  # the whole run's end, with its reason
    """What was to be measured did not happen, so there is no number for it."""


class Skipped(Exception):  # one part's end, with its reason
    """A part cannot run on this machine."""


@dataclass(frozen=True)
class Series:
    """Repeated measurements of one thing."""

    name: str
    unit: str
    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """Give the middle value."""
        return statistics.median(self.values)

    def render_short(self) -> str:
        """Write the median alone, for a table."""
        return f"{_number(self.median, self.unit)} {self.unit}".rstrip()

    def render(self) -> str:
        """Write median, smallest and largest."""
        median, low, high = (
            _number(value, self.unit) for value in (self.median, min(self.values), max(self.values))
        )
        if low == high:
            return f"{median:>9} {self.unit:<3} (in each of {len(self.values)})".rstrip()
        return f"{median:>9} {self.unit:<3} ({low} to {high} in {len(self.values)})"

    def document(self) -> dict[str, Any]:
        """Give it as JSON has it."""
        return {
            "name": self.name,
            "unit": self.unit,
            "median": self.median,
            "min": min(self.values),
            "max": max(self.values),
            "values": list(self.values),
        }


@dataclass(frozen=True)
class Ratio:
    """One number compared with another, and the goal for it, if there is one."""

    name: str
    value: float
    at_least: float | None = None
    at_most: float | None = None

    @property
    def is_met(self) -> bool | None:
        """Say whether the goal is met; None without a goal."""
        if self.at_least is not None:
            return self.value >= self.at_least
        return None if self.at_most is None else self.value <= self.at_most

    def render_short(self) -> str:
        """Write the number alone, for a table."""
        return f"{self.value:.3g}x"

    def render(self) -> str:
        """Write the number, its goal and whether it is met."""
        return f"{self.value:>8.2f}x  {self._goal()}".rstrip()

    def document(self) -> dict[str, Any]:
        """Give it as JSON has it."""
        return {
            "name": self.name,
            "value": self.value,
            "at_least": self.at_least,
            "at_most": self.at_most,
            "met": self.is_met,
        }

    def _goal(self) -> str:
        if self.is_met is None:
            return ""
        word, goal = ("at least", self.at_least) if self.at_least else ("at most", self.at_most)
        return f"goal: {word} {goal:g}x, {'met' if self.is_met else 'NOT MET'}"


@dataclass(frozen=True)
class Table:
    """Measurements that are read side by side; a cell without one does not exist."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Series | Ratio | None, ...]], ...]

    def texts(self) -> list[list[str]]:
        """Give the head and all rows as texts, medians only."""
        body = [
            [name, *(cell.render_short() if cell else NOTHING for cell in cells)]
            for name, cells in self.rows
        ]
        return [list(self.head), *body]

    def render(self) -> str:
        """Write the table for eyes."""
        texts = self.texts()
        widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
        lines = [self.title]
        for name, *cells in texts:
            padded = (f"{cell:>{width}}" for cell, width in zip(cells, widths[1:], strict=True))
            lines.append("  ".join([f"{name:<{widths[0]}}", *padded]))
        return "\n".join(lines)

    def document(self) -> dict[str, Any]:
        """Give it as JSON has it: every single value."""
        rows = [
            {"name": name, "cells": [cell.document() if cell else None for cell in cells]}
            for name, cells in self.rows
        ]
        return {"title": self.title, "head": list(self.head), "rows": rows}


@dataclass
class Part:
    """One part of the benchmark with its numbers; `skipped` says why it has none."""

    name: str
    title: str
    series: list[Series] = field(default_factory=list)
    ratios: list[Ratio] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    skipped: str | None = None

    def render(self) -> str:
        """Write the part for eyes."""
        lines = ["", self.title, "-" * len(self.title)]
        if self.skipped is not None:
            return "\n".join([*lines, f"skipped: {self.skipped}"])
        rows = [(each.name, each.render()) for each in self.series]
        rows += [(each.name, each.render()) for each in self.ratios]
        width = max((len(name) for name, _ in rows), default=0)
        lines += [each.render() + "\n" for each in self.tables]
        lines += [f"{name:<{width}}  {text}" for name, text in rows]
        return "\n".join([*lines, *(f"* {note}" for note in self.notes)])

    def document(self) -> dict[str, Any]:
        """Give it as JSON has it."""
        return {
            "name": self.name,
            "title": self.title,
            "skipped": self.skipped,
            "series": [each.document() for each in self.series],
            "ratios": [each.document() for each in self.ratios],
            "tables": [each.document() for each in self.tables],
            "notes": self.notes,
        }


@dataclass(frozen=True)
class Size:
    """How long a run is."""

    quick: bool

    def pick(self, quick: int, full: int) -> int:
        """Choose a number by the kind of run."""
        return quick if self.quick else full


def alternate(
    rounds: int, sides: Sequence[Callable[[], Any]], warm: bool = True
) -> list[list[Any]]:
    """Run the sides in turn, A B A B, and give what each returned; a warm-up round is dropped.

    Alternating in one run lets whatever else the machine does fall on all sides alike.
    """
    if warm:
        for side in sides:
            side()
    table = [[side() for side in sides] for _ in range(rounds)]
    return [list(column) for column in zip(*table, strict=True)]


def _number(value: float, unit: str) -> str:
    if unit == "s":
        return f"{value:.3f}"
    return f"{value:.1f}" if unit in {"ms", "MB"} and value < 1000 else f"{value:g}"
