"""The demo in a terminal: one region that grows in place, and is gone when the result is written.

Imported only where there is a terminal, as the painter's rich is not light.
"""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Self, TextIO

from accelerator.demo.chart import draw
from accelerator.events import Note, Recorder, StepStarted
from accelerator.foreign import one_line
from accelerator.output.door import Painted, harmless
from accelerator.output.painter import Painter
from accelerator.output.screen import BEAT_SECONDS, Screen
from accelerator.output.wording import render_seconds
from accelerator.waiting import repeat

if TYPE_CHECKING:
    from collections.abc import Callable

    from accelerator.demo.tracks import Track
    from accelerator.events import Event as Happening
    from accelerator.output.picture import Line
    from accelerator.waiting import Clock

TALK_LINES = 3
MARK = "━"


class Picture:
    """A screen that draws the tracks under way, and the last lines of what is said beside them."""

    def __init__(
        self, stream: TextIO, clock: Clock, listener: Callable[[Happening], None], *, color: bool
    ) -> None:
        self.events = Recorder(clock, [listener, self._hear])
        self._clock, self._lock = clock, Lock()
        self._headline: tuple[str, ...] = ()
        self._since = clock.now()
        self._tracks: tuple[Track, ...] = ()
        self._talk: deque[str] = deque(maxlen=TALK_LINES)
        self._screen, self._painter = Screen(stream), Painter(color=color)
        self._stop = Event()
        self._drawing = Thread(target=self._draw_until_the_end, name="picture", daemon=True)

    def __enter__(self) -> Self:
        """Begin to draw."""
        self._drawing.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Take the region away."""
        self._stop.set()
        self._drawing.join()
        with suppress(OSError):
            self._screen.draw("", [])

    def headline(self, *lines: str) -> None:
        """Show what begins now, with nothing left of what was before."""
        with self._lock:
            self._headline, self._since = lines, self._clock.now()
            self._tracks = ()
            self._talk.clear()

    def line(self, source: str, text: str) -> None:
        """Show a line until newer ones push it out."""
        shown = one_line(text)
        if shown:
            with self._lock:
                self._talk.append(f"{source} | {shown}")

    def aside(self, source: str, text: str) -> None:
        """Show a line like any other: it does not stay."""
        self.line(source, text)

    def draw(self, *tracks: Track) -> None:
        """Draw these tracks from now on."""
        with self._lock:
            self._tracks = tracks

    def beat(self) -> float:
        """Draw all of it as it is now; return when to draw it again."""
        columns, rows = self._screen.size
        lines = self._lines(columns - 1)
        if len(lines) >= rows:
            lines = [*lines[: max(rows - 2, 0)], ("…",)]
        self._screen.draw("", self._painter.paint(lines, columns - 1))
        return BEAT_SECONDS

    def _lines(self, width: int) -> list[Line]:
        with self._lock:
            headline, tracks, talk = self._headline, self._tracks, tuple(self._talk)
            took = render_seconds(max(self._clock.now() - self._since, 1.0))
        blank: Line = ("",)
        lines: list[Line] = []
        if headline:
            first, *more = map(harmless, headline)
            lines += [(Painted(first, bold=True), Painted(f"  {took}", fg="cyan"))]
            lines += [(Painted(line, dim=True),) for line in more]
        lines += [blank] if tracks else []
        for row in draw([track.way for track in tracks], width, is_growing=True):
            words = Painted(harmless(row.words), bold=row.is_title)
            bar = Painted(MARK * row.length, fg="yellow" if row.is_running else "green")
            lines.append((words, " " * row.blanks, bar))
        lines += [blank] if talk else []
        return [*lines, *((Painted(harmless(line), dim=True),) for line in talk)]

    def _draw_until_the_end(self) -> None:
        with suppress(OSError):  # nobody sees the terminal any more: the story goes on
            repeat(self.beat, self._stop)

    def _hear(self, event: Happening) -> None:
        if isinstance(event, StepStarted):
            self.line("demo", event.title)
        elif isinstance(event, Note) and event.level != "detail":
            self.line("demo", event.text)
