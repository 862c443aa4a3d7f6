"""`accelerator local`: how soon it is ready, and how fast it answers a read."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from bench_parts.platform import Platform, running
from bench_parts.processes import environment
from bench_parts.results import Part, Ratio, Series, Size

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

READY_SECONDS = 0.5
READ_MS = 3.0
WARM_READS = 20


def measure_serving(size: Size, directory: Path, root: Path) -> Part:
    """Measure starts to the first answer, then reads on one kept connection."""
    del root
    env = environment(directory)
    _ready(env)  # warm: byte code, page cache
    ready = Series(
        "spawn to first answer", "s", tuple(_ready(env) for _ in range(size.pick(5, 20)))
    )
    with running(env) as platform:
        platform.call("POST", "/apps", {"name": "bench"})
        one = _reads(platform, "/apps/bench", size)
        many = _reads(platform, "/apps/bench/releases", size)
    part = Part("local", "accelerator local", [ready, one, many])
    part.ratios += [
        Ratio(f"ready / {READY_SECONDS} s", ready.median / READY_SECONDS, at_most=1.0),
        Ratio(f"read / {READ_MS:g} ms", max(one.median, many.median) / READ_MS, at_most=1.0),
    ]
    part.notes.append("a read is one of a plain Python client, whose own work is in the number")
    return part


def _ready(env: Mapping[str, str]) -> float:
    begun = time.monotonic()
    with running(env) as platform:
        platform.call("GET", "/account")
        return time.monotonic() - begun


def _reads(platform: Platform, path: str, size: Size) -> Series:
    taken = []
    for _ in range(WARM_READS + size.pick(quick=300, full=2000)):
        begun = time.monotonic()
        platform.call("GET", path)
        taken.append(1000 * (time.monotonic() - begun))
    return Series(f"GET {path}", "ms", tuple(taken[WARM_READS:]))
