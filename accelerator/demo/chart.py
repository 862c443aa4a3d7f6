"""The picture of the ways a commit takes: each part a bar, all on one time axis. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from accelerator.output.wording import render_seconds

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

LABEL_WIDTH = 22
SECONDS_WIDTH = 11
LEFT_WIDTH = 2 + LABEL_WIDTH + SECONDS_WIDTH + 2
LEAST_BAR = 8
# Where the axis of a picture that still grows may end: it is drawn anew at each of these only.
ENDS = (15, 20, 30, 40, 50, 60, 90, 120, 180, 240, 300, 450, 600, 900)


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a way, in seconds since the commit; one without an end still runs."""

    name: str
    begin: float
    end: float | None = None


@dataclass(frozen=True, slots=True)
class Way:
    """One way of a commit, up to `elapsed` seconds after it; it is over when `is_done`."""

    title: str
    parts: tuple[Part, ...]
    elapsed: float = 0.0
    is_done: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the picture: words, then blanks, then a bar."""

    words: str
    blanks: int = 0
    length: int = 0
    is_title: bool = False
    is_running: bool = False

    def text(self, mark: str = "#") -> str:
        """Return the line as plain text."""
        return (self.words + " " * self.blanks + mark * self.length).rstrip()


def draw(ways: Sequence[Way], width: int, *, is_growing: bool = False) -> list[Row]:
    """Draw the ways below one another, no line longer than `width` where that is not tiny.

    While a picture grows its axis ends at a round number, so that bars do not shrink all the time.
    """
    longest = max((way.elapsed for way in ways), default=0.0)
    end = next((end for end in ENDS if end >= longest), longest) if is_growing else longest
    room = max(width - LEFT_WIDTH, LEAST_BAR)
    return [row for way in ways for row in _rows(way, end or 1.0, room)]


def _rows(way: Way, end: float, room: int) -> Iterator[Row]:
    said = f"in production after {render_seconds(way.elapsed)}" if way.is_done else ""
    waiting = "" if way.parts else "waits for the other way"
    yield Row(f"{way.title}: {said or waiting}".removesuffix(": "), is_title=True)
    for part in way.parts:
        until = way.elapsed if part.end is None else part.end
        first = min(int(part.begin / end * room), room - 1)
        length = max(1, round(until / end * room) - first)
        took = render_seconds(max(until - part.begin, 0.0))
        words = f"  {part.name:<{LABEL_WIDTH}}{took:>{SECONDS_WIDTH}}  "
        yield Row(words, first, min(length, room - first), is_running=part.end is None)
