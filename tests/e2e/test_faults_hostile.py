"""A platform, a proxy or a site that does all it can to hold a deploy up, or to break it."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.e2e.faults import count_releases, prepare
from tests.e2e.servers import Forwarder, Heard, Listener, Reply
from tests.hostile import HOSTILE, HostileServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.commands import Command
    from tests.e2e.sample import Repository
    from tests.e2e.world import Pipeline, Platform

HANG_SECONDS = 30  # a run that takes so long was not ended by its limit
API_FORMS = (
    "a header byte by byte",
    "a body byte by byte",
    "a body without an end",
    "JSON nested deep",
)
SITE_FORMS = ("a redirect whose body drips", "a redirect with a gzip bomb", "a header byte by byte")
# What proxies and strangers make of headers; a further Date stands beside the server's own.
ODD = {
    "Date": "Thu, 01 Jan 2026 00:00:00 -0000",
    "RateLimit-Remaining": "9" * 5000,
    "Request-Id": "a\x1b[31m",
}


def test_a_hostile_platform_ends_with_the_time_of_the_run(
    pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    repo.commit()
    how = (*pipeline.to_staging, "--lock", "off", "--timeout", "2s", "--json")

    with ExitStack() as stack:
        servers = [
            stack.enter_context(HostileServer(HOSTILE[name]).running()) for name in API_FORMS
        ]
        begun = [run.start("deploy", *how, env={"HEROKU_HOST": each.url}) for each in servers]
        results = [each.finish(HANG_SECONDS) for each in begun]

    for name, result in zip(API_FORMS, results, strict=True):
        assert result.exit_code in {5, 9, 11}, (name, result.told)
        result.check(result.exit_code)


@pytest.mark.slow
def test_a_hostile_site_fails_its_check_in_time(
    pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    commit = prepare(pipeline, repo, run)
    env = {"ACCELERATOR_DEADLINES_SMOKE_DEADLINE": "2s"}
    run("deploy", *pipeline.to_staging, "--json").check(0)

    with ExitStack() as stack:
        sites = [stack.enter_context(HostileServer(HOSTILE[name]).running()) for name in SITE_FORMS]
        how = (*pipeline.to_staging, "--no-rollback", "--lock", "off", "--json")
        begun = [
            run.start("deploy", *how, "--smoke", f"{each.url}/ Welcome", env=env) for each in sites
        ]
        results = [each.finish(HANG_SECONDS) for each in begun]

    for result in results:
        target = result.check(7)["targets"][0]
        assert target["verified"] == "failed"
    assert pipeline.staging.commit == commit


@pytest.mark.slow
def test_an_answer_to_a_write_that_drips_leaves_the_outcome_open_and_the_next_run_finds_it(
    heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    commit = prepare(pipeline, repo, run)
    before = count_releases(pipeline.staging)
    forward, has_left = Forwarder(heroku.url), list[bool]()

    def dripping() -> Iterator[bytes]:
        while not has_left:
            yield b" "
            time.sleep(0.05)

    def answer(heard: Heard) -> Reply:
        reply = forward(heard)
        is_write = heard.path == "/pipeline-promotions"
        return Reply(reply.status, b"", reply.headers, dripping()) if is_write else reply

    with Listener(answer) as between:
        env = {"HEROKU_HOST": between.url, "HEROKU_GIT_HOST": heroku.url}
        how = (*pipeline.to_staging, "--timeout", "9s", "--json")
        result = run.start("deploy", *how, env=env).finish(HANG_SECONDS)
        has_left.append(True)
    again = run("deploy", *pipeline.to_staging, "--json")

    assert result.check(9)["error"]["code"] == "unknown"
    again.check(0)
    assert (pipeline.staging.commit, count_releases(pipeline.staging)) == (commit, before + 1)


def test_odd_headers_on_every_answer_change_nothing(
    heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    commit = prepare(pipeline, repo, run)
    forward = Forwarder(heroku.url)

    def answer(heard: Heard) -> Reply:
        reply = forward(heard)
        return Reply(reply.status, reply.body, {**reply.headers, **ODD})

    with Listener(answer) as between:
        env = {"HEROKU_HOST": between.url, "HEROKU_GIT_HOST": heroku.url}
        result = run("deploy", *pipeline.to_staging, "-vv", "--json", env=env)

    assert result.check(0)["api"]["rate_limit_remaining"] is None
    assert pipeline.staging.commit == commit
    assert "\x1b[31m" not in result.stderr
