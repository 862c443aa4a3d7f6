"""Notes of strangers in the lock remote: they can keep deploys away, and nothing else."""

from __future__ import annotations

import json
import os
import pty
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.e2e.faults import count_releases, prepare

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.commands import Command
    from tests.e2e.sample import Repository
    from tests.e2e.world import Pipeline

CI = {"GITLAB_CI": "true", "CI_JOB_URL": "https://ci.example/7"}


@dataclass(frozen=True)
class Stranger:
    """Somebody who may write to the lock remote, and writes there with git as it is."""

    remote: Path
    environment: dict[str, str]
    target: str

    @property
    def where(self) -> tuple[str, ...]:
        return "--lock-remote", f"file://{self.remote}"

    def git(self, *arguments: str, text: bytes = b"") -> str:
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.remote,
            env=self.environment,
            input=text,
            check=True,
            capture_output=True,
        )
        return done.stdout.decode().strip()

    def write(self, text: bytes) -> None:
        """Let the target's lock be a commit with this text."""
        tree = self.git("mktree")
        head = f"tree {tree}\nauthor x <x> 1 +0000\ncommitter x <x> 1 +0000\n\n".encode()
        made = self.git("hash-object", "-t", "commit", "-w", "--stdin", text=head + text)
        self.git("update-ref", f"refs/accelerator/lock/{self.target}", made)

    def leave(self, **claims: object) -> None:
        """Leave what looks like the note of a deploy that was cut short."""
        note = {
            "app": self.target,
            "holder": "gitlab job",
            "link": CI["CI_JOB_URL"],
            "route": "promote",
            "state": "interrupted",
            "nonce": "1",
            "acquired_at": "2026-03-01T12:00:00+00:00",
            "expires_at": "2026-03-01T12:03:00+00:00",
            **claims,
        }
        self.write(b"gitlab job\n\n" + json.dumps(note).encode())

    @property
    def left(self) -> str:
        return self.git("for-each-ref", "--format=%(refname)")


@pytest.fixture
def stranger(pipeline: Pipeline, environment: dict[str, str], tmp_path: Path) -> Stranger:
    remote = tmp_path / "locks.git"
    remote.mkdir()
    made = Stranger(remote, environment, pipeline.staging.name)
    made.git("init", "--quiet", "--bare")
    return made


FAR = b'"expires_at": "9999-12-31T23:59:59+00:00", "nonce": "1", "holder": "x", "route": "x"'
WRITTEN = {
    "binary": bytes(range(256)) * 40,
    "nested deep": b"x\n\n" + b"[" * 200_000,
    "an end in 9999": b'x\n\n{"app": "APP", "commit": "", ' + FAR + b"}",
    "five megabytes": b"x\n\n{" + b" " * 5_000_000 + b"}",
}


@pytest.mark.slow
def test_what_a_stranger_wrote_as_a_lock_keeps_deploys_away_until_it_is_removed(
    pipeline: Pipeline, repo: Repository, run: Command, stranger: Stranger
) -> None:
    commit = prepare(pipeline, repo, run)
    how = (*pipeline.to_staging, *stranger.where, "--lock-wait", "0s", "--json")

    for kind, text in WRITTEN.items():
        stranger.write(text.replace(b"APP", stranger.target.encode()))
        refused = run("deploy", *how)
        removed = run("unlock", stranger.target, *stranger.where, "--json")

        told = refused.check(3)
        assert told["reason"] == "locked", kind
        assert "cannot be read" in told["error"]["message"], kind
        assert f"accelerator unlock {stranger.target}" in told["error"]["hint"]
        assert removed.exit_code == 0, removed.told
        assert (removed.document["changed"], stranger.left) == (True, ""), kind
    run("deploy", *how).check(0)
    assert pipeline.staging.commit == commit


