"""`accelerator local --data` as a process of its own, which tests may kill and start again."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import requests

from accelerator.localheroku.controls.recording import VARIABLE
from tests.contract.localheroku.platform_fixture import Client
from tests.ports import free_port

ENVIRONMENT = {
    name: os.environ[name] for name in ("PATH", "HOME", "LANG", VARIABLE) if name in os.environ
}


@dataclass
class Served:
    """One platform on one directory; `client` talks to the process that runs now."""

    data: Path | None
    session: requests.Session
    port: int = field(default_factory=free_port)
    is_recorded: bool = True
    process: subprocess.Popen[str] | None = None
    told: dict[str, Any] = field(default_factory=dict)

    @property
    def client(self) -> Client:
        """Return a client of the running platform."""
        told = self.told
        where = SimpleNamespace(
            url=told["url"], api_key=told["api_key"], token=told["control_token"]
        )
        return Client(where, self.session)  # type: ignore[arg-type] # the three things it asks for

    def start(self) -> Client:
        """Start a platform and return a client of it."""
        self.process = launch(self.data, self.port, is_recorded=self.is_recorded)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the platform did not start"
        self.told = json.loads(line)
        return self.client

    def kill(self) -> None:
        """End the platform without any warning."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Ask the platform to end, and wait until it has."""
        self._end(signal.SIGTERM)

    def restart(self) -> Client:
        """Kill the platform, if it still runs, and start another on its directory and port."""
        self.kill()
        return self.start()

    def resident_kilobytes(self) -> int:
        """Return how much memory the platform's process has."""
        assert self.process is not None
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        (line,) = (line for line in status.splitlines() if line.startswith("VmRSS:"))
        return int(line.split()[1])

    def _end(self, number: int) -> None:
        if self.process is not None:
            with self.process:
                self.process.send_signal(number)


def launch(data: Path | None, port: int = 0, *, is_recorded: bool = True) -> subprocess.Popen[str]:
    """Start `accelerator local`; what it says can be read."""
    environment = {
        name: ENVIRONMENT[name] for name in ENVIRONMENT if is_recorded or name != VARIABLE
    }
    place = () if data is None else ("--data", str(data))
    return subprocess.Popen(
        [sys.executable, "-m", "accelerator", "local", "--json", "--port", str(port), *place],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@contextmanager
def served(data: Path | None, *, is_recorded: bool = True) -> Iterator[Served]:
    """Give a platform that is not started yet; none is left afterwards.

    Its answers are judged by Heroku's schema unless `is_recorded` says no: for tests that send the
    same few requests thousands of times, or that let nothing be written.
    """
    with requests.Session() as session:
        session.trust_env = False
        platform = Served(data, session, is_recorded=is_recorded)
        try:
            yield platform
        finally:
            if platform.process is not None and platform.process.poll() is None:
                platform.stop()
