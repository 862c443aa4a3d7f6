"""Rate limits: what was turned away unread is sent again, for as long as there is time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.faults import API_CALL, READS, count_releases, prepare

if TYPE_CHECKING:
    from tests.e2e.commands import Command
    from tests.e2e.sample import Repository
    from tests.e2e.world import Pipeline, Platform

SLOW = pytest.mark.slow
LIMITED = {"kind": "status", "status": 429, "id": "rate_limit", "message": "Slow down."}


def test_a_rate_limited_promotion_was_not_read_and_is_sent_again(
    heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    commit = prepare(pipeline, repo, run)
    before = count_releases(pipeline.staging)
    heroku.fault("POST", "^/pipeline-promotions$", **LIMITED, occurrences=[1])

    with heroku.watching() as journal:
        result = run("deploy", *pipeline.to_staging, "--json")

    assert result.check(0)["api"]["retries"] == 1
    assert journal().writes == ["POST /pipeline-promotions"] * 2
    assert (pipeline.staging.commit, count_releases(pipeline.staging)) == (commit, before + 1)


@pytest.mark.slow
def test_a_rate_limited_source_and_build_are_sent_again_and_one_build_is_made(
    heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    commit = repo.commit()
    before = count_releases(pipeline.staging)
    heroku.fault("POST", "/(sources|builds)$", **LIMITED, occurrences=[1, 3])
    app = f"/apps/{pipeline.staging.name}"

    with heroku.watching() as journal:
        result = run("deploy", *pipeline.to_staging, "--json")

    assert result.check(0)["api"]["retries"] == 2
    sent = ["POST /sources"] * 2 + [f"POST {app}/builds"] * 2
    assert journal().writes == sent
    assert [build["source_blob"]["version"] for build in pipeline.staging.builds] == [commit]
    assert (pipeline.staging.commit, count_releases(pipeline.staging)) == (commit, before + 1)


@pytest.mark.slow
def test_a_rate_limited_way_back_is_taken_all_the_same(
    heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    first = prepare(pipeline, repo, run)
    run("deploy", *pipeline.to_staging, "--json").check(0)
    before = count_releases(pipeline.staging)
    repo.commit({"broken": "yes"})
    run("prepare", "--app", pipeline.prepare.name, "--json").check(0)
    heroku.fault("POST", "/releases$", **LIMITED, occurrences=[1])

    with heroku.watching() as journal:
        result = run("deploy", *pipeline.to_staging, "--smoke", "/health", "--json")

    result.check(6)
    release = f"POST /apps/{pipeline.staging.name}/releases"
    assert journal().writes == ["POST /pipeline-promotions", release, release]
    assert (pipeline.staging.commit, count_releases(pipeline.staging)) == (first, before + 2)


@pytest.mark.parametrize(
    ("method", "path", "tried", "seconds"),
    [
        pytest.param(READS, API_CALL, set(), 2, id="of every read"),
        pytest.param(
            "POST",
            "^/pipeline-promotions$",
            {"POST /pipeline-promotions"},  # once or more: a refused one is repeated
            9,
            id="of the promotion",
            marks=SLOW,
        ),
    ],
)
def test_a_rate_limit_past_the_deadline_ends_the_deploy_and_the_next_one_makes_it(
    *,
    method: str,
    path: str,
    tried: set[str],
    seconds: int,
    heroku: Platform,
    pipeline: Pipeline,
    repo: Repository,
    run: Command,
) -> None:
    commit = prepare(pipeline, repo, run)
    before = count_releases(pipeline.staging)
    heroku.fault(method, path, **LIMITED)

    with heroku.watching() as journal:
        limited = run("deploy", *pipeline.to_staging, "--timeout", f"{seconds}s", "--json")
        writes = journal().writes
    heroku.reset()
    between = count_releases(pipeline.staging)
    again = run("deploy", *pipeline.to_staging, "--json")

    assert limited.check(11)["error"]["code"] == "rate_limited"
    assert "Slow down" in limited.document["error"]["message"]
    assert set(writes) == tried
    assert between == before
    assert again.check(0)["route"] == "promote"
    assert (pipeline.staging.commit, count_releases(pipeline.staging)) == (commit, before + 1)


@pytest.mark.slow
def test_what_locks_in_herokus_git_cost_of_its_75_requests_an_hour(
    heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    counts = []
    waves = (pipeline.to_staging, (*pipeline.to_staging, "--then", pipeline.production.name))
    for number, targets in enumerate(waves):
        prepare(pipeline, repo, run, f"{number}")
        with heroku.watching() as journal:
            run("deploy", *targets, "--json").check(0)
            counts.append(sum(entry.is_git for entry in journal()))

    # docs/how-to/lock-freeze-reject.md has these numbers. A look may have grown old, once a wave.
    assert counts[0] in {7, 8}
    assert counts[1] in {12, 13, 14}
