"""The demo in a terminal: one region that grows in place, and is gone when the result is written.

Imported only where there is a terminal, as rich is not light.
"""

from __future__ import annotations

from collections import deque
from threading import Lock
from typing import TYPE_CHECKING, Self, TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from accelerator.demo.chart import draw
from accelerator.events import Note, Recorder, StepStarted
from accelerator.foreign import one_line
from accelerator.output.wording import render_seconds

if TYPE_CHECKING:
    from collections.abc import Callable

    from accelerator.demo.tracks import Track
    from accelerator.events import Event
    from accelerator.waiting import Clock

FRAMES_PER_SECOND = 8
TALK_LINES = 3
MARK = "━"


class Picture:
    """A screen that draws the tracks under way, and the last lines of what is said beside them."""

    def __init__(
        self, stream: TextIO, clock: Clock, listener: Callable[[Event], None], *, color: bool
    ) -> None:
        self.events = Recorder(clock, [listener, self._hear])
        self._clock, self._lock = clock, Lock()
        self._headline: tuple[str, ...] = ()
        self._since = clock.now()
        self._tracks: tuple[Track, ...] = ()
        self._talk: deque[str] = deque(maxlen=TALK_LINES)
        self.console = Console(
            file=stream,
            force_terminal=True,
            color_system="auto" if color else None,
            highlight=False,
            markup=False,
            emoji=False,
        )
        self._live = Live(
            console=self.console,
            get_renderable=self.frame,
            refresh_per_second=FRAMES_PER_SECOND,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def __enter__(self) -> Self:
        """Begin to draw."""
        self._live.start(refresh=True)
        return self

    def __exit__(self, *_: object) -> None:
        """Take the region away and bring the cursor back."""
        self._live.stop()

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

    def frame(self) -> Group:
        """Return what the region shows now."""
        width = self.console.width
        with self._lock:
            headline, tracks, talk = self._headline, self._tracks, tuple(self._talk)
            took = render_seconds(max(self._clock.now() - self._since, 1.0))
        lines = [_text(line, "bold" if at == 0 else "dim") for at, line in enumerate(headline)]
        if lines:
            lines[0].append(f"  {took}", "cyan")
        ways = tuple(track.way for track in tracks)
        lines += [_text("")] if ways else []
        for row in draw(ways, width - 1, is_growing=True):
            line = _text(row.words, "bold" if row.is_title else "")
            line.append(" " * row.blanks)
            line.append(MARK * row.length, "yellow" if row.is_running else "green")
            lines.append(line)
        lines += [_text("")] if talk else []
        lines += [_text(line, "dim") for line in talk]
        return Group(*lines)

    def _hear(self, event: Event) -> None:
        if isinstance(event, StepStarted):
            self.line("demo", event.title)
        elif isinstance(event, Note) and event.level != "detail":
            self.line("demo", event.text)


def _text(text: str, style: str = "") -> Text:
    """Return a line that is cut where the terminal ends, whatever it holds."""
    return Text(text, style, no_wrap=True, overflow="ellipsis", end="\n")
