"""Clones of every kind, and both ways to get a commit onto the prepare app."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.commands import Command
    from tests.e2e.sample import Repository
    from tests.e2e.world import Pipeline, Platform


def test_a_shallow_clone_prepares_and_deploys(
    pipeline: Pipeline, repo: Repository, run: Command, tmp_path: Path
) -> None:
    repo.commit({"text": "first"})
    commit = repo.commit({"text": "second"})
    shallow = repo.clone(tmp_path / "shallow", "--depth", "1")
    assert shallow.git("rev-list", "--count", "HEAD") == "1"

    prepared = run("prepare", "--app", pipeline.prepare.name, "--json", cwd=shallow.directory)
    deployed = run("deploy", *pipeline.to_staging, "--json", cwd=shallow.directory)

    assert prepared.check(0)["strategy"] == "source"
    assert deployed.check(0)["route"] == "promote"
    assert pipeline.staging.commit == commit
    assert pipeline.staging.ask().text.startswith(commit)


def test_a_shallow_clone_builds_on_a_miss(
    pipeline: Pipeline, repo: Repository, run: Command, tmp_path: Path
) -> None:
    repo.commit({"text": "first"})
    commit = repo.commit({"text": "second"})
    shallow = repo.clone(tmp_path / "shallow", "--depth", "1")

    result = run("deploy", *pipeline.to_staging, "--json", cwd=shallow.directory)

    assert result.check(0)["route"] == "build"
    assert pipeline.staging.commit == commit


def test_a_push_from_a_shallow_clone_names_the_fix_and_sends_nothing(
    heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command, tmp_path: Path
) -> None:
    repo.commit({"text": "first"})
    repo.commit({"text": "second"})
    shallow = repo.clone(tmp_path / "shallow", "--depth", "1")
    arguments = ("prepare", "--app", pipeline.prepare.name, "--strategy", "git", "--json")

    with heroku.watching() as journal:
        result = run(*arguments, cwd=shallow.directory)

    error = result.check(2)["error"]
    assert error["code"] == "shallow_clone"
    assert "--strategy source" in error["hint"]
    assert "git fetch --unshallow" in error["hint"]
    assert journal() == ()


def test_a_push_prepares_and_pushing_again_finds_everything_up_to_date(
    heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    commit = repo.commit()
    arguments = ("prepare", "--app", pipeline.prepare.name, "--strategy", "git", "--json")

    first = run(*arguments)
    second = run(*arguments)

    assert first.check(0)["strategy"] == "git"
    assert f"-----> Compiling {commit}" in first.stderr
    assert second.check(0)["build"] == first.document["build"]
    assert second.document["release_id"] == first.document["release_id"]
    assert [build["source_blob"]["version"] for build in pipeline.prepare.builds] == [commit]
    with heroku.watching() as journal:
        assert run("deploy", *pipeline.to_staging, "--json").check(0)["route"] == "promote"
    assert journal().writes == ["POST /pipeline-promotions"]


def test_a_push_whose_build_fails_is_a_failed_build(
    pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    repo.commit({"unbuildable": "yes"})

    result = run("prepare", "--app", pipeline.prepare.name, "--strategy", "git", "--json")

    assert result.check(4)["error"]["code"] == "build_failed"
    assert pipeline.prepare.slug_id is None


def test_a_commit_on_another_line_is_pushed_all_the_same(
    pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    arguments = ("prepare", "--app", pipeline.prepare.name, "--strategy", "git", "--json")
    repo.commit({"text": "first"})
    run(*arguments).check(0)
    repo.git("checkout", "--quiet", "--orphan", "other")
    other = repo.commit({"text": "other"})

    result = run(*arguments)

    assert result.check(0)["commit"] == other
    assert pipeline.prepare.commit == other


def test_uncommitted_changes_and_export_attributes_have_no_say(
    pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    commit = repo.commit({".gitattributes": "text export-ignore\n", "text": "committed"})
    repo.write({"text": "not committed"})

    result = run("deploy", *pipeline.to_staging, "--json")

    result.check(0)
    assert pipeline.staging.ask().text == f"{commit} {commit} committed"


def test_the_commit_comes_from_the_ci_and_from_names(
    pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    tagged = repo.commit({"text": "first"})
    repo.git("tag", "v1.0")
    newer = repo.commit({"text": "second"})
    env = {"CI": "true", "GITHUB_ACTIONS": "true", "GITHUB_SHA": tagged}

    by_variable = run("prepare", "--app", pipeline.prepare.name, "--json", env=env)
    by_tag = run("deploy", *pipeline.to_staging, "--commit", "v1.0", "--json")
    by_head = run("deploy", *pipeline.to_staging, "--on-miss", "fail", "--json")

    assert by_variable.check(0)["commit"] == tagged
    assert by_tag.check(0)["commit"] == tagged
    assert by_head.check(3)["commit"] == newer
    assert pipeline.staging.commit == tagged
