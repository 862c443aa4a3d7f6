"""What a build prints, and what it downloads: neither may be endless."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

import pytest

from accelerator.localheroku.building import commands, fetching
from accelerator.localheroku.building.commands import Lines
from accelerator.localheroku.building.fetching import SourceUnreadable, fetch_source
from accelerator.localheroku.state.objects import SourceBlob
from accelerator.localheroku.streams import outputs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

BLOCK = b"a" * 65536


def test_a_line_without_end_comes_in_pieces() -> None:
    pieces: list[str] = []
    lines = Lines(pieces.append)
    longest = 0

    for _ in range(200):
        lines.feed(BLOCK)
        longest = max(longest, len(lines._rest))
    lines.feed(b"end\nnext")
    lines.close()

    assert "".join(pieces).replace("\n", "") == "a" * 200 * len(BLOCK) + "endnext"
    assert all(piece.endswith("\n") for piece in pieces)
    assert longest <= 2 * len(BLOCK)


@contextmanager
def serving(answer: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            try:
                answer(self)
            except OSError:
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/source.tgz"
        finally:
            server.shutdown()
            thread.join()


def test_a_source_without_end_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching.download, "__defaults__", (1 << 20,))

    def endless(handler: BaseHTTPRequestHandler) -> None:
        while True:
            handler.wfile.write(BLOCK)

    with (
        serving(endless) as url,
        pytest.raises(SourceUnreadable, match="it is larger than 1 MiB"),
    ):
        fetch_source(SourceBlob(url, "c0ffee"), tmp_path / "source", is_ours=False)

    assert (tmp_path / "source").stat().st_size <= 1 << 20


def test_a_source_that_drips_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "_LONGEST_SECONDS", 0.2)
    enough = threading.Event()

    def drip(handler: BaseHTTPRequestHandler) -> None:
        while not enough.wait(0.05):
            handler.wfile.write(b"a")

    with serving(drip) as url:
        blob = SourceBlob(url, "c0ffee")
        with pytest.raises(SourceUnreadable, match="it took too long"):
            fetch_source(blob, tmp_path / "source", is_ours=False)
        enough.set()


def test_a_download_whose_head_drips_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "_HEAD_SECONDS", 0.3)
    ended = threading.Event()

    def drip(server: socket.socket) -> None:
        line, _ = server.accept()
        with line, suppress(OSError):
            line.sendall(b"HTTP/1.1 200 OK\r\nX-A: ")
            while not ended.wait(0.05):
                line.sendall(b"a")

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=drip, args=(server,))
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/source.tgz"
        try:
            with pytest.raises(SourceUnreadable, match="it took too long"):
                fetch_source(SourceBlob(url, None, None), tmp_path / "source", is_ours=False)
        finally:
            ended.set()
            thread.join()


def test_an_output_without_end_is_cut_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outputs, "_MOST", 1000)
    output = outputs.Output(tmp_path / "output", lambda: None)

    for _ in range(50):
        output.write("a" * 99 + "\n")
    output.close()

    text = (tmp_path / "output").read_text()
    assert text.startswith("a" * 99 + "\n")
    assert text.endswith("longer than 64 MiB)\n")
    assert len(text) < 1100


def test_of_what_a_program_answers_only_the_beginning_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "_MOST_CAPTURED", 1000)
    shell = commands.Shell(tmp_path, {}, print, threading.Event(), time.monotonic() + 60, None)

    assert shell.capture(["/bin/sh", "-c", "yes | head -n 5000"]) == (0, "y\n" * 500)
