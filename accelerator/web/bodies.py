"""Bodies of answers, read as far as somebody wants to know them and never further.

Only gzip is taken: one layer, inflated a block at a time. The libraries' own decoding works off
whatever is left at the end without a limit, and takes several layers: a megabyte becomes a
terabyte.
"""

from __future__ import annotations

import zlib
from http.client import HTTPException
from typing import TYPE_CHECKING

from requests.exceptions import ChunkedEncodingError, ContentDecodingError, ReadTimeout
from urllib3.exceptions import HTTPError, ReadTimeoutError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import requests

BLOCK_BYTES = 1 << 16
ENCODINGS = "gzip"  # what is asked for

_GZIP = 16 + zlib.MAX_WBITS
_PLAIN = {"", "identity"}


def read_block(answer: requests.Response) -> bytes:
    """Read what has come of a body as it was sent, at most a block; nothing at its end.

    Raises errors of requests only.
    """
    try:
        block = answer.raw.read1(BLOCK_BYTES, decode_content=False)
    except ReadTimeoutError as error:
        raise ReadTimeout("no more of the answer in time") from error
    except (HTTPError, HTTPException, OSError, ValueError, ArithmeticError) as error:
        raise ChunkedEncodingError("the answer was cut off") from error
    return bytes(block or b"")


def blocks_of(answer: requests.Response) -> Iterator[bytes]:
    """Yield the body, decoded, in blocks; one may be empty, so that who counts time gets a turn."""
    encoding = answer.headers.get("Content-Encoding", "").strip().lower()
    raw = iter(lambda: read_block(answer), b"")
    if encoding in _PLAIN:
        return raw
    if encoding in {"gzip", "x-gzip"}:
        return _inflated(raw)
    raise ContentDecodingError("encoded in a way that nobody asked for")


def read_body(answer: requests.Response, most: int) -> bytes:
    """Read a whole body of at most `most` bytes once decoded; a longer one raises `TooLong`."""
    body = bytearray()
    for block in blocks_of(answer):
        body += block
        if len(body) > most:
            raise TooLong(f"longer than {most} bytes")
    return bytes(body)


class TooLong(ContentDecodingError):
    """A body is longer than anything that is meant."""


def _inflated(blocks: Iterator[bytes]) -> Iterator[bytes]:
    inflater, is_begun = zlib.decompressobj(_GZIP), False
    for block in blocks:
        data, is_full = block, False
        while data or is_full:  # a full block may have left some of its output inside
            if inflater.eof:  # a further member (RFC 1952, section 2.2)
                inflater = zlib.decompressobj(_GZIP)
            is_begun = True
            try:
                found = inflater.decompress(data, BLOCK_BYTES)
            except zlib.error as error:
                raise ContentDecodingError("no gzip") from error
            yield found
            is_full = len(found) == BLOCK_BYTES and not inflater.eof
            data = inflater.unused_data if inflater.eof else inflater.unconsumed_tail
    if is_begun and not inflater.eof:
        raise ContentDecodingError("half a gzip")
