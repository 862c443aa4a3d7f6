"""The way to the platform through a proxy's tunnel, which is watched like any other."""

from __future__ import annotations

import socket
import ssl
from contextlib import suppress
from threading import Thread
from typing import TYPE_CHECKING

import pytest
import trustme

from accelerator.errors import OutcomeUnknown
from tests.contract.heroku_bench import APP, HANG, Bench, bench
from tests.contract.scripted_server import Answer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["bench"]


def pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


def tunnel(proxy: socket.socket, port: int) -> None:
    """Let one visitor through, wherever it wants to go, to the port on this machine."""
    visitor, _ = proxy.accept()
    with visitor, socket.create_connection(("127.0.0.1", port)) as server:
        assert visitor.recv(1 << 16).startswith(b"CONNECT heroku.test:443 ")
        visitor.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        back = Thread(target=pass_on, args=(server, visitor))
        back.start()
        pass_on(visitor, server)
        with suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)  # it may hang on
        back.join(10)


@pytest.fixture
def environment(bench: Bench, tmp_path: Path) -> Iterator[dict[str, str]]:
    """Have the API speak TLS under a name that only the proxy knows the way to."""
    authority, bundle = trustme.CA(), tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(bundle))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("heroku.test").configure_cert(context)
    bench.api.server.socket = context.wrap_socket(
        bench.api.server.socket, server_side=True, do_handshake_on_connect=False
    )
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        port = int(bench.api.host.rpartition(":")[2])
        passing = Thread(target=tunnel, args=(proxy, port))
        passing.start()
        yield {
            "HTTPS_PROXY": f"http://127.0.0.1:{proxy.getsockname()[1]}",
            "REQUESTS_CA_BUNDLE": str(bundle),
        }
        for client in bench.clients:
            client.close()
        passing.join(10)


def test_requests_through_a_tunnel_share_its_connection(
    bench: Bench, environment: dict[str, str]
) -> None:
    bench.api.answers(Answer(APP), Answer(APP))
    client = bench.client(url="https://heroku.test", environment=environment)

    names = [client.apps.fetch("shop").name for _ in range(2)]

    assert names == ["shop", "shop"]


def test_a_silent_platform_behind_a_tunnel_is_left_in_time(
    bench: Bench, environment: dict[str, str]
) -> None:
    bench.api.answers(Answer(APP), HANG)
    client = bench.client(seconds=1.0, url="https://heroku.test", environment=environment)
    client.apps.fetch("shop")

    with pytest.raises(OutcomeUnknown, match=r"heroku\.test in time"):
        client.apps.create("shop")
