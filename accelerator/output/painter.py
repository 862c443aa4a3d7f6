"""Lines of our own with rich: cut to the width of the terminal, by what letters take there.

Imported only where something is drawn: rich takes longer to import than most of our own code.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.color import ColorSystem
from rich.console import Console as RichConsole
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from accelerator.output.door import Painted
    from accelerator.output.picture import Line

KEPT_SHARE = 0.4  # of a line that its end may take, where that is to be kept


@dataclass(frozen=True, slots=True)
class Drawn:
    """A line as a terminal takes it, and how many columns it fills there."""

    text: str
    columns: int


class Painter:
    """Makes text for a terminal of lines. No text is taken for markup."""

    def __init__(self, *, color: bool) -> None:
        # Nothing is printed there: it resolves styles.
        self._console = RichConsole(file=io.StringIO(), markup=False, emoji=False, _environ={})
        self._colors = ColorSystem.STANDARD if color else None

    def paint(self, lines: Iterable[Line], columns: int) -> list[Drawn]:
        """Return the lines, none wider than that."""
        return [self._paint(line, columns) for line in lines]

    def _paint(self, line: Line, columns: int) -> Drawn:
        last = line[-1]
        kept = last.text if not isinstance(last, str) and last.kept else ""
        is_kept = 0 < cell_len(kept) <= columns * KEPT_SHARE
        text = _assemble(line[:-1] if is_kept else line)
        room = columns - cell_len(kept) if is_kept else columns
        text.truncate(max(room, 1), overflow="ellipsis")
        if is_kept:
            text.append_text(_assemble(line[-1:]))
        painted = "".join(
            segment.style.render(segment.text, color_system=self._colors)
            if segment.style and self._colors
            else segment.text
            for segment in text.render(self._console)
        )
        return Drawn(painted, cell_len(text.plain))


def _assemble(line: Line) -> Text:
    text = Text(no_wrap=True, end="")
    for part in line:
        words, style = (part, "") if isinstance(part, str) else (part.text, _style(part))
        text.append(words, style)
    return text


def _style(part: Painted) -> str:
    words = (part.fg, "bold" if part.bold else None, "dim" if part.dim else None)
    return " ".join(word for word in words if word)
