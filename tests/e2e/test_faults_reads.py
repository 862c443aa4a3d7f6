"""Reads that fail anywhere in a deploy, and something else that answers in the platform's place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.faults import API_CALL, READS, count_releases, prepare
from tests.e2e.servers import Forwarder, Heard, Listener, Reply

if TYPE_CHECKING:
    from tests.e2e.commands import Command
    from tests.e2e.sample import Repository
    from tests.e2e.world import Pipeline, Platform

SHIFTS, MOST_CALLS = 4, 80
PAGE = b"<html><body>Bad gateway</body></html>"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "fault"),
    [
        pytest.param(".*", {"kind": "status", "status": 429, "id": "rate_limit"}, id="429"),
        pytest.param(READS, {"kind": "status", "status": 500}, id="500"),
        pytest.param(READS, {"kind": "reset"}, id="cut"),
        pytest.param(READS, {"kind": "half_body", "when": "after"}, id="half a body"),
        pytest.param(READS, {"kind": "wrong_json"}, id="no JSON"),
    ],
)
def test_every_call_may_fail_once_and_the_deploy_goes_on(
    *,
    method: str,
    fault: dict[str, object],
    heroku: Platform,
    pipeline: Pipeline,
    repo: Repository,
    run: Command,
) -> None:
    commits = [prepare(pipeline, repo, run, text) for text in ("one", "two")]
    before = count_releases(pipeline.staging)

    for shift in range(1, SHIFTS + 1):
        commit = commits[shift % 2]
        hit = list(range(shift, MOST_CALLS, SHIFTS))
        heroku.fault(method, API_CALL, **fault, occurrences=hit)
        with heroku.watching() as journal:
            how = ("--allow-older", "--commit", commit, "--json")
            result = run("deploy", *pipeline.to_staging, *how)
        heroku.reset()

        assert result.check(0)["api"]["retries"] >= len(journal().api) // SHIFTS - 1
        assert (pipeline.staging.commit, count_releases(pipeline.staging)) == (
            commit,
            before + shift,
        )


def test_a_page_of_a_proxy_instead_of_an_answer_is_asked_again(
    heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    commit = prepare(pipeline, repo, run)
    forward, pages = Forwarder(heroku.url), [PAGE]

    def answer(heard: Heard) -> Reply:
        if heard.path.endswith("/builds") and pages:
            return Reply(502, pages.pop(), {"Content-Type": "text/html"})
        return forward(heard)

    with Listener(answer) as proxy:
        env = {"HEROKU_HOST": proxy.url, "HEROKU_GIT_HOST": heroku.url}
        result = run("deploy", *pipeline.to_staging, "--json", env=env)

    assert result.check(0)["api"]["retries"] == 1
    assert pipeline.staging.commit == commit


def test_something_else_at_the_address_of_the_platform_is_told_and_gets_no_write(
    pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    repo.commit()

    with Listener(lambda _: Reply(200, PAGE, {"Content-Type": "text/html"})) as portal:
        how = (*pipeline.to_staging, "--timeout", "2s", "--json")  # else for half a minute
        result = run("deploy", *how, env={"HEROKU_HOST": portal.url})

    assert result.check(11)["error"]["code"] == "unreachable"
    assert {heard.method for heard in portal.heard} == {"GET"}
