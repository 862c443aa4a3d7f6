"""One of three targets fails, at each position, under each policy."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from tests.e2e.faults import prepare
from tests.e2e.sample import WITH_RELEASE_COMMAND

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.commands import Command
    from tests.e2e.sample import Repository
    from tests.e2e.world import App, Pipeline, Platform

SLOW = pytest.mark.slow
DONE, FAILED, LEFT, RETURNED = "succeeded", "failed", "pending", "compensated"
RELEASES = {DONE: 1, FAILED: 1, LEFT: 0, RETURNED: 2}  # a failed release command leaves one too


@pytest.fixture
def targets(heroku: Platform, pipeline: Pipeline) -> Iterator[tuple[App, ...]]:
    """Three apps of one pipeline."""
    third = heroku.create_app(f"eu-{uuid4().hex[:8]}")
    coupling = {"app": third.name, "pipeline": pipeline.id, "stage": "production"}
    heroku.api("POST", "/pipeline-couplings", coupling)
    yield (*pipeline.targets, third)
    heroku.api("DELETE", f"/apps/{third.name}")


@pytest.mark.parametrize(
    ("policy", "position", "exit_code", "statuses"),
    [
        pytest.param("stop", 0, 5, (FAILED, LEFT, LEFT), id="stop at the first", marks=SLOW),
        pytest.param("stop", 1, 8, (DONE, FAILED, LEFT), id="stop at the second", marks=SLOW),
        pytest.param("stop", 2, 8, (DONE, DONE, FAILED), id="stop at the last", marks=SLOW),
        pytest.param("continue", 0, 8, (FAILED, DONE, DONE), id="go on after the first"),
        pytest.param(
            "continue", 1, 8, (DONE, FAILED, DONE), id="go on after the second", marks=SLOW
        ),
        pytest.param("continue", 2, 8, (DONE, DONE, FAILED), id="go on after the last", marks=SLOW),
        pytest.param("compensate", 0, 5, (FAILED, LEFT, LEFT), id="nothing to return", marks=SLOW),
        pytest.param(
            "compensate", 1, 5, (RETURNED, FAILED, LEFT), id="return the first", marks=SLOW
        ),
        pytest.param("compensate", 2, 5, (RETURNED, RETURNED, FAILED), id="return both"),
    ],
)
def test_one_of_three_targets_fails(
    *,
    policy: str,
    position: int,
    exit_code: int,
    statuses: tuple[str, ...],
    pipeline: Pipeline,
    targets: tuple[App, ...],
    repo: Repository,
    run: Command,
) -> None:
    first, second, third = (target.name for target in targets)
    old = repo.commit(WITH_RELEASE_COMMAND)
    run("prepare", "--app", pipeline.prepare.name, "--json").check(0)
    source = ("deploy", "--from", pipeline.prepare.name, "--json")
    run(*source, "--to", first, "--to", second, "--to", third).check(0)
    new = prepare(pipeline, repo, run, "new")
    targets[position].set_config(RELEASE_FAILS="yes")
    before = [len(target.releases) for target in targets]
    waves = ("--to", first, "--then", second, "--then", third, "--on-failure", policy)

    result = run(*source, *waves)

    told = result.check(exit_code)["targets"]
    assert [each["app"] for each in told] == [first, second, third]
    assert tuple(each["status"] for each in told) == statuses
    runs = [new if status == DONE else old for status in statuses]
    assert [target.commit for target in targets] == runs
    made = [len(target.releases) - then for target, then in zip(targets, before, strict=True)]
    assert made == [RELEASES[status] for status in statuses]
    for each in told:
        wanted = each["previous_release"] if each["status"] == RETURNED else None
        assert each["rolled_back_to"] == wanted


def test_a_promotion_the_platform_fails_is_told_with_its_reason(
    heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    prepare(pipeline, repo, run)
    where = f"apps/{pipeline.staging.name}/failing-promotions"
    heroku.control("POST", where, {"error_message": "no room"})

    failed = run("deploy", *pipeline.to_staging, "--json")
    again = run("deploy", *pipeline.to_staging, "--json")

    assert "no room" in failed.check(5)["error"]["message"]
    assert again.check(0)["route"] == "promote"
