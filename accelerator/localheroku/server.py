"""Start and stop the platform: one event loop in a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import secrets
import socket
import threading
from typing import TYPE_CHECKING

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from accelerator.localheroku.application import Application
from accelerator.localheroku.engine import Engine
from accelerator.localheroku.gate import Gate
from accelerator.localheroku.persistence.datadir import open_place
from accelerator.localheroku.restoring import resume
from accelerator.localheroku.routing.doors import context_of
from accelerator.localheroku.state import access

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from types import TracebackType

    from accelerator.localheroku.certificates import Certificates

HOST = "127.0.0.1"
_MOST_HEAD = 128 * 1024


class LocalHeroku:
    """A running platform; use it as a context manager, or `start` and `stop` it.

    After `start` returns, requests are answered. `stop` ends all dynos and builds, closes all
    sockets and removes all files, except those in the directory `data`: what is there outlives
    the platform, also one that is killed, and the next one goes on with it. Without `api_keys`
    the keys are those of last time, or a fresh one. `names` are hosts to answer to beside those of
    loopback. The controls want `token`; without one it is made up. Raises `ValueError` for a name
    or token that cannot be one.
    """

    def __init__(
        self,
        port: int = 0,
        api_keys: Iterable[str] = (),
        tls_port: int | None = None,
        data: Path | None = None,
        names: Iterable[str] = (),
        token: str | None = None,
    ) -> None:
        self.token = _checked(token) if token else secrets.token_urlsafe(32)
        self._gate = Gate(names)
        self.api_keys = tuple(api_keys)
        self._data = data
        self._port = port
        self._tls_port = tls_port
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="localheroku")
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._listeners: list[socket.socket] = []
        self._certificates: Certificates | None = None

    @property
    def api_key(self) -> str:
        """Return a key that the platform accepts."""
        return self.api_keys[0]

    @property
    def port(self) -> int:
        """Return the API's port, once started."""
        return self._port

    @property
    def url(self) -> str:
        """Return where the API answers, without a slash at its end."""
        return f"http://{HOST}:{self.port}"

    @property
    def tls_url(self) -> str | None:
        """Return where the API answers with TLS, if it was asked for."""
        return f"https://{HOST}:{self._tls_port}" if self._tls_port is not None else None

    @property
    def ca_file(self) -> Path | None:
        """Return the certificate that clients of TLS have to trust, once started.

        There is none where cryptography is not installed.
        """
        return self._certificates.authority if self._certificates else None

    def start(self) -> LocalHeroku:
        """Bind the ports and return once requests are answered; raise `OSError` if one is taken.

        With a TLS port it raises `ModuleNotFoundError` where cryptography is not installed, with
        `data` that cannot be used `DataUnusable`.
        """
        try:
            self._port = self._bind(self._port)
            if self._tls_port is not None:
                self._tls_port = self._bind(self._tls_port)
        except BaseException:
            self._close_listeners()
            raise
        self._thread.start()
        self._ready.wait()
        if self._failure is not None:
            self._thread.join()
            raise self._failure
        return self

    def stop(self) -> None:
        """Stop everything and return when nothing is left."""
        loop, stop = self._loop, self._stop
        if loop is not None and stop is not None:
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(stop.set)
        if self._thread.is_alive():
            self._thread.join()

    def __enter__(self) -> LocalHeroku:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _bind(self, port: int) -> int:
        listener = listen(port)
        self._listeners.append(listener)
        return int(listener.getsockname()[1])

    def _close_listeners(self) -> None:
        for listener in self._listeners:
            listener.close()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as problem:
            self._failure = problem
        finally:
            self._close_listeners()
            self._ready.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        with open_place(self._data) as place:
            self._certificates = made = self._issue(place.directory)
            engine = Engine(place, self._gate, context_of(made.server) if made else None)
            try:
                await self._resume(engine)
            except BaseException:
                await engine.close()
                raise
            await self._answer(engine, self._stop)

    def _issue(self, directory: Path) -> Certificates | None:
        """Make certificates; without cryptography there are none, unless a port wants them."""
        try:
            from accelerator.localheroku import certificates  # noqa: PLC0415 - an extra
        except ModuleNotFoundError:
            if self._tls_port is not None:
                raise
            return None
        return certificates.issue(directory, self._gate.names)

    async def _resume(self, engine: Engine) -> None:
        engine.signer.base_url = self.url
        self.api_keys = self.api_keys or access.start_up_tokens(engine.state)
        for key in self.api_keys:
            access.ensure_key(engine.state, key)
        await resume(engine)

    async def _answer(self, engine: Engine, stop: asyncio.Event) -> None:
        application = Application(engine, self.token)
        servers = [_server(application), *self._tls_servers(application)]
        serving = [
            asyncio.create_task(server.serve(sockets=[listener]))
            for server, listener in zip(servers, self._listeners, strict=True)
        ]
        # Clients wait in the listeners' backlogs until the first accept.
        self._ready.set()
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({*serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        # Streams are ended first, so that nothing is cut when the server goes.
        application.faults.clear()
        await engine.close()
        for server in servers:
            server.should_exit = True
        await asyncio.gather(*serving)

    def _tls_servers(self, application: Application) -> list[uvicorn.Server]:
        if self._certificates is None or self._tls_port is None:
            return []
        return [_server(application, self._certificates.server)]


class LimitedHeads(HttpToolsProtocol):
    """HTTP as uvicorn speaks it, but no head, trailer or chunk's size goes on for ever."""

    _since_anything = 0

    def data_received(self, data: bytes) -> None:
        """Take what came, and hang up when it has led to nothing for too long."""
        self._since_anything += len(data)
        super().data_received(data)
        if self._since_anything > _MOST_HEAD and not self.transport.is_closing():
            self.send_400_response("The head of the request is too long.")

    def on_headers_complete(self) -> None:
        """Note the end of a head."""
        self._since_anything = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Note a piece of a body."""
        self._since_anything = 0
        super().on_body(body)


def _server(application: Application, certificate: Path | None = None) -> uvicorn.Server:
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
    config = uvicorn.Config(
        application,
        log_config=None,
        access_log=False,
        lifespan="off",
        ws="none",
        http=LimitedHeads,
        loop="asyncio",
        proxy_headers=False,
        server_header=False,
        date_header=False,  # ours is the platform's, see Watched
        timeout_keep_alive=75,
        timeout_graceful_shutdown=1,
        ssl_certfile=certificate,
    )
    return uvicorn.Server(config)


def _checked(token: str) -> str:
    if re.fullmatch(r"[A-Za-z0-9._~+/=-]+", token) is None:
        raise ValueError("a token has letters, digits and the signs ._~+/=- only")
    return token


def listen(port: int) -> socket.socket:
    """Return a listening socket on loopback.

    It is made with `IPPROTO_TCP`, since asyncio switches Nagle's algorithm off for such sockets
    only; otherwise every answer would wait 44 ms for the client's delayed acknowledgement.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.listen(256)
    except BaseException:
        listener.close()
        raise
    return listener
