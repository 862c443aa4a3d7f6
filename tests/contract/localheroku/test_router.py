"""The router between real sockets: what reaches the dyno, what reaches the client."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Literal

import pytest

from accelerator.localheroku.gate import Gate
from accelerator.localheroku.routing.router import Backend, Router, Trouble

Answer = Callable[[bytes, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


@dataclass
class Dyno:
    """A server that answers each head it reads as it is told to."""

    answer: Answer
    heads: list[bytes] = field(default_factory=list)
    connections: int = 0
    port: int = 0
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writers.append(writer)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.heads.append(head)
                await self.answer(head, reader, writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            writer.close()

    def header(self, name: str) -> str:
        found = re.findall(rf"(?mi)^{name}: (.*)\r$", self.heads[-1].decode())
        return ", ".join(found)


class Play:
    """A router with one app, its log, and dynos of the test's making."""

    def __init__(self, router: Router) -> None:
        self.router = router
        self.log: list[str] = []
        self.picked: Backend | Trouble | Literal["WAIT"] = "H14"
        self.port = 0
        self._servers: list[asyncio.Server] = []

    async def dyno(self, answer: Answer | bytes) -> Dyno:
        dyno = Dyno(answer if callable(answer) else _always(answer))
        server = await asyncio.start_server(dyno.serve, "127.0.0.1", 0)
        self._servers.append(server)
        dyno.port = server.sockets[0].getsockname()[1]
        self.picked = Backend("127.0.0.1", dyno.port, "web.1")
        return dyno

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def talk(self, request: bytes) -> bytes:
        """Send a request and return everything up to the end of the connection."""
        reader, writer = await self.connect()
        writer.write(request)
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        return answer

    async def end(self) -> None:
        await self.router.close()
        for server in self._servers:
            server.close()


def _always(answer: bytes) -> Answer:
    async def write(_: bytes, __: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)

    return write


def play(
    scene: Callable[[Play], Awaitable[None]], *, timeout: float = 30.0, boot_timeout: float = 75.0
) -> None:
    async def run() -> None:
        stage = Play(Router(Gate(["shop.example"]), timeout=timeout, boot_timeout=boot_timeout))
        stage.port = await stage.router.open("shop", lambda: stage.picked, stage.log.append)
        try:
            async with asyncio.timeout(20):
                await scene(stage)
        finally:
            await stage.end()

    asyncio.run(run())


GET = b"GET /a?b=c HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n"


def test_a_request_reaches_the_dyno_and_its_answer_the_client() -> None:
    async def scene(stage: Play) -> None:
        dyno = await stage.dyno(OK)

        answer = await stage.talk(GET)

        assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
        assert answer.endswith(b"\r\n\r\nhello")
        assert dyno.heads[0].startswith(b"GET /a?b=c HTTP/1.1\r\n")
        assert (dyno.header("Host"), dyno.header("Connection")) == ("shop.example", "")

    play(scene)


def test_the_dyno_learns_who_asks_and_the_log_what_happened() -> None:
    async def scene(stage: Play) -> None:
        dyno = await stage.dyno(OK)
        forged = b"\r\nX-Forwarded-For: 10.0.0.1\r\nX-Forwarded-Proto: https\r\n\r\n"

        await stage.talk(GET.replace(b"\r\n\r\n", forged))

        request_id = dyno.header("X-Request-Id")
        assert re.fullmatch(r"[0-9a-f-]{36}", request_id)
        assert dyno.header("X-Forwarded-For") == "10.0.0.1, 127.0.0.1"
        assert dyno.header("X-Forwarded-Proto") == "http"
        assert dyno.header("X-Forwarded-Port") == str(stage.port)
        assert re.sub(r"=\d+ms", "=Nms", stage.log[0]) == (
            'at=info method=GET path="/a?b=c" host=shop.example'
            f' request_id={request_id} fwd="127.0.0.1" dyno=web.1'
            " connect=Nms service=Nms status=200 bytes=5 protocol=http"
        )

    play(scene)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        pytest.param("0123456789-0123456789", True, id="a long one is the client's"),
        pytest.param("short", False, id="a short one is replaced"),
        pytest.param("no spaces please, thank you", False, id="an odd one is replaced"),
    ],
)
def test_a_request_id_is_passed_on_if_it_is_one(given: str, kept: bool) -> None:
    async def scene(stage: Play) -> None:
        dyno = await stage.dyno(OK)

        await stage.talk(GET.replace(b"\r\n\r\n", f"\r\nX-Request-Id: {given}\r\n\r\n".encode()))

        assert (dyno.header("X-Request-Id") == given) is kept

    play(scene)


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        pytest.param("H10", 'at=error code=H10 desc="App crashed"', id="crashed"),
        pytest.param("H14", 'at=error code=H14 desc="No web processes running"', id="no dynos"),
        pytest.param("H80", 'at=info code=H80 desc="Maintenance mode"', id="maintenance"),
    ],
)
def test_without_a_dyno_there_is_a_page_that_says_so(trouble: Trouble, words: str) -> None:
    async def scene(stage: Play) -> None:
        stage.picked = trouble

        answer = await stage.talk(GET)
        posted = await stage.talk(
            b"POST / HTTP/1.1\r\nContent-Length: 300000\r\n\r\n" + b"x" * 300_000
        )

        title = b"Offline for Maintenance" if trouble == "H80" else b"Application error"
        for page in (answer, posted):
            assert page.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
            assert b"<title>" + title in page
        assert words in stage.log[0]
        assert " dyno= " in stage.log[0]

    play(scene)


