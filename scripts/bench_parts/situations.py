"""Every route brought about again and again: apps, builds, and commits nobody has seen yet."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from bench_parts.platform import Platform, await_that
from bench_parts.scene import (
    build,
    git,
    make_app,
    make_apps,
    make_repository,
    serve,
    start_build,
    stop_dynos,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

PROMOTION_SECONDS, BUILD_SECONDS = 0.3, 3.0
LIVE = "live: it runs already"
PROMOTE = "promote: the current release"
EARLIER = "promote: an earlier release"
SAME_TREE = "release: the same source (--same-tree)"
RELEASE = "release: no common pipeline"
WAIT = "wait: its build has just begun"
BUILD = "build: nothing is prepared"


@dataclass(frozen=True)
class Situation:
    """What a deploy finds: `prepare` and `target` apps, and the answer that is right then.

    `ready` brings it about and gives the commit to ship.
    """

    name: str
    apps: tuple[str, str]
    route: str
    reason: str
    ready: Callable[[], str]
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class World:
    """A repository whose first commit everything runs, and whose second one is to be shipped."""

    platform: Platform
    repository: Path
    env: Mapping[str, str]
    first: str
    second: str

    def make_pair(self, name: str, *commits: str, is_coupled: bool = True) -> tuple[str, str]:
        """Make a prepare app that has built the commits, and a target."""
        apps = (f"{name}-prepare", f"{name}-target")
        if is_coupled:
            make_apps(self.platform, dict(zip(apps, STAGES, strict=True)), name)
        else:
            for app in apps:
                make_app(self.platform, app)
        for commit in commits:
            build(self.platform, self.repository, apps[0], commit, self.env)
        stop_dynos(self.platform, apps[0])
        return apps

    def make_commit(self) -> str:
        """Make a commit after the second one, with its tree, that nobody has seen yet."""
        number = git(self.repository, self.env, "rev-list", "--all", "--count")
        text = f"Change nothing, the {number}th time"
        line = ("commit-tree", f"{self.second}^{{tree}}", "-p", self.second, "-m", text)
        made = git(self.repository, self.env, *line)
        git(self.repository, self.env, "branch", f"made-{made[:12]}", made)
        return made

    def slow_builds(self, app: str) -> None:
        """Let builds on an app take as long as builds do."""
        config = {"BUILD_SECONDS": str(BUILD_SECONDS)}
        self.platform.call("PATCH", f"/apps/{app}/config-vars", config)


STAGES = ("development", "production")


def make_world(platform: Platform, directory: Path, env: Mapping[str, str]) -> World:
    """Make the repository; promotions take their time from now on."""
    repository = directory / "repository"
    first, second = make_repository(repository, env)
    platform.control("PUT", "durations", {"promotion_seconds": PROMOTION_SECONDS})
    return World(platform, repository, env, first, second)


def make_situations(world: World) -> list[Situation]:
    """Make the apps of every situation, best route first; nothing of it is measured."""
    first, second = world.first, world.second
    main = world.make_pair("bench", first, second)
    slug = partial(_slug_of, world.platform, main[0])
    old, new = slug(first), slug(second)
    earlier = world.make_pair("earlier", second, world.make_commit())
    apart = world.make_pair("apart", second, is_coupled=False)
    joined = world.make_pair("joined", first)
    missed = world.make_pair("missed", first)

    def ready(apps: tuple[str, str], held: str, commit: Callable[[], str]) -> Callable[[], str]:
        def bring_about() -> str:
            serve(world.platform, apps[1], held)
            return commit()

        return bring_about

    situations = [
        Situation(LIVE, main, "live", "already_live", ready(main, new, lambda: second)),
        Situation(PROMOTE, main, "promote", "prepared", ready(main, old, lambda: second)),
        Situation(
            EARLIER, earlier, "promote", "prepared_earlier", ready(earlier, old, lambda: second)
        ),
        Situation(
            SAME_TREE,
            main,
            "release",
            "same_tree",
            ready(main, old, world.make_commit),
            ("--same-tree",),
        ),
        Situation(RELEASE, apart, "release", "not_in_pipeline", ready(apart, old, lambda: second)),
        Situation(
            WAIT,
            joined,
            "promote",
            "joined_build",
            ready(joined, old, partial(_begin, world, joined[0])),
        ),
        Situation(BUILD, missed, "build", "other_commit", ready(missed, old, world.make_commit)),
    ]
    world.slow_builds(joined[0])
    world.slow_builds(missed[1])
    return situations


def _begin(world: World, app: str) -> str:
    """Have a new commit being built."""
    commit = world.make_commit()
    path = start_build(world.platform, world.repository, app, commit, world.env)
    fetch = partial(world.platform.call, "GET", path)
    await_that(lambda: fetch()["status"] == "pending", f"the build of {commit[:8]} to begin")
    return commit


def _slug_of(platform: Platform, app: str, commit: str) -> str:
    builds = platform.call("GET", f"/apps/{app}/builds")
    found = [each for each in builds if each["source_blob"]["version"] == commit]
    return str(found[0]["slug"]["id"])
