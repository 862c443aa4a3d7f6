"""Ways to disturb a deploy at an exact moment, and to look at what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.e2e.world import eventually

if TYPE_CHECKING:
    import signal

    from tests.e2e.commands import Command, Result, Started
    from tests.e2e.sample import Repository
    from tests.e2e.world import App, Pipeline, Platform

# Everything a deploy asks: the API and git, which keeps the locks; no storage, no logs.
ANY_CALL = "^/(?!-/)"
API_CALL = r"^/(?!-/)(?![^/]+\.git/)"
READS, WRITES = "GET", "POST|PUT|PATCH|DELETE"
LOCK_EXPIRED_SECONDS = 320
LIVE = ("succeeded", "unchanged")


def prepare(pipeline: Pipeline, repo: Repository, run: Command, text: str = "hello") -> str:
    """Have a new commit built on the prepare app; return its sha."""
    commit = repo.commit({"text": text})
    run("prepare", "--app", pipeline.prepare.name, "--json").check(0)
    return commit


def count_releases(app: App) -> int:
    """Count the releases of an app."""
    return len(app.releases)


@dataclass
class Stopper:
    """Holds up the n-th call of a command, and ends the command there."""

    heroku: Platform
    method: str
    path: str
    when: str

    def stop(self, started: Started, call: int, number: signal.Signals) -> Result | None:
        """Send the signal once the call is held up; None when the command ended without it."""
        fault = {"kind": "hang", "when": self.when, "occurrences": [call]}
        self.heroku.fault(self.method, self.path, **fault)
        try:
            eventually(lambda: self._is_held(call) or started.process.poll() is not None)
            if not self._is_held(call):
                assert started.finish().exit_code == 0
                return None
            started.send(number)
            return started.finish()
        finally:
            self.heroku.control("DELETE", "faults")

    def _is_held(self, call: int) -> bool:
        [fault] = self.heroku.control("GET", "faults")
        return bool(fault["matched"] >= call)


def let_locks_expire(heroku: Platform) -> None:
    """Move the platform's clock, by which locks end, so far that a dead holder's has ended."""
    heroku.control("POST", "clock", {"advance_seconds": LOCK_EXPIRED_SECONDS})
