"""The local platform as a child process, started and reached through its public doors only."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import signal
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from accelerator.errors import UsageProblem
from accelerator.models import Endpoint, Secret
from accelerator.web.sessions import Session

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

STOP_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class LocalPlatform:
    """A running local platform."""

    url: str
    key: Secret
    control_token: Secret
    process: subprocess.Popen[str]

    @property
    def endpoint(self) -> Endpoint:
        """Return where its API and git are."""
        return Endpoint(self.url, self.url)

    def environment(self, base: Mapping[str, str]) -> dict[str, str]:
        """Return the environment that points a client at this platform and nowhere else."""
        ours = {"HEROKU_HOST": self.url, "HEROKU_API_KEY": self.key.reveal()}
        kept = {k: v for k, v in base.items() if not k.startswith(("HEROKU_", "ACCELERATOR_"))}
        return {**kept, **ours}

    @property
    def exports(self) -> tuple[str, ...]:
        """Return the lines that point a shell at this platform; its key is worth nothing else."""
        host = self.url.partition("://")[2]
        return (
            f"export HEROKU_HOST={self.url} HEROKU_GIT_HOST={host}",
            f"export HEROKU_API_KEY={shlex.quote(self.key.reveal())}",
        )

    def slow_builds(self, seconds: float) -> None:
        """Make every build take that much longer than it needs on this machine."""
        token = {"Authorization": f"Bearer {self.control_token.reveal()}"}
        where, body = f"{self.url}/local/v1/durations", {"build_seconds": seconds}
        # Of the environment nothing is taken: no proxy is to get the token.
        with (
            Session({}) as session,
            session.within(STOP_SECONDS),
            session.put(where, json=body, headers=token, timeout=STOP_SECONDS) as answer,
        ):
            answer.raise_for_status()


@contextlib.contextmanager
def running(environment: Mapping[str, str]) -> Iterator[LocalPlatform]:
    """Start a platform on a free port; it and all its dynos are gone afterwards."""
    process = subprocess.Popen(
        [sys.executable, "-m", "accelerator", "local", "--port", "0", "--json"],
        env=dict(environment),
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C is for the demo, which then stops the platform
    )
    try:
        yield _read_start(process)
    finally:
        _stop(process)


def _read_start(process: subprocess.Popen[str]) -> LocalPlatform:
    line = process.stdout.readline() if process.stdout else ""
    # One that cannot start prints a document of several lines; stderr has had the reason.
    if not line.rstrip().endswith("}"):
        raise UsageProblem(
            "the local platform did not start",
            "`accelerator local` starts one by itself, and says more",
        )
    told = json.loads(line)
    key, token = Secret(told["api_key"]), Secret(told["control_token"])
    return LocalPlatform(told["url"], key, token, process)


def _stop(process: subprocess.Popen[str]) -> None:
    with process:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
