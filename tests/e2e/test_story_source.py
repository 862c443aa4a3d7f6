"""Whoever may deploy to the prepare app can name any commit; proof is in the source's checksum."""

from __future__ import annotations

import hashlib
import io
import tarfile
from typing import TYPE_CHECKING

import pytest

from tests.e2e.sample import APPLICATION
from tests.e2e.world import eventually

if TYPE_CHECKING:
    from tests.e2e.commands import Command
    from tests.e2e.sample import Repository
    from tests.e2e.world import App, Pipeline, Platform

PROVEN = "--verify-source"


def build_other_bytes(heroku: Platform, app: App, sha: str) -> str:
    """Build an application of our own under somebody else's commit; return its slug."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as archive:
        for name, text in {**APPLICATION, "text": "stolen"}.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(text.encode()), 0o755
            archive.addfile(member, io.BytesIO(text.encode()))
    blob = heroku.api("POST", "/sources")["source_blob"]
    heroku.session.put(blob["put_url"], data=data.getvalue()).raise_for_status()
    checksum = f"SHA256:{hashlib.sha256(data.getvalue()).hexdigest()}"
    source = {"url": blob["get_url"], "version": sha, "checksum": checksum}
    build = heroku.api("POST", f"/apps/{app.name}/builds", {"source_blob": source})
    return finished(heroku, app, build["id"])


def finished(heroku: Platform, app: App, build_id: str) -> str:
    """Wait for the end of a build; return its slug."""
    path = f"/apps/{app.name}/builds/{build_id}"

    def look() -> str | None:
        build = heroku.api("GET", path)
        assert build["status"] != "failed"
        slug = build["slug"]
        return str(slug["id"]) if build["release"] and slug else None

    return str(eventually(look))


def test_other_bytes_under_a_reviewed_commit_are_shipped_without_proof_and_refused_with_it(
    heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    sha = repo.commit({"text": "reviewed"})
    stolen = build_other_bytes(heroku, pipeline.prepare, sha)

    with heroku.watching() as journal:
        refused = run("deploy", *pipeline.route, PROVEN, "--json").check(3)

    assert refused["reason"] == "source_unverified"
    assert "another source than the archive of the commit" in refused["error"]["message"]
    assert (journal().writes, journal().pushes) == ([], [])
    trusted = run("deploy", *pipeline.to_staging, "--json").check(0)
    assert trusted["source"]["verified"] == "not_run"
    assert pipeline.staging.slug_id == stolen
    assert pipeline.staging.ask().text.endswith("stolen")

    # The way out: what is proven is built, and takes the place of what is not.
    assert not run("prepare", "--app", pipeline.prepare.name, PROVEN, "--json").check(0)["reused"]
    document = run("deploy", *pipeline.route, PROVEN, "--json").check(0)
    assert document["source"]["verified"] == "passed"
    assert {target["route"] for target in document["targets"]} == {"promote"}
    assert pipeline.production.ask().text.endswith("reviewed")
    assert pipeline.staging.slug_id == pipeline.production.slug_id != stolen


@pytest.mark.parametrize(
    "flags",
    [
        pytest.param((PROVEN,), id="packed to be proven"),
        pytest.param((), id="packed as ever", marks=pytest.mark.slow),
    ],
)
def test_what_was_prepared_from_the_commits_archive_is_promoted_with_proof(
    pipeline: Pipeline, repo: Repository, run: Command, flags: tuple[str, ...]
) -> None:
    repo.commit({"text": "honest"})
    run("prepare", "--app", pipeline.prepare.name, *flags, "--json").check(0)

    document = run("deploy", *pipeline.to_staging, PROVEN, "--json").check(0)

    assert (document["route"], document["source"]["verified"]) == ("promote", "passed")
    assert pipeline.staging.slug_id == pipeline.prepare.slug_id
    again = run("deploy", *pipeline.to_staging, PROVEN, "--json").check(0)
    assert again["route"] == "live"


def test_what_was_pushed_by_git_is_refused_with_the_reason(
    heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    repo.commit({"text": "pushed"})
    run("prepare", "--app", pipeline.prepare.name, "--strategy", "git", "--json").check(0)

    with heroku.watching() as journal:
        result = run("deploy", *pipeline.to_staging, env={"ACCELERATOR_VERIFY_SOURCE": "true"})

    assert result.exit_code == 3
    assert "pushed by git" in result.told
    assert "accelerator prepare --verify-source" in result.told
    assert journal().writes == []


@pytest.mark.slow
def test_a_miss_is_built_and_is_live_with_proof_the_next_time(
    pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    repo.commit({"text": "missed"})

    first = run("deploy", *pipeline.route, PROVEN, "--json").check(0)

    assert first["route"] == "build"
    assert pipeline.staging.slug_id == pipeline.production.slug_id
    assert run("deploy", *pipeline.route, PROVEN, "--json").check(0)["route"] == "live"


@pytest.mark.slow
def test_a_ship_proves_what_it_has_prepared(
    pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    repo.commit({"text": "shipped"})
    pushed = run(
        "ship", "--no-test", *pipeline.to_staging, PROVEN, "--strategy", "git", "--json"
    ).check(2)
    assert "--verify-source needs the source strategy" in pushed["error"]["message"]

    document = run("ship", "--no-test", *pipeline.to_staging, PROVEN, "--json").check(0)

    assert [stage["source"]["verified"] for stage in document["stages"]] == ["passed"]
    assert pipeline.staging.slug_id == pipeline.prepare.slug_id
