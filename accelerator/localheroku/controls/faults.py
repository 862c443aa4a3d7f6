"""Faults on demand: what goes wrong on a network, before or after the platform acted."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import re
import socket
import struct
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal, get_args

from starlette.responses import JSONResponse, Response

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

Kind = Literal["status", "reset", "hang", "half_body", "wrong_json", "wrong_shape", "edited"]
When = Literal["before", "after"]


@dataclass(frozen=True)
class Fault:
    """One fault; `occurrences` are the matching requests it hits, from 1; none means all.

    Of those `probability` decides, request by request; an equal `seed` draws equal numbers.
    """

    method: str
    path: str
    kind: Kind = "status"
    when: When = "before"
    occurrences: tuple[int, ...] = ()
    status: int = 503
    id: str = "service_unavailable"
    message: str = "Service unavailable."
    probability: float = 1.0
    seed: int | None = None
    # Of an edited answer: what is put into it and taken out of it, by keys joined with dots.
    set: Mapping[str, Any] = field(default_factory=dict)
    drop: tuple[str, ...] = ()


@dataclass
class _Standing:
    """A fault that is set: how many requests matched it, how many it hit, and its chance."""

    fault: Fault
    chance: random.Random
    matched: int = 0
    hit: int = 0

    def takes(self) -> bool:
        """Count a matching request; return whether the fault wants it."""
        self.matched += 1
        # Drawn every time, so that a fault of the same seed hits the same numbers.
        is_drawn = self.chance.random() < self.fault.probability
        return is_drawn and (not self.fault.occurrences or self.matched in self.fault.occurrences)


def make_fault(fields: Mapping[str, Any]) -> Fault:
    """Make a fault of a control's fields; raise `ValueError` when they make no sense together."""
    given = dict(fields)
    number = given.pop("occurrence", None)
    occurrences = (*given.pop("occurrences", ()), *(() if number is None else (number,)))
    fault = Fault(
        method=given.pop("method", ".*").upper() if "method" in given else ".*",
        path=given.pop("path", ".*"),
        occurrences=occurrences,
        **given,
    )
    _check(fault)
    return fault


def _check(fault: Fault) -> None:
    if fault.kind not in get_args(Kind):
        raise ValueError(f"field kind: must be one of {', '.join(get_args(Kind))}")
    if fault.when not in get_args(When):
        raise ValueError("field when: must be before or after")
    if (fault.kind == "edited") != bool(fault.set or fault.drop):
        raise ValueError("field set: it or drop is what the kind edited needs, and no other")
    if not 200 <= fault.status <= 599:
        raise ValueError("field status: must be an HTTP status")


class Faults:
    """The faults that are set, each with its counts of requests."""

    def __init__(self) -> None:
        self._faults: dict[int, _Standing] = {}
        self._numbers = itertools.count(1)
        self._stopping = asyncio.Event()

    def add(self, fault: Fault) -> int:
        """Set a fault and return its number."""
        number = next(self._numbers)
        # Not for secrets; without a seed every run differs.
        self._faults[number] = _Standing(fault, random.Random(fault.seed))  # noqa: S311
        return number

    def clear(self) -> None:
        """Remove all faults; requests that hang are let go."""
        self._faults.clear()
        self._stopping.set()
        self._stopping = asyncio.Event()

    def read(self) -> list[dict[str, Any]]:
        """Return the faults with how many requests matched each, and how many it hit."""
        return [
            {"number": number, "matched": each.matched, "hit": each.hit, **asdict(each.fault)}
            for number, each in self._faults.items()
        ]

    def find(self, method: str, path: str) -> Fault | None:
        """Count a request and return the fault that hits it."""
        first = None
        for each in self._faults.values():
            if re.fullmatch(each.fault.method, method) and re.search(each.fault.path, path):
                first = each if each.takes() and first is None else first
        if first is None:
            return None
        first.hit += 1
        return first.fault

    async def run(
        self, fault: Fault, app: ASGIApp, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Answer a request as the fault wants."""
        answer = Recorded()
        if fault.when == "after" or fault.kind == "edited":
            await app(scope, receive, answer.send)
        if fault.kind == "status":
            body = {"id": fault.id, "message": fault.message}
            await JSONResponse(body, fault.status)(scope, receive, send)
        elif fault.kind == "wrong_json":
            wrong = Response('{"unexpected": ', 200, media_type="application/json")
            await wrong(scope, receive, send)
        elif fault.kind == "wrong_shape":
            await JSONResponse({"unexpected": True})(scope, receive, send)
        elif fault.kind == "edited":
            await _edited(answer, fault)(scope, receive, send)
        elif fault.kind == "half_body":
            await self._half(answer, receive, send)
        elif fault.kind == "hang":
            await self._hang(receive)
            await _reset(receive, send)
        else:
            await _reset(receive, send)

    async def _half(self, answer: Recorded, receive: Receive, send: Send) -> None:
        body = answer.body or b'{"id": null, "message": null}'
        headers = [pair for pair in answer.headers if pair[0].lower() != b"content-length"]
        headers.append((b"content-length", str(max(len(body), 2)).encode()))
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        half = body[: len(body) // 2]
        await send({"type": "http.response.body", "body": half, "more_body": True})
        await _reset(receive, send, at_once=False)

    async def _hang(self, receive: Receive) -> None:
        waits: Iterable[Any] = (_gone(receive), self._stopping.wait())
        tasks = [asyncio.ensure_future(each) for each in waits]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()


class Recorded:
    """An answer that was made but not sent."""

    def __init__(self) -> None:
        self.status = 200
        self.headers: list[tuple[bytes, bytes]] = []
        self.body = b""

    async def send(self, message: Message) -> None:
        """Take what the application sends."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = list(message.get("headers", []))
        else:
            self.body += message.get("body", b"")


def _edited(answer: Recorded, fault: Fault) -> Response:
    """Return the answer with some of its properties changed, in each object of a list."""
    try:
        body = json.loads(answer.body)
    except ValueError:
        return Response(answer.body, answer.status, _readable(answer.headers))
    for each in body if isinstance(body, list) else [body]:
        for path, value in fault.set.items():
            for holder, key in _holders(each, path):
                holder[key] = value
        for path in fault.drop:
            for holder, key in _holders(each, path):
                holder.pop(key, None)
    return Response(json.dumps(body), answer.status, _readable(answer.headers))


def _readable(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return the headers that are true of an edited answer as well."""
    pairs = ((key.decode("latin-1").lower(), value.decode("latin-1")) for key, value in headers)
    return {key: value for key, value in pairs if key not in {"content-length", "etag"}}


def _holders(thing: Any, path: str) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield the object that has the last key of a path, if there is one."""
    *steps, last = path.split(".")
    for step in steps:
        thing = thing.get(step) if isinstance(thing, dict) else None
    if isinstance(thing, dict):
        yield thing, last


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _reset(receive: Receive, send: Send, *, at_once: bool = True) -> None:
    """Cut the connection; ASGI has no word for that, so uvicorn's own object is asked."""
    owner = getattr(getattr(send, "raw", send), "__self__", None)
    transport = getattr(owner, "transport", None)
    if transport is None:
        raise RuntimeError("only uvicorn's connections can be cut")
    connection = transport.get_extra_info("socket")
    if at_once and connection is not None:
        linger = struct.pack("ii", 1, 0)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        transport.abort()
    else:
        transport.close()
    await _gone(receive)
