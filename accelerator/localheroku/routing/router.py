"""The router: one listening port per app, a web dyno chosen per request."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from accelerator.localheroku.gate import Gate, asker_of
from accelerator.localheroku.routing import heads
from accelerator.localheroku.routing.doors import NoTls, hold, open_door
from accelerator.localheroku.routing.exchange import (
    Backend,
    Connection,
    Exchange,
    Failed,
    Log,
    Pick,
    Trouble,
    for_client,
    for_dyno,
    peer_of,
    send_page,
    send_refusal,
)
from accelerator.localheroku.routing.heads import BadMessage, Head

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable

__all__ = ["Backend", "Pick", "Router", "Trouble"]


_IDLE_CONNECTIONS = 16
_LINGER_SECONDS = 1.0
_LOOK_AGAIN_SECONDS = 0.02


@dataclass
class _Site:
    """One app's listener, its connections and what it keeps open to dynos."""

    pick: Pick
    log: Log
    server: asyncio.Server | None = None
    port: int = 0
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    idle: dict[tuple[str, int], list[Connection]] = field(default_factory=dict)

    async def connect(self, backend: Backend, *, fresh: bool) -> tuple[Connection, bool]:
        """Return a connection to a dyno and whether it was used before."""
        kept = self.idle.get((backend.host, backend.port), [])
        while kept and not fresh:
            connection = kept.pop()
            if not connection[0].at_eof() and not connection[1].is_closing():
                return connection, True
            connection[1].close()
        try:
            return await asyncio.open_connection(backend.host, backend.port), False
        except OSError as error:
            raise Failed("H21") from error

    def keep(self, backend: Backend, connection: Connection) -> None:
        """Keep a connection for another request; let go of those that ended."""
        self.idle.setdefault((backend.host, backend.port), []).append(connection)
        for key, kept in self.idle.items():
            alive = [one for one in kept if not one[0].at_eof()][-_IDLE_CONNECTIONS:]
            for one in kept:
                if one not in alive:
                    one[1].close()
            self.idle[key] = alive


