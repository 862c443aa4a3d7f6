"""One build is enough for all commits of which a build is made of the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.sample import APPLICATION, BROKEN
from tests.e2e.world import eventually

if TYPE_CHECKING:
    from tests.e2e.commands import Command
    from tests.e2e.sample import Repository
    from tests.e2e.world import Pipeline, Platform

RULES = 'same_tree = true\n\n[prepare]\nsubdir = "shop"\n'
KNOWN = "/health {commit}"


@pytest.fixture
def mono(repo: Repository) -> Repository:
    """Have the application in a folder, beside another one, with notes that builds do without."""
    for name in APPLICATION:
        moved = repo.directory / "shop" / name
        moved.parent.mkdir(parents=True, exist_ok=True)
        (repo.directory / name).rename(moved)
    rules = {"shop/.slugignore": "*.md\n/notes/\n", "shop/notes/one": "1", "shop/a.md": "a"}
    repo.commit({"accelerator.toml": RULES, "stock/README": "another one", **rules})
    return repo


def test_a_commit_to_another_folder_or_to_ignored_files_ships_what_there_is(
    pipeline: Pipeline, mono: Repository, run: Command
) -> None:
    prepare = ("prepare", "--app", pipeline.prepare.name, "--json")
    built = mono.git("rev-parse", "HEAD")
    run(*prepare).check(0)
    run("deploy", *pipeline.to_staging, "--json").check(0)
    slug = pipeline.staging.slug_id

    for change in ({"stock/README": "more"}, {"shop/a.md": "b", "shop/notes/two": "2"}):
        commit = mono.commit(change)
        prepared = run(*prepare).check(0)
        proof = ("--verify-source", "--smoke", KNOWN)
        deployed = run("deploy", *pipeline.to_staging, *proof, "--json").check(0)

        assert (prepared["reused"], prepared["commit"]) == (True, commit)
        assert prepared["same"] == deployed["source"]["same"]
        assert deployed["source"]["same"]["commit"] == built
        assert deployed["source"]["same"]["compared"] == "tree of shop without .slugignore"
        assert (deployed["route"], deployed["reason"]) == ("release", "same_tree")
        assert deployed["source"]["verified"] == "passed"
        assert (pipeline.staging.slug_id, pipeline.staging.commit) == (slug, built)
        assert run("deploy", *pipeline.to_staging, "--json").check(0)["route"] == "live"

    changed = mono.commit({"shop/text": "new"})
    assert not run(*prepare).check(0)["reused"]
    assert run("deploy", *pipeline.to_staging, "--json").check(0)["route"] == "promote"
    assert pipeline.staging.commit == changed
    assert len(pipeline.prepare.builds) == 2


def test_what_was_built_of_another_folder_is_not_the_same_source(
    pipeline: Pipeline, mono: Repository, run: Command
) -> None:
    mono.write({f"next/{name}": text for name, text in APPLICATION.items()})
    mono.commit({"next/text": "the next one"})
    run("prepare", "--app", pipeline.prepare.name, "--json").check(0)
    commit = mono.commit({"accelerator.toml": RULES.replace("shop", "next")})

    prepared = run("prepare", "--app", pipeline.prepare.name, "--json").check(0)
    run("deploy", *pipeline.to_staging, "--smoke", KNOWN, "--json").check(0)

    assert not prepared["reused"]
    assert pipeline.staging.commit == commit
    assert "the next one" in pipeline.staging.ask().text


def test_what_was_removed_before_the_build_was_no_part_of_it(
    pipeline: Pipeline, mono: Repository, run: Command
) -> None:
    look = '#!/bin/sh\nif [ -e "$1/a.md" ] || [ -e "$1/notes" ]; then exit 1; fi\n'
    mono.commit({"shop/bin/compile": look})

    document = run("prepare", "--app", pipeline.prepare.name, "--json").check(0)

    assert document["build"]["status"] == "succeeded"


@pytest.mark.slow
def test_the_alias_outlives_a_config_var_and_a_promotion_by_hand(
    heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    both = ("--from", pipeline.prepare.name, "--from", pipeline.staging.name)
    base, built = repo.commit(), repo.commit({"text": "feature"}, "On a branch")
    run("prepare", "--app", pipeline.prepare.name, "--json").check(0)
    # As a squash merge has it: the tree of the branch, and nothing of its history.
    repo.git("checkout", "--quiet", "-B", "main", base)
    merged = repo.commit({"text": "feature"}, "Merged")
    run("deploy", *pipeline.to_staging, "--same-tree", "--json").check(0)
    pipeline.staging.set_config(LEVEL="1")
    source = pipeline.staging.current["id"]
    app = pipeline.production.info["id"]
    heroku.api(
        "POST",
        "/pipeline-promotions",
        {
            "pipeline": {"id": pipeline.id},
            "source": {"app": {"id": pipeline.staging.info["id"]}, "release": {"id": source}},
            "targets": [{"app": {"id": app}}],
        },
    )
    past = eventually(lambda: pipeline.production.slug_id and pipeline.production.commit)
    following = repo.commit({"text": "next"})

    document = run("deploy", *both, "--to", pipeline.production.name, "--strict", "--json").check(0)

    assert merged != built == past
    assert document["commit"] == following
    assert pipeline.production.commit == following


@pytest.mark.slow
def test_the_way_back_to_what_another_commit_built_is_verified_and_keeps_its_name(
    pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    built = repo.commit()
    run("prepare", "--app", pipeline.prepare.name, "--json").check(0)
    merged = repo.commit(subject="Merge, with the same tree")
    proof = ("--same-tree", "--smoke", KNOWN, "--json")
    run("deploy", *pipeline.to_staging, *proof).check(0)
    repo.commit(BROKEN)

    failed = run("deploy", *pipeline.to_staging, *proof).check(6)
    repo.git("revert", "--no-edit", "HEAD")
    again = run("deploy", *pipeline.to_staging, *proof).check(0)

    assert failed["targets"][0]["rolled_back_to"] is not None
    assert pipeline.staging.commit == built
    assert merged in pipeline.staging.releases[1]["description"]
    assert again["reason"] == "same_tree"