def test_a_note_of_a_stranger_is_shown_and_not_shipped(
    pipeline: Pipeline, repo: Repository, run: Command, stranger: Stranger
) -> None:
    served = prepare(pipeline, repo, run)
    run("deploy", *pipeline.to_staging, "--json").check(0)
    repo.git("checkout", "--quiet", "-b", "feature")
    unreviewed = repo.commit({"text": "not reviewed"}, "Open the door")
    repo.git("checkout", "--quiet", "main")
    where = (*pipeline.to_staging[:2], *stranger.where)
    resume = ("resume", stranger.target, *where, "--json")
    before = count_releases(pipeline.staging)

    stranger.leave(commit="feature")
    by_name = run(*resume, "--confirm", stranger.target)
    stranger.leave(commit=unreviewed)
    by_sha = run(*resume)
    in_job = run(*resume, env={**CI, "CI_COMMIT_SHA": served})
    other = run(*resume, "--commit", "HEAD")
    wrong = run(*resume, "--confirm", pipeline.production.name)

    assert by_name.check(3)["reason"] == "locked"
    for refused in (by_sha, in_job, other):
        told = refused.check(3)
        assert (told["reason"], told["commit"]) == ("not_confirmed", unreviewed)
        assert f"{unreviewed} (Open the door; by Ada <" in told["error"]["message"]
    assert "gitlab job" in by_sha.document["error"]["message"]
    command = f"accelerator resume {stranger.target} --commit {unreviewed} {' '.join(where)}"
    assert f"`{command}`" in by_sha.document["error"]["hint"]
    assert served in other.document["error"]["message"]
    assert wrong.check(2)["error"]["code"] == "usage"
    assert (pipeline.staging.commit, count_releases(pipeline.staging)) == (served, before)


@pytest.mark.slow
def test_the_job_of_the_commit_itself_resumes_it_without_being_asked(
    pipeline: Pipeline, repo: Repository, run: Command, stranger: Stranger
) -> None:
    commit = prepare(pipeline, repo, run)
    repo.commit({"text": "something newer is checked out by now"})
    stranger.leave(commit=commit)
    how = (*pipeline.to_staging[:2], *stranger.where, "--json")

    resumed = run("resume", stranger.target, *how, env={**CI, "CI_COMMIT_SHA": commit})

    assert resumed.check(0)["commit"] == commit
    assert (pipeline.staging.commit, stranger.left) == (commit, "")


@pytest.mark.slow
def test_a_person_at_a_terminal_confirms_by_typing_the_name_of_the_app(
    pipeline: Pipeline, repo: Repository, run: Command, stranger: Stranger
) -> None:
    commit = prepare(pipeline, repo, run)
    stranger.leave(commit=commit)
    how = (*pipeline.to_staging[:2], *stranger.where)
    ours, theirs = pty.openpty()
    os.write(ours, f"{stranger.target}\n".encode())

    with subprocess.Popen(
        [run.program, "resume", stranger.target, *how],
        cwd=run.directory,
        env=dict(run.environment),
        stdin=theirs,
        stdout=subprocess.DEVNULL,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        shown = read_all(ours)

    assert process.returncode == 0, shown
    assert f"Deploy {commit[:8]} to {stranger.target}? Type the app's name" in shown
    assert pipeline.staging.commit == commit


def read_all(terminal: int) -> str:
    """Read a terminal until nobody has its other end open any more."""
    seen = b""
    with suppress(OSError):  # Linux says so by an error
        while more := os.read(terminal, 4096):
            seen += more
    os.close(terminal)
    return seen.decode()


@pytest.mark.slow
@pytest.mark.parametrize(
    "version", [pytest.param(1, id="of old"), pytest.param(99, id="still to come")]
)
def test_a_release_that_a_stranger_names_is_not_gone_back_to(
    version: int, pipeline: Pipeline, repo: Repository, run: Command, stranger: Stranger
) -> None:
    commit = prepare(pipeline, repo, run)
    run("deploy", *pipeline.to_staging, "--json").check(0)
    stranger.leave(commit=commit, previous_release=version)
    before = count_releases(pipeline.staging)

    failed = run("deploy", *pipeline.to_staging, *stranger.where, "--smoke", "/ 404", "--json")

    told = failed.check(7)
    # Where no code was before, none of what has no code is doubted: there is nothing to go back to.
    assert (f"v{version} of {stranger.target}" in failed.stderr) is (version > 1)
    assert told["targets"][0]["previous_release"] == told["targets"][0]["release"]
    assert (pipeline.staging.commit, count_releases(pipeline.staging)) == (commit, before)
