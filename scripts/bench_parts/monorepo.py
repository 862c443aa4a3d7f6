"""A monorepo of four services: what is built for its commits, with and without "same source".

The repository is made of a seed: the same commits on every machine. Each commit is shipped to the
production of every service, at once, as a pipeline without rules of its own would.
"""

from __future__ import annotations

import json
import random
import statistics
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import requests

from bench_parts.platform import Platform, running
from bench_parts.processes import environment, find_accelerator, run_well
from bench_parts.results import BenchFailed, Part, Ratio, Series, Size, Table
from bench_parts.scene import FILES, git, make_apps, stop_dynos

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SEED = 9
SERVICES = ("api", "shop", "stock", "mail")
COMMITS, QUICK_COMMITS = 30, 4
BUILD_SECONDS = 3
WITHOUT, WITH = "every commit is built", "--same-tree"
SIDES = {WITHOUT: "--no-same-tree", WITH: "--same-tree"}
IGNORED = "*.md\n/docs/\n"
HEAD = (
    "",
    "ships",
    "builds",
    "hit rate",
    "service to production",
    "commit to production",
    "its p90",
    "its slowest",
)
PATIENCE_SECONDS = 60.0


@dataclass(frozen=True)
class Change:
    """What a commit changes: the code of services, their notes, or what lies beside them."""

    code: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Give its kind."""
        if self.code:
            return f"code of {len(self.code)}"
        return "ignored files" if self.notes else "beside the services"


@dataclass
class Side:
    """The ships of one side: how long each took, and each commit to be in production everywhere."""

    name: str
    seconds: list[float] = field(default_factory=list)
    each: list[float] = field(default_factory=list)
    reused: int = 0
    ships: int = 0
    builds: int = 0


def make_changes(count: int) -> list[Change]:
    """Make the changes of the commits after the first: most touch the code of one service."""
    dice = random.Random(SEED)  # noqa: S311  # the same commits for everybody, no secret
    changes = []
    for _ in range(count):
        kind = dice.random()
        services = dice.sample(SERVICES, 2)
        if kind < 0.1:
            changes.append(Change(code=tuple(services)))
        elif kind < 0.7:
            changes.append(Change(code=tuple(services[:1])))
        elif kind < 0.85:
            changes.append(Change(notes=tuple(services[:1])))
        else:
            changes.append(Change())
    return changes


@dataclass(frozen=True)
class Monorepo:
    """The repository, and the platform with the apps of both sides."""

    platform: Platform
    repository: Path
    env: Mapping[str, str]
    texts: dict[str, str] = field(default_factory=dict)

    def begin(self) -> None:
        """Make the repository with all services in it; nothing of it is measured."""
        for service in SERVICES:
            folder = self.repository / "services" / service
            (folder / "bin").mkdir(parents=True)
            (folder / "docs").mkdir()
            for name, text in {**FILES, ".slugignore": IGNORED}.items():
                (folder / name).write_text(text)
                (folder / name).chmod(0o755 if name.startswith("bin/") else 0o644)
        git(self.repository, self.env, "init", "--quiet", "--initial-branch", "main")

    def commit(self, number: int, change: Change) -> str:
        """Commit a change; gives the sha."""
        for service in change.code:
            self.texts[service] = f"{service} of commit {number}\n"
            (self.repository / "services" / service / "text").write_text(self.texts[service])
        for service in change.notes:
            notes = self.repository / "services" / service
            (notes / "README.md").write_text(f"notes of commit {number}\n")
            (notes / "docs" / f"{number}").write_text("more notes\n")
        (self.repository / "CHANGES").write_text(f"{number}\n")
        git(self.repository, self.env, "add", "--all")
        git(self.repository, self.env, "commit", "--quiet", "--message", change.name)
        return git(self.repository, self.env, "rev-parse", "HEAD")

    def make_apps(self, side: str) -> None:
        """Make a prepare app and a production for each service."""
        for service in SERVICES:
            prepare, production = apps_of(side, service)
            make_apps(self.platform, {prepare: "development", production: "production"}, production)
            config = {"BUILD_SECONDS": str(BUILD_SECONDS)}
            self.platform.call("PATCH", f"/apps/{prepare}/config-vars", config)

    def rest(self, side: str) -> None:
        """Let the prepare apps run nothing."""
        for service in SERVICES:
            stop_dynos(self.platform, apps_of(side, service)[0])

    def ship(self, side: Side, commit: str) -> float:
        """Ship a commit to all services at once; gives the time until the last one had it."""
        with ThreadPoolExecutor(len(SERVICES)) as pool:
            ends = list(pool.map(partial(self._ship_one, side, commit), SERVICES))
        side.ships += len(ends)
        side.each += [seconds for seconds, _ in ends]
        side.reused += sum(is_reused for _, is_reused in ends)
        return max(seconds for seconds, _ in ends)

    def _ship_one(self, side: Side, commit: str, service: str) -> tuple[float, bool]:
        prepare, production = apps_of(side.name, service)
        command = [find_accelerator(), "ship", "--from", prepare, "--to", production, "--json"]
        command += [
            "--no-test",
            "--commit",
            commit,
            "--subdir",
            f"services/{service}",
            SIDES[side.name],
        ]
        ended = run_well(command, self.repository, self.env)
        self._demand_its_code(production, service)
        return ended.seconds, bool(json.loads(ended.stdout)["prepared"]["reused"])

    def _demand_its_code(self, app: str, service: str) -> None:
        """Raise where what serves is not the code that the commit has for the service."""
        url = str(self.platform.call("GET", f"/apps/{app}")["web_url"]).rstrip("/")
        found = requests.get(f"{url}/text", timeout=PATIENCE_SECONDS).text
        if found != self.texts[service]:
            raise BenchFailed(f"{app} serves {found!r}, and not {self.texts[service]!r}")

    def count_builds(self, side: str) -> int:
        """Give how many builds there are on all apps of a side."""
        apps = [app for service in SERVICES for app in apps_of(side, service)]
        builds = (self.platform.call("GET", f"/apps/{app}/builds") for app in apps)
        return sum(len(page) for page in builds)


def apps_of(side: str, service: str) -> tuple[str, str]:
    """Give the names of a service's prepare app and its production."""
    prefix = f"{'once' if side == WITH else 'each'}-{service}"
    return f"{prefix}-prepare", f"{prefix}-production"


