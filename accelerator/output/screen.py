r"""The last rows of a terminal, drawn anew again and again below what stays.

The cursor is hidden only within one write, and stands below the picture after it. So a run that
ends in whatever way, even killed, leaves a cursor that is seen. Lines of the picture are written
with wrapping off: one whose letters take more columns than was thought does not move the others.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TextIO

from accelerator.output.door import Door
from accelerator.output.wording import USUAL_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from accelerator.output.painter import Drawn

USUAL_ROWS = 24
BEAT_SECONDS = 0.125  # from one drawing of what moves to the next
_HIDE, _SHOW = "\x1b[?25l", "\x1b[?25h"
_NO_WRAP, _WRAP = "\x1b[?7l", "\x1b[?7h"
_TO_END_OF_LINE, _TO_END = "\x1b[K", "\x1b[J"


def measure(stream: TextIO) -> tuple[int, int]:
    """Return the columns and rows a stream is shown in; what is no terminal is taken for one."""
    try:
        columns, rows = os.get_terminal_size(stream.fileno())
    except (OSError, ValueError):
        columns, rows = 0, 0
    return columns or USUAL_COLUMNS, rows or USUAL_ROWS


class Screen:
    """A terminal, and which of its rows are a picture."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._door = stream, Door(stream)
        self._drawn: tuple[int, ...] = ()  # the columns of each line of the picture

    @property
    def size(self) -> tuple[int, int]:
        """Return the columns and rows there are now."""
        return measure(self._stream)

    @property
    def is_drawn(self) -> bool:
        """True while there is a picture."""
        return bool(self._drawn)

    def draw(self, above: str, picture: Sequence[Drawn]) -> None:
        """Replace the picture; what stays comes `above` it, as whole lines."""
        back = self._rows_back()
        self._drawn = tuple(line.columns for line in picture)
        parts = [f"\r\x1b[{back}A" if back else "", _TO_END if above else "", above]
        if picture:
            rows = "".join(f"{line.text}{_TO_END_OF_LINE}\n" for line in picture)
            parts += [_NO_WRAP, rows, _WRAP]
        parts += [_TO_END] if back else []
        if any(parts):
            self._door.picture(f"{_HIDE}{''.join(parts)}{_SHOW}" if back or picture else above)

    def _rows_back(self) -> int:
        """Return how many rows the picture takes.

        A terminal that became narrower has wrapped its lines, as most terminals do.
        """
        columns = self.size[0]
        return sum(max(1, -(-each // columns)) for each in self._drawn)
