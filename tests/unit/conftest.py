"""What tests against a real git server begin with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.githost import GitHost, git_environment, hosting

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
