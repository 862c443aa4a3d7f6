"""The process's own streams: nobody has to be there to read them.

A reader that goes away, a full disk or a stream that is closed from the start costs what is written
there, and nothing else: neither does a run end early nor does its exit code change. Click and
Python's own end write through here, too, so no caller has to think of it.
"""

from __future__ import annotations

import io
import os
import select
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TextIO

    from _typeshed import ReadableBuffer

_SAYS_NO = {"", "0", "false"}


class Lasting(io.FileIO):
    """A file that takes all that is written; `trouble` is why it was lost from some point on."""

    trouble: OSError | None = None

    def write(self, data: ReadableBuffer) -> int:
        """Write as far as possible; return the size of all of it."""
        whole = left = memoryview(data).cast("B")
        while left and self.trouble is None:
            try:
                written = super().write(left)
            except OSError as trouble:
                self.trouble = trouble
                break
            if written is None:  # somebody made the other end not wait, as Node.js does with pipes
                select.select([], [self], [])
            left = left[written or 0 :]
        return len(whole)


def open_standard_streams() -> None:
    """Put streams that last in the place of stdout and stderr; fill what is closed.

    A number among the first three that is free would go to the next file or connection that is
    opened, and what we start would write into that.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    sys.stdout, sys.stderr = _lasting(1, sys.stdout), _lasting(2, sys.stderr)


def open_pipe(number: int) -> TextIO:
    """Open a pipe that whoever started us left open, and keep it from what we start.

    Raises `OSError` where nothing is open under that number.
    """
    os.set_inheritable(number, False)
    return _lasting(number, None)


def find_trouble(stream: TextIO) -> OSError | None:
    """Return why what was written to a stream is lost, if it is."""
    stream.flush()
    raw = getattr(getattr(stream, "buffer", None), "raw", None)
    return raw.trouble if isinstance(raw, Lasting) else None


def _lasting(number: int, given: TextIO | None) -> TextIO:
    """Open a stream; letters that its encoding lacks are written as escapes."""
    return io.TextIOWrapper(
        io.BufferedWriter(Lasting(number, "w", closefd=False)),
        encoding=given.encoding if given is not None else "utf-8",
        errors="backslashreplace",
        line_buffering=True,
    )


def wants_color(stream: TextIO, environment: Mapping[str, str]) -> bool:
    """Return whether a stream should get colours: a terminal, or FORCE_COLOR; never NO_COLOR."""
    if environment.get("NO_COLOR"):
        return False
    if forced := environment.get("FORCE_COLOR"):
        return forced.lower() not in _SAYS_NO
    return stream.isatty() and environment.get("TERM") != "dumb"
