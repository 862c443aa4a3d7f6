"""Where the demo shows what goes on: as lines, or as the picture of `picture.py` in a terminal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TextIO

from accelerator.events import LogLine
from accelerator.output.terminal import is_live

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from accelerator.demo.tracks import Track
    from accelerator.events import Recorder


class Screen(Protocol):
    """What the story shows itself on; called from several threads."""

    @property
    def events(self) -> Recorder:
        """Return what steps are told to."""

    def headline(self, *lines: str) -> None:
        """Show what begins now."""

    def line(self, source: str, text: str) -> None:
        """Show a line of somebody's talk."""

    def aside(self, source: str, text: str) -> None:
        """Show a line of what is told shortly."""

    def draw(self, *tracks: Track) -> None:
        """Show from now on how far these are."""


@dataclass(frozen=True)
class Lines:
    """A screen without a picture: every line as it comes, each with its source."""

    events: Recorder

    def headline(self, *lines: str) -> None:
        """Write the lines, parted from what was before."""
        for line in ("", *lines):
            self.events.note(line)

    def line(self, source: str, text: str) -> None:
        """Write a line."""
        self.events.emit(LogLine(source, text))

    def aside(self, source: str, text: str) -> None:
        """Write a line where details are wanted."""
        self.events.note(f"{source} | {text}", "detail")

    def draw(self, *tracks: Track) -> None:
        """Name the ways: their lines tell how far they are."""
        for track in tracks:
            self.events.note(track.title, "detail")


def wants_picture(stream: TextIO, environment: Mapping[str, str], verbosity: int) -> bool:
    """Return whether a picture can be drawn there, for somebody who did not ask for the lines."""
    return verbosity == 0 and is_live(stream, environment)


def wrap_command(words: Sequence[str], width: int = 74) -> list[str]:
    """Return a command as lines that can be pasted; an option stays with its value."""
    lines, line = [], ""
    for group in _groups(words):
        if line and len(line) + 1 + len(group) > width - 2:
            lines.append(f"{line} \\")
            line = "    " + group
        else:
            line = f"{line} {group}" if line else group
    return [*lines, line]


def _groups(words: Sequence[str]) -> list[str]:
    groups: list[str] = []
    for word in words:
        if groups and groups[-1].startswith("--") and " " not in groups[-1] and word[:2] != "--":
            groups[-1] += f" {word}"
        else:
            groups.append(word)
    return groups
