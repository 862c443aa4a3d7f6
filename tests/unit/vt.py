"""As much of a terminal as the live picture needs; anything else that is sent fails the test."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from rich.cells import cell_len

_TOKEN = re.compile(r"\x1b\[(\?)?([0-9;]*)([A-Za-z])|([\r\n])|([^\x1b\r\n])")


@dataclass
class Screen:
    """Rows of letters, a cursor, and whether lines wrap. Rows that scroll away are kept."""

    columns: int = 80
    rows: int = 24
    lines: list[list[str]] = field(default_factory=lambda: [[]])
    row: int = 0
    column: int = 0
    wraps: bool = True
    is_cursor_shown: bool = True

    def feed(self, text: str) -> None:
        """Take what was written."""
        at = 0
        while at < len(text):
            found = _TOKEN.match(text, at)
            assert found, f"a terminal would do something with {text[at : at + 12]!r}"
            at = found.end()
            private, numbers, letter, end, plain = found.groups()
            if letter:
                self._obey(private, numbers, letter)
            elif end:
                self.column = 0
                self.row += end == "\n"
                self._grow()
            else:
                self._put(plain)

    def _obey(self, private: str | None, numbers: str, letter: str) -> None:
        if private:
            assert (numbers, letter) in {("25", "l"), ("25", "h"), ("7", "l"), ("7", "h")}
            if numbers == "25":
                self.is_cursor_shown = letter == "h"
            else:
                self.wraps = letter == "h"
        elif letter == "A":
            top = max(len(self.lines) - self.rows, 0)
            self.row = max(self.row - int(numbers or 1), top)
        elif letter == "K":
            del self.lines[self.row][self.column :]
        elif letter == "J":
            del self.lines[self.row][self.column :]
            del self.lines[self.row + 1 :]
        else:
            assert letter == "m", f"a terminal would obey {letter}"

    def _put(self, letter: str) -> None:
        width = cell_len(letter)
        if self.column + width > self.columns:
            if not self.wraps:
                return
            self.row, self.column = self.row + 1, 0
            self._grow()
        line = self.lines[self.row]
        line += " " * (self.column - len(line))
        line[self.column : self.column + width] = [letter, *[""] * (width - 1)]
        self.column += width

    def _grow(self) -> None:
        self.lines += [[] for _ in range(self.row + 1 - len(self.lines))]

    @property
    def text(self) -> list[str]:
        """Return all that can be read, with what scrolled away; no blank lines at the end."""
        shown = ["".join(line).rstrip() for line in self.lines]
        while shown and not shown[-1]:
            shown.pop()
        return shown

    def resize(self, columns: int) -> None:
        """Become narrower, and wrap what is there; the cursor stays where it was in the text."""
        below = len(self.lines) - self.row
        self.lines = [
            line[at : at + columns]
            for line in self.lines
            for at in range(0, max(len(line), 1), columns)
        ]
        self.columns, self.row = columns, len(self.lines) - below
