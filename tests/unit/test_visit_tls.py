"""Whose certificates a visit asks for: everybody's, but this machine's own."""

from __future__ import annotations

import ssl
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any

import trustme

from accelerator.steps.verify.visit import Expected, Seen, visit
from accelerator.waiting import Deadline, SystemClock
from accelerator.web import sockets

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest


class Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "7")
        self.end_headers()
        self.wfile.write(b"Welcome")

    def log_message(self, *_: Any) -> None:
        """Keep the test's output clean."""


class Site(HTTPServer):
    def handle_error(self, *_: Any) -> None:
        """A visitor who does not trust us hangs up."""


@contextmanager
def secure_site() -> Iterator[int]:
    """Serve a page under a certificate that nobody trusts, on loopback."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1", "shop.example").configure_cert(context)
    with Site(("127.0.0.1", 0), Page) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def _visit(url: str) -> Seen:
    return visit(url, Expected(200, "Welcome"), Deadline.after(SystemClock(), 60))


def test_any_certificate_will_do_on_loopback() -> None:
    with secure_site() as port:
        assert _visit(f"https://127.0.0.1:{port}/") == Seen(None)


def test_elsewhere_a_certificate_has_to_be_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "resolve", lambda *_: ["127.0.0.1"])

    with secure_site() as port:
        assert _visit(f"https://shop.example:{port}/").flaw == "did not answer (SSLError)"
