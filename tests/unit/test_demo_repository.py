"""What the demo ships for `--repo`, and what it refuses."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from accelerator.demo.repository import clone
from accelerator.errors import UsageProblem

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "README.md").write_text("A shop.\n")
    _git(folder, "init", "--quiet", "--initial-branch", "main")
    return folder


def _git(folder: Path, *arguments: str) -> None:
    who = ("-c", "user.name=A", "-c", "user.email=a@example.invalid")
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)


def _commit(folder: Path) -> None:
    _git(folder, "add", "--all")
    _git(folder, "commit", "--quiet", "--message", "First")


@pytest.mark.parametrize(
    "name",
    [
        "Procfile",
        "package.json",
        "Gemfile",
        "go.mod",
        "build.gradle",
        "build.gradle.kts",
    ],
)
def test_an_app_is_taken_where_somebody_knows_how_it_runs(
    source: Path, tmp_path: Path, name: str
) -> None:
    (source / name).write_text("")
    _commit(source)

    made = clone(source, tmp_path / "clone", os.environ)

    assert (made.directory / name).is_file()


def test_an_app_that_nobody_knows_how_to_run_is_refused(source: Path, tmp_path: Path) -> None:
    (source / "requirements.txt").write_text("")
    _commit(source)

    with pytest.raises(UsageProblem, match="has no Procfile, so it is not known how to run it"):
        clone(source, tmp_path / "clone", os.environ)


def test_a_procfile_that_is_not_committed_does_not_count(source: Path, tmp_path: Path) -> None:
    _commit(source)
    (source / "Procfile").write_text("web: python app.py\n")

    with pytest.raises(UsageProblem, match="has no Procfile that is committed"):
        clone(source, tmp_path / "clone", os.environ)
