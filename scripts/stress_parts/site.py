"""The scene: a pool of prepare apps, staging, production, the origin, and where locks are."""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any

import requests
from bench_parts.application import make_application
from bench_parts.bash import KEY_HELPER
from bench_parts.platform import Platform, await_that
from bench_parts.processes import run, run_well
from bench_parts.results import BenchFailed

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from stress_parts.plan import Change

POOL = ("stress-prepare-1", "stress-prepare-2")
STAGING, PRODUCTION = "stress-staging", "stress-production"
TARGETS = (STAGING, PRODUCTION)
METADATA = "runtime-dyno-metadata"
PROMOTION_SECONDS = 0.3
# Of an app's repository to the storage, and back; a push takes both.
GIT_TRANSFER_SECONDS = 0.3
ASK_SECONDS = 10.0
LOOKING = "stress"  # as whom the run itself looks at locks
NO_LIMIT = 1_000_000
# Where a remote of the project's own has them, and where Heroku's git does.
LOCKS = ("refs/accelerator/lock", "refs/heads/accelerator/lock")
ANSWER = """
import pathlib
body = pathlib.Path("number").read_bytes()

def answer(path):
    return 200, body, {}
"""
COMPILE = """
echo "-----> Compiling"
sleep "$(cat "$1/build-seconds")"
"""
FILES = make_application(ANSWER, COMPILE)


class Clock:
    """Seconds since the start, with those that the platform's clock was moved forward."""

    def __init__(self) -> None:
        self._begun = time.monotonic()
        self.skipped = 0.0

    def now(self) -> float:
        """Give the seconds that have passed, for real or by the platform's clock."""
        return time.monotonic() - self._begun + self.skipped


class History:
    """The commits of all ways, made once: the same shas for everybody."""

    def __init__(
        self, directory: Path, env: Mapping[str, str], changes: tuple[Change, ...]
    ) -> None:
        self.directory, self._env = directory, env
        (directory / "bin").mkdir(parents=True)
        for name, text in FILES.items():
            (directory / name).write_text(text)
            (directory / name).chmod(0o755 if name.startswith("bin/") else 0o644)
        self.git("init", "--quiet", "--initial-branch", "main")
        self.shas = [self._commit(0, 0.0)]
        self.shas += [self._commit(change.number, change.build) for change in changes]

    def git(self, *arguments: str) -> str:
        """Run git in the repository; gives what it printed."""
        who = ("-c", "user.name=Stress", "-c", "user.email=stress@example.com")
        return run_well(["git", *who, *arguments], self.directory, self._env).stdout.strip()

    def number_of(self, sha: str | None) -> int | None:
        """Give the place of a commit in the history."""
        return self.shas.index(sha) if sha in self.shas else None

    def _commit(self, number: int, build_seconds: float) -> str:
        (self.directory / "number").write_text(str(number))
        (self.directory / "build-seconds").write_text(f"{build_seconds}\n")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", f"Change {number}")
        return self.git("rev-parse", "HEAD")


@dataclass(frozen=True)
class Site:
    """A platform with its apps, the origin runners clone from, and the repository of the locks.

    Where locks are in Heroku's git, that repository is only where they are looked at.
    """

    platform: Platform
    history: History
    origin: Path
    locks: Path
    env: Mapping[str, str]
    clock: Clock
    urls: Mapping[str, str]
    guard: Lock
    is_in_herokus_git: bool = False

    def push(self, number: int) -> None:
        """Let a commit arrive."""
        self.history.git(
            "push", "--quiet", str(self.origin), f"{self.history.shas[number]}:refs/heads/main"
        )

    def control(self, method: str, name: str, body: Any = None) -> Any:
        """Use a control of the platform, from any thread."""
        with self.guard:
            return self.platform.control(method, name, body)

    def read_moment(self) -> str:
        """Read the platform's clock."""
        return str(self.control("GET", "clock")["time"])

    def ask(self, app: str) -> int | None:
        """Ask an app over HTTP which commit it serves; None when it gives no answer for long."""
        limit = time.monotonic() + ASK_SECONDS
        while time.monotonic() < limit:
            found = ask_once(self.urls[app])
            if found is not None:
                return found
            time.sleep(0.05)
        return None

    def _fetch_locks(self) -> None:
        """Fetch the notes that are kept in Heroku's git, as nobody whose requests are counted."""
        settings = (f"credential.helper={KEY_HELPER}", f"http.userAgent={LOOKING}")
        with_key = ["git", *(part for each in settings for part in ("-c", each))]
        fetch = ["fetch", "--quiet", "--prune", f"{self.platform.url}/{POOL[0]}.git"]
        what = [f"+{each}/*:{each}/*" for each in LOCKS]
        env = {**self.env, "HEROKU_API_KEY": self.platform.key}
        run_well([*with_key, *fetch, *what], self.locks, env)

    def read_locks(self) -> list[dict[str, Any]]:
        """Read the notes of the locks that stand."""
        if self.is_in_herokus_git:
            self._fetch_locks()
        form = "--format=%(contents)%00"
        ended = run(["git", "for-each-ref", form, *LOCKS], self.locks, self.env)
        notes = (text.strip().rpartition("\n\n")[2] for text in ended.stdout.split("\0"))
        return [json.loads(note) for note in notes if note.startswith("{")]


