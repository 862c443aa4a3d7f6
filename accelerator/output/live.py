"""The talk on a terminal: what runs is drawn in place, what ended stays as one line.

Events only note what is to be shown. The picture is drawn by the beat of the `Heartbeat`, and with
each line that comes above it. So no thread of the work waits for a terminal, and rich is imported
when there is something to draw.
"""

from __future__ import annotations

import io
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, TextIO

from accelerator.events import Evidence, LogLine, Progress, StepFinished, StepStarted
from accelerator.output.console import Console
from accelerator.output.door import Door, Painted, harmless
from accelerator.output.picture import INDENT, Marks, Picture
from accelerator.output.screen import BEAT_SECONDS, Screen
from accelerator.output.wording import NARROWEST, wrap

if TYPE_CHECKING:
    from collections.abc import Iterator

    from accelerator.output.painter import Drawn, Painter
    from accelerator.output.picture import Line
    from accelerator.waiting import Clock


class Live(Console):
    """A listener that draws what runs in the last rows of a terminal."""

    draws = True

    def __init__(self, stream: TextIO, clock: Clock, *, color: bool, verbosity: int = 0) -> None:
        super().__init__(stream, clock, color=color, verbosity=verbosity)
        self._color, self._screen = color, Screen(stream)
        # Lines that stay are gathered here, to go out in one write with the picture below them.
        self._page = io.StringIO()
        self._door = Door(self._page, color=color)
        self._picture = Picture(Marks.for_encoding(stream.encoding or "ascii"))
        self._seen: tuple[int, list[Drawn]] = (0, [])  # the columns it was drawn for, the picture
        self._is_still = self._has_folded = False
        self._writers[Progress] = self._progress

    @cached_property
    def _painter(self) -> Painter:
        from accelerator.output.painter import Painter  # noqa: PLC0415  # imports rich

        return Painter(color=self._color)

    def break_silence(self, seconds: float, text: str | None) -> float:  # noqa: ARG002  # drawn instead
        """Draw what runs; return when to draw it again."""
        with self._lock:
            if not (self._is_still or self._is_closed):
                self._draw()
        return BEAT_SECONDS

    def settle(self) -> None:
        """Take the picture away for good: what is said from now on stays."""
        super().settle()
        with self._lock:
            if self._has_folded and not self._is_still:
                self._page.write("\n")  # apart from the result, which comes to the same place
            self._hold()
            self._put([])

    def close(self) -> None:
        """Write nothing from now on; the cursor stands below all that was written."""
        self.settle()
        super().close()

    @contextmanager
    def pause(self) -> Iterator[None]:
        """Leave the terminal to somebody else for a while: a question, a traceback."""
        with self._lock:
            was_still = self._is_still
            self._hold()
        try:
            yield
        finally:
            self._is_still = was_still

    def _hold(self) -> None:
        self._is_still = True
        if self._screen.is_drawn and not self._is_closed:
            with self._while_it_is_read():
                self._screen.draw("", [])

    def _started(self, event: StepStarted) -> None:
        with self._lock:
            self._picture.begin(event, self._clock.now())

    def _progress(self, event: Progress) -> None:
        with self._lock:
            self._picture.tell(event)

    def _log(self, event: LogLine) -> None:
        if self._verbosity >= 1:
            super()._log(event)
            return
        with self._lock:
            self._picture.hear(event)

    def _evidence(self, event: Evidence) -> None:
        with self._lock:
            self._picture.forget(event.lines)
        # Lines of logs that were only drawn are gone in a moment: these stay.
        was_written = event.is_repeat and self._verbosity >= 1
        super()._evidence(replace(event, is_repeat=was_written))

    def _finished(self, event: StepFinished) -> None:
        with self._lock:
            row = self._picture.end(event)
            self._has_folded = True
            lead, title, detail = self._picture.fold(event, row)
            if event.outcome == "ok":
                line = (*lead, title, Painted(detail, dim=True))
                (drawn,) = self._painter.paint([line], self._screen.size[0] - 1)
                self._page.write(f"{drawn.text}\n")
                self._draw_if_shown()
                return
            # Why it failed is not cut off.
            self._write_paragraph(lead, title + detail)
            kept = row.log if row and event.outcome == "failed" else ()
            for parts in kept:
                self._write(INDENT, *parts)

    def _write_paragraph(self, lead: Line, text: str) -> None:
        """Write it as lines that fit; what is in backticks stays whole, to be pasted."""
        indent = sum(len(part if isinstance(part, str) else part.text) for part in lead)
        room = self._screen.size[0] - indent
        if room < NARROWEST:
            self._write(*lead, text)
            return
        first, *others = wrap(text, room, room)
        self._write(*lead, first)
        for other in others:
            self._write(" " * indent, other)

    def _flush(self) -> None:
        self._draw_if_shown(is_same=True)

    def _draw_if_shown(self, *, is_same: bool = False) -> None:
        """Write the lines that stay; a picture that is there comes below them again."""
        is_shown = self._screen.is_drawn and not self._is_still
        if is_shown and not (is_same and self._seen[0] == self._screen.size[0]):
            self._draw()
            return
        self._put(self._seen[1] if is_shown else [])

    def _draw(self) -> None:
        columns, rows = self._screen.size
        now = self._clock.now()
        again = [("    ", harmless(text)) for text in self._repeats.list_recent(now)][: rows // 4]
        picture: list[Drawn] = []
        if again or not self._picture.is_empty:
            lines = self._picture.lines(now, max(rows - 1 - len(again), 1))
            picture = self._painter.paint([*lines, *again], columns - 1)
        self._seen = (columns, picture)
        self._put(picture)

    def _put(self, picture: list[Drawn]) -> None:
        above = self._page.getvalue()
        self._page.seek(0)
        self._page.truncate()
        if self._is_closed:
            return
        with self._while_it_is_read():
            self._screen.draw(above, picture)
