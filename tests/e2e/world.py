"""The platform as its own API and controls show it; nothing of our client is used to look."""

from __future__ import annotations

import json
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import requests

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

ACCEPT = "application/vnd.heroku+json; version=3"
HARNESS = "e2e-harness"
FEATURES = ("runtime-dyno-metadata", "runtime-dyno-build-metadata")
SIGNED_PATH = "/-/"
PATIENCE_SECONDS = 60.0

Json = dict[str, Any]


def eventually(look: Callable[[], Any]) -> Any:
    """Return what `look` gives as soon as that is true."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (found := look()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
    return found


@dataclass(frozen=True)
class Entry:
    """A request the platform answered, as its journal tells it."""

    method: str
    path: str
    status: int | None
    has_authorization: bool
    began: float
    ended: float | None

    @property
    def is_signed(self) -> bool:
        """Say whether a signed address was asked for: storage or a log, not the API."""
        return self.path.startswith(SIGNED_PATH)

    @property
    def is_git(self) -> bool:
        """Say whether git was speaking: locks are kept there, and pushes go there."""
        return ".git/" in self.path

    @property
    def is_write(self) -> bool:
        """Say whether the request may have changed something on the platform."""
        if self.is_signed or self.is_git:
            return False
        return self.method != "GET" and self.path != "/filters/apps"


class Journal(tuple[Entry, ...]):
    """The requests of some stretch of time, oldest first, without the harness's own."""

    def count(self, method: str, path: str) -> int:  # type: ignore[override]  # more useful here
        """Count the requests with this method whose path ends like this."""
        return sum(one.method == method and one.path.endswith(path) for one in self)

    @property
    def writes(self) -> list[str]:
        """Return what may have changed something; git, and so the locks, is counted apart."""
        return [f"{entry.method} {entry.path}" for entry in self if entry.is_write]

    @property
    def pushes(self) -> list[str]:
        """Return the addresses git has pushed to: taking a lock is one, giving it back another."""
        return [entry.path for entry in self if entry.path.endswith("/git-receive-pack")]

    @property
    def api(self) -> list[Entry]:
        """Return the requests to the API."""
        return [entry for entry in self if not (entry.is_signed or entry.is_git)]

    def until(self, method: str, path: str) -> Journal:
        """Return what was begun before such a request ended, and that request."""
        [end] = [one.ended or 0.0 for one in self if (one.method, one.path) == (method, path)]
        return Journal(one for one in self if one.began < end)

    @property
    def chain(self) -> int:
        """Return how many API requests followed one another, none beginning before one ended."""
        length, free_at = 0, 0.0
        for entry in sorted(self.api, key=lambda one: one.ended or float("inf")):
            if entry.began >= free_at:
                length, free_at = length + 1, entry.ended or float("inf")
        return length


@dataclass
class Platform:
    """A running platform and a plain client of it."""

    url: str
    key: str
    session: requests.Session
    token: str = ""

    def call(self, method: str, path: str, body: object = None) -> requests.Response:
        """Send one request with the key, whatever comes back."""
        headers = {
            "Accept": ACCEPT,
            "Authorization": f"Bearer {self.key}",
            "User-Agent": HARNESS,
            "Range": "version ..; order=desc,max=1000;" if path.endswith("/releases") else None,
        }
        return self.session.request(
            method, self.url + path, json=body, headers=headers, timeout=PATIENCE_SECONDS
        )

    def api(self, method: str, path: str, body: object = None) -> Any:
        """Send one request that has to succeed; return its JSON."""
        answer = self.call(method, path, body)
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()

    def control(self, method: str, path: str, body: object = None) -> Any:
        """Use one of the platform's controls."""
        answer = self.session.request(
            method,
            f"{self.url}/local/v1/{path}",
            json=body,
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=PATIENCE_SECONDS,
        )
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()

    def app(self, name: str) -> App:
        """Look at an app."""
        return App(self, name)

    def create_app(self, name: str) -> App:
        """Make an app with both metadata features."""
        self.api("POST", "/apps", {"name": name})
        for feature in FEATURES:
            self.api("PATCH", f"/apps/{name}/features/{feature}", {"enabled": True})
        return App(self, name)

    def fault(self, method: str, path: str, **what: object) -> None:
        """Let requests go wrong: `path` is a regular expression, `occurrences` says which."""
        self.control("POST", "faults", {"method": method, "path": path, **what})

    def delay(self, seconds: float) -> None:
        """Make every request wait."""
        self.control("PUT", "latency", {"seconds": seconds})

    def set_durations(self, **seconds: float) -> None:
        """Make builds (`build_seconds`) or promotions (`promotion_seconds`) take longer."""
        self.control("PUT", "durations", seconds)

    def reset(self) -> None:
        """Take back every disturbance, and what all tests together use of the rate limit."""
        self.control("DELETE", "faults")
        self.control("PUT", "rate-limit", {"remaining": 4500})
        self.delay(0)
        self.set_durations(promotion_seconds=0, build_seconds=0, boot_seconds=0)

    @contextmanager
    def watching(self) -> Iterator[Callable[[], Journal]]:
        """Give a function that tells what was asked since the block was entered."""
        begun = time.monotonic()
        yield lambda: self._journal(begun)

    def _journal(self, since: float) -> Journal:
        return Journal(
            Entry(
                method=each["method"],
                path=each["path"],
                status=each["status"],
                has_authorization=each["has_authorization"],
                began=each["began_seconds"],
                ended=each["ended_seconds"],
            )
            for each in self.control("GET", "journal")
            if each["began_seconds"] >= since and each["user_agent"] != HARNESS
        )


