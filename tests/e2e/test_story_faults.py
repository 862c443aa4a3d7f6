"""A network that breaks: reads are asked again, a write is never repeated blindly."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from tests.e2e.world import eventually

if TYPE_CHECKING:
    from tests.e2e.commands import Command
    from tests.e2e.sample import Repository
    from tests.e2e.world import Pipeline, Platform


def prepare(pipeline: Pipeline, repo: Repository, run: Command) -> None:
    """Have a commit prepared."""
    repo.commit()
    run("prepare", "--app", pipeline.prepare.name, "--json").check(0)


COMPARING = "^/apps/[^/]+-prepare/builds$"
PROMOTING = "/promotion-targets$"
VERIFYING = "^/apps/[^/]+-staging/dynos$"


@pytest.mark.parametrize(
    ("path", "fault"),
    [
        pytest.param(COMPARING, {"kind": "status", "status": 500}, id="an internal error"),
        pytest.param(COMPARING, {"kind": "status", "status": 429}, id="a rate limit"),
        pytest.param(COMPARING, {"kind": "reset"}, id="a cut connection while comparing"),
        pytest.param(PROMOTING, {"kind": "reset"}, id="a cut connection while promoting"),
        pytest.param(VERIFYING, {"kind": "reset"}, id="a cut connection while verifying"),
        pytest.param(COMPARING, {"kind": "half_body", "when": "after"}, id="half an answer"),
        pytest.param(PROMOTING, {"kind": "wrong_json"}, id="an answer that is no JSON"),
    ],
)
def test_a_read_that_fails_is_asked_again(
    path: str,
    fault: dict[str, object],
    heroku: Platform,
    pipeline: Pipeline,
    repo: Repository,
    run: Command,
) -> None:
    prepare(pipeline, repo, run)
    heroku.fault("GET", path, occurrences=[1], **fault)

    with heroku.watching() as journal:
        result = run("deploy", *pipeline.to_staging, "--json")

    document = result.check(0)
    assert document["api"]["retries"] == 1
    assert "trying again" in result.stderr
    assert journal().writes == ["POST /pipeline-promotions"]
    assert pipeline.staging.slug_id == pipeline.prepare.slug_id


def test_a_promotion_whose_answer_is_lost_is_not_made_again(
    heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    prepare(pipeline, repo, run)
    before = pipeline.staging.current["version"]
    heroku.fault("POST", "^/pipeline-promotions$", kind="reset", when="after", occurrences=[1])

    with heroku.watching() as journal:
        lost = run("deploy", *pipeline.to_staging, "--json")
        again = run("deploy", *pipeline.to_staging, "--json")

    [target] = lost.check(0)["targets"]
    assert (target["status"], target["release"]) == ("succeeded", before + 1)
    assert "reconcile" in [step["name"] for step in lost.document["steps"]]
    assert (again.check(0)["route"], again.document["reason"]) == ("live", "already_live")
    assert journal().writes == ["POST /pipeline-promotions"]
    assert pipeline.staging.releases[0]["version"] == before + 1
    assert pipeline.staging.slug_id == pipeline.prepare.slug_id


def test_a_promotion_that_takes_long_is_waited_for(
    heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    prepare(pipeline, repo, run)
    heroku.set_durations(promotion_seconds=1)

    with heroku.watching() as journal:
        result = run("deploy", *pipeline.to_staging, "--json")

    assert result.check(0)["route"] == "promote"
    assert journal().count("GET", "/promotion-targets") > 1


def test_a_deploy_stopped_in_a_promotion_says_so_and_the_next_one_goes_on(
    heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    prepare(pipeline, repo, run)
    heroku.set_durations(promotion_seconds=3)
    with heroku.watching() as journal:
        started = run.start("deploy", *pipeline.to_staging, "--json")
        eventually(lambda: journal().count("GET", "/promotion-targets"))

        started.send(signal.SIGTERM)
        stopped = started.finish()

    [target] = stopped.check(143)["targets"]
    assert (target["status"], target["release"]) == ("pending", None)
    eventually(lambda: pipeline.staging.slug_id)
    assert run("deploy", *pipeline.to_staging, "--json").check(0)["route"] == "live"
    assert journal().writes == ["POST /pipeline-promotions"]


def test_a_build_request_whose_answer_is_lost_is_not_sent_again(
    heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    repo.commit()
    heroku.fault("POST", "/builds$", kind="reset", when="after")

    result = run("prepare", "--app", pipeline.prepare.name, "--json")

    [build] = pipeline.prepare.builds
    assert result.check(0)["build"]["id"] == build["id"]
