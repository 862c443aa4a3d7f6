"""Promotions, releases and builds that are late, and logs that say something else."""

from __future__ import annotations

import itertools
import shlex
import signal
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from tests.e2e.faults import count_releases, prepare
from tests.e2e.sample import WEB
from tests.e2e.servers import Forwarder, Heard, Listener, Reply
from tests.e2e.world import SIGNED_PATH, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.commands import Command
    from tests.e2e.sample import Repository
    from tests.e2e.world import Pipeline, Platform

SLOW = pytest.mark.slow
LOOKS_AFTER_THE_LOG = 4
LOGS = (f"{SIGNED_PATH}builds/", f"{SIGNED_PATH}releases/")
PROMOTE = ["POST /pipeline-promotions"]


def commit_with_release_command(
    pipeline: Pipeline, repo: Repository, run: Command, *, is_prepared: bool
) -> str:
    """Commit something whose release command takes a moment."""
    commit = repo.commit({"Procfile": f"{WEB}release: echo migrating; sleep 1\n"})
    if is_prepared:
        run("prepare", "--app", pipeline.prepare.name, "--json").check(0)
    return commit


def test_a_promotion_pending_past_the_deadline_is_found_and_not_made_again(
    heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    commit = prepare(pipeline, repo, run)
    before = count_releases(pipeline.staging)
    heroku.set_durations(promotion_seconds=3)
    how = ("deploy", *pipeline.to_staging, "--json")

    with heroku.watching() as journal:
        late = run(*how, env={"ACCELERATOR_DEADLINES_PROMOTION": "1s"})
        again = run(*how, env={"ACCELERATOR_DEADLINES_TRACES": "0.1s"})

    document = late.check(9)
    assert (document["route"], document["error"]["code"]) == ("promote", "unknown")
    assert [each["status"] for each in document["targets"]] == ["pending"]
    assert "still pending at the deadline" in document["error"]["message"]
    assert "run the same command again" in document["error"]["hint"]
    assert (again.check(0)["route"], again.document["targets"][0]["release"]) == (
        "live",
        before + 1,
    )
    assert "reconcile" in [step["name"] for step in again.document["steps"]]
    assert journal().writes == PROMOTE
    assert (pipeline.staging.commit, count_releases(pipeline.staging)) == (commit, before + 1)


@pytest.mark.slow
def test_a_promotion_that_goes_on_after_its_run_was_cancelled_is_followed_by_the_next_one(
    heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    commit = prepare(pipeline, repo, run)
    before = count_releases(pipeline.staging)
    heroku.set_durations(promotion_seconds=3)
    how = ("deploy", *pipeline.to_staging, "--json")

    with heroku.watching() as journal:
        cancelled = run.start(*how)
        eventually(lambda: journal().count("GET", "/promotion-targets"))
        cancelled.send(signal.SIGTERM)
        cancelled.finish().check(143)
        again = run(*how, env={"ACCELERATOR_DEADLINES_TRACES": "0.1s"})

    assert again.check(0)["route"] == "live"
    assert "reconcile" in [step["name"] for step in again.document["steps"]]
    assert journal().writes == PROMOTE
    assert (pipeline.staging.commit, count_releases(pipeline.staging)) == (commit, before + 1)


@pytest.mark.slow
def test_a_promotion_whose_reply_is_lost_and_that_shows_late_is_not_made_again(
    heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    commit = prepare(pipeline, repo, run)
    before = count_releases(pipeline.staging)
    heroku.set_durations(promotion_seconds=2)
    heroku.fault("POST", "^/pipeline-promotions$", kind="reset", when="after")
    how = ("deploy", *pipeline.to_staging, "--json")

    with heroku.watching() as journal:
        lost = run(*how, env={"ACCELERATOR_DEADLINES_TRACES": "1s"})
        again = run(*how, env={"ACCELERATOR_DEADLINES_TRACES": "4s"})

    assert lost.check(9)["error"]["code"] == "unknown"
    again.check(0)
    assert journal().writes == PROMOTE
    assert (pipeline.staging.commit, count_releases(pipeline.staging)) == (commit, before + 1)


@dataclass
class Lagging:
    """Shows a build, release or promotion as pending for some looks after its log has ended."""

    forward: Forwarder
    left: int = LOOKS_AFTER_THE_LOG
    ended: list[str] = field(default_factory=list)

    def __call__(self, heard: Heard) -> Reply:
        """Hand a request on, and an older answer back."""
        reply = self.forward(heard)
        if heard.path.startswith(LOGS):
            self.ended.append(heard.path)
        is_look = heard.method == "GET" and heard.path.rpartition("/")[0].endswith(
            ("/releases", "/builds", self._promotion_of(heard))
        )
        if not (is_look and self.left):
            return reply
        self.left -= bool(self.ended)
        return reply.replace('"succeeded"', '"pending"').replace(
            '"current":true', '"current":false'
        )

    @staticmethod
    def _promotion_of(heard: Heard) -> str:
        parts = heard.path.split("/")
        return parts[2] if parts[-1] == "promotion-targets" else "no promotion"


@pytest.mark.parametrize("is_prepared", [True, False], ids=["of a promotion", "of a build"])
def test_what_is_pending_after_its_log_ended_is_waited_for(
    *, is_prepared: bool, heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    commit = commit_with_release_command(pipeline, repo, run, is_prepared=is_prepared)
    before = count_releases(pipeline.staging)
    lagging = Lagging(Forwarder(heroku.url))

    with Listener(lagging) as between, heroku.watching() as journal:
        lagging.forward.rewrites[heroku.url + SIGNED_PATH] = between.url + SIGNED_PATH
        env = {"HEROKU_HOST": between.url, "HEROKU_GIT_HOST": heroku.url}
        result = run("deploy", *pipeline.to_staging, "--json", env=env)

    [target] = result.check(0)["targets"]
    assert (target["status"], target["release"]) == ("succeeded", before + 1)
    assert (lagging.left, bool(lagging.ended)) == (0, True)
    writes = [f"POST /apps/{pipeline.staging.name}/builds"]
    assert [one for one in journal().writes if "/sources" not in one] == (
        PROMOTE if is_prepared else writes
    )
    assert (pipeline.staging.commit, count_releases(pipeline.staging)) == (commit, before + 1)


def lines_without_end() -> Iterator[bytes]:
    """Give a log that never ends."""
    for number in itertools.count():
        yield f"line {number}\n".encode()
        time.sleep(0.01)


@pytest.mark.parametrize(
    "is_prepared",
    [pytest.param(True, id="of a promotion"), pytest.param(False, id="of a build", marks=SLOW)],
)
def test_a_log_without_end_ends_with_what_it_is_about(
    *, is_prepared: bool, heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    commit = commit_with_release_command(pipeline, repo, run, is_prepared=is_prepared)
    before = count_releases(pipeline.staging)
    forward = Forwarder(heroku.url)

    def answer(heard: Heard) -> Reply:
        is_log = heard.path.startswith(LOGS)
        return Reply(blocks=lines_without_end()) if is_log else forward(heard)

    with Listener(answer) as between:
        forward.rewrites[heroku.url + SIGNED_PATH] = between.url + SIGNED_PATH
        env = {"HEROKU_HOST": between.url, "HEROKU_GIT_HOST": heroku.url}
        result = run("deploy", *pipeline.to_staging, "--json", env=env)

    assert result.check(0)["targets"][0]["release"] == before + 1
    assert "| line 3" in result.stderr
    assert (pipeline.staging.commit, count_releases(pipeline.staging)) == (commit, before + 1)


@pytest.mark.parametrize(
    "is_prepared",
    [pytest.param(True, id="of a promotion"), pytest.param(False, id="of a build", marks=SLOW)],
)
def test_a_release_command_that_hangs_is_left_at_the_deadline_and_found_again(
    *,
    is_prepared: bool,
    heroku: Platform,
    pipeline: Pipeline,
    repo: Repository,
    run: Command,
) -> None:
    old = repo.commit({"text": "old"})
    run("deploy", *pipeline.to_staging, "--json").check(0)
    go_on = repo.directory.parent / "go-on"
    slow = f'test -z "$SLOW" || until [ -e {shlex.quote(str(go_on))} ]; do sleep 0.05; done'
    commit = repo.commit({"Procfile": f"{WEB}release: {slow}\n"})
    if is_prepared:
        run("prepare", "--app", pipeline.prepare.name, "--json").check(0)
    pipeline.staging.set_config(SLOW="yes")
    before = count_releases(pipeline.staging)
    how = ("deploy", *pipeline.to_staging, "--json")

    late = run(*how, env={"ACCELERATOR_DEADLINES_RELEASE_PHASE": "1s"})
    between, pending = pipeline.staging.commit, pipeline.staging.releases[0]
    with heroku.watching() as journal:
        following = run.start(*how)
        look = "/promotion-targets" if is_prepared else f"/releases/{pending['id']}"
        eventually(lambda: journal().count("GET", look))
        go_on.touch()
        again = following.finish()

    document = late.check(9)
    assert [each["status"] for each in document["targets"]] == ["pending"]
    assert "at the deadline" in document["error"]["message"]
    assert (between, pending["status"]) == (old, "pending")
    again.check(0)
    assert journal().writes == []
    assert (pipeline.staging.commit, count_releases(pipeline.staging)) == (commit, before + 1)
