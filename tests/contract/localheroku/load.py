"""Many clients that deploy at once and remember what the platform has acknowledged to them."""

import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import requests

from tests.contract.localheroku.platform_fixture import Client, eventually

FILES = {
    "Procfile": "worker: sleep 60\n",
    "bin/detect": "#!/bin/sh\necho Tiny\n",
    "bin/compile": "#!/bin/sh\n",
}
SHARED = "shared"


@dataclass
class Known:
    """What the platform has acknowledged to one client."""

    # By app, the ids of releases by version.
    releases: dict[str, dict[int, str]] = field(default_factory=dict)
    promotions: list[str] = field(default_factory=list)
    # By app and id, whether the client has seen the build succeed.
    builds: dict[tuple[str, str], bool] = field(default_factory=dict)
    # By app, the value that was acknowledged and the one that was sent last.
    config: dict[str, tuple[str, str]] = field(default_factory=dict)
    apps: set[str] = field(default_factory=set)
    destroyed: set[str] = field(default_factory=set)

    def count(self) -> int:
        """Return how many things there are."""
        releases = sum(len(each) for each in list(self.releases.values()))  # others add to it
        return releases + len(self.promotions) + len(self.builds) + len(self.apps)


class Refilled(Client):
    """A client of an account that has no end of requests."""

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> requests.Response:
        """Send a request; when the bucket is empty, fill it and try again."""
        while (answer := super().call(method, path, body, **headers)).status_code == 429:
            self.control("PUT", "/rate-limit", {"remaining": 4500})
        return answer


class Deployer:
    """One client with an app of its own in production, beside an app that all share."""

    def __init__(self, number: int, setting: dict[str, Any]) -> None:
        self.known = Known()
        self._name = f"client-{number}"
        self._setting = setting
        self._chance = random.Random(number)  # noqa: S311 - chance, not secrecy
        self._count = 0

    def act(self, client: Client) -> None:
        """Do one thing."""
        acts = (self._release, self._configure, self._promote, self._build, self._create)
        self._count += 1
        self._chance.choices(acts, weights=(8, 8, 8, 1, 2))[0](client)

    def _release(self, client: Client) -> None:
        app = self._app()
        release = client.post(f"/apps/{app}/releases", {"slug": self._setting["slug"]})
        self._note_release(app, release)

    def _configure(self, client: Client) -> None:
        app, value = self._app(), str(self._count)
        before, _ = self.known.config.get(app, ("", ""))
        self.known.config[app] = (before, value)
        key = self._name.replace("-", "_")
        client.patch(f"/apps/{app}/config-vars", {key: value})
        self.known.config[app] = (value, value)

    def _promote(self, client: Client) -> None:
        promotion = client.post(
            "/pipeline-promotions",
            {
                "pipeline": {"id": self._setting["pipeline"]},
                "source": {"app": {"id": self._setting["origin"]}},
                "targets": [{"app": {"id": self._setting["apps"][self._name]}}],
            },
        )
        self.known.promotions.append(promotion["id"])
        (target,) = client.get(f"/pipeline-promotions/{promotion['id']}/promotion-targets")
        assert target["status"] == "succeeded", target
        path = f"/apps/{self._name}/releases/{target['release']['id']}"
        self._note_release(self._name, client.get(path))

    def _build(self, client: Client) -> None:
        build = client.start_build(self._name, FILES)
        self.known.builds[(self._name, build["id"])] = False
        done = client.finished_build(self._name, build["id"])
        output = client.session.get(done["output_stream_url"], timeout=60).text
        assert done["status"] == "succeeded", output
        self.known.builds[(self._name, build["id"])] = True
        release = client.get(f"/apps/{self._name}/releases/{done['release']['id']}")
        self._note_release(self._name, release)

    def _create(self, client: Client) -> None:
        app = client.post("/apps")["name"]
        self.known.apps.add(app)
        if self._chance.random() < 0.7:
            self.known.apps.discard(app)
            answer = client.call("DELETE", f"/apps/{app}")
            assert answer.status_code in {200, 202}, answer.text
            self.known.destroyed.add(app)

    def _app(self) -> str:
        return self._chance.choice((SHARED, self._name))

    def _note_release(self, app: str, release: Any) -> None:
        of_app = self.known.releases.setdefault(app, {})
        assert of_app.setdefault(release["version"], release["id"]) == release["id"]


