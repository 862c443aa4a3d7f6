"""The bodies of requests, none of them longer than it may be."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request

MEBIBYTE = 1 << 20
MOST_JSON = MEBIBYTE
MOST_UPLOAD = 1024 * MEBIBYTE
_DIGITS = 15


class TooLarge(Exception):
    """The body of a request is longer than it may be."""

    def __init__(self, most: int) -> None:
        super().__init__(f"The request body is larger than {most // MEBIBYTE} MiB.")


async def blocks(request: Request, most: int) -> AsyncIterator[bytes]:
    """Yield a body as it comes; raise `TooLarge` instead of more than `most` bytes.

    A length that was announced is believed at once, so that nothing is read in vain.
    """
    announced = request.headers.get("content-length", "0")
    if len(announced) > _DIGITS or (announced.isdecimal() and int(announced) > most):
        raise TooLarge(most)
    size = 0
    async for block in request.stream():
        size += len(block)
        if size > most:
            raise TooLarge(most)
        yield block


async def read(request: Request, most: int = MOST_JSON) -> bytes:
    """Return a whole body of at most `most` bytes."""
    return b"".join([block async for block in blocks(request, most)])
