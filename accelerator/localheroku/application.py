"""The ASGI application: who may ask, what is counted, and which part answers."""

from __future__ import annotations

import asyncio
import os
import time
import uuid
from email.utils import format_datetime
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import JSONResponse

from accelerator.localheroku.controls.faults import Faults
from accelerator.localheroku.controls.handlers import Desk
from accelerator.localheroku.controls.journal import Entry, Journal
from accelerator.localheroku.controls.recording import recorder
from accelerator.localheroku.controls.routes import CONTROL_PREFIX, Controls
from accelerator.localheroku.gate import asker_of
from accelerator.localheroku.persistence.problems import NotKept
from accelerator.localheroku.streams.blobs import PREFIX
from accelerator.localheroku.web import registry
from accelerator.localheroku.web.api import Api, render
from accelerator.localheroku.web.conditions import Conditions
from accelerator.localheroku.web.constants import short_time
from accelerator.localheroku.web.git import GitWeb, is_git_path
from accelerator.localheroku.web.limits import Buckets, GitLimit
from accelerator.localheroku.web.services import Services
from accelerator.localheroku.web.storage import Storage

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import Message, Receive, Scope, Send

    from accelerator.localheroku.clock import Clock
    from accelerator.localheroku.engine import Engine


class Watched:
    """A `send` that writes into the journal and puts request id and date on the answer.

    The date is the platform's, so that clients see its clock move.
    """

    def __init__(self, raw: Send, entry: Entry, clock: Clock) -> None:
        self.raw = raw
        self._entry = entry
        self._clock = clock

    async def __call__(self, message: Message) -> None:
        """Pass a message on."""
        if message["type"] == "http.response.start":
            self._entry.status = message["status"]
            given = message.get("headers", ())
            names = {name.lower() for name, _ in given}
            headers = [*given, (b"date", format_datetime(self._clock.now(), usegmt=True).encode())]
            if b"request-id" not in names:
                headers.append((b"request-id", self._entry.request_id.encode()))
            message = {**message, "headers": headers}
        else:
            self._entry.response_bytes += len(message.get("body", b""))
            if not message.get("more_body"):
                self._entry.ended_seconds = time.monotonic()
        await self.raw(message)


class Application:
    """The whole HTTP face of the platform; `token` is what its controls want."""

    def __init__(self, engine: Engine, token: str) -> None:
        self._gate = engine.gate
        self.faults = Faults()
        self._journal = Journal()
        self._conditions = Conditions()
        self._clock, self._keeping = engine.clock, engine.keeping
        self._recorder = recorder(os.environ)
        buckets, git_limit = Buckets(engine.clock), GitLimit(engine.clock)
        services = _services(engine, self._conditions)
        self._api = Api(services, buckets, self._conditions)
        self._git = GitWeb(engine.state, engine.git, git_limit)
        self._storage = Storage(
            engine.state, engine.signer, engine.blobs, engine.outputs, engine.log_sessions
        )
        desk = Desk(
            journal=self._journal,
            faults=self.faults,
            conditions=self._conditions,
            buckets=buckets,
            git_limit=git_limit,
            repositories=engine.repositories,
            signer=engine.signer,
            state=engine.state,
            durations=engine.durations,
            promoting=engine.promoting,
            logs=engine.logs,
            expiry=engine.expiry,
        )
        self._controls = Controls(desk, token)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; controls, and what is turned away, are not counted or disturbed."""
        if scope["type"] != "http":
            return
        turned = self._gate.turns_from_platform(asker_of(scope["headers"]))
        if turned is not None:
            body = {"id": turned.id, "message": turned.message}
            await JSONResponse(body, turned.status)(scope, receive, send)
            return
        if scope["path"].startswith(CONTROL_PREFIX):
            response = await self._controls.handle(Request(scope, receive))
            await self._kept(response)(scope, receive, send)
            return
        request_id = str(uuid.uuid4())
        entry = self._journal.start(scope, short_time(self._clock.now()), request_id)
        await self._disturbed(scope, _counting(receive, entry), Watched(send, entry, self._clock))

    async def _disturbed(self, scope: Scope, receive: Receive, send: Watched) -> None:
        if self._conditions.latency_seconds > 0:
            await asyncio.sleep(self._conditions.latency_seconds)
        fault = self.faults.find(scope["method"], scope["path"])
        if fault is None:
            await self._answer(scope, receive, send)
        else:
            await self.faults.run(fault, self._answer, scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        response = await self._respond(request)
        await self._kept(response)(scope, receive, send)

    def _kept(self, response: Response) -> Response:
        """Return an answer once what it says is kept."""
        try:
            self._keeping.commit()
        except NotKept as problem:
            body = {"id": "service_unavailable", "message": f"Nothing can be kept: {problem}."}
            return render(body, 503)
        return response

    async def _respond(self, request: Request) -> Response:
        path = request.scope["path"]
        if path.startswith(PREFIX):
            return await self._storage.handle(request)
        if is_git_path(path):
            return await self._git.handle(request)
        if registry.is_registry_path(path):
            return registry.answer(request)
        if self._recorder is not None:
            return await self._recorder.run(request, self._api.handle)
        return await self._api.handle(request)


def _services(engine: Engine, conditions: Conditions) -> Services:
    return Services(
        state=engine.state,
        signer=engine.signer,
        hosting=engine,
        building=engine.building,
        releasing=engine.releasing,
        promoting=engine.promoting,
        dynos=engine.dynos,
        log_sessions=engine.log_sessions,
        conditions=conditions,
    )


def _counting(receive: Receive, entry: Entry) -> Receive:
    async def counted() -> Message:
        message = await receive()
        entry.request_bytes += len(message.get("body", b""))
        return message

    return counted