@dataclass
class Load:
    """The clients and what they share."""

    deployers: list[Deployer]
    names: list[str]

    @classmethod
    def prepare(cls, client: Client, clients: int) -> "Load":
        """Make the apps and the one slug that is deployed again and again."""
        client = Refilled(client.platform, client.session)
        owner = {"id": client.get("/account")["id"], "type": "user"}
        pipeline = client.post("/pipelines", {"name": "line", "owner": owner})["id"]
        names = [f"client-{number}" for number in range(clients)]
        apps = {name: client.post("/apps", {"name": name})["id"] for name in names}
        origin = client.post("/apps", {"name": "origin"})["id"]
        client.post("/apps", {"name": SHARED})
        for app in (origin, *apps.values()):
            stage = "staging" if app == origin else "production"
            body = {"app": app, "pipeline": pipeline, "stage": stage}
            client.post("/pipeline-couplings", body)
        slug = client.build(origin, FILES)["slug"]["id"]
        setting = {"pipeline": pipeline, "origin": origin, "slug": slug, "apps": apps}
        return cls([Deployer(each, setting) for each in range(clients)], [*names, SHARED])

    @property
    def acknowledged(self) -> int:
        """Return how many things were acknowledged."""
        return sum(deployer.known.count() for deployer in self.deployers)

    @contextmanager
    def running(self, client: Client, *, is_cut: bool = False) -> Iterator[None]:
        """Let all clients act; when the platform is going to be killed, that stops them."""
        stopping = threading.Event()

        def deploy(deployer: Deployer) -> None:
            ours = client.platform
            where = SimpleNamespace(url=ours.url, api_key=ours.api_key, token=ours.token)
            with requests.Session() as session:
                session.trust_env = False
                own = Refilled(where, session)  # type: ignore[arg-type] # all that it asks for
                try:
                    while not stopping.is_set():
                        deployer.act(own)
                except requests.RequestException:
                    if not is_cut:
                        raise

        with ThreadPoolExecutor(len(self.deployers)) as threads:
            works = [threads.submit(deploy, deployer) for deployer in self.deployers]
            try:
                yield
            finally:
                stopping.set()
        for work in works:
            work.result()

    def wait(self, seconds: float, more_than: int) -> None:
        """Wait so long, and until more than that was acknowledged: a busy machine takes longer."""
        time.sleep(seconds)
        eventually(lambda: self.acknowledged > more_than, seconds=120)

    def check(self, client: Client) -> None:
        """Raise unless all that was acknowledged is there, and every app's versions are whole."""
        client = Refilled(client.platform, client.session)
        releases = {name: all_releases(client, name) for name in self.names}
        for each in releases.values():
            assert sorted(each) == list(range(1, len(each) + 1))
        there = {app["name"] for app in pages(client, "/apps", "name ..; max=1000")}
        for deployer in self.deployers:
            known = deployer.known
            for app, acknowledged in known.releases.items():
                assert acknowledged.items() <= releases[app].items()
            assert known.apps <= there
            assert not known.destroyed & there
            check_config(client, known, f"client_{self.deployers.index(deployer)}")
            check_parts(client, known)


def check_config(client: Client, known: Known, key: str) -> None:
    for app, values in known.config.items():
        found = client.get(f"/apps/{app}/config-vars").get(key, "")
        assert found in values


def check_parts(client: Client, known: Known) -> None:
    for promotion in known.promotions:
        assert client.get(f"/pipeline-promotions/{promotion}")["status"] == "completed"
    for (app, build), has_succeeded in known.builds.items():
        status = client.get(f"/apps/{app}/builds/{build}")["status"]
        assert status == "succeeded" if has_succeeded else status != "pending"


def all_releases(client: Client, app: str) -> dict[int, str]:
    """Return the ids of all releases of an app by version; two of one version are refused."""
    found = pages(client, f"/apps/{app}/releases", "version ..; max=1000")
    by_version = {release["version"]: release["id"] for release in found}
    assert len(by_version) == len(found)
    return by_version


def pages(client: Client, path: str, page: str) -> list[Any]:
    """Return a whole list, page by page."""
    found: list[Any] = []
    while True:
        answer = client.call("GET", path, Range=page)
        assert answer.status_code in {200, 206}, answer.text
        found += answer.json()
        if answer.status_code == 200:
            return found
        page = answer.headers["Next-Range"]
