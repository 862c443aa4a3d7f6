"""The demo: the whole story on a platform of its own, with the sample or one's own repository."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.commands import Command
from tests.e2e.documents import check_document

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.sample import Repository


CALLERS = "HRKU-of-the-caller-and-nobody-elses"


@pytest.fixture
def told(run: Command) -> Command:
    """The command where no platform is configured: the demo brings its own."""
    kept = {k: v for k, v in run.environment.items() if not k.startswith(("HEROKU", "ACCEL"))}
    return Command(run.program, run.directory, kept, run.secrets)


def check_story(document: dict[str, Any]) -> None:
    """Assert a miss that was built, then a hit that was promoted, and the comparison."""
    assert (document["ok"], document["exit_code"], document["error"]) == (True, 0, None)
    first, second = document["first"], document["second"]
    check_document(first, "deploy", 0)
    check_document(second, "ship", 0)
    assert (first["route"], first["reason"]) == ("build", "nothing_prepared")
    assert [stage["route"] for stage in second["stages"]] == ["promote", "promote"]
    prepared = second["prepared"]["artifact"]["id"]
    shipped = [target for stage in second["stages"] for target in stage["targets"]]
    assert [target["artifact"]["id"] for target in shipped] == [prepared, prepared]
    assert second["commit"] == document["commits"]["second"]
    assert document["prepared_and_promoted"]["production"] > 0
    assert document["built_at_every_stage"]["production"] > 0


@pytest.mark.slow
def test_the_demo_tells_the_whole_story_of_the_sample(told: Command) -> None:
    result = told("demo", "--json")

    assert result.exit_code == 0, result.told
    check_story(result.document)
    assert result.document["second"]["tests"] == "passed"


@pytest.mark.slow
def test_the_demo_ships_ones_own_repository_and_hands_nobody_the_callers_key(
    told: Command, repo: Repository, tmp_path: Path
) -> None:
    head = repo.commit()
    seen = tmp_path / "seen"
    seen.mkdir()
    look = f"env > {seen}/$$"
    told.keep_secret(CALLERS)
    theirs = {"HEROKU_API_KEY": CALLERS, "HEROKU_HOST": "https://api.heroku.com", "COPY": CALLERS}
    set_up = {"ACCELERATOR_KEY_ENV": "OWN_KEY", "OWN_KEY": CALLERS, "ACCELERATOR_LOCK": "nonsense"}
    how = ("--repo", str(repo.directory), "--build-seconds", "0", "--test", look, "--json")
    smoke = ("--smoke", "/health {commit}", "--smoke", f"$ {look}")

    result = told("demo", *how, *smoke, env={**theirs, **set_up})

    assert result.exit_code == 0, result.told
    check_story(result.document)
    environments = [each.read_text() for each in seen.iterdir()]
    assert len(environments) == 8  # of the tests, twice; of the checks of six releases
    for environment in environments:
        assert "PATH=" in environment
        assert not any(word in environment for word in (CALLERS, "API_KEY", "ACCELERATOR_"))
    assert repo.git("rev-parse", "HEAD") == head
    assert repo.git("status", "--porcelain") == ""


def test_a_repository_that_says_not_how_it_runs_is_refused(told: Command, repo: Repository) -> None:
    (repo.directory / "Procfile").unlink()
    repo.git("add", "--all")
    repo.git("commit", "--quiet", "--message", "Without a Procfile")

    result = told("demo", "--repo", str(repo.directory), "--json")

    assert result.exit_code == 2
    assert "Procfile" in result.document["error"]["message"]