def ask_once(url: str) -> int | None:
    """Ask a site for the number of its commit; None when it does not say."""
    try:
        with requests.Session() as session:
            session.trust_env = False  # no proxy on the way to this machine
            answer = session.get(url, timeout=ASK_SECONDS)
    except requests.RequestException:
        return None
    if answer.status_code != 200 or not re.fullmatch(r"\d+", answer.text):
        return None
    return int(answer.text)


def lift_git_limit(site: Site) -> None:
    """Let git be asked as often as anybody wants: what comes then has other reasons."""
    site.control("PUT", "git-limit", {"per_hour": NO_LIMIT})


def make_site(
    platform: Platform, history: History, directory: Path, env: Mapping[str, str]
) -> Site:
    """Make apps and pipeline, with the base commit everywhere, and the two repositories."""
    origin, locks = directory / "origin.git", directory / "locks.git"
    for each in (origin, locks):
        run_well(["git", "init", "--quiet", "--bare", str(each)], directory, env)
    pipeline = platform.call("POST", "/pipelines", {"name": "stress"})
    stages = {**dict.fromkeys(POOL, "development"), STAGING: "staging", PRODUCTION: "production"}
    urls = {app: _make_app(platform, app, pipeline["id"], stage) for app, stage in stages.items()}
    site = Site(platform, history, origin, locks, env, Clock(), urls, Lock())
    site.push(0)
    slug = _build_base(site, directory)
    for app in stages:
        if app != POOL[0]:
            platform.call("POST", f"/apps/{app}/releases", {"slug": slug})
    for app in POOL:
        platform.call("PATCH", f"/apps/{app}/formation/web", {"quantity": 0})
    await_that(
        lambda: all(site.ask(app) == 0 for app in TARGETS), "the base commit on both targets"
    )
    seconds = {
        "promotion_seconds": PROMOTION_SECONDS,
        "git_transfer_seconds": GIT_TRANSFER_SECONDS,
    }
    platform.control("PUT", "durations", seconds)
    platform.control("PUT", "rate-limit", {"remaining": 4500})
    platform.control("DELETE", "journal")
    return site


def _make_app(platform: Platform, app: str, pipeline: str, stage: str) -> str:
    made = platform.call("POST", "/apps", {"name": app})
    platform.call("PATCH", f"/apps/{app}/features/{METADATA}", {"enabled": True})
    coupling = {"app": made["id"], "pipeline": pipeline, "stage": stage}
    platform.call("POST", "/pipeline-couplings", coupling)
    return str(made["web_url"])


def _build_base(site: Site, directory: Path) -> str:
    """Build the first commit on the first prepare app; gives the slug."""
    archive, app, platform = directory / "base.tar.gz", POOL[0], site.platform
    sha = site.history.shas[0]
    site.history.git("archive", "--format=tar.gz", f"--output={archive}", sha)
    blob = platform.call("POST", "/sources")["source_blob"]
    platform.upload(blob["put_url"], archive.read_bytes())
    source = {"source_blob": {"url": blob["get_url"], "version": sha}}
    path = f"/apps/{app}/builds/{platform.call('POST', f'/apps/{app}/builds', source)['id']}"

    def is_built() -> bool:
        build = platform.call("GET", path)
        if build["status"] == "failed":
            raise BenchFailed("the base commit does not build")
        return build["status"] == "succeeded" and build["release"] is not None

    await_that(is_built, "the build of the base commit")
    return str(platform.call("GET", path)["slug"]["id"])
