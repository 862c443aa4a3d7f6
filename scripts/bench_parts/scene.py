"""The scene of a hit: a prepare app that holds a commit, and a target that runs another."""

from __future__ import annotations

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
    # Its log begins at once, as Heroku's do, and it lasts as long as a config var says.
    "bin/compile": (
        "#!/bin/sh\n"
        'echo "-----> Nothing to compile"\n'
        'sleep "$(cat "$3/BUILD_SECONDS" 2>/dev/null || echo 0)"\n'
    ),
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
        self.platform.set_latency(0)
        serve(self.platform, TARGET, self.old_slug)

    def is_shipped(self) -> bool:
        """Say whether the target's current release holds the prepared slug."""
        self.platform.set_latency(0)
        return serves(self.platform, TARGET) == self.new_slug


def make_scene(
    platform: Platform, directory: Path, env: Mapping[str, str], promotion_seconds: float
) -> Scene:
    """Make apps, pipeline, repository and both builds; nothing of it is measured."""
    repository = directory / "repository"
    shas = make_repository(repository, env)
    make_apps(platform, {PREPARE: "development", TARGET: "production"}, "bench")
    slugs = [build(platform, repository, PREPARE, sha, env) for sha in shas]
    stop_dynos(platform, PREPARE)
    platform.control("PUT", "durations", {"promotion_seconds": promotion_seconds})
    return Scene(platform, repository, shas[1], slugs[0], slugs[1])


def make_repository(repository: Path, env: Mapping[str, str]) -> tuple[str, str]:
    """Make a repository of two commits; gives their shas, the older first."""
    (repository / "bin").mkdir(parents=True)
    for name, text in FILES.items():
        (repository / name).write_text(text)
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


def make_apps(platform: Platform, stages: Mapping[str, str], pipeline: str) -> None:
    """Make apps with their metadata on, in stages of a new pipeline."""
    made = platform.call("POST", "/pipelines", {"name": pipeline})
    for name, stage in stages.items():
        app = make_app(platform, name)
        coupling = {"app": app["id"], "pipeline": made["id"], "stage": stage}
        platform.call("POST", "/pipeline-couplings", coupling)


def make_app(platform: Platform, name: str) -> Any:
    """Make an app that tells its dynos, and whoever reads its config, which commit it runs."""
    made = platform.call("POST", "/apps", {"name": name})
    platform.call("PATCH", f"/apps/{name}/features/{METADATA}", {"enabled": True})
    return made


def stop_dynos(platform: Platform, app: str) -> None:
    """Let an app run nothing: a prepare app only builds."""
    platform.call("PATCH", f"/apps/{app}/formation/web", {"quantity": 0})


def serve(platform: Platform, app: str, slug: str) -> None:
    """Release a slug on an app and wait until its dynos are up."""
    made = platform.call("POST", f"/apps/{app}/releases", {"slug": slug})
    await_that(partial(_is_up, platform, app, made["version"]), f"the dynos of {app}")


def serves(platform: Platform, app: str) -> str | None:
    """Give the slug of an app's current release."""
    releases = platform.call("GET", f"/apps/{app}/releases")
    slugs = [release["slug"] or {} for release in releases if release["current"]]
    return slugs[0].get("id") if slugs else None


def start_build(
    platform: Platform, repository: Path, app: str, sha: str, env: Mapping[str, str]
) -> str:
    """Start a build of a commit on an app as `prepare` would; gives its path in the API."""
    archive = repository.parent / f"{sha}.tar.gz"
    git(repository, env, "archive", "--format=tar.gz", f"--output={archive}", sha)
    blob = platform.call("POST", "/sources")["source_blob"]
    platform.upload(blob["put_url"], archive.read_bytes())
    archive.unlink()
    source = {"source_blob": {"url": blob["get_url"], "version": sha}}
    started = platform.call("POST", f"/apps/{app}/builds", source)
    return f"/apps/{app}/builds/{started['id']}"


def build(platform: Platform, repository: Path, app: str, sha: str, env: Mapping[str, str]) -> str:
    """Build a commit on an app to its release; gives the slug."""
    path = start_build(platform, repository, app, sha, env)
    await_that(lambda: _has_release(platform.call("GET", path)), f"the build of {sha[:8]}")
    return str(platform.call("GET", path)["slug"]["id"])


def _has_release(build: Mapping[str, Any]) -> bool:
    return build["status"] == "succeeded" and build["release"] is not None


def _is_up(platform: Platform, app: str, version: int) -> bool:
    dynos = platform.call("GET", f"/apps/{app}/dynos")
    return bool(dynos) and all(
        dyno["state"] == "up" and dyno["release"]["version"] == version for dyno in dynos
    )