def test_a_request_waits_for_a_dyno_that_is_starting() -> None:
    async def scene(stage: Play) -> None:
        stage.picked = "WAIT"
        waiting = asyncio.create_task(stage.talk(GET))
        await asyncio.sleep(0.05)
        assert not waiting.done()

        await stage.dyno(OK)

        assert (await waiting).endswith(b"hello")

    play(scene)


def test_a_dyno_that_starts_for_too_long_is_h20() -> None:
    async def scene(stage: Play) -> None:
        stage.picked = "WAIT"

        answer = await stage.talk(GET)

        assert answer.startswith(b"HTTP/1.1 503 ")
        assert 'code=H20 desc="App boot timeout"' in stage.log[0]

    play(scene, boot_timeout=0.05)


def test_a_dyno_that_refuses_connections_is_h21() -> None:
    async def scene(stage: Play) -> None:
        server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
        stage.picked = Backend("127.0.0.1", server.sockets[0].getsockname()[1], "web.1")
        server.close()

        answer = await stage.talk(GET)

        assert answer.startswith(b"HTTP/1.1 503 ")
        assert "code=H21" in stage.log[0]

    play(scene)


def test_a_dyno_that_hangs_up_without_an_answer_is_h13() -> None:
    async def hang_up(_: bytes, __: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async def scene(stage: Play) -> None:
        dyno = await stage.dyno(hang_up)

        answer = await stage.talk(GET)

        assert answer.startswith(b"HTTP/1.1 503 ")
        assert "code=H13" in stage.log[0]
        assert len(dyno.heads) == 1

    play(scene)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        pytest.param(b"SSH-2.0-dropbear\r\n\r\n", "H13", id="no HTTP"),
        pytest.param(b"HTTP/1.1 OK yes\r\n\r\n", "H13", id="no status"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", "H13", id="no length"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nhello\r\n",
            "H18",
            id="no chunks",
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n",
            "H18",
            id="a chunk of less than nothing",
        ),
    ],
)
def test_a_dyno_that_talks_nonsense_is_cut_off(answer: bytes, code: str) -> None:
    async def scene(stage: Play) -> None:
        await stage.dyno(answer)

        await stage.talk(GET)

        assert f"code={code}" in stage.log[0]

    play(scene)


