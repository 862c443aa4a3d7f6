"""The worlds the CLI is tried in; skipped where it is not installed or cannot be isolated."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.contract.cli.world import CLI_VERSION, Namespace, World, can_isolate, find_cli

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def cli() -> Path:
    """The real Heroku CLI, unchanged."""
    found = find_cli()
    if found is None:
        pytest.skip(
            f"the Heroku CLI is not installed: npm install heroku@{CLI_VERSION}, see .ci/packages"
        )
    return found


@pytest.fixture(scope="session")
def namespace() -> Iterator[Namespace]:
    """A network namespace without any route."""
    if not can_isolate():
        pytest.skip("network namespaces are not permitted here: unshare --net, ip link")
    made = Namespace()
    yield made
    made.close()


@pytest.fixture(scope="session")
def direct(
    namespace: Namespace, cli: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """A platform over plain HTTP."""
    world = World.start(namespace, cli, tmp_path_factory.mktemp("direct"), tls=False)
    yield world
    world.stop()


@pytest.fixture(scope="session")
def secure(
    namespace: Namespace, cli: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """A platform over TLS."""
    world = World.start(namespace, cli, tmp_path_factory.mktemp("secure"), tls=True)
    yield world
    world.stop()


@pytest.fixture(params=["direct", "secure"], ids=["over http", "over TLS"])
def either(request: pytest.FixtureRequest) -> World:
    """Both, one after the other."""
    world = request.getfixturevalue(request.param)
    assert isinstance(world, World)
    return world
