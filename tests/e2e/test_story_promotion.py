"""The story itself: a miss is built once, what was prepared is promoted, what is live stays."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.e2e.commands import Command
    from tests.e2e.sample import Repository
    from tests.e2e.world import Pipeline, Platform


def test_a_prepared_commit_reaches_both_targets_without_a_build(
    heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    repo.commit()
    run("deploy", *pipeline.route, "--json").check(0)
    second = repo.commit({"text": "second"})
    run("prepare", "--app", pipeline.prepare.name, "--json").check(0)
    built = [len(app.builds) for app in pipeline.targets]

    with heroku.watching() as journal:
        result = run("deploy", *pipeline.route, "--smoke", "/health {commit}", "--json")

    document = result.check(0)
    assert (document["route"], document["reason"]) == ("promote", "prepared")
    assert document["source"]["metadata"] == "agrees"
    assert [target["verified"] for target in document["targets"]] == ["passed", "passed"]
    assert [app.slug_id for app in pipeline.targets] == [pipeline.prepare.slug_id] * 2
    assert [len(app.builds) for app in pipeline.targets] == built
    assert pipeline.production.ask().text.split()[:2] == [second, second]
    assert journal().writes == ["POST /pipeline-promotions"]


def test_a_miss_is_built_once_and_says_why(
    pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    commit = repo.commit()

    result = run("deploy", *pipeline.route, "--smoke", "/health {commit}", "--json")

    document = result.check(0)
    assert (document["route"], document["reason"]) == ("build", "nothing_prepared")
    assert [target["route"] for target in document["targets"]] == ["build", "release"]
    assert [len(app.builds) for app in pipeline.targets] == [1, 0]
    assert pipeline.staging.slug_id == pipeline.production.slug_id
    assert pipeline.production.ask().text.startswith(commit)


def test_deploying_again_makes_no_second_release(
    heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    repo.commit()
    run("prepare", "--app", pipeline.prepare.name)
    run("deploy", *pipeline.route, "--json").check(0)
    versions = [app.current["version"] for app in pipeline.targets]

    with heroku.watching() as journal:
        result = run("deploy", *pipeline.route, "--smoke", "/health {commit}", "--json")

    document = result.check(0)
    assert (document["route"], document["reason"]) == ("live", "already_live")
    assert [target["status"] for target in document["targets"]] == ["unchanged"] * 2
    assert [target["release"] for target in document["targets"]] == versions
    assert [app.releases[0]["version"] for app in pipeline.targets] == versions
    assert journal().writes == []


def test_a_hit_needs_few_requests_and_fewer_round_trips(
    heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    for text in ("first", "second"):
        repo.commit({"text": text})
        run("prepare", "--app", pipeline.prepare.name)
        if text == "first":
            run("deploy", *pipeline.to_staging, "--json").check(0)
    heroku.delay(0.25)  # so that the journal tells well what ran side by side

    with heroku.watching() as journal:
        result = run("deploy", *pipeline.to_staging, "--smoke", "/health {commit}", "--json")

    api = result.check(0)["api"]
    [looked] = [entry for entry in journal() if entry.path.endswith("/promotion-targets")]
    assert api["requests"] == len(journal().api)
    assert api["round_trips"] == journal().chain
    hit = journal().until("GET", looked.path)
    assert len(hit.api) <= 14
    assert hit.chain <= 5
    assert len(journal().pushes) == 2  # the lock: taken, given back


def test_without_json_people_get_a_summary_on_stdout_and_the_talk_on_stderr(
    pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    commit = repo.commit()

    result = run("deploy", *pipeline.to_staging)

    assert result.exit_code == 0
    assert f"{pipeline.staging.name}: {commit[:8]} is live as v" in result.stdout
    assert "in all" in result.stdout
    assert f"-----> Compiling {commit}" in result.stderr
    assert "----->" not in result.stdout
