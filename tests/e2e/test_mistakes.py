"""Typical mistakes are answered as the page for them says: one line, and the exit code."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.e2e.mistakes import MISTAKES, Place, answer_of

if TYPE_CHECKING:
    from tests.e2e.commands import Command
    from tests.e2e.sample import Repository
    from tests.e2e.world import Pipeline, Platform

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "mistakes.md"
ROWS = [
    [cell.strip() for cell in line.strip("| \n").split(" | ")]
    for line in PAGE.read_text().splitlines()
    if line.startswith("| ") and not line.startswith(("| mistake", "| ---"))
]


# Those that take several deploys, or some seconds of waiting, are made with --full only.
LONG = {
    "a shallow clone",
    "a Procfile without `web`",
    "a crash at boot",
    "a failing build",
    "a failing smoke check",
    "a failing release command",
    "a commit older than what runs",
    "a commit older than what runs, `--on-superseded ok`",
    "a commit on another line",
    "a frozen target",
    "Heroku's git limit",
    "no network",
}


def test_every_mistake_has_its_row() -> None:
    assert sorted(row[0] for row in ROWS) == sorted(MISTAKES)
    assert len(ROWS) >= 40
    assert set(MISTAKES) >= LONG


@pytest.mark.parametrize(
    ("name", "exit_code", "answer"),
    [
        pytest.param(*row, id=row[0], marks=[pytest.mark.slow] if row[0] in LONG else [])
        for row in ROWS
    ],
)
def test_a_mistake_gets_the_answer_of_the_page(
    name: str,
    exit_code: str,
    answer: str,
    run: Command,
    heroku: Platform,
    pipeline: Pipeline,
    repo: Repository,
    tmp_path: Path,
) -> None:
    repo.commit()
    place = Place(run, heroku, pipeline, repo, tmp_path)

    result = MISTAKES[name](place)

    assert not re.search("^Traceback", result.stdout + result.stderr, re.MULTILINE), result.told
    told = f"| {name} | {result.exit_code} | {answer_of(result, place)} |"
    assert told == f"| {name} | {exit_code} | {answer} |", result.told
