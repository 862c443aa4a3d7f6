"""A CI job that is run again: it takes over at once what its last attempt left, dead or not."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from tests.e2e.faults import count_releases, prepare
from tests.e2e.world import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.commands import Command, Started
    from tests.e2e.sample import Repository
    from tests.e2e.world import Pipeline, Platform


def job(attempt: int, name: str = "deploy") -> dict[str, str]:
    """Return what GitLab tells a job; one that is run again is a new one of the same name."""
    return {
        "GITLAB_CI": "true",
        "CI_PIPELINE_ID": "77",
        "CI_JOB_NAME": name,
        "CI_JOB_ID": str(attempt),
        "CI_JOB_URL": f"https://gitlab.example/jobs/{attempt}",
    }


@pytest.fixture
def locks(repo: Repository, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Make a repository of the project's own that keeps its locks."""
    remote = tmp_path_factory.mktemp("locks") / "locks.git"
    repo.git("init", "--quiet", "--bare", str(remote))
    return f"file://{remote}"


def start(
    pipeline: Pipeline, run: Command, locks: str, attempt: int, *more: str, name: str = "deploy"
) -> Started:
    where = ("--lock", "required", "--lock-remote", locks, "--lock-wait", "1s")
    how = ("deploy", *pipeline.to_staging, *where, "--json", *more)
    return run.start(*how, env=job(attempt, name))


def is_held_up(heroku: Platform) -> bool:
    return bool(heroku.control("GET", "faults")[0]["matched"])


@pytest.mark.parametrize(
    ("when", "route"),
    [
        pytest.param("before", "promote", id="that had promoted nothing", marks=pytest.mark.slow),
        pytest.param("after", "live", id="that had promoted"),
    ],
)
def test_a_job_run_again_takes_over_from_its_dead_attempt_at_once(
    when: str,
    route: str,
    heroku: Platform,
    pipeline: Pipeline,
    repo: Repository,
    run: Command,
    locks: str,
) -> None:
    commit = prepare(pipeline, repo, run)
    before = count_releases(pipeline.staging)
    heroku.fault("POST", "^/pipeline-promotions$", kind="hang", when=when)
    dead = start(pipeline, run, locks, 1)
    eventually(lambda: is_held_up(heroku))
    dead.process.kill()
    dead.finish()
    heroku.control("DELETE", "faults")

    other = start(pipeline, run, locks, 3, name="another job").finish()
    again = start(pipeline, run, locks, 2).finish()

    assert other.check(3)["reason"] == "locked"
    assert again.check(0)["route"] == route
    assert "cut short: gitlab job" in again.stderr
    assert (pipeline.staging.commit, count_releases(pipeline.staging)) == (commit, before + 1)


def test_an_attempt_that_lives_on_sends_nothing_more_and_says_so(
    pipeline: Pipeline, repo: Repository, run: Command, locks: str, tmp_path: Path
) -> None:
    prepare(pipeline, repo, run, "one")
    run("deploy", *pipeline.to_staging, "--json").check(0)
    commit = prepare(pipeline, repo, run, "two")
    before = count_releases(pipeline.staging)
    begun = tmp_path / "begun"
    # A check that fails: it would go back then, and reject the commit.
    first = start(pipeline, run, locks, 1, "--smoke", f"$ touch {begun}; false")
    eventually(begun.exists)
    first.process.send_signal(signal.SIGSTOP)

    second = start(pipeline, run, locks, 2).finish()
    first.process.send_signal(signal.SIGCONT)
    overtaken = first.finish()

    assert second.check(0)["route"] == "live"
    assert overtaken.check(7)["error"]["code"] == "verification_failed"
    assert "the lock of" in overtaken.document["error"]["message"]
    assert (pipeline.staging.commit, count_releases(pipeline.staging)) == (commit, before + 1)
    assert repo.git("ls-remote", locks) == ""