class Router:
    """Serves apps on loopback, to whom the gate lets in, with TLS and without on the same port.

    Without `tls` who speaks TLS is sent away. An answer must begin within `timeout` seconds; a
    request waits for a starting dyno for at most `boot_timeout` seconds.
    """

    def __init__(
        self,
        gate: Gate,
        host: str = "127.0.0.1",
        timeout: float = 30.0,
        boot_timeout: float = 75.0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._gate, self._tls = gate, tls
        self._host, self._timeout, self._boot_timeout = host, timeout, boot_timeout
        self._sites: dict[str, _Site] = {}

    async def open(self, app: str, pick: Pick, log: Log, port: int = 0) -> int:
        """Listen for an app and return the port; `pick` is asked for each request."""
        site = _Site(pick, log)

        def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            hold(writer)
            task = asyncio.get_running_loop().create_task(self._serve(site, (reader, writer)))
            site.tasks.add(task)
            task.add_done_callback(site.tasks.discard)

        site.server = await asyncio.start_server(serve, self._host, port)
        site.port = site.server.sockets[0].getsockname()[1]
        self._sites[app] = site
        return site.port

    async def close_app(self, app: str) -> None:
        """Stop listening for an app and end its connections."""
        site = self._sites.pop(app, None)
        if site is None:
            return
        if site.server:
            site.server.close()
        for task in site.tasks:
            task.cancel()
        await asyncio.gather(*site.tasks, return_exceptions=True)
        for _, writer in (one for kept in site.idle.values() for one in kept):
            await _close(writer)

    async def close(self) -> None:
        """Close every app."""
        for app in list(self._sites):
            await self.close_app(app)

    async def _serve(self, site: _Site, client: Connection) -> None:
        """Serve one client's connection, request after request."""
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                spoken = await open_door(client[1], self._tls)
                while request := await heads.read_head(client[0]):
                    exchange = Exchange(request, spoken, client, site.port, site.log)
                    if not await self._answer(site, exchange):
                        break
        except NoTls as problem:
            site.log(f'at=error desc="{problem}" fwd="{peer_of(client)}" protocol=https')
            await _linger(client)
        except BadMessage:
            client[1].write(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
        finally:
            await _close(client[1])

    async def _answer(self, site: _Site, exchange: Exchange) -> bool:
        """Answer one request and return whether the connection may serve another."""
        request, client = exchange.request, exchange.client
        turned = self._gate.turns_from_app(asker_of(request.fields), request.start[0])
        if turned is not None:
            exchange.note(turned.status, await send_refusal(client[1], request, turned))
            await _linger(client)
            return False
        try:
            exchange.backend = backend = await self._choose(site)
            return await self._forward(site, exchange, backend)
        except Failed as trouble:
            await _refuse(exchange, trouble.code)
            return False

    async def _choose(self, site: _Site) -> Backend:
        deadline = time.monotonic() + self._boot_timeout
        while (picked := site.pick()) == "WAIT":
            if time.monotonic() > deadline:
                raise Failed("H20")
            await asyncio.sleep(_LOOK_AGAIN_SECONDS)
        if isinstance(picked, str):
            raise Failed(picked)
        return picked

    async def _forward(self, site: _Site, exchange: Exchange, backend: Backend) -> bool:
        # Only these may be sent a second time, when a kept connection turns out to be dead.
        nothing = heads.body_of_request(exchange.request) == heads.Body("length")
        repeatable = exchange.request.start[0] in ("GET", "HEAD") and nothing
        dyno, used = await site.connect(backend, fresh=not repeatable)
        exchange.connected = time.monotonic()
        try:
            try:
                keeps = await self._through(exchange, dyno)
            except Failed as trouble:
                if not (used and trouble.code == "H13"):
                    raise
                await _close(dyno[1])
                dyno, _ = await site.connect(backend, fresh=True)
                keeps = await self._through(exchange, dyno)
        except BaseException:
            await _close(dyno[1])
            raise
        if keeps[1]:
            site.keep(backend, dyno)
        else:
            await _close(dyno[1])
        return keeps[0]

    async def _through(self, exchange: Exchange, dyno: Connection) -> tuple[bool, bool]:
        """Pass request and answer; return whether client and dyno connections stay usable."""
        request, (reader, writer) = exchange.request, exchange.client
        body = heads.body_of_request(request)
        dyno[1].write(for_dyno(exchange).render())
        upload = asyncio.get_running_loop().create_task(_upload(body, reader, dyno[1]))
        try:
            answer, download = await self._read_answer(request, dyno[0], writer)
            if answer.status == 101:
                size = await _splice(answer, exchange.client, dyno)
                exchange.note(101, size)
                return False, False
            uploaded = upload.done() and upload.result()
            ends = request.closes or download.kind == "rest" or not uploaded
            writer.write(for_client(answer, ends).render())
            try:
                size = await heads.copy_body(download, dyno[0], writer)
            except (BadMessage, asyncio.IncompleteReadError) as error:
                exchange.note(503, 0, "H18")  # too late for another answer
                raise ConnectionResetError from error
            await writer.drain()
            exchange.note(answer.status, size)
            return not ends, uploaded and not answer.closes and download.kind != "rest"
        finally:
            upload.cancel()
            await asyncio.gather(upload, return_exceptions=True)

    async def _read_answer(
        self, request: Head, reader: asyncio.StreamReader, client: asyncio.StreamWriter
    ) -> tuple[Head, heads.Body]:
        """Read the answer's head, handing on what comes before it (`100 Continue`)."""
        try:
            async with asyncio.timeout(self._timeout):
                while answer := await heads.read_head(reader):
                    if answer.status >= 200 or answer.status == 101:
                        return answer, heads.body_of_answer(answer, request.start[0])
                    client.write(answer.render())
        except TimeoutError as error:
            raise Failed("H12") from error
        except (OSError, BadMessage, ValueError) as error:
            raise Failed("H13") from error
        raise Failed("H13")


async def _refuse(exchange: Exchange, code: str) -> None:
    """Answer with the page for `code`, unless the client has left."""
    reader, writer = exchange.client
    if code == "H13" and reader.at_eof():
        exchange.note(499, 0, "H27")
        return
    size = await send_page(writer, exchange.request, code)
    exchange.note(503, size, code)
    await _linger(exchange.client)


async def _linger(client: Connection) -> None:
    """Hear the client out for a moment, and hang up."""
    reader, writer = client
    # Closing before the body was read would reset the connection, and the page be lost.
    if writer.can_write_eof():  # TLS has no such end
        writer.write_eof()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_LINGER_SECONDS):
            while await reader.read(1 << 16):
                pass


async def _upload(
    body: heads.Body, reader: asyncio.StreamReader, dyno: asyncio.StreamWriter
) -> bool:
    """Send the request's body and return whether all of it went."""
    try:
        await heads.copy_body(body, reader, dyno)
    except (asyncio.IncompleteReadError, BadMessage):
        dyno.close()  # the client went away; so do we
        return False
    except OSError:
        return False  # the dyno has heard enough; its answer counts
    return True


async def _splice(answer: Head, client: Connection, dyno: Connection) -> int:
    """Join the two connections until one side ends; return what the dyno sent."""
    client[1].write(answer.render())

    async def one_way(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> int:
        size = await heads.copy_body(heads.Body("rest"), reader, writer)
        writer.close()
        return size

    ways: tuple[Awaitable[int], Awaitable[int]] = (
        one_way(dyno[0], client[1]),
        one_way(client[0], dyno[1]),
    )
    sizes = await asyncio.gather(*ways, return_exceptions=True)
    return sizes[0] if isinstance(sizes[0], int) else 0


async def _close(writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        writer.close()
        await writer.wait_closed()
