"""An HTTP server that answers what a test prepared, faults included, and remembers what it saw.

For what a well-behaved platform cannot be asked to do; everything else is tested against the local
platform.
"""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Fault = Literal["none", "half", "hang", "reset", "stall"]


@dataclass(frozen=True)
class Answer:
    """One prepared answer. `body` is sent as it is if it is bytes, else as JSON.

    `half` announces the whole body and sends half of it; `stall` does so and keeps the connection
    open until the server ends. `reset` sends nothing but a reset, `hang` does so at the end.
    """

    body: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    fault: Fault = "none"

    @property
    def data(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


@dataclass(frozen=True)
class Seen:
    """A request as it arrived."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class ScriptedServer:
    """Answers by path where `at` says so, else one after the other from `script`."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.at: dict[str, Answer] = {}
        self.script: deque[Answer] = deque()
        self.is_over = threading.Event()
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _handler_of(self))

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self._server.server_port}"

    @property
    def url(self) -> str:
        return f"http://{self.host}"

    @property
    def server(self) -> ThreadingHTTPServer:
        return self._server

    def answers(self, *answers: Answer) -> None:
        """Prepare further answers."""
        self.script.extend(answers)

    def take(self, seen: Seen) -> Answer:
        """Note a request and find its answer; an unprepared one is a 500 of its own."""
        with self._lock:
            self.seen.append(seen)
            if seen.path in self.at:
                return self.at[seen.path]
            return self.script.popleft() if self.script else Answer({"id": "unprepared"}, 500)

    @contextmanager
    def running(self) -> Iterator[ScriptedServer]:
        """Serve until the block ends."""
        thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield self
        finally:
            self.is_over.set()
            self._server.shutdown()
            thread.join()
            self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    block_on_close = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep quiet: clients that go away are part of the tests."""


def _handler_of(server: ScriptedServer) -> type[BaseHTTPRequestHandler]:
    class Handler(_Handler):
        script = server

    return Handler


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 5  # idle connections must not keep a test from ending
    script: ScriptedServer

    def _serve(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        seen = Seen(self.command, self.path, dict(self.headers), self.rfile.read(size))
        answer = self.script.take(seen)
        if answer.fault == "hang":
            self.script.is_over.wait(30)
        if answer.fault in {"hang", "reset"}:
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.close_connection = True
            return
        self._send(answer)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve

    def _send(self, answer: Answer) -> None:
        data = answer.data
        self.send_response(answer.status)
        for name, value in {"Content-Type": "application/json", **answer.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if answer.fault in {"half", "stall"}:
            data = data[: len(data) // 2]
            self.close_connection = True
        self.wfile.write(data)
        if answer.fault == "stall":
            self.script.is_over.wait(30)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""
