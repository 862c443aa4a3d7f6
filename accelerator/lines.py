r"""Bytes of a log in, its lines out: in linear time, with little memory, whatever is sent.

A line ends at ``\n`` or ``\r\n``. A bare ``\r`` ends one too: a progress bar rewrites its line
with it. Such rewrites come by the thousand, so a run of them is thinned. Nothing is left out in
silence: what is given out next says how much it was.
"""

from __future__ import annotations

from codecs import utf_8_decode
from dataclasses import dataclass
from typing import TYPE_CHECKING

from accelerator.foreign import LINE_LETTERS, one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from io import BufferedReader

# Room on a line of the console for the line itself, its source, and the counts of what is left out.
LINE_BYTES = LINE_LETTERS - 160
REWRITES = 10  # that are all given out; after them each time as many have come as had before
BLOCK = 65536
MOST_WORDS = 300  # letters of a log in a message
_UNSAYING = ("Push failed", "Push rejected to ")  # what ends every push that Heroku declines


def read_lines(stream: BufferedReader) -> Iterator[str]:
    """Yield the lines of a pipe as they come, until its end."""
    return split_lines(iter(lambda: stream.read1(BLOCK), b""))


def last_words(lines: Iterable[str]) -> str | None:
    """Return the end of a log in one line, for a message: what Heroku marks with ``!``, if any.

    None where the log says nothing.
    """
    said = [line.strip() for line in lines if line.strip()]
    marked = [line.lstrip("!").strip() for line in said if line.startswith("!")]
    chosen = [line for line in marked if line and not line.startswith(_UNSAYING)] or said
    return one_line("; ".join(dict.fromkeys(chosen[-3:])), MOST_WORDS) if chosen else None


def split_lines(blocks: Iterable[bytes]) -> Iterator[str]:
    """Yield the lines of a text that comes in blocks, each as soon as its end has come.

    Of a line longer than `LINE_BYTES` the beginning is given out, with a count of the rest. Bytes
    that are no UTF-8 are replaced.
    """
    splitter = _Splitter()
    for block in blocks:
        yield from splitter.feed(block)
    yield from splitter.finish()


@dataclass(frozen=True, slots=True)
class _Line:
    """The first bytes of a line, and how long it is."""

    kept: bytes
    length: int

    def __str__(self) -> str:
        is_whole = self.length == len(self.kept)
        text, read = utf_8_decode(self.kept, "replace", is_whole)  # a letter cut in two is left out
        more = self.length - read
        return f"{text} … {more} more bytes" if more else text


class _Splitter:
    """The state between blocks."""

    def __init__(self) -> None:
        self._kept, self._length = b"", 0  # the line that is being read
        self._is_open = False  # the last byte was a ``\r``: a ``\n`` may belong to it
        self._rewrites, self._due = 0, 1  # so far in this run; the one that is given out next
        self._latest: _Line | None = None  # the last rewrite, where it was not given out
        self._left_out = 0

    def feed(self, block: bytes) -> Iterator[str]:
        """Take a block; yield the lines that end in it. It has to be read to its end."""
        for piece in block.splitlines(keepends=True):
            if self._is_open and piece != b"\n" and (line := self._end_rewrite()) is not None:
                yield line
            self._add(piece.rstrip(b"\r\n"))
            self._is_open = piece.endswith(b"\r")
            if piece.endswith(b"\n") and (line := self._end_line()) is not None:
                yield line

    def finish(self) -> Iterator[str]:
        """Yield what the text ends with, where no line end follows it."""
        if (self._length or self._latest) and (line := self._end_line()) is not None:
            yield line

    def _add(self, data: bytes) -> None:
        if len(self._kept) < LINE_BYTES:
            self._kept += data[: LINE_BYTES - len(self._kept)]
        self._length += len(data)

    def _take(self) -> _Line:
        line = _Line(self._kept, self._length)
        self._kept, self._length = b"", 0
        return line

    def _end_rewrite(self) -> str | None:
        if not self._length:  # nothing was written over the line
            return None
        self._left_out += self._latest is not None
        self._rewrites, self._latest = self._rewrites + 1, self._take()
        if self._rewrites < self._due:
            return None
        self._due += self._due if self._due >= REWRITES else 1
        return self._counted()

    def _end_line(self) -> str | None:
        if self._length or not self._rewrites:
            self._left_out += self._latest is not None
            self._latest = self._take()
        # Else the last rewrite is what stays on the line.
        line = None if self._latest is None else self._counted()
        self._rewrites, self._due = 0, 1
        return line

    def _counted(self) -> str:
        text, count = str(self._latest), self._left_out
        self._latest, self._left_out = None, 0
        return f"{text} … after {count} rewrites left out" if count else text
