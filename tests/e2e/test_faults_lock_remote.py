"""Where locks are kept: the project's own host by a remote's name, what it is worth, hooks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.faults import prepare

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.commands import Command
    from tests.e2e.sample import Repository
    from tests.e2e.world import Pipeline


def keep_locks(repo: Repository, tmp_path: Path) -> Path:
    """Give the clone a remote of its own, as the project's git host is."""
    bare = tmp_path / "project.git"
    repo.git("init", "--quiet", "--bare", str(bare))
    repo.git("remote", "add", "project", str(bare))
    return bare


def test_a_freeze_in_the_projects_own_repository_is_seen_by_whoever_names_its_remote(
    pipeline: Pipeline, repo: Repository, run: Command, tmp_path: Path
) -> None:
    keep_locks(repo, tmp_path)
    repo.write({"accelerator.toml": 'lock_remote = "project"\nlock = "required"\n'})
    prepare(pipeline, repo, run)
    run("freeze", "-a", pipeline.staging.name, "--reason", "sale", "--from", pipeline.prepare.name)
    branches = repo.git("ls-remote", "--heads", "project")

    refused = run("deploy", *pipeline.to_staging, "--json")
    run("unfreeze", pipeline.staging.name, "--from", pipeline.prepare.name)
    passed = run("deploy", *pipeline.to_staging, "--json")

    assert refused.check(3)["reason"] == "frozen"
    passed.check(0)
    assert branches == ""
    assert repo.git("ls-remote", "project", "refs/accelerator/*") == ""


def test_a_remote_that_this_clone_does_not_have_stops_what_would_be_locked(
    pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    prepare(pipeline, repo, run)

    refused = run("deploy", *pipeline.to_staging, "--lock-remote", "nowhere", "--json")

    assert "has no remote of that name" in refused.check(2)["error"]["message"]


@pytest.mark.slow
def test_a_probe_says_what_locks_are_worth_and_leaves_nothing(
    pipeline: Pipeline, repo: Repository, run: Command, tmp_path: Path
) -> None:
    keep_locks(repo, tmp_path)

    own = run("lock", "--probe", "--lock-remote", "project", "--json")
    herokus = run("lock", "--probe", "--from", pipeline.prepare.name, "--json")

    found = own.document["probe"]
    assert (own.exit_code, own.document["ok"]) == (0, True), own.told
    assert found["held"] == found["races"] > 0
    assert found["operations"] >= 3 * found["races"]
    assert repo.git("ls-remote", "project") == ""
    assert herokus.exit_code == 3, herokus.told
    assert herokus.document["error"]["code"] == "lock_unavailable"
    assert "advisory" in herokus.document["error"]["message"]


def test_run_by_a_hook_of_a_linked_worktree_nothing_of_the_repository_is_changed(
    pipeline: Pipeline, repo: Repository, run: Command, tmp_path: Path
) -> None:
    bare = keep_locks(repo, tmp_path)
    linked = tmp_path / "linked"
    commit = prepare(pipeline, repo, run)
    repo.git("worktree", "add", "--quiet", str(linked))
    own = str(next((repo.directory / ".git" / "worktrees").iterdir()))
    before = repo.git("config", "--list", "--local"), repo.git("status", "--porcelain")
    hook = {"GIT_DIR": own, "GIT_WORK_TREE": str(linked), "GIT_INDEX_FILE": f"{own}/index"}
    where = ("--lock", "required", "--lock-remote", f"file://{bare}")

    result = run("deploy", *pipeline.to_staging, *where, "--json", env=hook, cwd=linked)

    result.check(0)
    assert pipeline.staging.commit == commit
    after = repo.git("config", "--list", "--local"), repo.git("status", "--porcelain")
    assert after == before
    assert "core.bare=false" in after[0]