def test_a_dyno_that_does_not_answer_in_time_is_h12() -> None:
    async def wait(_: bytes, reader: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
        await reader.read()

    async def scene(stage: Play) -> None:
        await stage.dyno(wait)

        answer = await stage.talk(GET)

        assert answer.startswith(b"HTTP/1.1 503 ")
        assert "code=H12" in stage.log[0]

    play(scene, timeout=0.1)


def test_keep_alive_clients_get_a_dyno_chosen_for_each_request() -> None:
    async def scene(stage: Play) -> None:
        old = await stage.dyno(OK)
        reader, writer = await stage.connect()
        request = GET.replace(b"Connection: close\r\n", b"")
        for _ in range(2):
            writer.write(request)
            await reader.readuntil(b"hello")
        new = await stage.dyno(OK.replace(b"hello", b"fresh"))

        writer.write(request)
        answer = await reader.readuntil(b"fresh")

        assert b"Connection: keep-alive" in answer
        assert (len(old.heads), old.connections, len(new.heads)) == (2, 1, 1)
        writer.close()

    play(scene)


def test_a_get_is_repeated_when_the_kept_connection_is_dead() -> None:
    async def once(_: bytes, __: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if dynos[0].connections == 1 and len(dynos[0].heads) == 2:
            writer.close()
        else:
            writer.write(OK)

    dynos: list[Dyno] = []

    async def scene(stage: Play) -> None:
        dynos.append(await stage.dyno(once))
        await stage.talk(GET)

        answer = await stage.talk(GET)

        assert answer.endswith(b"hello")
        assert (len(dynos[0].heads), dynos[0].connections) == (3, 2)

    play(scene)


def test_a_post_is_never_sent_twice() -> None:
    async def refuse_posts(
        head: bytes, _: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        writer.close() if head.startswith(b"POST") else writer.write(OK)

    async def scene(stage: Play) -> None:
        dyno = await stage.dyno(refuse_posts)
        await stage.talk(GET)

        answer = await stage.talk(GET.replace(b"GET", b"POST"))

        assert answer.startswith(b"HTTP/1.1 503 ")
        assert len([head for head in dyno.heads if head.startswith(b"POST")]) == 1

    play(scene)


@pytest.mark.parametrize(
    ("framing", "body"),
    [
        pytest.param(b"Content-Length: 300000", b"x" * 300_000, id="by length"),
        pytest.param(
            b"Transfer-Encoding: chunked",
            b"5;note\r\nhello\r\n6\r\n world\r\n0\r\nTrailer: yes\r\n\r\n",
            id="in chunks",
        ),
        pytest.param(
            b"Transfer-Encoding: chunked\r\nContent-Length: 3",
            b"3\r\nabc\r\n0\r\n\r\n",
            id="in chunks whatever the length says",
        ),
    ],
)
def test_bodies_pass_unchanged_both_ways(framing: bytes, body: bytes) -> None:
    async def echo(_: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received = await reader.readexactly(len(body))
        framed = framing.partition(b"\r\n")[0]
        writer.write(b"HTTP/1.1 201 Created\r\n" + framed + b"\r\n\r\n" + received)

    async def scene(stage: Play) -> None:
        dyno = await stage.dyno(echo)
        request = b"POST / HTTP/1.1\r\nConnection: close\r\n" + framing + b"\r\n\r\n" + body

        answer = await stage.talk(request)

        assert answer.partition(b"\r\n\r\n")[2] == body
        assert f"status=201 bytes={len(body)} " in stage.log[0]
        assert not (dyno.header("Content-Length") and dyno.header("Transfer-Encoding"))

    play(scene)


def test_an_answer_without_a_length_ends_with_the_connection() -> None:
    async def stream(_: bytes, __: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.0 200 OK\r\n\r\npart one, part two")
        writer.close()

    async def scene(stage: Play) -> None:
        await stage.dyno(stream)

        answer = await stage.talk(GET.replace(b"Connection: close\r\n", b""))

        assert b"\r\nConnection: close\r\n" in answer
        assert answer.endswith(b"part one, part two")

    play(scene)


def test_an_answer_streams_while_it_is_written() -> None:
    going_on = asyncio.Event()

    async def stream(_: bytes, __: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n")
        await going_on.wait()
        writer.write(b"3\r\ntwo\r\n0\r\n\r\n")

    async def scene(stage: Play) -> None:
        await stage.dyno(stream)
        reader, writer = await stage.connect()
        writer.write(GET)

        await reader.readuntil(b"one\r\n")
        going_on.set()

        assert await reader.read() == b"3\r\ntwo\r\n0\r\n\r\n"
        writer.close()

    play(scene)


@pytest.mark.parametrize(
    ("method", "answer"),
    [
        pytest.param(b"HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", id="HEAD"),
        pytest.param(b"GET", b"HTTP/1.1 204 No Content\r\n\r\n", id="204"),
        pytest.param(b"GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", id="304"),
    ],
)
def test_answers_without_a_body_leave_the_connection_open(method: bytes, answer: bytes) -> None:
    async def scene(stage: Play) -> None:
        dyno = await stage.dyno(answer)
        reader, writer = await stage.connect()

        for _ in range(2):
            writer.write(method + b" / HTTP/1.1\r\n\r\n")
            await reader.readuntil(b"\r\n\r\n")

        assert (len(dyno.heads), dyno.connections) == (2, 1)
        writer.close()

    play(scene)


def test_a_client_of_http_1_0_gets_its_answer_and_the_end() -> None:
    async def scene(stage: Play) -> None:
        await stage.dyno(OK)

        answer = await stage.talk(b"GET / HTTP/1.0\r\n\r\n")

        assert answer.endswith(b"\r\n\r\nhello")

    play(scene)


def test_continue_comes_before_the_answer() -> None:
    async def careful(_: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        await reader.readexactly(4)
        writer.write(OK)

    async def scene(stage: Play) -> None:
        await stage.dyno(careful)
        reader, writer = await stage.connect()
        writer.write(b"PUT / HTTP/1.1\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n")

        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"data")

        assert (await reader.readuntil(b"hello")).startswith(b"HTTP/1.1 200 OK\r\n")
        writer.close()

    play(scene)


def test_an_upgraded_connection_is_joined_to_the_dyno() -> None:
    async def shout(_: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: shout\r\n\r\n"
        )
        while data := await reader.read(100):
            writer.write(data.upper())

    async def scene(stage: Play) -> None:
        dyno = await stage.dyno(shout)
        reader, writer = await stage.connect()
        writer.write(b"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: shout\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")

        writer.write(b"hello")

        assert await reader.readexactly(5) == b"HELLO"
        assert b"\r\nUpgrade: shout\r\n" in head
        assert dyno.header("Upgrade") == "shout"
        writer.close()

    play(scene)


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(b"hello\r\n\r\n", id="no HTTP"),
        pytest.param(b"GET / HTTP/2\r\n\r\n", id="another version"),
        pytest.param(b"GET / HTTP/1.1\r\nno colon\r\n\r\n", id="a header without a name"),
        pytest.param(b"GET / HTTP/1.1\r\nX : y\r\n\r\n", id="a spaced name"),
        pytest.param(b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n", id="a length that is none"),
        pytest.param(
            b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", id="two lengths"
        ),
        pytest.param(b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n", id="a head without end"),
    ],
)
def test_what_is_not_http_is_refused(request_: bytes) -> None:
    async def scene(stage: Play) -> None:
        dyno = await stage.dyno(OK)

        answer = await stage.talk(request_)

        assert answer.startswith(b"HTTP/1.1 400 ")
        assert dyno.heads == []

    play(scene)


def test_a_dyno_that_dies_in_the_middle_of_its_answer_is_h18() -> None:
    async def die(_: bytes, __: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nonly this")
        writer.close()

    async def scene(stage: Play) -> None:
        await stage.dyno(die)

        answer = await stage.talk(GET)

        assert answer.endswith(b"only this")
        assert "code=H18" in stage.log[0]

    play(scene)


def test_a_client_that_leaves_before_the_answer_is_h27() -> None:
    arrived = asyncio.Event()

    async def wait(_: bytes, reader: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
        arrived.set()
        await reader.read()

    async def scene(stage: Play) -> None:
        await stage.dyno(wait)
        _, writer = await stage.connect()
        writer.write(b"POST / HTTP/1.1\r\nContent-Length: 50\r\n\r\npart")
        await arrived.wait()

        writer.close()
        while not stage.log:
            await asyncio.sleep(0.01)

        assert "code=H27" in stage.log[0]
        assert "status=499" in stage.log[0]

    play(scene)


def test_a_closed_app_is_not_served_any_more() -> None:
    async def scene(stage: Play) -> None:
        await stage.dyno(OK)
        reader, writer = await stage.connect()
        writer.write(GET.replace(b"Connection: close\r\n", b""))
        await reader.readuntil(b"hello")

        await stage.router.close_app("shop")

        assert await reader.read() == b""
        writer.close()
        with pytest.raises(ConnectionRefusedError):
            await stage.connect()

    play(scene)
