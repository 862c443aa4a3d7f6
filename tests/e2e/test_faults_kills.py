"""A deploy that is cancelled or killed, at every single call it makes.

The calls are not sampled: each test goes on with the next call until a deploy is over without
having made that many.
"""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from tests.e2e.faults import (
    ANY_CALL,
    API_CALL,
    READS,
    WRITES,
    Stopper,
    count_releases,
    let_locks_expire,
    prepare,
)
from tests.e2e.processes import is_running
from tests.e2e.world import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.commands import Command
    from tests.e2e.sample import Repository
    from tests.e2e.world import Pipeline, Platform

LEAST_CALLS_OF_A_HIT = 12
LEAST_CALLS_OF_A_BUILD = 15
MOST_CALLS = 60


@pytest.fixture(autouse=True)
def _as_many_git_requests_as_it_takes(heroku: Platform) -> None:
    """One stop at each call is more deploys than Heroku's git serves in an hour."""
    heroku.control("PUT", "git-limit", {"per_hour": 100_000})


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "path", "when", "least"),
    [
        pytest.param(READS, ANY_CALL, "before", LEAST_CALLS_OF_A_HIT, id="at every read"),
        pytest.param(WRITES, ANY_CALL, "before", 3, id="at every write, before it is done"),
        pytest.param(WRITES, ANY_CALL, "after", 3, id="at every write, after it is done"),
    ],
)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["cancelled", "killed"])
def test_a_promotion_that_is_stopped_anywhere_is_finished_by_the_next_deploy(
    *,
    method: str,
    path: str,
    when: str,
    least: int,
    number: signal.Signals,
    heroku: Platform,
    pipeline: Pipeline,
    repo: Repository,
    run: Command,
) -> None:
    commits = [prepare(pipeline, repo, run, text) for text in ("one", "two")]
    stopper = Stopper(heroku, method, path, when)
    arguments = ("deploy", *pipeline.to_staging, "--allow-older", "--lock-wait", "9s", "--json")

    for call in range(1, MOST_CALLS):
        commit = commits[call % 2]
        before = count_releases(pipeline.staging)
        started = run.start(*arguments, "--commit", commit)
        stopped = stopper.stop(started, call, number)
        if stopped is None:
            break
        if number == signal.SIGKILL:
            let_locks_expire(heroku)
        else:
            assert stopped.check(143)["error"]["code"] == "interrupted"
        finished = run(*arguments, "--commit", commit)

        finished.check(0)
        assert pipeline.staging.commit == commit, f"call {call}"
        assert count_releases(pipeline.staging) == before + 1, f"call {call}"
    assert call > least


@pytest.mark.slow
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["cancelled", "killed"])
def test_a_build_that_is_stopped_anywhere_is_made_once(
    when: str,
    number: signal.Signals,
    heroku: Platform,
    pipeline: Pipeline,
    repo: Repository,
    run: Command,
) -> None:
    repo.commit()
    stopper = Stopper(heroku, WRITES if when == "after" else ".*", API_CALL, when)
    arguments = ("deploy", *pipeline.to_staging, "--lock-wait", "9s", "--json")

    for call in range(1, MOST_CALLS):
        commit = repo.commit({"text": f"{call}"})
        before, built = count_releases(pipeline.staging), len(pipeline.staging.builds)
        stopped = stopper.stop(run.start(*arguments), call, number)
        if stopped is None:
            break
        if number == signal.SIGKILL:
            let_locks_expire(heroku)
        else:
            assert stopped.check(143)["error"]["code"] == "interrupted"
        finished = run(*arguments)

        finished.check(0)
        assert pipeline.staging.commit == commit, f"call {call}"
        assert count_releases(pipeline.staging) == before + 1, f"call {call}"
        assert len(pipeline.staging.builds) == built + 1, f"call {call}"
    assert call > (1 if when == "after" else LEAST_CALLS_OF_A_BUILD)


def test_a_promotion_that_goes_on_without_its_cancelled_job_is_not_made_twice(
    heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    commit = prepare(pipeline, repo, run)
    before = count_releases(pipeline.staging)
    heroku.set_durations(promotion_seconds=3)
    stopper = Stopper(heroku, "POST", "^/pipeline-promotions$", "after")
    env = {"ACCELERATOR_DEADLINES_TRACES": "6s"}

    started = run.start("deploy", *pipeline.to_staging, "--json")
    stopped = stopper.stop(started, 1, signal.SIGTERM)
    with heroku.watching() as journal:
        finished = run("deploy", *pipeline.to_staging, "--json", env=env)

    assert stopped is not None
    told = stopped.check(143)
    assert f"`accelerator resume {pipeline.staging.name}" in str(told["error"]["hint"])
    assert f"the promotion to {pipeline.staging.name}" in told["error"]["message"]
    assert "promote interrupted" in stopped.stderr
    assert "FAILED" not in stopped.stderr
    assert {step["outcome"] for step in told["steps"]} == {"ok", "interrupted"}
    assert "cut short" in finished.stderr
    finished.check(0)
    assert (pipeline.staging.commit, count_releases(pipeline.staging)) == (commit, before + 1)
    assert journal().writes == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["cancelled", "by hand"])
def test_a_deploy_that_is_stopped_under_its_lock_leaves_nothing_in_the_temporary_folder(
    number: signal.Signals,
    heroku: Platform,
    pipeline: Pipeline,
    repo: Repository,
    run: Command,
    tmp_path: Path,
) -> None:
    prepare(pipeline, repo, run)
    folder = tmp_path / "temporary"
    folder.mkdir()
    heroku.fault("POST", "^/pipeline-promotions$", kind="hang", when="before", occurrences=[1])

    started = run.start("deploy", *pipeline.to_staging, "--json", env={"TMPDIR": str(folder)})
    eventually(lambda: heroku.control("GET", "faults")[0]["matched"])
    used = [path.name for path in folder.iterdir()]
    started.send(number)
    stopped = started.finish()
    heroku.control("DELETE", "faults")

    stopped.check(128 + number)
    assert any(name.startswith("accelerator-refs-") for name in used)
    assert not list(folder.iterdir())


@pytest.mark.parametrize("end", ["sleep 100", "trap 'exit 0' TERM; sleep 100 & wait"])
def test_a_cancelled_job_ends_its_smoke_commands_and_takes_their_end_for_no_verdict(
    end: str, pipeline: Pipeline, repo: Repository, run: Command, tmp_path: Path
) -> None:
    prepare(pipeline, repo, run)
    pids = tmp_path / "pids"
    smoke = ("--smoke", f"$ echo $$ >> {pids}; {end}")
    patient = {"ACCELERATOR_DEADLINES_SMOKE_DEADLINE": "90s"}

    started = run.start("deploy", *pipeline.route, *smoke, "--json", env=patient)
    eventually(lambda: pids.exists() and len(pids.read_text().split()) == 2)
    started.send(signal.SIGTERM)
    stopped = started.finish()

    told = stopped.check(143)
    assert told["error"]["code"] == "interrupted"
    statuses = [target["status"] for target in told["targets"]]
    assert statuses == ["pending", "pending"], stopped.told
    for target in pipeline.targets:
        assert f"`accelerator resume {target.name}" in stopped.stderr
    eventually(lambda: not [pid for pid in pids.read_text().split() if is_running(int(pid))])
