"""Marks without flags: the pipeline tells where they are, and a slip in a name is answered."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any

from tests.e2e.faults import Stopper, prepare

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.commands import Command
    from tests.e2e.sample import Repository
    from tests.e2e.world import Pipeline, Platform


def mark(run: Command, exit_code: int, *arguments: str) -> dict[str, Any]:
    """Give the document of a command about marks that ended with this code."""
    result = run(*arguments)
    assert result.exit_code == exit_code, result.told
    return result.document


def test_a_freeze_is_found_through_the_pipeline_whatever_app_a_deploy_comes_from(
    heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    prepare(pipeline, repo, run)
    target = pipeline.staging.name
    stray = heroku.create_app(f"{pipeline.prefix}-stray").name
    frozen = mark(run, 0, "freeze", target, "--reason", "a sale", "--json", "--from", stray)

    here = run("deploy", *pipeline.to_staging, "--json")
    there = run("deploy", "--from", stray, "--to", target, "--json")
    lifted = mark(run, 0, "unfreeze", target, "--json")
    again = mark(run, 0, "unfreeze", target, "--json")
    passed = run("deploy", *pipeline.to_staging, "--json")
    heroku.api("DELETE", f"/apps/{stray}")

    for refused, app in ((here, pipeline.prepare.name), (there, stray)):
        assert refused.check(3)["reason"] == "frozen"
        hint = refused.document["error"]["hint"]
        assert f"`accelerator unfreeze {target} --from {app}`" in hint
    assert (lifted["changed"], lifted["by"]) == (True, frozen["by"])
    assert lifted["reason"] == "a sale"
    assert (again["changed"], again["by"], again["reason"]) == (False, None, None)
    passed.check(0)


def test_a_freeze_is_found_though_the_target_is_said_to_be_in_no_pipeline(
    heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    repo.commit({"text": "never shipped"})
    target, other = pipeline.staging.name, pipeline.production.name
    mark(run, 0, "freeze", target, "--reason", "a sale", "--json")
    heroku.fault("GET", f"^/apps/{target}/pipeline-couplings$", kind="status", status=404)

    with heroku.watching() as journal:
        refused = run("deploy", "--from", other, "--to", target, "--json")
    lifted = run("unfreeze", target, "--from", other, "--json")

    assert refused.check(3)["reason"] == "frozen"
    assert journal().writes == []
    assert lifted.document["changed"] is True


def test_a_freeze_holds_whatever_file_lies_where_it_is_made(
    heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command, tmp_path: Path
) -> None:
    prepare(pipeline, repo, run)
    target = pipeline.staging.name
    stray = heroku.create_app(f"{pipeline.prefix}-stray").name
    file = f'prepare.apps = ["{stray}"]\n'
    (tmp_path / "accelerator.toml").write_text(file)
    job = {"GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": "pull_request"}

    run("freeze", target, "--reason", "a sale", cwd=tmp_path).check_exit(0)
    here = run("deploy", *pipeline.to_staging, "--json")
    repo.write({"accelerator.toml": file})
    again = run("freeze", target, "--reason", "a sale", "--json")
    reviewed = run("deploy", *pipeline.to_staging, "--json", env=job)
    heroku.api("DELETE", f"/apps/{stray}")

    assert here.check(3)["reason"] == "frozen"
    assert again.document["changed"] is False
    assert reviewed.check(3)["reason"] == "frozen"


def test_a_target_that_does_not_exist_is_answered_with_the_one_that_was_meant(
    heroku: Platform, pipeline: Pipeline, run: Command
) -> None:
    slip = pipeline.staging.name[:-1]

    with heroku.watching() as journal:
        told = mark(run, 12, "freeze", slip, "--reason", "a sale", "--json")

    assert f"did you mean {pipeline.staging.name}" in told["error"]["hint"]
    assert told["error"]["message"].startswith("Couldn't find that app")
    assert (told["by"], told["reason"], told["state"]) == (None, None, None)
    assert [entry.path for entry in journal() if entry.is_git] == []


def test_a_stage_name_needs_the_pipeline_and_nothing_else(
    pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    told = mark(run, 2, "freeze", "production", "--reason", "a sale", "--json")
    repo.write({"accelerator.toml": f'pipeline = "{pipeline.prefix}"\n'})

    frozen = mark(run, 0, "freeze", "production", "--reason", "a sale", "--json")
    lifted = mark(run, 0, "unfreeze", pipeline.production.name, "--json")

    assert "pipeline" in told["error"]["hint"]
    assert frozen["target"] == pipeline.production.name
    assert lifted["changed"] is True


def test_the_source_of_a_refused_key_is_named_after_herokus_own_words(
    pipeline: Pipeline, run: Command
) -> None:
    refused = run("unfreeze", pipeline.staging.name, "--json", env={"HEROKU_API_KEY": "HRKU-no"})

    error = refused.document["error"]
    assert refused.exit_code == 10
    assert error["message"].startswith("Invalid credentials provided")
    assert "with the API key from HEROKU_API_KEY" in error["message"]
    assert "(request " in error["details"]


def test_resume_finds_its_prepare_app_through_the_pipeline(
    pipeline: Pipeline, run: Command
) -> None:
    document = run("resume", pipeline.staging.name, "--json").check(12)

    assert "no deploy to" in document["error"]["message"]


def test_what_is_to_be_typed_after_a_resume_names_the_prepare_app_that_was_found(
    heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    commit = prepare(pipeline, repo, run)
    stopper = Stopper(heroku, "POST", "^/pipeline-promotions$", "after")
    stopper.stop(run.start("deploy", *pipeline.to_staging), 1, signal.SIGINT)

    resumed = run("resume", pipeline.staging.name, "--commit", commit)

    resumed.check_exit(0)
    assert f"--to production --from {pipeline.prepare.name} --commit" in resumed.stdout
