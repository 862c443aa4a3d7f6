"""Dynos that are none of a release's, old code that answers beside the new, time that is too short.

Each of these once brought sound code down, or let broken code pass.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.e2e.faults import count_releases, prepare
from tests.e2e.sample import BROKEN, WEB, Repository
from tests.e2e.servers import Heard, Listener, Reply
from tests.e2e.world import eventually

if TYPE_CHECKING:
    from tests.e2e.commands import Command
    from tests.e2e.world import Pipeline, Platform

SLOW = pytest.mark.slow
PREBOOT_SECONDS = 2.0
SWITCH = {"ACCELERATOR_DEADLINES_SWITCH": "4s"}
HEALTH = ("--smoke", "/health", "--json")
PROOF = ("--smoke", "/health {commit}", "--json")


@pytest.fixture
def serving(heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command) -> str:
    """A sound commit that staging serves."""
    commit = prepare(pipeline, repo, run, "sound")
    run("deploy", *pipeline.to_staging, "--json").check(0)
    eventually(lambda: pipeline.staging.ask().ok)
    heroku.control(
        "PUT",
        f"apps/{pipeline.staging.name}/durations",
        {"preboot_seconds": PREBOOT_SECONDS, "rolling_seconds": PREBOOT_SECONDS},
    )
    return commit


@pytest.fixture
def preboot(heroku: Platform, pipeline: Pipeline, serving: str) -> str:
    """The same, where staging has preboot switched on."""
    path = f"/apps/{pipeline.staging.name}/features/preboot"
    heroku.api("PATCH", path, {"enabled": True})
    return serving


@pytest.mark.usefixtures("serving")
@pytest.mark.parametrize("kind", ["scheduler", pytest.param("web", marks=SLOW)])
def test_a_one_off_dyno_on_old_code_does_not_hold_a_deploy_up(
    kind: str, heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    path = f"/apps/{pipeline.staging.name}/dynos"
    heroku.api("POST", path, {"command": "sleep 60", "type": kind})
    commit = prepare(pipeline, repo, run, "next")
    env = {"ACCELERATOR_DEADLINES_DYNOS": "20s"}

    result = run("deploy", *pipeline.to_staging, "--json", env=env)

    assert result.check(0)["targets"][0]["verified"] == "passed"
    assert pipeline.staging.commit == commit


@pytest.mark.usefixtures("preboot")
def test_with_preboot_a_commit_that_answers_only_after_the_switch_is_not_rolled_back(
    pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    commit = prepare(pipeline, repo, run, "next")

    # It is over as soon as the commit answers.
    patient = {"ACCELERATOR_DEADLINES_SWITCH": "60s"}
    result = run("deploy", *pipeline.to_staging, *PROOF, env=patient)

    assert result.check(0)["targets"][0]["verified"] == "passed"
    assert commit in pipeline.staging.ask().text


@SLOW
def test_with_preboot_old_code_that_answers_does_not_let_broken_code_pass(
    pipeline: Pipeline, repo: Repository, run: Command, preboot: str
) -> None:
    repo.commit(BROKEN)
    run("prepare", "--app", pipeline.prepare.name, "--json").check(0)

    result = run("deploy", *pipeline.to_staging, *HEALTH, env=SWITCH)

    document = result.check(6)
    assert "answered 500" in document["error"]["message"]
    assert "has preboot switched on" in result.stderr
    assert pipeline.staging.commit == preboot


@SLOW
@pytest.mark.usefixtures("serving")
def test_in_a_private_space_old_code_that_answers_beside_the_new_is_waited_out(
    heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    name = pipeline.staging.name
    heroku.control("PUT", f"apps/{name}/space", {"space": "ours"})
    heroku.api("PATCH", f"/apps/{name}/formation/web", {"quantity": 2, "size": "standard-1x"})
    commit = prepare(pipeline, repo, run, "next")

    result = run("deploy", *pipeline.to_staging, *PROOF, "--smoke", "/health", env=SWITCH)

    assert result.check(0)["targets"][0]["verified"] == "passed"
    assert "is in a Private Space" in result.stderr
    assert pipeline.staging.commit == commit


@SLOW
@pytest.mark.usefixtures("serving")
def test_a_run_without_the_time_to_verify_leaves_the_outcome_open_and_the_next_one_goes_back(
    pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    before = pipeline.staging.commit
    broken = repo.commit(BROKEN)
    run("prepare", "--app", pipeline.prepare.name, "--json").check(0)
    patient = {"ACCELERATOR_DEADLINES_SMOKE_DEADLINE": "60s"}

    first = run("deploy", *pipeline.to_staging, *HEALTH, "--timeout", "12s", env=patient)

    document = first.check(9)
    assert "before the run's own time (--timeout) was over" in document["error"]["message"]
    assert document["targets"][0]["status"] == "pending"
    assert pipeline.staging.commit == broken
    assert run("deploy", *pipeline.to_staging, *HEALTH).check(6)["targets"][0]["rolled_back_to"]
    assert pipeline.staging.commit == before


@pytest.mark.usefixtures("serving")
def test_in_maintenance_mode_nothing_is_rolled_back(
    heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    heroku.api("PATCH", f"/apps/{pipeline.staging.name}", {"maintenance": True})
    commit = prepare(pipeline, repo, run, "next")

    result = run("deploy", *pipeline.to_staging, *PROOF)

    document = result.check(14)
    assert "is in maintenance mode" in document["error"]["message"]
    assert document["targets"][0]["verified"] == "inconclusive"
    assert pipeline.staging.commit == commit


@SLOW
@pytest.mark.usefixtures("serving")
def test_a_path_to_be_asked_of_an_app_without_an_address_is_found_before_the_write(
    heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    heroku.control("PUT", f"apps/{pipeline.staging.name}/web-url", {"present": False})
    prepare(pipeline, repo, run, "next")
    before = count_releases(pipeline.staging)

    result = run("deploy", *pipeline.to_staging, *HEALTH)

    assert "has no web_url for the smoke path /health" in result.check(2)["error"]["message"]
    assert count_releases(pipeline.staging) == before


@SLOW
def test_a_release_command_may_take_longer_than_a_promotion(
    pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    commit = repo.commit({"Procfile": f"{WEB}release: sleep 3\n"})
    run("prepare", "--app", pipeline.prepare.name, "--json").check(0)
    env = {"ACCELERATOR_DEADLINES_PROMOTION": "1s"}

    result = run("deploy", *pipeline.to_staging, "--json", env=env)

    assert result.check(0)["route"] == "promote"
    assert pipeline.staging.commit == commit


@SLOW
def test_a_release_that_is_shown_as_pending_after_it_succeeded_is_followed(
    heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    commit = prepare(pipeline, repo, run)
    heroku.control("PUT", f"apps/{pipeline.staging.name}/lagging-releases", {"reads": 3})

    result = run("deploy", *pipeline.to_staging, "--json")

    result.check(0)
    assert pipeline.staging.commit == commit


@pytest.mark.slow
def test_other_code_that_was_released_during_the_smoke_checks_is_noticed(
    heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    prepare(pipeline, repo, run, "sound")
    run("deploy", *pipeline.to_staging, "--json").check(0)
    old = {"slug": pipeline.staging.slug_id}
    prepare(pipeline, repo, run, "next")

    def answer(_: Heard) -> Reply:
        heroku.api("POST", f"/apps/{pipeline.staging.name}/releases", old)
        time.sleep(2.1)  # a check that takes its time
        return Reply(200)

    with Listener(answer) as site:
        smoke = ("--smoke", f"{site.url}/")
        result = run(
            "deploy",
            *pipeline.to_staging,
            *smoke,
            "--json",
            env={"ACCELERATOR_DEADLINES_SMOKE_DEADLINE": "60s"},
        )

    assert result.check(7)["error"]["code"] == "wrong_artifact"
