"""A client, the scripted server it talks to, and what both are made of."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from accelerator.events import Event, Retried
from accelerator.heroku import Heroku
from accelerator.models import Endpoint, Secret
from accelerator.waiting import Deadline
from tests.contract.scripted_server import Answer, ScriptedServer
from tests.ports import deaf_port

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = "HRKU-0123456789-the-key"
APP = {"id": "a-1", "name": "shop", "web_url": None, "stack": {"id": "s", "name": "heroku-24"}}
RELEASE = {
    "id": "r-1",
    "version": 7,
    "status": "succeeded",
    "current": True,
    "app": {"id": "a-1", "name": "shop"},
    "description": "Deploy",
    "created_at": "2026-01-01T00:00:00Z",
    "slug": {"id": "s-1"},
}
BUILD = {
    "id": "b-1",
    "status": "pending",
    "source_blob": {"version": "c0ffee"},
    "created_at": "2026-01-01T00:00:00Z",
}
BUSY = Answer({"id": "unavailable", "message": "Down."}, 503)
LIMITED = Answer({"id": "rate_limit", "message": "Too many."}, 429)
NOT_JSON = Answer(b"<html>")
HALF = Answer(APP, fault="half")
RESET = Answer(APP, fault="reset")
HANG = Answer(APP, fault="hang")


class SkippingClock:
    """The real clock, except that sleeping takes no time."""

    def __init__(self) -> None:
        self.skipped = 0.0

    def now(self) -> float:
        return time.monotonic() + self.skipped

    def moment(self) -> datetime:
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        self.skipped += seconds


@dataclass
class Bench:
    """A client, the server it talks to, and another server on another origin."""

    api: ScriptedServer
    elsewhere: ScriptedServer
    clock: SkippingClock = field(default_factory=SkippingClock)
    events: list[Event] = field(default_factory=list)
    clients: list[Heroku] = field(default_factory=list)

    def client(self, *, seconds: float = 600, url: str = "", **settings: Any) -> Heroku:
        client = Heroku(
            Endpoint(url or self.api.url, "http://127.0.0.1:1"),
            Secret(KEY),
            deadline=Deadline.after(self.clock, seconds),
            listener=self.events.append,
            **settings,
        )
        self.clients.append(client)
        return client

    @property
    def retries(self) -> list[Retried]:
        return [event for event in self.events if isinstance(event, Retried)]

    def deadline(self, seconds: float = 600) -> Deadline:
        return Deadline.after(self.clock, seconds)


@pytest.fixture
def bench() -> Iterator[Bench]:
    with ScriptedServer().running() as api, ScriptedServer().running() as elsewhere:
        bench = Bench(api, elsewhere)
        yield bench
        for client in bench.clients:
            client.close()


@contextmanager
def nobody() -> Iterator[str]:
    """Give an address of this machine nobody listens at."""
    with deaf_port() as port:
        yield f"http://127.0.0.1:{port}"
