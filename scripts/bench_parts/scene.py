"""The scene of a hit: a prepare app that holds a commit, and a target that runs another."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from bench_parts.platform import Platform, await_that
from bench_parts.processes import run_well

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PREPARE, TARGET = "bench-prepare", "bench-target"
METADATA = "runtime-dyno-metadata"
FILES = {
    "Procfile": "web: python3 -u -m http.server --bind 127.0.0.1 $PORT\n",
    "bin/detect": "#!/bin/sh\necho Bench\n",
    "bin/compile": "#!/bin/sh\necho '-----> Nothing to compile'\n",
}


@dataclass(frozen=True)
class Scene:
    """Two apps in one pipeline, and two commits: `old` runs on the target, `sha` is prepared."""

    platform: Platform
    repository: Path
    sha: str
    old_slug: str
    new_slug: str

    def reset(self) -> None:
        """Let the target run the old commit again, its dynos up, and empty the journal."""
        self.platform.control("PUT", "latency", {"seconds": 0})
        body = {"slug": self.old_slug}
        made = self.platform.call("POST", f"/apps/{TARGET}/releases", body)
        is_up = partial(_is_up, self.platform, made["version"])
        await_that(is_up, f"the dynos of {TARGET}")

    def begin(self, latency_seconds: float) -> None:
        """Set the latency and forget all requests so far: what follows is measured."""
        self.platform.control("PUT", "latency", {"seconds": latency_seconds})
        self.platform.control("DELETE", "journal")

    def is_shipped(self) -> bool:
        """Say whether the target's current release holds the prepared slug."""
        self.platform.control("PUT", "latency", {"seconds": 0})
        releases = self.platform.call("GET", f"/apps/{TARGET}/releases")
        current = [release for release in releases if release["current"]]
        return [(each["slug"] or {}).get("id") for each in current] == [self.new_slug]


def make_scene(
    platform: Platform, directory: Path, env: Mapping[str, str], promotion_seconds: float
) -> Scene:
    """Make apps, pipeline, repository and both builds; nothing of it is measured."""
    repository = directory / "repository"
    shas = make_repository(repository, env)
    _make_apps(platform)
    slugs = [_build(platform, repository, sha, env) for sha in shas]
    platform.call("PATCH", f"/apps/{PREPARE}/formation/web", {"quantity": 0})
    platform.control("PUT", "durations", {"promotion_seconds": promotion_seconds})
    return Scene(platform, repository, shas[1], slugs[0], slugs[1])


def make_repository(repository: Path, env: Mapping[str, str]) -> tuple[str, str]:
    """Make a repository of two commits; gives their shas, the older first."""
    (repository / "bin").mkdir(parents=True)
    for name, text in FILES.items():
        (repository / name).write_text(textwrap.dedent(text))
        (repository / name).chmod(0o755 if name.startswith("bin/") else 0o644)
    git(repository, env, "init", "--quiet", "--initial-branch", "main")
    return _commit(repository, env, "first"), _commit(repository, env, "second")


def git(repository: Path, env: Mapping[str, str], *arguments: str) -> str:
    """Run git as nobody in particular; gives what it printed."""
    who = ("-c", "user.name=Bench", "-c", "user.email=bench@example.com")
    return run_well(["git", *who, *arguments], repository, env).stdout.strip()


def _commit(repository: Path, env: Mapping[str, str], text: str) -> str:
    (repository / "text").write_text(text)
    git(repository, env, "add", "--all")
    git(repository, env, "commit", "--quiet", "--message", text)
    return git(repository, env, "rev-parse", "HEAD")


def _make_apps(platform: Platform) -> None:
    pipeline = platform.call("POST", "/pipelines", {"name": "bench"})
    for app, stage in ((PREPARE, "development"), (TARGET, "production")):
        made = platform.call("POST", "/apps", {"name": app})
        platform.call("PATCH", f"/apps/{app}/features/{METADATA}", {"enabled": True})
        coupling = {"app": made["id"], "pipeline": pipeline["id"], "stage": stage}
        platform.call("POST", "/pipeline-couplings", coupling)


def _build(platform: Platform, repository: Path, sha: str, env: Mapping[str, str]) -> str:
    """Build a commit on the prepare app as `prepare` would; gives the slug."""
    archive = repository.parent / f"{sha}.tar.gz"
    git(repository, env, "archive", "--format=tar.gz", f"--output={archive}", sha)
    blob = platform.call("POST", f"/apps/{PREPARE}/sources")["source_blob"]
    platform.upload(blob["put_url"], archive.read_bytes())
    source = {"source_blob": {"url": blob["get_url"], "version": sha}}
    build = platform.call("POST", f"/apps/{PREPARE}/builds", source)
    path = f"/apps/{PREPARE}/builds/{build['id']}"
    await_that(lambda: _has_release(platform.call("GET", path)), f"the build of {sha[:8]}")
    return str(platform.call("GET", path)["slug"]["id"])


def _has_release(build: Mapping[str, Any]) -> bool:
    return build["status"] == "succeeded" and build["release"] is not None


def _is_up(platform: Platform, version: int) -> bool:
    dynos = platform.call("GET", f"/apps/{TARGET}/dynos")
    return bool(dynos) and all(
        dyno["state"] == "up" and dyno["release"]["version"] == version for dyno in dynos
    )
