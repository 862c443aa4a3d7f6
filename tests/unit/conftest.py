"""What several files of tests begin with: a real git server, a lock remote."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from accelerator.models import Secret
from accelerator.repository import LockHost, RefStore
from tests.unit.githost import KEY, GitHost, git_environment, hosting
from tests.unit.lockdesk import Desk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return git_environment(tmp_path / "home")


@pytest.fixture
def host(tmp_path: Path, environment: dict[str, str]) -> Iterator[GitHost]:
    with hosting(tmp_path / "host", environment) as server:
        yield server


@pytest.fixture
def bare(host: GitHost) -> Path:
    return host.create("prepare")


@pytest.fixture
def refs(host: GitHost, bare: Path, environment: dict[str, str]) -> Iterator[RefStore]:
    assert bare.is_dir()
    with LockHost(f"{host.url}/prepare.git", Secret(KEY), environment).open() as store:
        yield store


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    yield desk
    desk.close()
