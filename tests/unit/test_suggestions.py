"""Did you mean: the nearest app or stage, asked for only when a name was not found."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from accelerator.cli.suggestions import find_near, suggest
from accelerator.errors import AcceleratorError, NotFound, Unreachable, UsageProblem

if TYPE_CHECKING:
    from accelerator.connect import Connection

APPS = ("foo-prepare", "foo-staging", "foo-production", "blog")


@pytest.mark.parametrize(
    ("name", "takes_stages", "expected"),
    [
        pytest.param("foo-prodution", True, ["foo-production"], id="a slip"),
        pytest.param("foo-stagign", False, ["foo-staging"], id="letters that changed places"),
        pytest.param("prod", True, ["the stage production"], id="a short stage"),
        pytest.param("prodution", True, ["the stage production", "foo-production"], id="a stage"),
        pytest.param("prod", False, [], id="no stage where none is taken"),
        pytest.param("staging", False, ["foo-staging"], id="a stage where an app is wanted"),
        pytest.param("zzz", True, [], id="nothing like it"),
        pytest.param("pr", True, [], id="too short to tell"),
    ],
)
def test_the_nearest_names_are_found(name: str, takes_stages: bool, expected: list[str]) -> None:
    assert find_near(name, APPS, takes_stages=takes_stages) == expected


def connection(names: tuple[str, ...] | AcceleratorError, asked: list[str]) -> Connection:
    def fetch_names() -> tuple[str, ...]:
        asked.append("names")
        if isinstance(names, AcceleratorError):
            raise names
        return names

    apps = SimpleNamespace(fetch_names=fetch_names)
    return cast("Connection", SimpleNamespace(heroku=SimpleNamespace(apps=apps)))


def test_an_app_that_was_not_found_is_answered_with_the_one_that_was_meant() -> None:
    error, asked = NotFound("gone", "check the spelling", "app", "foo-prodution"), list[str]()

    suggest(error, connection(APPS, asked), takes_stages=True)

    assert (error.hint, asked) == ("did you mean foo-production?", ["names"])


@pytest.mark.parametrize(
    ("error", "requests"),
    [
        pytest.param(NotFound("no release", "look"), 0, id="no app"),
        pytest.param(UsageProblem("no", "look"), 0, id="another failure"),
        pytest.param(NotFound("gone", "look", "app", "zzz"), 1, id="nothing like it"),
    ],
)
def test_what_has_no_suggestion_keeps_its_hint(error: AcceleratorError, requests: int) -> None:
    asked: list[str] = []

    suggest(error, connection(APPS, asked), takes_stages=True)

    assert (error.hint, len(asked)) == ("look", requests)


def test_a_list_that_cannot_be_read_changes_nothing() -> None:
    error = NotFound("gone", "check the spelling", "app", "foo-prodution")

    suggest(error, connection(Unreachable("away"), []), takes_stages=False)

    assert error.hint == "check the spelling"
