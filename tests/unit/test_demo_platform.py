"""The demo steers its platform directly, whatever the environment says of proxies."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

from accelerator.demo.platform import LocalPlatform
from accelerator.models import Secret

if TYPE_CHECKING:
    import pytest


def test_the_token_of_the_controls_goes_through_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    heard: list[Any] = []

    class Controls(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            heard.append((self.path, self.headers["Authorization"], body))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Controls) as server:
        answering = threading.Thread(target=server.handle_request, daemon=True)
        answering.start()
        url = f"http://127.0.0.1:{server.server_port}"
        process: Any = None
        LocalPlatform(url, Secret("key"), Secret("token"), process).slow_builds(2.0)
        answering.join()

    assert heard == [("/local/v1/durations", "Bearer token", b'{"build_seconds": 2.0}')]
