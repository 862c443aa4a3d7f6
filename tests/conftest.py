"""The options `--full` and `--live`: what is slow or needs the real Heroku is skipped without."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

from tests import keywatch, recorded

# How long an example takes says how busy the machine is. `--hypothesis-profile` has the last word.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")
PROXIES = {"http_proxy", "https_proxy", "all_proxy"}


def pytest_configure(config: pytest.Config) -> None:
    """Add the hooks that look at all tests together; keep this machine's settings from tests."""
    os.environ.update(GIT_CONFIG_GLOBAL=os.devnull, GIT_CONFIG_NOSYSTEM="1")
    for name in [name for name in os.environ if name.lower() in PROXIES]:
        del os.environ[name]  # all that tests ask is on loopback
    for module in (recorded, keywatch):
        config.pluginmanager.register(module)


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
