"""Why it failed stands on the screen, also where little is asked for."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import pytest

from tests.e2e.faults import prepare
from tests.e2e.sample import BROKEN, UNBUILDABLE, WITH_RELEASE_COMMAND

if TYPE_CHECKING:
    from tests.e2e.commands import Command
    from tests.e2e.sample import Repository
    from tests.e2e.world import Pipeline, Platform

CRASHING = {"Procfile": "web: echo reading settings; echo no such module flask >&2; exit 1\n"}


def test_a_build_that_fails_shows_its_log_and_the_next_deploy_shows_it_again(
    pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    repo.commit(UNBUILDABLE)

    loud = run("prepare", "--app", pipeline.prepare.name)
    later = run("deploy", *pipeline.to_staging, "--on-miss", "fail", "--quiet")

    assert (loud.exit_code, later.exit_code) == (4, 3)
    assert loud.stderr.count("!     this does not compile") == 1
    assert f"the last lines of the build on {pipeline.prepare.name}" in later.stderr
    assert "!     this does not compile" in later.stderr


def test_a_build_that_fails_shows_the_end_of_its_log_also_to_the_quiet(
    pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    repo.commit(UNBUILDABLE)

    result = run("prepare", "--app", pipeline.prepare.name, "--quiet")

    assert result.exit_code == 4
    assert result.stderr.count("!     this does not compile") == 1


def test_a_build_that_fails_unread_says_that_its_log_could_not_be_read(
    heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    repo.commit(UNBUILDABLE)
    heroku.fault("GET", "^/-/builds/", status=403)

    result = run("prepare", "--app", pipeline.prepare.name, "--json")

    error = result.check(4)["error"]
    assert "the build log could not be read: it is answered with 403" in error["message"]
    assert "above" not in error["hint"]


def test_a_build_log_that_is_refused_at_first_is_shown_whole_and_once(
    heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    repo.commit()
    heroku.fault("GET", "^/-/builds/", status=404, occurrences=[1, 2, 3])

    result = run("prepare", "--app", pipeline.prepare.name, "--json")

    result.check(0)
    assert result.stderr.count("-----> Compiling") == 1


def test_a_declined_push_says_why_in_its_error(
    pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    repo.commit(UNBUILDABLE)

    result = run("prepare", "--app", pipeline.prepare.name, "--strategy", "git", "--json")

    message = result.check(4)["error"]["message"]
    assert "failed: " in message
    assert "this does not compile" in message


def test_a_release_command_that_fails_shows_its_output_also_to_the_quiet(
    pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    prepare(pipeline, repo, run, "one")
    failing = {"Procfile": WITH_RELEASE_COMMAND["Procfile"].replace("test -z", "test -n")}
    repo.commit(failing)

    result = run("deploy", *pipeline.to_staging, "--quiet")

    assert result.exit_code == 5
    assert "migrating" in result.stderr


@pytest.mark.slow
def test_a_dyno_that_crashes_shows_its_last_lines(
    pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    prepare(pipeline, repo, run, "one")
    run("deploy", *pipeline.to_staging, "--json").check(0)
    repo.commit(CRASHING)
    run("prepare", "--app", pipeline.prepare.name, "--json").check(0)

    result = run("deploy", *pipeline.to_staging, "--quiet")

    assert result.exit_code == 6
    assert f"the last lines of web.1 on {pipeline.staging.name}:" in result.stderr
    assert "| no such module flask" in result.stderr
    assert "| heroku: " in result.stderr


def test_a_check_that_fails_tells_what_it_was_answered_and_how_often_it_was_asked(
    pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    prepare(pipeline, repo, run, "one")
    run("deploy", *pipeline.to_staging, "--json").check(0)
    sha = repo.commit({**BROKEN, "text": "the database is away\n"})
    run("prepare", "--app", pipeline.prepare.name, "--json").check(0)

    result = run("deploy", *pipeline.to_staging, "--smoke", "/health", "--json")

    document = result.check(6)
    [checked] = document["targets"][0]["proof"]["checks"]
    assert (checked["check"], checked["passed"], checked["status"]) == ("/health", False, 500)
    assert f"answered 500: '{sha} " in document["error"]["message"]
    assert f"({checked['tries']} tries in 0:0" in document["error"]["message"]
    assert "the last answer to GET /health on " in result.stderr


def test_what_verification_saw_is_told_and_kept(
    pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    sha = prepare(pipeline, repo, run, "one")

    result = run("deploy", *pipeline.to_staging, "--smoke", "/health {commit}", "--json")

    document = result.check(0)
    proof = document["targets"][0]["proof"]
    assert proof["dynos"] == {"web": {"up": 1, "wanted": 1, "crashed": 0}}
    assert proof["commit"] == sha
    [step] = [step for step in document["steps"] if step["name"] == "verify"]
    assert step["detail"].endswith(f"web 1/1, /health 200, commit {sha[:8]}")


def test_tests_that_fail_show_their_end_once_whether_quiet_or_not(
    pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    repo.commit()
    test = "echo test_cart FAILED; exit 1"
    how = ("--test", test, "--from", pipeline.prepare.name, "--to", pipeline.staging.name)

    loud, quiet = run("ship", *how), run("ship", *how, "--quiet")

    assert (loud.exit_code, quiet.exit_code) == (13, 13)
    for result in (loud, quiet):
        lines = [line for line in result.stderr.splitlines() if line.endswith("test_cart FAILED")]
        assert len(lines) == 1, shlex.join(lines)
