"""Ports of this machine that no other test gets in between."""

from __future__ import annotations

import random
import socket
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# Below the ephemeral ports, which any connection of this machine may be given, and below those of
# the local platform's dynos.
_PORTS = range(10_000, 20_000)


def free_port() -> int:
    """Return a port to be listened at later."""
    for port in random.sample(_PORTS, len(_PORTS)):
        with suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port is free")


@contextmanager
def deaf_port() -> Iterator[int]:
    """Give a port that refuses connections: it is taken, and nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]
