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


@pytest.mark.slow
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


@pytest.mark.slow
@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL], ids=["cancelled", "killed"])
def test_a_promotion_under_way_is_asked_for_once_however_often_its_job_is_cut_short(
    end: signal.Signals,
    heroku: Platform,
    pipeline: Pipeline,
    repo: Repository,
    run: Command,
    locks: str,
) -> None:
    prepare(pipeline, repo, run)
    heroku.set_durations(promotion_seconds=14)
    with heroku.watching() as journal:
        first = start(pipeline, run, locks, 1)
        eventually(lambda: journal().count("GET", "/promotion-targets"))
        first.send(signal.SIGTERM)
        first.finish()
        second = start(pipeline, run, locks, 2)
        seen = journal().count("GET", "/promotion-targets")
        eventually(lambda: journal().count("GET", "/promotion-targets") > seen)
        second.send(end)
        second.finish()
        third = start(pipeline, run, locks, 3).finish()

    third.check(0)
    assert len(journal().writes) == 1


@pytest.mark.slow
def test_a_write_that_was_turned_away_is_not_sent_again_to_a_frozen_target(
    heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command, locks: str
) -> None:
    prepare(pipeline, repo, run)
    before, app = count_releases(pipeline.staging), pipeline.staging.name
    limit = {"kind": "status", "status": 429, "occurrences": [1, 2, 3]}
    heroku.fault("POST", "^/pipeline-promotions$", **limit)
    first = start(pipeline, run, locks, 1)
    eventually(lambda: is_held_up(heroku))
    assert run("freeze", app, "--reason", "stop", "--lock-remote", locks).exit_code == 0

    refused = first.finish()

    assert refused.check(3)["reason"] == "frozen"
    assert count_releases(pipeline.staging) == before


@pytest.mark.slow
def test_a_later_wave_is_not_shipped_over_newer_code_that_came_meanwhile(
    pipeline: Pipeline, repo: Repository, run: Command, tmp_path: Path
) -> None:
    older = prepare(pipeline, repo, run, "one")
    begun = tmp_path / "begun"
    waves = (*pipeline.to_staging, "--then", pipeline.production.name, "--lock", "off")
    smoke = ("--smoke", f"$ touch {begun}; sleep 5")
    patient = {"ACCELERATOR_DEADLINES_SMOKE_DEADLINE": "20s"}
    first = run.start("deploy", *waves, *smoke, "--commit", older, "--json", env=patient)
    eventually(begun.exists)
    newer = prepare(pipeline, repo, run, "two")
    straight = ("--from", pipeline.prepare.name, "--to", pipeline.production.name)
    run("deploy", *straight, "--lock", "off", "--json").check(0)

    overtaken = first.finish()

    assert overtaken.check(8)["targets"][1]["status"] == "refused"
    assert pipeline.production.commit == newer
