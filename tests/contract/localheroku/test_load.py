"""Fifty clients that deploy at once, and a thousand builds: nothing lost, nothing kept for ever."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest
import requests

from accelerator.localheroku.server import LocalHeroku
from tests.contract.localheroku.load import FILES, Load, Refilled
from tests.contract.localheroku.platform_fixture import Client
from tests.contract.localheroku.served import Served, served

CLIENTS = 50
LENGTHS = [
    pytest.param(1.0, id="shortly"),
    pytest.param(60.0, id="for a minute", marks=pytest.mark.slow),
]
# What 800 builds, slugs and releases hold themselves is about 2,600.
GROWTH_KILOBYTES = 8_000


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Served]:
    with served(tmp_path / "data", is_recorded=False) as platform:
        yield platform


@pytest.mark.parametrize("seconds", LENGTHS)
def test_clients_that_deploy_at_once_lose_nothing(seconds: float) -> None:
    with served(None, is_recorded=False) as platform:
        client = platform.start()
        load = Load.prepare(client, CLIENTS)

        with load.running(client):
            load.wait(seconds, more_than=CLIENTS)

        load.check(client)
    assert load.acknowledged > CLIENTS


@pytest.mark.parametrize("seconds", LENGTHS)
def test_a_kill_in_the_middle_of_that_loses_nothing_either(kept: Served, seconds: float) -> None:
    client = kept.start()
    load = Load.prepare(client, CLIENTS)

    with load.running(client, is_cut=True):
        load.wait(seconds, more_than=CLIENTS)
        kept.kill()
    client = kept.restart()

    load.check(client)
    assert load.acknowledged > CLIENTS
    with load.running(client):
        time.sleep(0.3)
    load.check(client)


@pytest.mark.slow
def test_memory_is_flat_over_a_thousand_builds() -> None:
    with served(None, is_recorded=False) as platform:
        client = platform.start()
        apps = [client.post("/apps", {"name": f"app-{number}"})["id"] for number in range(10)]

        build_many(client, apps, 200)
        early = platform.resident_kilobytes()
        build_many(client, apps, 800)
        late = platform.resident_kilobytes()

    assert late - early < GROWTH_KILOBYTES


def build_many(client: Client, apps: list[str], count: int) -> None:
    """Build and release `count` times, four at a time."""

    def build(number: int) -> None:
        ours = client.platform
        where = SimpleNamespace(url=ours.url, api_key=ours.api_key, token=ours.token)
        with requests.Session() as session:
            session.trust_env = False
            own = Refilled(where, session)  # type: ignore[arg-type] # all that it asks for
            own.build(apps[number % len(apps)], FILES)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(build, range(count)))
    # It grows to its 20,000 requests and no further.
    client.control("DELETE", "/journal")


def test_files_of_what_expired_are_gone(tmp_path: Path) -> None:
    with requests.Session() as session, LocalHeroku(data=tmp_path) as platform:
        session.trust_env = False
        client = Client(platform, session)
        client.post("/apps", {"name": "shop"})
        builds = [client.build("shop", FILES) for _ in range(3)]
        for number in range(21):
            client.patch("/apps/shop/config-vars", {"NUMBER": str(number)})
        sources = list((tmp_path / "blobs" / "sources").iterdir())

        client.control("POST", "/clock", {"advance_seconds": 31 * 86400})

        blobs = tmp_path / "blobs"
        assert len(sources) == 3
        assert list((blobs / "sources").iterdir()) == []
        assert list((blobs / "downloads").iterdir()) == []
        left = {path.stem for path in (blobs / "slugs").iterdir()}
        assert left == {builds[-1]["slug"]["id"]}
        outputs = {path.name for path in (tmp_path / "outputs").iterdir()}
        assert outputs == {builds[-1]["id"]}


def test_files_of_a_destroyed_app_are_gone(tmp_path: Path) -> None:
    with requests.Session() as session, LocalHeroku(data=tmp_path) as platform:
        session.trust_env = False
        client = Client(platform, session)
        app = client.post("/apps", {"name": "shop"})
        release = {"Procfile": "worker: sleep 9\nrelease: echo released\n"}
        client.build("shop", {**FILES, **release})
        client.release("shop", 3)

        assert client.call("DELETE", "/apps/shop").status_code == 200

    named = [path for path in tmp_path.rglob("*") if app["id"] in path.name]
    assert named == []
    for place in ("outputs", "blobs/slugs", "blobs/caches", "dynos"):
        assert list((tmp_path / place).iterdir()) == []
