"""The local platform as a process of its own, its API without any client, and its journal."""

from __future__ import annotations

import json
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import requests

from bench_parts.processes import find_accelerator
from bench_parts.results import BenchFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

ACCEPT = "application/vnd.heroku+json; version=3"
SOON_SECONDS = 0.02
TOKENS = 4500
PATIENCE_SECONDS = 60.0


@dataclass(frozen=True)
class Entry:
    """One request of a client, as the platform saw it."""

    method: str
    path: str
    began: float
    ended: float
    agent: str

    @property
    def is_git(self) -> bool:
        """Say whether git was speaking: a push, or a lock."""
        return ".git/" in self.path

    @property
    def is_signed(self) -> bool:
        """Say whether a signed address was asked for: a source, a log."""
        return self.path.startswith("/-/")

    @property
    def is_api(self) -> bool:
        """Say whether it was a request to the API."""
        return not (self.is_git or self.is_signed)


@dataclass(frozen=True)
class Platform:
    """A running platform."""

    url: str
    key: str
    token: str
    session: requests.Session

    def call(self, method: str, path: str, body: Any = None, page: str | None = None) -> Any:
        """Send one API request that must succeed; `page` is a range of a list."""
        return self._send(method, path, body, {"Range": page, **_bearer(self.key)})

    def control(self, method: str, name: str, body: Any = None) -> Any:
        """Use a control of the platform; those are not in its journal."""
        return self._send(method, f"/local/v1/{name}", body, _bearer(self.token))

    def set_latency(self, seconds: float) -> None:
        """Let every answer wait that long."""
        self.control("PUT", "latency", {"seconds": seconds})

    def begin(self, latency_seconds: float) -> None:
        """Forget all requests so far, and what they took of the limits: now it is measured."""
        self.set_latency(latency_seconds)
        self.control("PUT", "rate-limit", {"remaining": TOKENS})
        self.control("PUT", "git-limit", {"per_hour": TOKENS})
        self.control("DELETE", "journal")

    def upload(self, url: str, data: bytes) -> None:
        """Store a source at its signed address."""
        requests.put(url, data=data, timeout=PATIENCE_SECONDS).raise_for_status()

    def read_journal(self) -> list[Entry]:
        """Give all requests since the journal was emptied, in the order of their arrival."""
        found = self.control("GET", "journal")
        return [
            Entry(
                each["method"],
                each["path"],
                each["began_seconds"],
                each["ended_seconds"],
                each["user_agent"] or "",
            )
            for each in found
            if each["ended_seconds"] is not None
        ]

    def _send(self, method: str, path: str, body: Any, headers: Mapping[str, str | None]) -> Any:
        answer = self.session.request(
            method,
            f"{self.url}{path}",
            json=body,
            headers=headers,
            timeout=PATIENCE_SECONDS,
        )
        if not answer.ok:
            raise BenchFailed(f"{method} {path} answered {answer.status_code}: {answer.text[:300]}")
        return answer.json()


def _bearer(credential: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {credential}"}


@contextmanager
def running(env: Mapping[str, str]) -> Iterator[Platform]:
    """Start a platform; it and all its dynos are gone afterwards."""
    command = [find_accelerator(), "local", "--port", "0", "--json"]
    with (
        subprocess.Popen(command, env=dict(env), stdout=subprocess.PIPE, text=True) as process,
        requests.Session() as session,
    ):
        try:
            yield _connect(process, session)
        finally:
            process.terminate()


def _connect(process: subprocess.Popen[str], session: requests.Session) -> Platform:
    line = process.stdout.readline() if process.stdout else ""
    if not line:
        raise BenchFailed("the local platform did not start")
    told = json.loads(line)
    session.trust_env = False
    session.headers.update({"Accept": ACCEPT})
    return Platform(told["url"], told["api_key"], told["control_token"], session)


def await_that(is_so: Callable[[], bool], what: str) -> None:
    """Wait until something is so; raises `BenchFailed` when it does not come to be."""
    limit = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        if time.monotonic() > limit:
            raise BenchFailed(f"waited in vain for {what}")
        time.sleep(SOON_SECONDS)


def count_round_trips(entries: list[Entry]) -> int:
    """Give the longest chain of requests of which none overlaps the one before."""
    chain, free_from = 0, float("-inf")
    for entry in sorted(entries, key=lambda each: each.ended):
        if entry.began >= free_from:
            chain, free_from = chain + 1, entry.ended
    return chain
