"""Releases of somebody without a lock that slip in around ours."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from accelerator.errors import VerificationFailed, WrongArtifact
from accelerator.steps.guard.direction import Direction
from tests.unit.deployscene import SHOP, THIRD, Scene, one
from tests.unit.fakes import COMMIT, OTHER, make_build, relate

if TYPE_CHECKING:
    from accelerator.models import Commit


def stranger(made: Scene, held: str | None, commit: Commit) -> None:
    """Let somebody without a lock release something between our last look and our write."""
    if held is not None:
        made.stage.heroku.hold(held, commit)
    made.stage.heroku.before[SHOP] = lambda: made.app("shop").land(held)


def test_newer_code_that_slipped_in_under_our_release_is_told_as_a_failure() -> None:
    raced = one()
    stranger(raced, "new", THIRD)

    error = raced.fail(VerificationFailed, ancestry=relate(OTHER, COMMIT, THIRD))

    assert error.exit_code == 7
    assert "v2 was released at the same moment" in error.message
    assert raced.entry("shop").status == "failed"


def test_code_that_slipped_in_and_names_no_commit_is_said_aloud_and_fails_when_strict() -> None:
    aloud, strict = one(), one()
    for made in (aloud, strict):
        made.stage.heroku.hold("new", None)
        made.stage.heroku.before[SHOP] = partial(made.app("shop").land, "new")

    report = aloud.deploy()
    error = strict.fail(VerificationFailed, direction=Direction(strict=True))

    assert report.targets[0].status == "succeeded"
    [warning] = aloud.stage.ear.warnings()
    assert "v2 was released at the same moment, and whether" in warning
    assert "v2 was released at the same moment" in error.message


def test_code_that_slipped_in_is_judged_by_the_build_that_left_it() -> None:
    raced = one(builds=[make_build("shop", "new", THIRD)])
    raced.stage.heroku.hold("new", None)
    raced.stage.heroku.before[SHOP] = partial(raced.app("shop").land, "new")

    error = raced.fail(VerificationFailed, ancestry=relate(OTHER, COMMIT, THIRD))

    assert THIRD.short in error.message


@pytest.mark.parametrize(
    ("held", "commit"),
    [
        pytest.param("older", THIRD, id="older code"),
        pytest.param("old", OTHER, id="a config change"),
        pytest.param("good", COMMIT, id="the same code"),
    ],
)
def test_what_slipped_in_and_is_in_our_release_is_no_trouble(held: str, commit: Commit) -> None:
    raced = one()
    stranger(raced, held, commit)

    report = raced.deploy(ancestry=relate(OTHER, THIRD, COMMIT))

    assert report.targets[0].status == "succeeded"


def test_newer_code_released_over_ours_while_verifying_is_not_called_success() -> None:
    raced = one()
    raced.stage.heroku.hold("new", THIRD)
    raced.stage.heroku.before["dynos.fetch shop"] = lambda: raced.app("shop").land("new")

    error = raced.fail(WrongArtifact)

    assert "since v3" in error.message
