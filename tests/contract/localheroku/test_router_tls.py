"""TLS and plain HTTP on an app's one port, as Heroku's router takes both under one name."""

from __future__ import annotations

import asyncio
import re
import ssl
from typing import TYPE_CHECKING

import pytest

from accelerator.localheroku import certificates
from accelerator.localheroku.gate import Gate
from accelerator.localheroku.routing.doors import context_of
from accelerator.localheroku.routing.router import Router
from accelerator.steps.verify.visit import Expected, Seen, visit
from accelerator.waiting import Deadline, SystemClock
from tests.contract.localheroku.test_router import OK, Play

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

GET = b"GET /a HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"


@pytest.fixture
def made(tmp_path: Path) -> certificates.Certificates:
    return certificates.issue(tmp_path)


def play(tls: ssl.SSLContext | None, scene: Callable[[Play], Awaitable[None]]) -> None:
    async def run() -> None:
        stage = Play(Router(Gate(), tls=tls))
        stage.port = await stage.router.open("shop", lambda: stage.picked, stage.log.append)
        try:
            async with asyncio.timeout(20):
                await scene(stage)
        finally:
            await stage.end()

    asyncio.run(run())


async def _talk(stage: Play, request: bytes, tls: ssl.SSLContext | None) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", stage.port, ssl=tls)
    writer.write(request)
    answer = await reader.read()
    writer.close()
    return answer


def test_one_port_takes_tls_and_plain_http_and_the_dyno_learns_which(
    made: certificates.Certificates,
) -> None:
    trusting = ssl.create_default_context(cafile=made.authority)

    async def scene(stage: Play) -> None:
        dyno = await stage.dyno(OK)
        told = []
        for client in (None, trusting):
            assert (await _talk(stage, GET, client)).endswith(b"hello")
            told.append((dyno.header("X-Forwarded-Proto"), dyno.header("X-Forwarded-Port")))

        assert told == [("http", str(stage.port)), ("https", str(stage.port))]
        assert [re.sub(r".* protocol=", "", line) for line in stage.log] == ["http", "https"]

    play(context_of(made.server), scene)


def test_requests_follow_one_another_on_one_tls_connection(made: certificates.Certificates) -> None:
    trusting = ssl.create_default_context(cafile=made.authority)

    async def scene(stage: Play) -> None:
        dyno = await stage.dyno(OK)
        kept = GET.replace(b"Connection: close\r\n", b"")

        assert (await _talk(stage, kept + GET, trusting)).count(b"hello") == 2
        assert len(dyno.heads) == 2

    play(context_of(made.server), scene)


def test_the_page_of_an_app_without_dynos_comes_by_tls_too(made: certificates.Certificates) -> None:
    trusting = ssl.create_default_context(cafile=made.authority)

    async def scene(stage: Play) -> None:
        assert (await _talk(stage, GET, trusting)).startswith(b"HTTP/1.1 503 ")

    play(context_of(made.server), scene)


def test_an_app_that_forces_tls_is_reached_by_the_redirect_it_sends(
    made: certificates.Certificates,
) -> None:
    async def force_tls(head: bytes, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host = re.findall(rb"(?mi)^Host: (\S+)", head)[0]
        location = b"Location: https://" + host + b"/\r\nContent-Length: 0\r\n\r\n"
        is_safe = b"X-Forwarded-Proto: https" in head
        writer.write(OK if is_safe else b"HTTP/1.1 301 Moved\r\n" + location)

    async def scene(stage: Play) -> None:
        await stage.dyno(force_tls)
        asked = visit, f"http://127.0.0.1:{stage.port}/", Expected(200, "hello")

        seen = await asyncio.to_thread(*asked, Deadline.after(SystemClock(), 60))

        assert seen == Seen(None)

    play(context_of(made.server), scene)


def test_where_there_is_no_certificate_a_tls_client_is_told_at_once() -> None:
    async def scene(stage: Play) -> None:
        await stage.dyno(OK)

        with pytest.raises(ssl.SSLError, match=r"(?i)handshake.failure"):
            await _talk(stage, GET, ssl.create_default_context())

        assert (await _talk(stage, GET, None)).endswith(b"hello")
        assert "cryptography is not installed" in stage.log[0]

    play(None, scene)


@pytest.mark.parametrize(
    "nonsense",
    [
        pytest.param(b"\x16\x03\x01", id="half a hello"),
        pytest.param(b"\x16" + b"nonsense" * 10, id="a hello that is none"),
        pytest.param(b"", id="nothing at all"),
    ],
)
def test_nonsense_ends_its_own_connection_only(
    made: certificates.Certificates, nonsense: bytes
) -> None:
    async def scene(stage: Play) -> None:
        await stage.dyno(OK)
        _, writer = await asyncio.open_connection("127.0.0.1", stage.port)
        writer.write(nonsense)
        writer.write_eof()

        assert (await _talk(stage, GET, None)).endswith(b"hello")
        writer.close()

    play(context_of(made.server), scene)
