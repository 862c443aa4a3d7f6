"""A write whose reply is lost: settled by what the platform shows, never repeated blindly."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from tests.e2e.faults import count_releases, prepare

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.commands import Command
    from tests.e2e.sample import Repository
    from tests.e2e.world import App, Pipeline, Platform

SLOW = pytest.mark.slow
ACTED = [
    pytest.param({"kind": "reset", "when": "after"}, id="cut"),
    pytest.param({"kind": "half_body", "when": "after"}, id="half a body"),
    pytest.param({"kind": "wrong_json", "when": "after"}, id="no JSON"),
    pytest.param({"kind": "wrong_shape", "when": "after"}, id="another shape"),
    pytest.param({"kind": "status", "status": 500, "when": "after"}, id="500"),
    pytest.param({"kind": "status", "status": 503, "when": "after"}, id="503"),
]
# All ways for a promotion; for the others, told apart by the same code, two will do daily.
FEWER_ACTED = [
    each if each.id in {"cut", "503"} else pytest.param(*each.values, id=each.id, marks=SLOW)
    for each in ACTED
]
NOT_ACTED = [
    pytest.param({"kind": "reset", "when": "before"}, id="cut"),
    pytest.param({"kind": "status", "status": 502, "when": "before"}, id="502", marks=SLOW),
    pytest.param({"kind": "wrong_json", "when": "before"}, id="no JSON", marks=SLOW),
]
FEWER_NOT_ACTED = [each for each in NOT_ACTED if each.id != "502"]
PROMOTING, RELEASING, BUILDING = "^/pipeline-promotions$", "^/apps/[^/]+/releases$", "/builds$"


@pytest.fixture
def outsider(heroku: Platform) -> Iterator[App]:
    """An app in no pipeline: it gets releases, not promotions."""
    app = heroku.create_app(f"lone-{uuid4().hex[:8]}")
    yield app
    heroku.api("DELETE", f"/apps/{app.name}")


@pytest.mark.parametrize("fault", ACTED)
def test_a_promotion_that_was_made_is_found(
    fault: dict[str, object], heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    commit = prepare(pipeline, repo, run)
    before = count_releases(pipeline.staging)
    heroku.fault("POST", PROMOTING, **fault)

    with heroku.watching() as journal:
        result = run("deploy", *pipeline.to_staging, "--json")

    [target] = result.check(0)["targets"]
    assert (target["status"], target["release"]) == ("succeeded", before + 1)
    assert journal().writes == ["POST /pipeline-promotions"]
    assert (pipeline.staging.commit, count_releases(pipeline.staging)) == (commit, before + 1)


@pytest.mark.parametrize("fault", NOT_ACTED)
def test_a_promotion_nobody_can_see_stays_unknown_and_the_next_deploy_makes_it(
    fault: dict[str, object], heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    commit = prepare(pipeline, repo, run)
    before = count_releases(pipeline.staging)
    heroku.fault("POST", PROMOTING, occurrences=[1], **fault)

    with heroku.watching() as journal:
        lost = run("deploy", *pipeline.to_staging, "--json")
        sent = journal().writes
    between = count_releases(pipeline.staging)
    again = run("deploy", *pipeline.to_staging, "--json")

    document = lost.check(9)
    assert document["error"]["code"] == "unknown"
    assert [target["status"] for target in document["targets"]] == ["pending"]
    assert sent == ["POST /pipeline-promotions"]
    assert between == before
    assert again.check(0)["route"] == "promote"
    assert (pipeline.staging.commit, count_releases(pipeline.staging)) == (commit, before + 1)


@pytest.mark.parametrize("fault", FEWER_ACTED)
def test_a_release_that_was_made_is_found(
    fault: dict[str, object],
    heroku: Platform,
    pipeline: Pipeline,
    outsider: App,
    repo: Repository,
    run: Command,
) -> None:
    commit = prepare(pipeline, repo, run)
    before = count_releases(outsider)
    heroku.fault("POST", RELEASING, **fault)
    route = ("--from", pipeline.prepare.name, "--to", outsider.name)

    with heroku.watching() as journal:
        result = run("deploy", *route, "--json")

    [target] = result.check(0)["targets"]
    assert (target["route"], target["release"]) == ("release", before + 1)
    assert journal().writes == [f"POST /apps/{outsider.name}/releases"]
    assert (outsider.commit, count_releases(outsider)) == (commit, before + 1)


@pytest.mark.parametrize("fault", FEWER_NOT_ACTED)
def test_a_release_nobody_can_see_stays_unknown_and_the_next_deploy_makes_it(
    fault: dict[str, object],
    heroku: Platform,
    pipeline: Pipeline,
    outsider: App,
    repo: Repository,
    run: Command,
) -> None:
    commit = prepare(pipeline, repo, run)
    before = count_releases(outsider)
    heroku.fault("POST", RELEASING, occurrences=[1], **fault)
    route = ("--from", pipeline.prepare.name, "--to", outsider.name)

    with heroku.watching() as journal:
        lost = run("deploy", *route, "--json")
        sent = journal().writes
    between = count_releases(outsider)
    again = run("deploy", *route, "--json")

    assert lost.check(9)["error"]["code"] == "unknown"
    assert sent == [f"POST /apps/{outsider.name}/releases"]
    assert between == before
    assert again.check(0)["route"] == "release"
    assert (outsider.commit, count_releases(outsider)) == (commit, before + 1)


@pytest.mark.parametrize("fault", FEWER_ACTED)
@pytest.mark.parametrize("command", ["prepare", "deploy"])
def test_a_build_that_was_started_is_followed(
    command: str,
    fault: dict[str, object],
    heroku: Platform,
    pipeline: Pipeline,
    repo: Repository,
    run: Command,
) -> None:
    commit = repo.commit()
    heroku.fault("POST", BUILDING, **fault)
    app = pipeline.prepare if command == "prepare" else pipeline.staging
    how = ("--app", app.name) if command == "prepare" else pipeline.to_staging
    before = count_releases(app)

    with heroku.watching() as journal:
        result = run(command, *how, "--json")

    result.check(0)
    assert journal().writes == ["POST /sources", f"POST /apps/{app.name}/builds"]
    assert count_releases(app) == before + 1
    assert [build["source_blob"]["version"] for build in app.builds] == [commit]
    assert app.commit == commit


@pytest.mark.parametrize("fault", FEWER_NOT_ACTED)
def test_a_build_nobody_can_see_stays_unknown_and_the_next_run_starts_it(
    fault: dict[str, object], heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    commit = repo.commit()
    before = count_releases(pipeline.staging)
    heroku.fault("POST", BUILDING, occurrences=[1], **fault)

    with heroku.watching() as journal:
        lost = run("deploy", *pipeline.to_staging, "--json")
        sent = journal().count("POST", "/builds")
    between = count_releases(pipeline.staging)
    again = run("deploy", *pipeline.to_staging, "--json")

    assert lost.check(9)["error"]["code"] == "unknown"
    assert (sent, between) == (1, before)
    assert again.check(0)["route"] == "build"
    assert count_releases(pipeline.staging) == before + 1
    assert [build["source_blob"]["version"] for build in pipeline.staging.builds] == [commit]


@pytest.mark.parametrize(
    "fault", [*(each for each in FEWER_ACTED if each.id != "another shape"), *FEWER_NOT_ACTED]
)
def test_a_source_whose_address_is_lost_is_asked_for_again(
    fault: dict[str, object], heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    commit = repo.commit()
    heroku.fault("POST", "/sources$", occurrences=[1], **fault)

    result = run("deploy", *pipeline.to_staging, "--json")

    assert result.check(0)["api"]["retries"] == 1
    assert [build["source_blob"]["version"] for build in pipeline.staging.builds] == [commit]


@pytest.mark.slow
def test_a_rollback_whose_reply_is_lost_is_made_once(
    heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    first = prepare(pipeline, repo, run)
    run("deploy", *pipeline.to_staging, "--json").check(0)
    before = count_releases(pipeline.staging)
    repo.commit({"broken": "yes"})
    run("prepare", "--app", pipeline.prepare.name, "--json").check(0)
    heroku.fault("POST", RELEASING, kind="reset", when="after")

    with heroku.watching() as journal:
        result = run("deploy", *pipeline.to_staging, "--smoke", "/health", "--json")

    [target] = result.check(6)["targets"]
    assert (target["verified"], target["rolled_back_to"]) == ("failed", before)
    release = f"POST /apps/{pipeline.staging.name}/releases"
    assert journal().writes == ["POST /pipeline-promotions", release]
    assert pipeline.staging.commit == first
    assert count_releases(pipeline.staging) == before + 2
