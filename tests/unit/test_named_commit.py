"""Which commit a run is about: whatever names it, it is the commit itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from accelerator.connect import Connection
from accelerator.events import Recorder
from accelerator.settings import load_settings
from accelerator.waiting import SystemClock
from tests.unit.githost import run

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.git


@pytest.fixture
def work(tmp_path: Path, environment: dict[str, str]) -> Path:
    path = tmp_path / "work"
    run(["git", "init", "-q", "-b", "main", str(path)], tmp_path, environment)
    run(["git", "commit", "-q", "--allow-empty", "-m", "one"], path, environment)
    run(["git", "tag", "-a", "v1", "-m", "annotated"], path, environment)
    return path


def connect(work: Path, environment: dict[str, str]) -> Connection:
    settings = load_settings({}, environment, None)
    return Connection(settings, environment, work, Recorder(SystemClock(), []))


def test_the_sha_of_an_annotated_tag_stands_for_its_commit_whoever_names_it(
    work: Path, environment: dict[str, str]
) -> None:
    commit = run(["git", "rev-parse", "HEAD"], work, environment)
    tag = run(["git", "rev-parse", "v1"], work, environment)
    job = connect(work, {**environment, "GIT_COMMIT": tag})

    assert tag != commit
    assert connect(work, environment).find_commit(tag).sha == commit
    assert job.find_commit(None).sha == commit
    assert job.find_own_commit() == commit


@pytest.mark.parametrize("word", ["HEAD", "v1", "0" * 40])
def test_another_word_of_the_ci_system_for_its_commit_stays_what_it_is(
    work: Path, environment: dict[str, str], word: str
) -> None:
    assert connect(work, {**environment, "GIT_COMMIT": word}).find_own_commit() == word
    assert connect(work, environment).find_own_commit() is None
