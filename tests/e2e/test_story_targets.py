"""Several targets, targets outside the pipeline, and a prepare app whose release command fails."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from tests.e2e.sample import WITH_RELEASE_COMMAND, Repository

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.commands import Command
    from tests.e2e.world import App, Pipeline, Platform


@pytest.fixture
def outsider(heroku: Platform) -> Iterator[App]:
    """An app in no pipeline."""
    app = heroku.create_app(f"lone-{uuid4().hex[:8]}")
    yield app
    heroku.api("DELETE", f"/apps/{app.name}")


@pytest.mark.parametrize("failing", [0, 1], ids=["the first", "the second"])
def test_one_target_that_fails_does_not_hide_that_the_other_is_done(
    failing: int, heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    commit = repo.commit(WITH_RELEASE_COMMAND)
    run("prepare", "--app", pipeline.prepare.name, "--json").check(0)
    bad, good = pipeline.targets[failing], pipeline.targets[1 - failing]
    bad.set_config(RELEASE_FAILS="yes")

    with heroku.watching() as journal:
        result = run("deploy", *pipeline.route, "--json")

    document = result.check(8)
    status = {target["app"]: target["status"] for target in document["targets"]}
    assert status == {good.name: "succeeded", bad.name: "failed"}
    assert good.name in document["error"]["message"]
    assert bad.name in document["error"]["message"]
    assert journal().writes == ["POST /pipeline-promotions"]
    assert good.ask().text.startswith(commit)
    assert bad.slug_id is None


def test_after_the_cause_is_gone_only_the_missing_target_is_done(
    pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    repo.commit(WITH_RELEASE_COMMAND)
    run("prepare", "--app", pipeline.prepare.name, "--json").check(0)
    pipeline.production.set_config(RELEASE_FAILS="yes")
    run("deploy", *pipeline.route, "--json").check(8)
    pipeline.production.set_config(RELEASE_FAILS="")
    done = pipeline.staging.current["version"]

    result = run("deploy", *pipeline.route, "--json")

    routes = {target["app"]: target["route"] for target in result.check(0)["targets"]}
    assert routes == {pipeline.staging.name: "live", pipeline.production.name: "promote"}
    assert pipeline.staging.current["version"] == done
    assert pipeline.production.slug_id == pipeline.prepare.slug_id


def test_a_build_that_fails_on_the_first_target_goes_no_further(
    pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    repo.commit(WITH_RELEASE_COMMAND)
    pipeline.staging.set_config(RELEASE_FAILS="yes")

    result = run("deploy", *pipeline.route, "--json")

    document = result.check(5)
    assert document["targets"][0]["status"] == "failed"
    assert document["targets"][1]["status"] != "succeeded"
    assert pipeline.production.slug_id is None


def test_an_app_outside_the_pipeline_gets_the_same_slug_by_release(
    heroku: Platform, pipeline: Pipeline, outsider: App, repo: Repository, run: Command
) -> None:
    commit = repo.commit()
    run("prepare", "--app", pipeline.prepare.name, "--json").check(0)

    with heroku.watching() as journal:
        result = run("deploy", *pipeline.to_staging, "--to", outsider.name, "--json")

    document = result.check(0)
    assert document["reason"] == "not_in_pipeline"
    assert [target["route"] for target in document["targets"]] == ["promote", "release"]
    assert {pipeline.staging.slug_id, outsider.slug_id} == {pipeline.prepare.slug_id}
    assert outsider.builds == []
    assert outsider.ask().text.startswith(commit)
    writes = ["POST /pipeline-promotions", f"POST /apps/{outsider.name}/releases"]
    assert journal().writes == writes


def test_what_failed_its_release_command_on_the_prepare_app_is_released_on_the_target(
    heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    commit = repo.commit(WITH_RELEASE_COMMAND)
    pipeline.prepare.set_config(RELEASE_FAILS="yes")
    prepared = run("prepare", "--app", pipeline.prepare.name, "--json").check(0)

    with heroku.watching() as journal:
        result = run("deploy", *pipeline.to_staging, "--json")

    document = result.check(0)
    assert prepared["release_status"] == "failed"
    assert (document["route"], document["reason"]) == ("release", "prepare_release_failed")
    assert pipeline.staging.slug_id == prepared["artifact"]["id"]
    assert pipeline.staging.commit == commit
    assert journal().writes == [f"POST /apps/{pipeline.staging.name}/releases"]


def overlap(steps: list[dict[str, Any]], name: str) -> bool:
    """Return whether two steps of this name, of two apps, ran at the same time."""
    one, other = (step for step in steps if step["name"] == name)
    begun = [datetime.fromisoformat(step["started_at"]) for step in (one, other)]
    ended = [
        at + timedelta(seconds=s["seconds"]) for at, s in zip(begun, (one, other), strict=True)
    ]
    assert one["app"] != other["app"]
    return max(begun) < min(ended)


def test_the_targets_of_a_wave_are_released_and_verified_side_by_side(
    heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    pipeline.prepare.set_config(RELEASE_FAILS="yes")
    repo.commit(WITH_RELEASE_COMMAND)
    run("prepare", "--app", pipeline.prepare.name, "--json").check(0)
    heroku.delay(0.2)

    result = run("deploy", *pipeline.route, "--smoke", '$ sleep 0.3; echo "$APP_URL"', "--json")

    told = result.check(0)
    assert (told["route"], told["reason"]) == ("release", "prepare_release_failed")
    assert [target["verified"] for target in told["targets"]] == ["passed", "passed"]
    assert overlap(told["steps"], "release")
    assert overlap(told["steps"], "verify")
    for target in pipeline.targets:
        assert f"smoke {target.name} | {target.info['web_url']}" in result.stderr
        assert f"    verify {target.name} done" in result.stderr
