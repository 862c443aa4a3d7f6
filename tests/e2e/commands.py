"""The installed command as a child process, and what it said."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any

from tests.e2e.documents import check_document
from tests.e2e.world import SIGNED_PATH

if TYPE_CHECKING:
    import signal
    from collections.abc import Mapping
    from pathlib import Path

LIMIT_SECONDS = 120


@dataclass(frozen=True)
class Result:
    """How a command ended and what it wrote."""

    arguments: tuple[str, ...]
    exit_code: int
    stdout: str
    stderr: str

    @property
    def document(self) -> dict[str, Any]:
        """Return the one JSON document that is all of stdout."""
        document = json.loads(self.stdout)
        assert isinstance(document, dict)
        return document

    def check(self, exit_code: int) -> dict[str, Any]:
        """Return the document, whole and as promised, of a command that ended with this code."""
        assert self.exit_code == exit_code, self.told
        check_document(self.document, self.arguments[0], exit_code)
        return self.document

    def check_exit(self, exit_code: int) -> None:
        """Refuse any other exit code."""
        assert self.exit_code == exit_code, self.told

    @property
    def told(self) -> str:
        """Return everything it wrote, for a failed assertion."""
        return f"{self.arguments} exited {self.exit_code}\n{self.stdout}\n{self.stderr}"


@dataclass
class Started:
    """A command under way; its output goes to files, so that it never waits for a reader."""

    arguments: tuple[str, ...]
    process: subprocess.Popen[bytes]
    stdout: IO[bytes]
    stderr: IO[bytes]
    secrets: frozenset[str]

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the command alone."""
        self.process.send_signal(number)

    def kill(self) -> None:
        """End it whatever it does, and wait until it has."""
        self.process.kill()
        self.process.wait()

    def finish(self, limit: float = LIMIT_SECONDS) -> Result:
        """Wait for the end. No command may ever show a secret: that is checked here for all."""
        try:
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(limit)
            is_over = self.process.poll() is not None
        finally:
            self.kill()
        said = (_all_of(self.stdout), _all_of(self.stderr))
        result = Result(self.arguments, self.process.returncode, *said)
        for secret in self.secrets:
            assert secret not in result.stdout + result.stderr
        assert is_over, f"not over after {limit} s: {result.told}"
        return result


@dataclass
class Command:
    """Runs the command in one directory with one environment; both can be changed for a call."""

    program: Path
    directory: Path
    environment: Mapping[str, str]
    secrets: set[str] = field(default_factory=set)
    started: list[Started] = field(default_factory=list)

    def __call__(
        self, *arguments: str, env: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> Result:
        """Run to the end."""
        return self.start(*arguments, env=env, cwd=cwd).finish()

    def start(
        self, *arguments: str, env: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> Started:
        """Begin, and return at once."""
        stdout, stderr = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115  # kept
        process = subprocess.Popen(
            [self.program, *arguments],
            cwd=cwd or self.directory,
            env={**self.environment, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
        )
        begun = Started(arguments, process, stdout, stderr, frozenset(self.secrets))
        self.started.append(begun)
        return begun

    def close(self) -> None:
        """End what a test that failed has left running."""
        for begun in self.started:
            begun.kill()
            begun.stdout.close()
            begun.stderr.close()

    def keep_secret(self, key: str) -> None:
        """Refuse any output with this key, plain or as git sends it, or with a signed address."""
        encoded = {base64.b64encode(f"{user}:{key}".encode()).decode() for user in ("", "heroku")}
        self.secrets |= {key, SIGNED_PATH, *encoded}


def base_environment(home: Path) -> dict[str, str]:
    """Return an environment with nothing of this machine's but what programs need to run."""
    kept = ("PATH", "LANG", "TMPDIR", "ACCELERATOR_LOCAL_RECORD")
    passed = {k: v for k, v in os.environ.items() if k in kept or k.startswith("COVERAGE_")}
    people = {
        f"GIT_{role}_{what}": value
        for role in ("AUTHOR", "COMMITTER")
        for what, value in (("NAME", "Ada"), ("EMAIL", "ada@example.com"))
    }
    return {
        **passed,
        **people,
        "HOME": str(home),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
    }


def _all_of(stream: IO[bytes]) -> str:
    with stream:
        stream.seek(0)
        return stream.read().decode()
