"""What builds and release commands print: in memory while it grows, a file once it is whole."""

from __future__ import annotations

import asyncio
import contextlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable
    from pathlib import Path

_CHUNK = 1 << 18
_MOST = 64 << 20  # kept in memory while it grows
_CUT = b"\n(what follows is not kept: the output is longer than 64 MiB)\n"


class Output:
    """Text that grows until it is closed; written and read on the event loop."""

    def __init__(self, path: Path, on_whole: Callable[[], object]) -> None:
        self._path = path
        self._on_whole = on_whole
        self._data = bytearray()
        self._changed = asyncio.Event()
        self.is_closed = path.exists()
        self._size = path.stat().st_size if self.is_closed else 0

    @property
    def size(self) -> int:
        """Return how many bytes there are so far."""
        return self._size

    @property
    def has_started(self) -> bool:
        """True when there is something to read, or never will be."""
        return self._size > 0 or self.is_closed

    def write(self, text: str) -> None:
        """Add text and wake the readers."""
        if not self.is_closed and text and self._size < _MOST:
            self._data += text.encode()
            if len(self._data) >= _MOST:
                self._data[_MOST:] = _CUT
            self._size = len(self._data)
            self._wake()

    def close(self) -> None:
        """End the text; nothing follows."""
        if self.is_closed:
            return
        self.is_closed = True
        temporary = self._path.with_name(f".{self._path.name}")
        # A disk that is full costs the text, not the build.
        with contextlib.suppress(OSError):
            temporary.write_bytes(self._data)
            temporary.replace(self._path)
            self._data = bytearray()
            self._on_whole()
        self._wake()

    def drop(self) -> None:
        """Close and forget the text; readers come to their end."""
        self.close()
        self._path.unlink(missing_ok=True)

    async def follow(self, start: int = 0) -> AsyncIterator[bytes]:
        """Yield everything from byte `start` on, until the output is closed."""
        position = start
        while True:
            changed = self._changed
            if position < self._size:
                chunk = self._read(position)
                if not chunk:
                    return
                position += len(chunk)
                yield chunk
            elif self.is_closed:
                return
            else:
                await changed.wait()

    def _read(self, position: int) -> bytes:
        if self._data:
            return bytes(self._data[position : position + _CHUNK])
        try:
            with self._path.open("rb") as file:
                return os.pread(file.fileno(), _CHUNK, position)
        except FileNotFoundError:
            return b""

    def _wake(self) -> None:
        waiting, self._changed = self._changed, asyncio.Event()
        waiting.set()


class Outputs:
    """All outputs by the id of their build or release; those that are whole lie in files."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._growing: dict[str, Output] = {}
        directory.mkdir(parents=True, exist_ok=True)

    def open(self, name: str) -> Output:
        """Start an output, or go on with it; one that was closed stays closed."""
        output = self.find(name)
        if output is None:
            output = self._growing[name] = self._output(name)
        return output

    def find(self, name: str) -> Output | None:
        """Return an output, if there is one of that name."""
        growing = self._growing.get(name)
        if growing is not None:
            return growing
        whole = self._output(name)
        return whole if whole.is_closed else None

    def finish(self, name: str, text: str) -> None:
        """Close an output that a platform before this one left open, with `text` at its end."""
        output = self.open(name)
        output.write(text)
        output.close()

    def names(self) -> set[str]:
        """Return the names of all outputs that are whole."""
        return {path.name for path in self._directory.iterdir()}

    def drop(self, name: str) -> None:
        """Close and forget an output."""
        output = self.find(name)
        if output is not None:
            output.drop()

    def drop_all(self, names: Iterable[str]) -> None:
        """Close and forget several outputs."""
        for name in names:
            self.drop(name)

    def close(self) -> None:
        """Close all outputs, so that every reader comes to its end."""
        for output in list(self._growing.values()):
            output.close()

    def _output(self, name: str) -> Output:
        return Output(self._directory / name, lambda: self._growing.pop(name, None))