@dataclass(frozen=True)
class App:
    """An app as the API shows it now."""

    platform: Platform
    name: str

    @property
    def releases(self) -> list[Json]:
        """Return the releases, newest first."""
        found: list[Json] = self.platform.api("GET", f"/apps/{self.name}/releases")
        return found

    @property
    def current(self) -> Json:
        """Return the release in effect."""
        return next(release for release in self.releases if release["current"])

    @property
    def builds(self) -> list[Json]:
        """Return the builds that ran on the app."""
        found: list[Json] = self.platform.api("GET", f"/apps/{self.name}/builds")
        return found

    @property
    def slug_id(self) -> str | None:
        """Return the id of the slug in effect."""
        slug = self.current["slug"]
        return str(slug["id"]) if slug else None

    @property
    def commit(self) -> str:
        """Return the commit the slug in effect was built from."""
        return str(self.platform.api("GET", f"/apps/{self.name}/slugs/{self.slug_id}")["commit"])

    @property
    def info(self) -> Json:
        """Return the app itself."""
        found: Json = self.platform.api("GET", f"/apps/{self.name}")
        return found

    def set_config(self, **values: str) -> None:
        """Set config vars; this makes a release."""
        self.platform.api("PATCH", f"/apps/{self.name}/config-vars", values)

    def ask(self, path: str = "/health") -> requests.Response:
        """Ask the app itself, as a visitor does."""
        url = str(self.info["web_url"]).rstrip("/")
        return self.platform.session.get(url + path, timeout=PATIENCE_SECONDS)


@dataclass(frozen=True)
class Pipeline:
    """Three apps in one pipeline, with names of their own."""

    id: str
    prefix: str
    prepare: App
    staging: App
    production: App

    @property
    def targets(self) -> tuple[App, App]:
        """Return what is deployed to."""
        return self.staging, self.production

    @property
    def route(self) -> tuple[str, ...]:
        """Return the flags from the prepare app to both targets."""
        return (*self.to_staging, "--to", self.production.name)

    @property
    def to_staging(self) -> tuple[str, ...]:
        """Return the flags from the prepare app to staging alone."""
        return "--from", self.prepare.name, "--to", self.staging.name


def create_pipeline(platform: Platform) -> Pipeline:
    """Make the three apps and couple them."""
    prefix = f"shop-{uuid4().hex[:8]}"
    pipeline = platform.api("POST", "/pipelines", {"name": prefix})["id"]
    apps = []
    for role, stage in (("prepare", "development"), ("staging",) * 2, ("production",) * 2):
        app = platform.create_app(f"{prefix}-{role}")
        coupling = {"app": app.name, "pipeline": pipeline, "stage": stage}
        platform.api("POST", "/pipeline-couplings", coupling)
        apps.append(app)
    return Pipeline(pipeline, prefix, *apps)


@contextmanager
def running_platform(command: Path, environment: Mapping[str, str]) -> Iterator[Platform]:
    """Start a platform through its public door; it and all it runs are gone afterwards."""
    with (
        subprocess.Popen(
            [command, "local", "--port", "0", "--json"],
            env=dict(environment),
            stdout=subprocess.PIPE,
            text=True,
        ) as process,
        requests.Session() as session,
    ):
        try:
            assert process.stdout is not None
            told = json.loads(process.stdout.readline())
            session.trust_env = False
            yield Platform(told["url"], told["api_key"], session, told["control_token"])
        finally:
            process.terminate()