def measure_monorepo(size: Size, directory: Path, _root: Path) -> Part:
    """Ship every commit to every service, the sides in turn; the first commit is built on both."""
    changes = make_changes(size.pick(QUICK_COMMITS, COMMITS))
    env = environment(directory)
    sides = [Side(WITHOUT), Side(WITH)]
    with running(env) as platform:
        known = {**env, "HEROKU_HOST": platform.url, "HEROKU_API_KEY": platform.key}
        mono = Monorepo(platform, directory / "repository", known)
        mono.begin()
        for side in sides:
            mono.make_apps(side.name)
        commit = mono.commit(0, Change(code=SERVICES))
        for side in sides:
            mono.ship(Side(side.name), commit)
            mono.rest(side.name)
            side.builds = -mono.count_builds(side.name)
        for number, change in enumerate(changes, 1):
            platform.begin(0)  # it would run into the limits of an hour
            commit = mono.commit(number, change)
            for side in sides:
                side.seconds.append(mono.ship(side, commit))
        for side in sides:
            side.builds += mono.count_builds(side.name)
    return _tell(sides, changes)


def _tell(sides: list[Side], changes: list[Change]) -> Part:
    without, same = sides
    needed = sum(len(change.code) for change in changes)
    part = Part("monorepo", "A monorepo of four services: one build for the same source")
    part.tables = [
        Table(
            f"{len(changes)} commits, each shipped to four services",
            HEAD,
            tuple((side.name, _row(side)) for side in sides),
        )
    ]
    part.ratios = [
        Ratio("builds: every commit / same source", without.builds / max(1, same.builds)),
        Ratio(
            "commit to production, median: every commit / same source",
            statistics.median(without.seconds) / statistics.median(same.seconds),
        ),
        Ratio(
            "service to production, median: every commit / same source",
            statistics.median(without.each) / statistics.median(same.each),
        ),
        Ratio("builds / services whose code changed", same.builds / max(1, needed), at_most=1.0),
    ]
    kinds = {name: sum(each.name == name for each in changes) for name in _names(changes)}
    told = ", ".join(f"{count} {name}" for name, count in kinds.items())
    part.notes = [
        f"the commits change: {told}; a build takes at least {BUILD_SECONDS} s",
        "service to production: one `accelerator ship`; commit to production: from the start of "
        "four of them at once until the last one has verified its production, with its lock; after "
        "each the site was asked for its code, and it was that of the commit",
    ]
    return part


def _names(changes: list[Change]) -> list[str]:
    return sorted({change.name for change in changes})


def _row(side: Side) -> tuple[Series | Ratio | None, ...]:
    ordered = sorted(side.seconds)
    p90 = ordered[min(len(ordered) - 1, int(0.9 * len(ordered)))]
    return (
        Series("ships", "", (float(side.ships),)),
        Series("builds", "", (float(side.builds),)),
        Series("hit rate", "%", (round(100.0 * side.reused / max(1, side.ships), 1),)),
        Series("service to production", "s", tuple(side.each)),
        Series("commit to production", "s", tuple(side.seconds)),
        Series("p90", "s", (p90,)),
        Series("slowest", "s", (max(side.seconds),)),
    )
