"""What is prepared, late, failed, stuck, gone or elsewhere."""

from __future__ import annotations

import secrets
import shlex
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from tests.e2e.commands import Command
from tests.e2e.faults import count_releases, prepare
from tests.e2e.sample import APPLICATION
from tests.e2e.world import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.sample import Repository
    from tests.e2e.world import App, Pipeline, Platform

MONTH_SECONDS = 31 * 86400
LFS = (
    "version https://git-lfs.github.com/spec/v1\n"
    "oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n"
)


@pytest.fixture
def second(heroku: Platform, pipeline: Pipeline) -> Iterator[App]:
    """Another prepare app of the pipeline."""
    app = heroku.create_app(f"prepare-{uuid4().hex[:8]}")
    coupling = {"app": app.name, "pipeline": pipeline.id, "stage": "development"}
    heroku.api("POST", "/pipeline-couplings", coupling)
    yield app
    heroku.api("DELETE", f"/apps/{app.name}")


def test_a_build_that_failed_on_the_prepare_app_is_named_as_the_reason(
    heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    repo.commit({"unbuildable": "yes"})
    run("prepare", "--app", pipeline.prepare.name, "--json").check(4)

    with heroku.watching() as journal:
        result = run("deploy", *pipeline.to_staging, "--on-miss", "fail", "--json")

    document = result.check(3)
    assert "prepare_build_failed" in document["error"]["message"]
    assert journal().writes == []


def test_what_failed_to_build_on_the_prepare_app_is_built_on_the_target_and_fails_there(
    pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    repo.commit({"unbuildable": "yes"})
    before = count_releases(pipeline.staging)
    run("prepare", "--app", pipeline.prepare.name, "--json").check(4)

    result = run("deploy", *pipeline.to_staging, "--json")

    document = result.check(4)
    assert (document["route"], document["reason"]) == ("build", "prepare_build_failed")
    assert document["error"]["code"] == "build_failed"
    assert [build["status"] for build in pipeline.staging.builds] == ["failed"]
    assert count_releases(pipeline.staging) == before


def test_a_running_build_is_joined_and_not_made_again(
    heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    commit = repo.commit()
    heroku.set_durations(build_seconds=3)
    preparing = run.start("prepare", "--app", pipeline.prepare.name, "--json")
    eventually(lambda: pipeline.prepare.builds)

    joined = run("deploy", *pipeline.to_staging, "--json")
    prepared = preparing.finish()

    prepared.check(0)
    document = joined.check(0)
    assert (document["route"], document["reason"]) == ("promote", "joined_build")
    assert len(pipeline.prepare.builds) == 1
    assert pipeline.staging.builds == []
    assert pipeline.staging.commit == commit


@pytest.mark.slow
def test_a_build_that_is_stuck_is_left_at_the_deadline(
    heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    repo.commit()
    heroku.set_durations(build_seconds=600)
    preparing = run.start("prepare", "--app", pipeline.prepare.name, "--json")
    [build] = eventually(lambda: pipeline.prepare.builds)

    with heroku.watching() as journal:
        result = run("deploy", *pipeline.to_staging, "--timeout", "9s", "--json")

    document = result.check(9)
    assert (document["route"], document["error"]["code"]) == ("wait", "unknown")
    assert journal().writes == []
    heroku.api("DELETE", f"/apps/{pipeline.prepare.name}/builds/{build['id']}")
    preparing.finish().check(4)


@pytest.mark.slow
def test_a_build_that_is_stuck_is_given_up_after_three_times_what_others_took(
    heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    prepare(pipeline, repo, run, "quick")
    commit = repo.commit({"text": "stuck"})
    heroku.control("PUT", f"apps/{pipeline.prepare.name}/durations", {"build_seconds": 600})
    preparing = run.start("prepare", "--app", pipeline.prepare.name, "--json")
    build = eventually(lambda: [b for b in pipeline.prepare.builds if b["status"] == "pending"])[0]
    heroku.control("POST", "clock", {"advance_seconds": 1000})

    result = run("deploy", *pipeline.to_staging, "--json")

    document = result.check(0)
    assert (document["route"], document["reason"]) == ("build", "prepare_build_failed")
    assert pipeline.staging.commit == commit
    heroku.api("DELETE", f"/apps/{pipeline.prepare.name}/builds/{build['id']}")
    assert preparing.finish().exit_code == 4


def test_a_prepare_job_that_is_late_is_waited_for(
    heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    commit = repo.commit()
    how = ("--on-miss", "wait", "--wait", "60s", "--json")

    with heroku.watching() as journal:
        waiting = run.start("deploy", *pipeline.to_staging, *how)
        looks = f"/apps/{pipeline.prepare.name}/builds"
        eventually(lambda: journal().count("GET", looks) > 1)
        run("prepare", "--app", pipeline.prepare.name, "--json").check(0)
        result = waiting.finish()

    # It may be seen in the moment between the end of the build and its release.
    assert result.check(0)["route"] in {"promote", "release"}
    assert pipeline.staging.builds == []
    assert pipeline.staging.commit == commit


def test_a_prepare_job_that_never_comes_is_a_miss_that_is_refused(
    heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    repo.commit()

    with heroku.watching() as journal:
        result = run("deploy", *pipeline.to_staging, "--on-miss", "wait", "--wait", "1s", "--json")

    assert result.check(3)["reason"] == "miss_refused"
    assert journal().writes == []


def test_what_has_expired_is_built_again(
    heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    old = prepare(pipeline, repo, run, "old")
    prepare(pipeline, repo, run, "new")
    heroku.api("PATCH", f"/apps/{pipeline.prepare.name}/formation/web", {"quantity": 0})
    for number in range(20):
        pipeline.prepare.set_config(NUMBER=str(number))
    heroku.control("POST", "clock", {"advance_seconds": MONTH_SECONDS})

    before = count_releases(pipeline.staging)

    plan = run("deploy", *pipeline.to_staging, "--commit", old, "--plan", "--json")
    result = run("deploy", *pipeline.to_staging, "--commit", old, "--json")

    assert (plan.check(0)["route"], plan.document["reason"]) == ("build", "expired")
    assert (result.check(0)["route"], result.document["reason"]) == ("build", "expired")
    assert len(pipeline.staging.builds) == 1
    assert (pipeline.staging.commit, count_releases(pipeline.staging)) == (old, before + 1)


def test_an_equal_tree_ships_what_its_branch_built_and_is_live_afterwards(
    heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    built = prepare(pipeline, repo, run)
    merged = repo.commit(subject="Merge, with the same tree")

    strict = run("deploy", *pipeline.to_staging, "--on-miss", "fail", "--json")
    proof = ("--smoke", "/health {commit}")
    result = run("deploy", *pipeline.to_staging, "--same-tree", *proof, "--json")
    with heroku.watching() as journal:
        again = run("deploy", *pipeline.to_staging, "--json")

    strict.check(3)
    document = result.check(0)
    assert (document["route"], document["reason"]) == ("release", "same_tree")
    assert (document["commit"], document["source"]["commit"]) == (merged, built)
    assert document["source"]["metadata"] == "agrees"
    assert pipeline.staging.slug_id == pipeline.prepare.slug_id
    assert again.check(0)["route"] == "live"
    assert journal().writes == []


def test_the_free_one_of_two_prepare_apps_is_taken_and_found(
    heroku: Platform, pipeline: Pipeline, second: App, repo: Repository, run: Command
) -> None:
    pool = ("--app", pipeline.prepare.name, "--app", second.name, "--json")
    repo.commit({"text": "busy"})
    heroku.control("PUT", f"apps/{pipeline.prepare.name}/durations", {"build_seconds": 4})
    busy = run.start("prepare", "--app", pipeline.prepare.name)
    eventually(lambda: pipeline.prepare.builds)
    commit = repo.commit({"text": "free"})

    prepared = run("prepare", *pool)
    sources = ("--from", pipeline.prepare.name, "--from", second.name)
    result = run("deploy", *sources, "--to", pipeline.staging.name, "--json")

    assert busy.finish().exit_code == 0
    assert prepared.check(0)["app"] == second.name
    assert result.check(0)["source"]["app"] == second.name
    assert pipeline.staging.commit == commit


def test_a_commit_that_is_prepared_already_is_not_built_again(
    pipeline: Pipeline, second: App, repo: Repository, run: Command
) -> None:
    prepare(pipeline, repo, run)

    result = run("prepare", "--app", second.name, "--app", pipeline.prepare.name, "--json")

    document = result.check(0)
    assert (document["reused"], document["app"]) == (True, pipeline.prepare.name)
    assert second.builds == []
    assert len(pipeline.prepare.builds) == 1


def test_the_builds_of_older_commits_are_cancelled_when_asked(
    heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    repo.commit({"text": "older"})
    heroku.set_durations(build_seconds=60)
    older = run.start("prepare", "--app", pipeline.prepare.name, "--json")
    eventually(lambda: pipeline.prepare.builds)
    heroku.set_durations(build_seconds=0)
    commit = repo.commit({"text": "newer"})

    newer = run("prepare", "--app", pipeline.prepare.name, "--cancel-superseded", "--json")

    newer.check(0)
    older.finish().check(4)
    assert pipeline.prepare.commit == commit


def test_one_folder_of_a_monorepo_is_built_under_the_commit_of_the_whole(
    pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    for name in APPLICATION:
        moved = repo.directory / "shop" / name
        moved.parent.mkdir(parents=True, exist_ok=True)
        (repo.directory / name).rename(moved)
    commit = repo.commit({"README": "two applications\n"})

    prepared = run("prepare", "--app", pipeline.prepare.name, "--subdir", "shop", "--json")
    deployed = run("deploy", *pipeline.to_staging, "--json")

    assert prepared.check(0)["commit"] == commit
    assert deployed.check(0)["route"] == "promote"
    assert pipeline.staging.ask().text == f"{commit} {commit} hello"


def test_a_miss_in_a_monorepo_builds_the_folder_too(
    pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    for name in APPLICATION:
        moved = repo.directory / "shop" / name
        moved.parent.mkdir(parents=True, exist_ok=True)
        (repo.directory / name).rename(moved)
    commit = repo.commit({"accelerator.toml": '[prepare]\nsubdir = "shop"\n'})

    deployed = run("deploy", *pipeline.to_staging, "--json")

    assert deployed.check(0)["route"] == "build"
    assert pipeline.staging.ask().text == f"{commit} {commit} hello"


def test_a_pointer_of_git_lfs_is_refused_with_its_name(
    heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    repo.commit({"logo.psd": LFS})

    with heroku.watching() as journal:
        result = run("prepare", "--app", pipeline.prepare.name, "--json")

    document = result.check(2)
    assert "logo.psd" in document["error"]["message"]
    assert journal().count("POST", "/builds") == 0


@pytest.mark.parametrize("command", ["prepare", "deploy"])
def test_a_full_disk_is_an_error_of_its_own_and_nothing_is_built(
    command: str, heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    (repo.directory / "noise").write_bytes(secrets.token_bytes(1 << 20))
    repo.commit()
    how = ("--app", pipeline.prepare.name) if command == "prepare" else pipeline.to_staging
    line = shlex.join([str(run.program), command, *how, "--json"])
    shell = Command(Path("/bin/sh"), run.directory, run.environment, run.secrets)

    with heroku.watching() as journal:
        result = shell("-c", f"ulimit -f 256; exec {line}")

    assert result.document["exit_code"] == result.exit_code == 2, result.told
    assert "could not be written" in result.document["error"]["message"]
    assert "disk full" in result.document["error"]["hint"]
    assert journal().count("POST", "/builds") == 0
    assert count_releases(pipeline.staging) == 2


@pytest.mark.slow
def test_stale_values_in_a_slug_are_not_shipped_whatever_is_set_today(
    pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    pipeline.prepare.set_config(LEVEL="old")
    pipeline.staging.set_config(LEVEL="new")
    env = {"ACCELERATOR_PREPARE_BUILD_CONFIG": "LEVEL"}
    commit = prepare(pipeline, repo, run)
    pipeline.prepare.set_config(LEVEL="new")

    refused = run("deploy", *pipeline.to_staging, "--on-miss", "fail", "--json", env=env)
    again = run("prepare", "--app", pipeline.prepare.name, "--json", env=env)
    pipeline.prepare.set_config(LEVEL="another")
    shipped = run("deploy", *pipeline.to_staging, "--on-miss", "fail", "--json", env=env)

    assert "(build_config_differs)" in refused.check(3)["error"]["message"]
    assert not again.check(0)["reused"]
    assert "LEVEL had another value when it was built" in again.stderr
    assert shipped.check(0)["route"] == "promote"
    assert pipeline.staging.commit == commit
    assert pipeline.staging.builds == []


def test_two_jobs_that_begin_to_build_a_commit_at_once_leave_one_build_of_it(
    heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    repo.commit()
    heroku.set_durations(build_seconds=4)

    jobs = [run.start("prepare", "--app", pipeline.prepare.name, "--json") for _ in range(2)]
    told = [job.finish().check(0) for job in jobs]

    assert [build["status"] for build in pipeline.prepare.builds].count("succeeded") == 1
    assert told[0]["build"]["id"] == told[1]["build"]["id"]
    assert pipeline.prepare.slug_id == told[0]["artifact"]["id"]


def test_a_promotion_that_is_declined_is_made_by_releasing_the_slug(
    heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    commit = prepare(pipeline, repo, run)
    heroku.fault("POST", "^/pipeline-promotions$", kind="status", status=422)

    result = run("deploy", *pipeline.to_staging, "--json")

    document = result.check(0)
    assert (document["route"], document["reason"]) == ("release", "promotion_refused")
    assert [target["route"] for target in document["targets"]] == ["release"]
    assert pipeline.staging.slug_id == pipeline.prepare.slug_id
    assert pipeline.staging.commit == commit
