"""Ship: tests beside the build, a clean stop whatever fails, and one stage after the other."""

from __future__ import annotations

import shlex
import signal
import sys
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.processes import is_running
from tests.e2e.sample import BROKEN, UNBUILDABLE, Repository
from tests.e2e.world import Pipeline, Platform, eventually

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.e2e.commands import Command

NEVER_ENDING_BUILD = 600
STAGES = ("--to", "staging", "--to", "production")


class Tests:
    """A test command: it starts a child of its own and leaves the pids of both in a file."""

    __test__ = False

    def __init__(self, directory: Path) -> None:
        self._pids = directory / "pids"

    def command(self, end: str) -> str:
        """Return a command line that ends with this shell command."""
        pids = shlex.quote(str(self._pids))
        return f"sleep 600 >/dev/null 2>&1 & echo $$ $! > {pids}.new; mv {pids}.new {pids}; {end}"

    @property
    def pids(self) -> list[int]:
        """Return the pids of the command and its child, once they run."""
        return [int(pid) for pid in eventually(self._pids_now).split()]

    def are_gone(self) -> bool:
        """Say whether nothing of the tests runs any longer."""
        return not any(is_running(pid) for pid in self.pids)

    def _pids_now(self) -> str:
        return self._pids.read_text() if self._pids.exists() else ""


@pytest.fixture
def tests(tmp_path: Path) -> Tests:
    return Tests(tmp_path)


def interval(document: dict[str, Any], name: str) -> tuple[datetime, datetime]:
    """Return when the first step of this name began and ended."""
    step = next(step for step in document["steps"] if step["name"] == name)
    began = datetime.fromisoformat(step["started_at"])
    return began, began + timedelta(seconds=step["seconds"])


