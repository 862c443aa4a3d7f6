"""The client's start: how long until the first request leaves, and until `--help` is printed."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

from bench_parts.processes import environment, find_accelerator, run_well
from bench_parts.results import BenchFailed, Part, Ratio, Series, Size, alternate

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

GOAL_SECONDS = 0.25
KEY_REFUSED = 10
BODY = b'{"id": "unauthorized", "message": "no server"}'
REFUSAL = b"HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (
    len(BODY),
    BODY,
)


class Doorbell:
    """A socket that notes when the first request came, and refuses every one."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._thread = threading.Thread(target=self._serve)
        self.port = int(self._listener.getsockname()[1])
        self.rung_at: float | None = None

    def __enter__(self) -> Doorbell:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                if connection.recv(65536) and self.rung_at is None:
                    self.rung_at = time.monotonic()
                connection.sendall(REFUSAL)


def measure_starting(size: Size, directory: Path, root: Path) -> Part:
    """Measure bare Python, `--help` and the first request of a deploy, in turn."""
    del root
    env = environment(directory)
    bare, help_, first = alternate(
        size.pick(quick=10, full=40),
        [
            lambda: run_well([sys.executable, "-c", "pass"], directory, env).seconds,
            lambda: run_well([find_accelerator(), "--help"], directory, env).seconds,
            lambda: _first_request(directory, env),
        ],
    )
    part = Part("start", "The client's start")
    for name, seconds in (
        ("python -c pass", bare),
        ("accelerator --help, to its end", help_),
        ("accelerator deploy, to its first request", first),
    ):
        part.series.append(Series(name, "ms", tuple(1000 * each for each in seconds)))
    python, helped, asked = (each.median / 1000 for each in part.series)
    part.ratios += [
        Ratio("--help / bare python", helped / python),
        Ratio("first request / bare python", asked / python),
        Ratio(f"first request / {GOAL_SECONDS} s", asked / GOAL_SECONDS, at_most=1.0),
    ]
    return part


def _first_request(directory: Path, env: Mapping[str, str]) -> float:
    command = [find_accelerator(), "deploy", "--from", "bench-prepare", "--to", "bench-target"]
    command += ["--commit", "0123456789abcdef0123456789abcdef01234567"]
    with Doorbell() as bell:
        host = {"HEROKU_HOST": f"http://127.0.0.1:{bell.port}", "HEROKU_API_KEY": "bench"}
        begun = time.monotonic()
        done = subprocess.run(
            command, cwd=directory, env={**env, **host}, capture_output=True, check=False
        )
        if done.returncode != KEY_REFUSED or bell.rung_at is None:
            said = done.stderr.decode(errors="replace").strip()[-500:]
            raise BenchFailed(f"accelerator deploy exited {done.returncode}: {said}")
        return bell.rung_at - begun
