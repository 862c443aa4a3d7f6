"""A platform for the whole session; apps, a repository and the command for each test."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.e2e.commands import Command, base_environment
from tests.e2e.sample import Repository
from tests.e2e.world import SIGNED_PATH, Pipeline, Platform, create_pipeline, running_platform

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def program() -> Path:
    """The command as it was installed."""
    return Path(sys.executable).with_name("accelerator")


@pytest.fixture(scope="session")
def platform(program: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """One platform for all stories."""
    home = tmp_path_factory.mktemp("platform")
    with running_platform(program, base_environment(home)) as running:
        yield running


@pytest.fixture
def heroku(platform: Platform) -> Iterator[Platform]:
    """The platform, undisturbed again afterwards."""
    yield platform
    platform.reset()


@pytest.fixture
def pipeline(heroku: Platform) -> Iterator[Pipeline]:
    """A prepare app, staging and production, gone afterwards."""
    made = create_pipeline(heroku)
    yield made
    heroku.reset()
    for app in (made.prepare, *made.targets):
        heroku.api("DELETE", f"/apps/{app.name}")


@pytest.fixture
def environment(heroku: Platform, tmp_path: Path) -> dict[str, str]:
    """What the command and git see: this platform, its key, and an empty home."""
    home = tmp_path / "home"
    home.mkdir()
    given = {"HEROKU_HOST": heroku.url, "HEROKU_API_KEY": heroku.key}
    # A failing check is asked again until its deadline, the traces of a lost write are watched for:
    # no story has to wait minutes for either.
    short = {"ACCELERATOR_DEADLINES_SMOKE_DEADLINE": "1s", "ACCELERATOR_DEADLINES_TRACES": "2s"}
    return {**base_environment(home), **given, **short}


@pytest.fixture
def repo(environment: dict[str, str], tmp_path: Path) -> Repository:
    """A repository of the sample application."""
    return Repository.create(tmp_path / "repository", environment)


@pytest.fixture
def run(
    program: Path, heroku: Platform, repo: Repository, environment: dict[str, str], tmp_path: Path
) -> Iterator[Command]:
    """The command in the repository; none of its outputs, and no file it leaves, has the key."""
    command = Command(program, repo.directory, environment)
    command.keep_secret(heroku.key)
    yield command
    command.close()
    left = [path for path in tmp_path.rglob("*") if path.is_file() and path.name != ".netrc"]
    words = [word.encode() for word in command.secrets - {SIGNED_PATH}]
    assert [str(path) for path in left if any(word in path.read_bytes() for word in words)] == []