def test_tests_run_beside_the_build_and_then_every_stage_is_promoted(
    heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    commit = repo.commit()
    what = ("--test", "sleep 0.5; echo all good", "--smoke", "/health {commit}")

    with heroku.watching() as journal:
        result = run("ship", *what, "--from", pipeline.prepare.name, *STAGES, "--json")

    document = result.check(0)
    assert document["tests"] == "passed"
    assert [stage["stage"] for stage in document["stages"]] == ["staging", "production"]
    assert [stage["route"] for stage in document["stages"]] == ["promote", "promote"]
    test, build = interval(document, "test"), interval(document, "build")
    assert max(test[0], build[0]) < min(test[1], build[1])
    assert "tests | all good" in result.stderr
    assert journal().count("POST", "/pipeline-promotions") == 2
    assert [app.slug_id for app in pipeline.targets] == [pipeline.prepare.slug_id] * 2
    assert [app.builds for app in pipeline.targets] == [[], []]
    assert pipeline.production.ask().text.startswith(commit)


def test_a_file_that_somebody_forgot_to_commit_is_not_what_is_tested(
    heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    repo.commit()
    (repo.directory / "forgotten.py").write_text("")
    what = ("--test", "false", "--from", pipeline.prepare.name, "--to", "staging")

    with heroku.watching() as journal:
        refused = run("ship", *what, "--json")

    error = refused.check(3)["error"]
    assert "untracked files: forgotten.py" in error["message"]
    assert "--allow-dirty" in error["hint"]
    assert not [call for call in journal() if call.is_write]


def test_no_key_is_in_the_environment_of_the_tests(
    heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command, tmp_path: Path
) -> None:
    seen = tmp_path / "environment"
    (repo.directory / "accelerator.toml").write_text('key_env = "SHOP_KEY"\n')
    repo.commit()
    keys = {"SHOP_KEY": heroku.key, "HEROKU_API_KEY": "HRKU-another"}
    env = {**keys, "COPY": f"Bearer {heroku.key}", "HARMLESS": "yes"}
    test = f"env > {shlex.quote(str(seen))}; false"

    result = run("ship", "--test", test, "--from", pipeline.prepare.name, *STAGES, env=env)

    assert result.exit_code == 13
    environment = seen.read_text()
    assert "HARMLESS=yes" in environment
    assert "HEROKU_HOST=" in environment
    assert "HEROKU_API_KEY=" not in environment
    assert heroku.key not in environment
    assert "HRKU-another" not in environment


def test_failing_tests_cancel_the_build_and_release_nothing(
    heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command, tests: Tests
) -> None:
    repo.commit()
    heroku.set_durations(build_seconds=NEVER_ENDING_BUILD)
    before = [app.releases for app in pipeline.targets]
    builds = f"http.client.HTTPConnection({heroku.url.removeprefix('http://')!r})"
    bearer = {"Authorization": f"Bearer {heroku.token}"}
    once_it_builds = shlex.quote(
        f"import http.client, time\nlook = {builds}\n"
        "def seen():\n"
        f"    look.request('GET', '/local/v1/journal', headers={bearer!r})\n"
        f"    return b'{pipeline.prepare.name}/builds' in look.getresponse().read()\n"
        "while not seen(): time.sleep(0.05)"
    )
    fail = tests.command(f"{shlex.quote(sys.executable)} -c {once_it_builds}; exit 3")

    with heroku.watching() as journal:
        how = ("--from", pipeline.prepare.name, *STAGES, "--json")
        result = run("ship", "--test", fail, *how)

    document = result.check(13)
    assert (document["tests"], document["stages"]) == ("failed", [])
    assert "exited 3" in document["error"]["message"]
    assert tests.are_gone()
    [build] = pipeline.prepare.builds
    assert build["status"] == "failed"
    assert journal().count("DELETE", f"/builds/{build['id']}") == 1
    assert [app.releases for app in pipeline.targets] == before


def test_a_platform_that_does_not_answer_holds_up_no_stop(
    heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command, tests: Tests
) -> None:
    repo.commit()
    heroku.fault("GET", "/apps/[^/]+/builds", kind="hang")
    how = ("--from", pipeline.prepare.name, *STAGES, "--json")

    with heroku.watching() as journal:
        begun = run.start("ship", "--test", tests.command("sleep 600"), *how)
        eventually(lambda: journal().count("GET", "/builds"))
        assert tests.pids
        begun.send(signal.SIGTERM)
        result = begun.finish()  # it would be minutes with the patience of other requests

    heroku.reset()
    document = result.check(143)
    assert (document["tests"], document["stages"]) == ("stopped", [])
    assert tests.are_gone()
    assert [app.slug_id for app in pipeline.targets] == [None, None]


def test_failing_tests_before_the_build_began_start_none(
    pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    repo.commit()

    result = run("ship", "--test", "false", "--from", pipeline.prepare.name, *STAGES, "--json")

    assert result.check(13)["tests"] == "failed"
    assert all(build["status"] != "pending" for build in pipeline.prepare.builds)
    assert [app.slug_id for app in pipeline.targets] == [None, None]


def test_a_failed_build_stops_the_tests(
    pipeline: Pipeline, repo: Repository, run: Command, tests: Tests
) -> None:
    repo.commit(UNBUILDABLE)
    how = ("--from", pipeline.prepare.name, *STAGES, "--json")

    result = run("ship", "--test", tests.command("sleep 600"), *how)

    document = result.check(4)
    assert (document["tests"], document["error"]["code"]) == ("stopped", "build_failed")
    assert tests.are_gone()
    assert [app.slug_id for app in pipeline.targets] == [None, None]


@dataclass(frozen=True)
class Stop:
    """A signal in the middle of a build."""

    number: signal.Signals
    strategy: str
    exit_code: int
    times: int = 1


@pytest.mark.parametrize(
    "stop",
    [
        pytest.param(Stop(signal.SIGTERM, "source", 143), id="terminated"),
        pytest.param(Stop(signal.SIGTERM, "git", 143), id="terminated during a push"),
        pytest.param(Stop(signal.SIGINT, "source", 130), id="interrupted"),
        pytest.param(Stop(signal.SIGINT, "git", 130), id="interrupted during a push"),
        pytest.param(Stop(signal.SIGINT, "git", 130, times=3), id="interrupted impatiently"),
    ],
)
def test_a_signal_ends_tests_and_build(
    stop: Stop,
    heroku: Platform,
    pipeline: Pipeline,
    repo: Repository,
    run: Command,
    tests: Tests,
) -> None:
    repo.commit()
    heroku.set_durations(build_seconds=NEVER_ENDING_BUILD)
    how = ("--strategy", stop.strategy, "--from", pipeline.prepare.name, *STAGES, "--json")
    started = run.start("ship", "--test", tests.command("sleep 600"), *how)
    eventually(is_building(pipeline))
    assert not tests.are_gone()

    for _ in range(stop.times):
        started.send(stop.number)
    result = started.finish()

    document = result.check(stop.exit_code)
    assert (document["tests"], document["error"]["code"]) == ("stopped", "interrupted")
    assert tests.are_gone()
    assert [build["status"] for build in pipeline.prepare.builds] == ["failed"]
    assert [app.slug_id for app in pipeline.targets] == [None, None]


def is_building(pipeline: Pipeline) -> Callable[[], bool]:
    """Make a look for a build under way on the prepare app."""
    return lambda: any(build["status"] == "pending" for build in pipeline.prepare.builds)


def test_what_the_tests_leave_running_is_ended_also_when_they_passed(
    pipeline: Pipeline, repo: Repository, run: Command, tests: Tests
) -> None:
    repo.commit()
    how = ("--from", pipeline.prepare.name, "--to", "staging", "--json")

    result = run("ship", "--test", tests.command("true"), *how)

    assert result.check(0)["tests"] == "passed"
    assert tests.are_gone()


def test_a_stage_that_does_not_pass_keeps_the_next_one_untouched(
    pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    first = repo.commit()
    how = ("--from", pipeline.prepare.name, *STAGES, "--smoke", "/health {commit}", "--json")
    run("ship", "--no-test", *how).check(0)
    before = pipeline.production.releases
    repo.commit(BROKEN)

    result = run("ship", "--test", "true", *how)

    document = result.check(6)
    assert document["tests"] == "passed"
    assert [stage["stage"] for stage in document["stages"]] == ["staging"]
    assert document["stages"][0]["targets"][0]["rolled_back_to"] is not None
    assert pipeline.production.releases == before
    assert pipeline.staging.ask().text.startswith(first)
    assert pipeline.production.ask().text.startswith(first)


def test_a_shipped_commit_is_shipped_again_without_a_release(
    heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    repo.commit()
    how = ("--test", "true", "--from", pipeline.prepare.name, *STAGES, "--json")
    run("ship", *how).check(0)

    with heroku.watching() as journal:
        result = run("ship", *how)

    assert [stage["route"] for stage in result.check(0)["stages"]] == ["live", "live"]
    assert journal().count("POST", "/pipeline-promotions") == 0
