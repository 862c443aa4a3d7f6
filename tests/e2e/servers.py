"""Further servers on loopback: one that only listens, one that stands before the platform."""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

import requests

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType

HOP_BY_HOP = {"connection", "content-encoding", "content-length", "keep-alive", "server", "date"}
HOP_BY_HOP |= {"transfer-encoding"}


@dataclass(frozen=True)
class Heard:
    """A request as it came over the wire."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """Return everything of it, to be searched."""
        headers = "\n".join(f"{name}: {value}" for name, value in self.headers.items())
        return f"{self.method} {self.path}\n{headers}\n\n{self.body.decode('latin-1')}"


@dataclass(frozen=True)
class Reply:
    """What to answer. `blocks` follow the body, without a length told, until there are no more."""

    status: int = 200
    body: bytes = b"listening"
    headers: dict[str, str] = field(default_factory=dict)
    blocks: Iterable[bytes] = ()

    def replace(self, old: str, new: str) -> Reply:
        """Return the same answer with other words in its body."""
        return replace(self, body=self.body.replace(old.encode(), new.encode()))


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # closing waits for the threads, so that no socket is left behind


class Listener:
    """A server that keeps what it hears; `answer` decides what it says."""

    def __init__(self, answer: Callable[[Heard], Reply] = lambda _: Reply()) -> None:
        self.heard: list[Heard] = []
        self._answer = answer
        self._server = _Server(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    @property
    def url(self) -> str:
        """Return the address without a trailing slash."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def answer(self, heard: Heard) -> Reply:
        """Keep a request and make the answer."""
        self.heard.append(heard)
        return self._answer(heard)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def handle_any(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                heard = Heard(self.command, self.path, dict(self.headers.items()), body)
                reply = listener.answer(heard)
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                if not reply.blocks:
                    self.send_header("Content-Length", str(len(reply.body)))
                self.end_headers()
                self.wfile.write(reply.body)
                with suppress(ConnectionError):  # who had enough has gone
                    for block in reply.blocks:
                        self.wfile.write(block)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

            def log_message(self, *_: Any) -> None:
                pass

        return Handler


@dataclass
class Forwarder:
    """Hand requests on to the platform at `url`, after `before` has had a look at them.

    `rewrites` are replaced in JSON answers: that is how signed addresses get another host.
    """

    url: str
    before: Callable[[Heard], None] = lambda _: None
    rewrites: dict[str, str] = field(default_factory=dict)

    def __call__(self, heard: Heard) -> Reply:
        """Ask the platform the same, and hand back its answer."""
        self.before(heard)
        headers = {k: v for k, v in heard.headers.items() if k.lower() not in {"host", *HOP_BY_HOP}}
        with requests.Session() as session:
            session.trust_env = False
            answer = session.request(
                heard.method,
                self.url + heard.path,
                data=heard.body or None,
                headers={**dict.fromkeys(session.headers), **headers},
                allow_redirects=False,
                timeout=60,
            )
        kept = {k: v for k, v in answer.headers.items() if k.lower() not in HOP_BY_HOP}
        return Reply(answer.status_code, self._rewritten(answer.content), kept)

    def _rewritten(self, body: bytes) -> bytes:
        for old, new in self.rewrites.items():
            body = body.replace(old.encode(), new.encode())
        return body
