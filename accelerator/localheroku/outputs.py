"""What builds and release commands print, kept so that many readers can follow it."""

import asyncio
from collections.abc import AsyncIterator


class Output:
    """Text that grows until it is closed; written and read on the event loop."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._changed = asyncio.Event()
        self.is_closed = False

    @property
    def size(self) -> int:
        """Return how many bytes there are so far."""
        return len(self._data)

    @property
    def has_started(self) -> bool:
        """Say whether there is anything to read, or never will be more."""
        return bool(self._data) or self.is_closed

    def write(self, text: str) -> None:
        """Add text and wake the readers."""
        if not self.is_closed and text:
            self._data += text.encode()
            self._wake()

    def close(self) -> None:
        """Say that nothing follows."""
        self.is_closed = True
        self._wake()

    async def follow(self, start: int = 0) -> AsyncIterator[bytes]:
        """Yield everything from byte `start` on, until the output is closed."""
        position = start
        while True:
            changed = self._changed
            if position < len(self._data):
                chunk = bytes(self._data[position:])
                position += len(chunk)
                yield chunk
            elif self.is_closed:
                return
            else:
                await changed.wait()

    def _wake(self) -> None:
        waiting, self._changed = self._changed, asyncio.Event()
        waiting.set()


class Outputs:
    """All outputs by the id of their build or release."""

    def __init__(self) -> None:
        self._outputs: dict[str, Output] = {}

    def open(self, name: str) -> Output:
        """Start an output."""
        return self._outputs.setdefault(name, Output())

    def find(self, name: str) -> Output | None:
        """Return an output, if there is one of that name."""
        return self._outputs.get(name)

    def drop(self, name: str) -> None:
        """Close and forget an output."""
        output = self._outputs.pop(name, None)
        if output is not None:
            output.close()

    def close(self) -> None:
        """Close all outputs, so that every reader comes to its end."""
        for output in self._outputs.values():
            output.close()
