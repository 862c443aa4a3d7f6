"""Asks hostile servers, side by side, and says how each exchange ended; the servers are elsewhere.

Run by `test_hostile` as ``python -m tests.contract.hostile_bench AT_ONCE``, with a JSON list of
kinds and addresses on stdin: the memory of this process is that of what is tested, nothing else.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelerator.errors import AcceleratorError
from accelerator.heroku import Heroku
from accelerator.models import ArtifactKind, ArtifactRef, Endpoint, Secret, SourceBlob
from accelerator.steps.verify.visit import Expected, visit
from accelerator.waiting import Deadline, SystemClock

if TYPE_CHECKING:
    from collections.abc import Callable

DEADLINE_SECONDS = 1.0
UPLOAD_BYTES = 4 << 20
REF = ArtifactRef(ArtifactKind.SLUG, "s-1")


def soon() -> Deadline:
    return Deadline.after(SystemClock(), DEADLINE_SECONDS)


def called(call: Callable[[Heroku], Any], url: str) -> str:
    """Return the exit code of what a call of the client ends with."""
    endpoint, key = Endpoint(url, "http://127.0.0.1:1"), Secret("HRKU-the-key")
    try:
        with Heroku(endpoint, key, deadline=soon(), listener=lambda _: None) as heroku:
            call(heroku)
    except AcceleratorError as error:
        return str(int(error.exit_code))
    return "done"


def uploaded(url: str) -> str:
    blob = SourceBlob("g", f"{url}/put?signature=x")
    with tempfile.TemporaryFile() as file:
        file.truncate(UPLOAD_BYTES)
        return called(lambda heroku: heroku.sources.upload(blob, file, UPLOAD_BYTES), url)


def followed(url: str) -> str:
    def follow(heroku: Heroku) -> None:
        for line in heroku.streams.follow(f"{url}/log?signature=x", deadline=soon()):
            assert len(line) <= 4096

    return called(follow, url)


def visited(url: str) -> str:
    seen = visit(f"{url}/", Expected(text="Welcome"), soon())
    return "flaw" if seen.flaw else "done"


KINDS: dict[str, Callable[[str], str]] = {
    "smoke": visited,
    "read": partial(called, lambda heroku: heroku.apps.fetch("shop")),
    "list": partial(called, lambda heroku: heroku.couplings.fetch_of_pipeline("p")),
    "write": partial(called, lambda heroku: heroku.releases.create("shop", REF, "Promote")),
    "change": partial(called, lambda heroku: heroku.features.enable("shop", "x")),
    "upload": uploaded,
    "log": followed,
}


def tried(case: tuple[str, str]) -> tuple[str, float]:
    """Return how an exchange of a kind with an address ended, and after how many seconds."""
    kind, url = case
    begun = time.monotonic()
    try:
        end = KINDS[kind](url)
    except Exception as error:  # what must not be
        end = repr(error)
    return end, time.monotonic() - begun


def peak_mib() -> float:
    """Return the most memory this process has had; getrusage would count the one that forked it."""
    found = re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())
    assert found
    return int(found[1]) / 1024


def main(at_once: int) -> None:
    with ThreadPoolExecutor(at_once) as pool:
        ends = list(pool.map(tried, json.load(sys.stdin)))
    json.dump({"ends": ends, "peak_mib": peak_mib()}, sys.stdout)


if __name__ == "__main__":
    main(int(sys.argv[1]))
