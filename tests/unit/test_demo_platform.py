"""What the demo stands on: its platform, git, and a folder it may write to."""

from __future__ import annotations

import errno
import os
import threading
from contextlib import nullcontext
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from accelerator.demo import showing
from accelerator.demo.platform import LocalPlatform
from accelerator.demo.report import DemoReport
from accelerator.demo.repository import DemoRepository
from accelerator.demo.screen import Lines
from accelerator.demo.showing import DemoOrder
from accelerator.errors import UsageProblem
from accelerator.events import Recorder
from accelerator.models import Secret
from tests.unit.fakes import FakeClock

if TYPE_CHECKING:
    from pathlib import Path


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


def test_a_machine_without_git_is_one_message(tmp_path: Path) -> None:
    repository = DemoRepository(tmp_path, {"PATH": str(tmp_path)})

    with pytest.raises(UsageProblem, match="git was not found"):
        repository.git("init")


def test_a_full_disk_that_git_meets_is_one_message_with_the_way_out(tmp_path: Path) -> None:
    git = tmp_path / "git"
    git.write_text("#!/bin/sh\necho 'fatal: cannot write: No space left on device' >&2; exit 128\n")
    git.chmod(0o755)
    repository = DemoRepository(tmp_path, {"PATH": f"{tmp_path}:{os.environ['PATH']}"})

    with pytest.raises(UsageProblem, match="No space left on device") as caught:
        repository.git("add", "--all")

    assert "TMPDIR" in (caught.value.hint or "")


@pytest.mark.parametrize(
    "problem",
    [
        pytest.param(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/here"), id="full"),
        pytest.param(FileNotFoundError(errno.ENOENT, "No usable folder"), id="nowhere to write"),
    ],
)
def test_a_folder_that_cannot_be_written_is_one_message_with_the_way_out(
    problem: OSError, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**_: object) -> None:
        raise problem

    monkeypatch.setattr(showing.tempfile, "TemporaryDirectory", fail)

    with pytest.raises(UsageProblem, match="cannot write its files") as caught:
        play_nothing()

    assert "TMPDIR" in (caught.value.hint or "")


def test_other_trouble_of_the_system_is_not_called_a_full_disk(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(**_: object) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(showing.tempfile, "TemporaryDirectory", fail)

    with pytest.raises(OSError, match="Too many open files"):
        play_nothing()


def play_nothing() -> None:
    def never(*_: object) -> None:
        pytest.fail("it went on")

    recorder = Recorder(FakeClock())
    showing.play(DemoOrder(), {}, lambda: nullcontext(Lines(recorder)), DemoReport(), never)
