"""The steps under way as lines of a terminal: values in, lines out. Nothing here draws them.

A step is a head (mark, elapsed time, title, deadline), a line with what it waits for, and the last
lines of its log. Where the terminal is too low for all of it, logs go first, then what is waited
for, then the steps that began first.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from accelerator.models import StepName
from accelerator.output.door import Painted, harmless
from accelerator.output.wording import render_clock, render_seconds

if TYPE_CHECKING:
    from collections.abc import Iterable

    from accelerator.events import LogLine, Progress, StepFinished, StepStarted

Line = tuple[str | Painted, ...]

KEPT_LINES = 20  # of the log of a step: they stay on the screen when it fails
LOG_LINES = 5  # of all logs that are shown while steps run
FEWEST_LINES = 2  # of each of several logs
CLOCK_WIDTH = 7
INDENT = " " * (1 + 1 + CLOCK_WIDTH + 2)
BRIEFLY = {
    StepName.LOOK: ("Ask Heroku", "Ask Heroku about {app}"),
    StepName.GUARD: ("Check the guards", "Check the guards of {app}"),
}


@dataclass(frozen=True, slots=True)
class Marks:
    """The letters that a picture is made of; not every encoding has the better ones."""

    spinner: str = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
    done: str = "✓"
    failed: str = "✗"
    other: str = "-"
    ellipsis: str = "…"
    dot: str = "·"

    @classmethod
    def for_encoding(cls, encoding: str) -> Marks:
        """Return the marks that a stream with this encoding can show."""
        better = cls()
        try:
            "".join((better.spinner, better.done, better.failed, better.dot)).encode(encoding)
        except (UnicodeEncodeError, LookupError):
            return cls("|/-\\", "+", "x", "-", "...", "-")
        return better

    def of(self, outcome: str) -> Painted:
        """Return the mark of a step that ended."""
        known = {"ok": (self.done, "green"), "failed": (self.failed, "red")}
        text, colour = known.get(outcome, (self.other, "yellow"))
        return Painted(text, fg=colour)


@dataclass
class Row:
    """A step under way, and what was said of it so far."""

    name: StepName
    app: str | None
    title: str
    begun: float
    limit: float | None
    told: str = ""
    log: deque[Line] = field(default_factory=lambda: deque(maxlen=KEPT_LINES))

    def affinity(self, source: str) -> int:
        """Return how well a log's source fits this step: by its app above all."""
        words = source.split() or [""]
        return 2 * (self.app in words) + words[0].startswith(str(self.name))


class Picture:
    """The steps under way, in the order they began."""

    def __init__(self, marks: Marks) -> None:
        self._marks, self._rows = marks, list[Row]()

    @property
    def is_empty(self) -> bool:
        """True when no step is under way."""
        return not self._rows

    def begin(self, event: StepStarted, now: float) -> None:
        """Add a step."""
        title = _shown(event.title)
        self._rows.append(Row(event.name, event.app, title, now, event.limit))

    def end(self, event: StepFinished) -> Row | None:
        """Take a step away and return what was known of it."""
        row = self._find(event)
        if row is not None:
            self._rows.remove(row)
        return row

    def tell(self, event: Progress) -> None:
        """Note what a step waits for now."""
        if row := self._find(event):
            row.told = _shown(event.text)

    def hear(self, event: LogLine) -> None:
        """Keep a line of a log with the step it most likely belongs to; else the newest one."""
        if self._rows:
            row = max(reversed(self._rows), key=lambda row: row.affinity(event.source))
            source = Painted(f"{_shown(event.source)} | ", dim=True)
            row.log.append((source, Painted(_shown(event.text, is_log=True), dim=True)))

    def forget(self, texts: Iterable[str]) -> None:
        """Drop lines of logs that were shown otherwise."""
        gone = {_shown(text, is_log=True) for text in texts}
        for row in self._rows:
            kept = [line for line in row.log if _text_of(line[-1]) not in gone]
            row.log = deque(kept, KEPT_LINES)

    def fold(self, event: StepFinished, row: Row | None) -> tuple[Line, str, str]:
        """Return what is left of a step: mark and time, title, and what it came to."""
        title = row.title if row else _shown(_title_of(event.name, event.app))
        word = {"ok": "", "failed": "FAILED"}.get(event.outcome, event.outcome)
        dot = self._marks.dot
        detail = "".join(f" {dot} {_shown(text)}" for text in (word, event.detail) if text)
        return (self._marks.of(event.outcome), " ", _clock(event.seconds), "  "), title, detail

    def lines(self, now: float, most: int) -> list[Line]:
        """Return the picture in at most so many lines."""
        rows, above = self._rows, list[Line]()
        if len(rows) > most:
            left_out = len(rows) - most + 1
            rows = rows[left_out:] if most > 1 else []
            above = [(INDENT, Painted(f"{self._marks.ellipsis} {left_out} more", dim=True))]
        heads = [self._head(row, now) for row in rows]
        room = most - len(above) - len(heads)
        told: list[list[Line]] = [[(INDENT, row.told)] if row.told else [] for row in rows]
        if sum(map(len, told)) > room:
            told = [[] for _ in rows]
        room -= sum(map(len, told))
        logs = self._logs(rows, room)
        parts = zip(heads, told, logs, strict=True)
        return [*above, *(line for head, said, log in parts for line in (head, *said, *log))]

    def _logs(self, rows: list[Row], room: int) -> list[list[Line]]:
        talking = sum(bool(row.log) for row in rows) or 1
        most = max(min(max(LOG_LINES // talking, FEWEST_LINES), room // talking), 0)
        return [[(INDENT, *line) for line in _last(row.log, most)] for row in rows]

    def _head(self, row: Row, now: float) -> Line:
        spent = max(now - row.begun, 0.0)
        spinner = self._marks.spinner
        mark = Painted(spinner[int(spent * 8) % len(spinner)], fg="cyan")
        limit = f" {self._marks.dot} at most {render_clock(row.limit)}" if row.limit else ""
        return (
            mark,
            " ",
            f"{render_clock(spent):>{CLOCK_WIDTH}}",
            f"  {row.title}",
            Painted(limit, dim=True, kept=True),
        )

    def _find(self, event: StepFinished | Progress) -> Row | None:
        mine = (row for row in reversed(self._rows) if (row.name, row.app) == _key(event))
        return next(mine, None)


def _clock(seconds: float) -> str:
    said = render_seconds(seconds) if seconds < 60 else render_clock(seconds)
    return f"{said:>{CLOCK_WIDTH}}"


def _key(event: StepFinished | Progress) -> tuple[StepName, str | None]:
    return event.name, event.app


def _last(lines: deque[Line], most: int) -> list[Line]:
    return list(lines)[-most:] if most else []


def _text_of(part: str | Painted) -> str:
    return part.text if isinstance(part, Painted) else part


def _shown(text: str, *, is_log: bool = False) -> str:
    """Return a text that takes one line and does nothing to a terminal."""
    return harmless(text.expandtabs(4) if is_log else " ".join(text.split()))


def _title_of(name: StepName, app: str | None) -> str:
    """Return what a step is called that was too brief to be announced."""
    alone, of_app = BRIEFLY.get(name, (name.capitalize(), f"{name.capitalize()} {{app}}"))
    return of_app.format(app=app) if app else alone
