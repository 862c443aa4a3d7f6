"""Every way a deploy can end: its exit code, one whole document, and what the targets run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from tests.e2e.sample import BROKEN, UNBUILDABLE, WITH_RELEASE_COMMAND, Repository
from tests.ports import deaf_port

if TYPE_CHECKING:
    from tests.e2e.commands import Command
    from tests.e2e.world import Pipeline, Platform

NOT_PREPARED, PREPARED = False, True


def deploy_first(pipeline: Pipeline, repo: Repository, run: Command) -> str:
    """Have a sound commit on staging, and return its sha."""
    commit = repo.commit(WITH_RELEASE_COMMAND)
    run("deploy", *pipeline.to_staging, "--json").check(0)
    return commit


def test_a_failed_build_leaves_the_target_as_it_was(
    pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    first = deploy_first(pipeline, repo, run)
    before = pipeline.staging.current["id"]
    repo.commit(UNBUILDABLE)

    result = run("deploy", *pipeline.to_staging, "--json")

    document = result.check(4)
    assert document["error"]["code"] == "build_failed"
    assert document["route"] == "build"
    assert "this does not compile" in result.stderr
    assert pipeline.staging.current["id"] == before
    assert pipeline.staging.ask().text.startswith(first)


@pytest.mark.parametrize(
    ("is_prepared", "route"),
    [
        pytest.param(PREPARED, "promote", id="of a promotion"),
        pytest.param(NOT_PREPARED, "build", id="of a build"),
    ],
)
def test_a_failed_release_command_leaves_the_old_release_serving(
    is_prepared: bool, route: str, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    first = deploy_first(pipeline, repo, run)
    pipeline.staging.set_config(RELEASE_FAILS="yes")
    before, releases = pipeline.staging.slug_id, len(pipeline.staging.releases)
    repo.commit({"text": "second"})
    if is_prepared:
        run("prepare", "--app", pipeline.prepare.name, "--json").check(0)

    result = run("deploy", *pipeline.to_staging, "--json")

    document = result.check(5)
    assert document["route"] == route
    assert document["error"]["code"] == ("promotion_failed" if is_prepared else "release_failed")
    assert len(pipeline.staging.releases) == releases + 1
    assert [target["status"] for target in document["targets"]] == ["failed"]
    assert "migrating" in result.stderr
    assert pipeline.staging.releases[0]["status"] == "failed"
    assert pipeline.staging.slug_id == before
    assert pipeline.staging.ask().text.startswith(first)


@pytest.mark.parametrize("is_prepared", [PREPARED, NOT_PREPARED], ids=["promoted", "built"])
def test_a_failed_smoke_check_brings_the_old_code_back(
    is_prepared: bool, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    first = deploy_first(pipeline, repo, run)
    before = pipeline.staging.current
    repo.commit(BROKEN)
    if is_prepared:
        run("prepare", "--app", pipeline.prepare.name, "--json").check(0)

    result = run("deploy", *pipeline.to_staging, "--smoke", "/health {commit}", "--json")

    [target] = result.check(6)["targets"]
    assert (target["status"], target["verified"]) == ("failed", "failed")
    assert target["rolled_back_to"] == before["version"]
    assert pipeline.staging.slug_id == before["slug"]["id"]
    assert pipeline.staging.current["version"] == before["version"] + 2
    assert pipeline.staging.ask().status_code == 200
    assert pipeline.staging.ask().text.startswith(first)


def test_without_rollback_the_new_code_stays(
    pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    deploy_first(pipeline, repo, run)
    broken = repo.commit(BROKEN)

    result = run("deploy", *pipeline.to_staging, "--smoke", "/health", "--no-rollback", "--json")

    [target] = result.check(7)["targets"]
    assert (target["verified"], target["rolled_back_to"]) == ("failed", None)
    assert pipeline.staging.commit == broken
    assert pipeline.staging.ask().status_code == 500


def test_without_an_earlier_release_there_is_nothing_to_go_back_to(
    pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    broken = repo.commit(BROKEN)

    result = run("deploy", *pipeline.to_staging, "--smoke", "/health", "--json")

    assert "no release with code before it" in result.check(7)["error"]["message"]
    assert pipeline.staging.commit == broken


@dataclass(frozen=True)
class Refusal:
    """A deploy that cannot do anything: how it is called, and how it has to end."""

    exit_code: int
    code: str
    arguments: tuple[str, ...] = ("--from", "PREFIX-prepare", "--to", "PREFIX-staging")
    env: dict[str, str] = field(default_factory=dict)
    toml: str = ""
    says: str = ""


ANYWHERE = ("--from", "PREFIX-prepare")


@pytest.mark.parametrize(
    "refusal",
    [
        pytest.param(Refusal(2, "no_key", env={"HEROKU_API_KEY": ""}), id="no key"),
        pytest.param(
            Refusal(10, "key_refused", env={"HEROKU_API_KEY": "HRKU-wrong"}), id="wrong key"
        ),
        pytest.param(
            Refusal(12, "not_found", (*ANYWHERE, "--to", "PREFIX-none"), says="PREFIX-none"),
            id="unknown target",
        ),
        pytest.param(
            Refusal(12, "not_found", ("--from", "PREFIX-none", "--to", "PREFIX-staging")),
            id="unknown prepare app",
        ),
        pytest.param(
            Refusal(12, "not_found", (*ANYWHERE, "--to", "review"), says="review"),
            id="a stage without an app",
        ),
        pytest.param(
            Refusal(12, "not_found", (*ANYWHERE, "--to", "staging", "--commit", "nonsense")),
            id="unknown revision",
        ),
        pytest.param(
            Refusal(12, "not_found", (*ANYWHERE, "--to", "staging", "--commit", "f" * 40)),
            id="unknown sha",
        ),
        pytest.param(Refusal(2, "usage", ANYWHERE, says="--to"), id="no target"),
        pytest.param(Refusal(2, "usage", ("--to", "staging"), says="--from"), id="no prepare app"),
        pytest.param(
            Refusal(2, "usage", (*ANYWHERE, "--to", "PREFIX-prepare")), id="target is the source"
        ),
        pytest.param(Refusal(2, "usage", (*ANYWHERE, "--frobnicate")), id="unknown option"),
        pytest.param(Refusal(2, "usage", (*ANYWHERE, "--to")), id="option without its value"),
        pytest.param(
            Refusal(2, "usage", (*ANYWHERE, "--to", "staging", "--smoke", " ")),
            id="smoke check that is none",
        ),
        pytest.param(
            Refusal(2, "configuration", (*ANYWHERE, "--to", "staging", "--timeout", "soon")),
            id="duration that is none",
        ),
        pytest.param(Refusal(2, "configuration", toml="prepare = ["), id="malformed file"),
        pytest.param(
            Refusal(2, "configuration", toml="on_mis = 'fail'", says="on_miss"),
            id="unknown key in the file",
        ),
        pytest.param(
            Refusal(2, "host", env={"HEROKU_HOST": "https://heroku.example"}), id="foreign host"
        ),
    ],
)
def test_a_deploy_that_cannot_begin_says_why_and_changes_nothing(
    refusal: Refusal, heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    repo.commit()
    (repo.directory / "accelerator.toml").write_text(refusal.toml)
    arguments = [word.replace("PREFIX", pipeline.prefix) for word in refusal.arguments]

    with heroku.watching() as journal:
        result = run("deploy", "--json", *arguments, env=refusal.env)

    error = result.check(refusal.exit_code)["error"]
    assert error["code"] == refusal.code
    assert error["message"] in result.stderr
    said = f"{error['message']} {error['hint']}"
    assert refusal.says.replace("PREFIX", pipeline.prefix) in said
    assert journal().writes == []


def test_a_platform_that_is_down_is_unreachable(
    pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    repo.commit()
    with deaf_port() as port:
        env = {"HEROKU_HOST": f"http://127.0.0.1:{port}"}
        result = run("deploy", *pipeline.to_staging, "--timeout", "1s", "--json", env=env)

    assert result.check(11)["error"]["code"] == "unreachable"


def test_a_miss_that_must_not_be_built_is_refused(
    heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    repo.commit()

    with heroku.watching() as journal:
        result = run("deploy", *pipeline.to_staging, "--on-miss", "fail", "--json")

    document = result.check(3)
    assert (document["route"], document["error"]["code"]) == ("build", "refused")
    assert "nothing_prepared" in document["error"]["message"]
    assert journal().writes == []


def test_a_target_that_is_in_two_waves_is_refused_before_anything_is_read_of_it(
    pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    repo.commit()

    result = run("deploy", *pipeline.to_staging, "--then", "staging", "--json")

    told = result.check(2)
    assert f"{pipeline.staging.name} would be deployed to twice" in told["error"]["message"]
