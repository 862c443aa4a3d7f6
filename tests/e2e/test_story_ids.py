"""Apps given by id, as Heroku takes them everywhere: what is locked, frozen and told is by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.faults import count_releases, prepare

if TYPE_CHECKING:
    from tests.e2e.commands import Command
    from tests.e2e.sample import Repository
    from tests.e2e.world import App, Pipeline, Platform


def id_of(app: App) -> str:
    return str(app.info["id"])


def test_a_freeze_holds_whichever_way_the_app_is_given(
    pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    prepare(pipeline, repo, run)
    before = count_releases(pipeline.staging)
    ids = ("--from", id_of(pipeline.prepare), "--to", id_of(pipeline.staging))

    frozen = run(
        "freeze",
        id_of(pipeline.staging),
        "--reason",
        "x",
        "--from",
        pipeline.prepare.name,
        "--json",
    )
    by_name = run("deploy", *pipeline.to_staging, "--json")
    by_id = run("deploy", *ids, "--json")
    run("unfreeze", pipeline.staging.name, "--from", id_of(pipeline.prepare))
    shipped = run("deploy", *ids, "--json")

    assert frozen.exit_code == 0, frozen.told
    assert frozen.document["target"] == pipeline.staging.name
    assert by_name.check(3)["reason"] == "frozen"
    assert by_id.check(3)["reason"] == "frozen"
    document = shipped.check(0)
    assert document["source"]["app"] == pipeline.prepare.name
    assert [each["app"] for each in document["targets"]] == [pipeline.staging.name]
    assert count_releases(pipeline.staging) == before + 1


@pytest.mark.parametrize("flag", ["--to", pytest.param("--then", marks=pytest.mark.slow)])
def test_an_app_given_by_name_and_id_is_refused_before_anything_is_written(
    flag: str, heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    prepare(pipeline, repo, run)

    with heroku.watching() as journal:
        result = run("deploy", *pipeline.to_staging, flag, id_of(pipeline.staging), "--json")

    assert pipeline.staging.name in result.check(2)["error"]["message"]
    assert journal().writes == []


@pytest.mark.parametrize(
    ("target", "code"),
    [
        pytest.param("Shop", 12, id="another case"),
        pytest.param("shop ", 2, id="a blank behind"),
        pytest.param("01234567-89ab-cdef-0123-456789abcdef", 12, id="no app's id"),
    ],
)
def test_nothing_is_frozen_under_a_name_that_is_none(
    target: str, code: int, heroku: Platform, pipeline: Pipeline, run: Command
) -> None:
    with heroku.watching() as journal:
        result = run("freeze", target, "--reason", "x", "--from", pipeline.prepare.name, "--json")

    assert (result.exit_code, result.document["ok"]) == (code, False)
    assert "Traceback" not in result.stderr
    assert journal().writes == []
