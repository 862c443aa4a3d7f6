"""The options `--full` and `--live`: what is slow or needs the real Heroku is skipped without."""

from __future__ import annotations

import pytest

from tests.recorded import (
    pytest_configure,
    pytest_runtestloop,
    pytest_terminal_summary,
    pytest_unconfigure,
)

__all__ = [
    "pytest_configure",
    "pytest_runtestloop",
    "pytest_terminal_summary",
    "pytest_unconfigure",
]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the two options."""
    parser.addoption("--full", action="store_true", help="run the slow tests too")
    parser.addoption("--live", action="store_true", help="talk to the real Heroku API too")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip what was not asked for, and say how to ask for it."""
    for mark, option in (("slow", "--full"), ("live", "--live")):
        if not config.getoption(option):
            skip = pytest.mark.skip(reason=f"{mark}: only with {option}")
            for item in items:
                if mark in item.keywords:
                    item.add_marker(skip)
