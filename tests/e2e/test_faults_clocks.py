"""Reads that show what was, and runners whose clock is wrong."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from tests.e2e.faults import LOCK_EXPIRED_SECONDS, count_releases, prepare
from tests.e2e.servers import Forwarder, Heard, Listener, Reply

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.e2e.commands import Command, Result
    from tests.e2e.sample import Repository
    from tests.e2e.world import Pipeline, Platform

SLOW = pytest.mark.slow
PROMOTE = ["POST /pipeline-promotions"]
# Python imports this at its start: the clock of one command is wrong, and of nothing else.
SKEWED = """
import datetime, time
SKEW = {seconds}
real_time = time.time
time.time = lambda: real_time() + SKEW

class Skewed(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return super().now(tz) + datetime.timedelta(seconds=SKEW)

datetime.datetime = Skewed
"""
HOURS = [
    pytest.param(5, id="hours ahead"),
    pytest.param(-5, id="hours behind", marks=SLOW),
]


@pytest.fixture
def skewed(tmp_path: Path) -> Callable[[int], dict[str, str]]:
    """Give the environment of a command on a machine whose clock is that many hours ahead."""

    def make(hours: int) -> dict[str, str]:
        folder = tmp_path / f"clock{hours}"
        folder.mkdir()
        (folder / "sitecustomize.py").write_text(SKEWED.format(seconds=hours * 3600))
        return {"PYTHONPATH": str(folder)}

    return make


@pytest.mark.slow
@pytest.mark.parametrize("hours", HOURS)
def test_a_lock_is_kept_by_everybody_whatever_clock_they_have(
    hours: int,
    skewed: Callable[[int], dict[str, str]],
    heroku: Platform,
    pipeline: Pipeline,
    repo: Repository,
    run: Command,
) -> None:
    commit = prepare(pipeline, repo, run)
    before = count_releases(pipeline.staging)
    wrong = skewed(hours)
    lock = ("lock", pipeline.staging.name, "--from", pipeline.prepare.name, "--for", "10m")
    deploy = ("deploy", *pipeline.to_staging, "--lock-wait", "1s", "--json")

    with heroku.watching() as journal:
        run(*lock)
        by_skewed = run(*deploy, env=wrong)
        run("unlock", *lock[1:4])
        run(*lock, env=wrong)
        by_right = run(*deploy)
        sent = journal().writes
    heroku.control("POST", "clock", {"advance_seconds": 4 * LOCK_EXPIRED_SECONDS})
    after_its_end = run(*deploy, env=wrong)

    assert by_skewed.check(3)["reason"] == "locked"
    assert by_right.check(3)["reason"] == "locked"
    assert sent == []
    assert after_its_end.check(0)["route"] == "promote"
    assert (pipeline.staging.commit, count_releases(pipeline.staging)) == (commit, before + 1)


@pytest.mark.parametrize("hours", HOURS)
def test_a_build_whose_reply_is_lost_is_found_whatever_the_clock(
    hours: int,
    skewed: Callable[[int], dict[str, str]],
    heroku: Platform,
    pipeline: Pipeline,
    repo: Repository,
    run: Command,
) -> None:
    commit = repo.commit()
    before = count_releases(pipeline.staging)
    heroku.fault("POST", "/builds$", kind="reset", when="after")

    result = run("deploy", *pipeline.to_staging, "--json", env=skewed(hours))

    assert result.check(0)["route"] == "build"
    assert [build["source_blob"]["version"] for build in pipeline.staging.builds] == [commit]
    assert (pipeline.staging.commit, count_releases(pipeline.staging)) == (commit, before + 1)


@dataclass
class Stale:
    """Answers a read as before, some times; from the promotion on, unless `written` already."""

    forward: Forwarder
    path: str
    before: Reply
    times: int = 2
    written: bool = False
    shown: list[str] = field(default_factory=list)

    def __call__(self, heard: Heard) -> Reply:
        """Hand a request on, and perhaps the earlier answer back."""
        reply = self.forward(heard)
        self.written |= heard.path == "/pipeline-promotions"
        is_meant = heard.method == "GET" and re.fullmatch(self.path, heard.path)
        if not (is_meant and self.written and len(self.shown) < self.times):
            return reply
        self.shown.append(heard.path)
        return self.before


def deploy_between(
    stale: Stale, heroku: Platform, pipeline: Pipeline, run: Command
) -> tuple[Result, list[str]]:
    """Deploy to staging with something in between; return also the writes that were sent."""
    with Listener(stale) as between, heroku.watching() as journal:
        env = {"HEROKU_HOST": between.url, "HEROKU_GIT_HOST": heroku.url}
        result = run("deploy", *pipeline.to_staging, "--json", env=env)
        return result, journal().writes


NO_RELEASE = Reply(
    404, b'{"id": "not_found", "message": "No such release.", "resource": "release"}'
)


@pytest.mark.parametrize(
    ("path", "before"),
    [
        pytest.param(
            "/pipeline-promotions/[^/]+/promotion-targets",
            Reply(200, b"[]"),
            id="a promotion without targets",
            marks=SLOW,
        ),
        pytest.param("/apps/[^/]+-staging/releases/[^/]+", NO_RELEASE, id="no such release"),
        pytest.param("/apps/[^/]+-staging/dynos", None, id="the dynos of before", marks=SLOW),
    ],
)
def test_a_read_right_after_a_promotion_may_show_what_was_before(
    path: str,
    before: Reply | None,
    heroku: Platform,
    pipeline: Pipeline,
    repo: Repository,
    run: Command,
) -> None:
    prepare(pipeline, repo, run, "old")
    run("deploy", *pipeline.to_staging, "--json").check(0)
    commit = prepare(pipeline, repo, run, "new")
    releases = count_releases(pipeline.staging)
    dynos = heroku.call("GET", f"/apps/{pipeline.staging.name}/dynos").content
    stale = Stale(Forwarder(heroku.url), path, before or Reply(200, dynos))

    result, sent = deploy_between(stale, heroku, pipeline, run)

    [target] = result.check(0)["targets"]
    assert (target["verified"], target["release"]) == ("passed", releases + 1)
    assert len(stale.shown) == stale.times
    assert sent == PROMOTE
    assert (pipeline.staging.commit, count_releases(pipeline.staging)) == (commit, releases + 1)


def test_the_next_deploy_may_first_read_the_releases_of_before(
    heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    commit = prepare(pipeline, repo, run)
    path = f"/apps/{pipeline.staging.name}/releases"
    releases = heroku.call("GET", path).content
    run("deploy", *pipeline.to_staging, "--json").check(0)
    before = count_releases(pipeline.staging)
    stale = Stale(Forwarder(heroku.url), path, Reply(200, releases), times=1, written=True)

    result, sent = deploy_between(stale, heroku, pipeline, run)

    assert result.check(0)["route"] == "live"
    assert len(stale.shown) == 1
    assert sent == []
    assert (pipeline.staging.commit, count_releases(pipeline.staging)) == (commit, before)
