"""What the platform itself says afterwards: releases, builds, slugs and its journal."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench_parts.platform import await_that

from stress_parts.site import LOOKING, POOL, TARGETS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench_parts.platform import Entry

    from stress_parts.site import Site

WRITES = {
    "/pipeline-promotions": "promotions",
    "/releases": "releases",
    "/builds": "builds",
    "/git-receive-pack": "pushes",
}


@dataclass(frozen=True)
class Release:
    """A release with code on a target; `number` is the commit's place in the history."""

    app: str
    version: int
    status: str
    number: int | None
    slug: str
    at: str
    description: str
    is_current: bool


@dataclass(frozen=True)
class Build:
    """A build of a commit of the stream."""

    app: str
    number: int | None
    status: str
    began: str
    ended: str
    slug: str | None


@dataclass(frozen=True)
class State:
    """Everything the proof needs; releases oldest first, those of the scene's making left out."""

    releases: Mapping[str, tuple[Release, ...]]
    builds: tuple[Build, ...]
    requests: int
    writes: Mapping[str, int]
    faults: int
    locks: tuple[Mapping[str, Any], ...]

    @property
    def prepared_slugs(self) -> frozenset[str]:
        """Give the slugs that were built on prepare apps."""
        return frozenset(each.slug for each in self.builds if each.app in POOL and each.slug)


def read_state(site: Site, faults: int) -> State:
    """Read all of it; no fault may be set any more."""
    journal = [
        each
        for each in site.platform.read_journal()
        if not each.path.startswith("/-/") and each.agent != LOOKING
    ]
    releases = {app: _read_releases(site, app) for app in TARGETS}
    return State(
        releases=releases,
        builds=tuple(each for app in (*POOL, *TARGETS) for each in _read_builds(site, app)),
        requests=len(journal),
        writes=_count_writes(journal),
        faults=faults,
        locks=tuple(site.read_locks()),
    )


def await_quiet(site: Site) -> None:
    """Wait until nothing builds or releases any more: a killed job's work goes on without it."""
    await_that(lambda: not _is_busy(site), "the last build or release to end")


def _is_busy(site: Site) -> bool:
    paths = [f"/apps/{app}/{what}" for app in (*POOL, *TARGETS) for what in ("builds", "releases")]
    found = (each for path in paths for each in site.platform.call("GET", path))
    return any(each["status"] == "pending" for each in found)


def _count_writes(journal: list[Entry]) -> Mapping[str, int]:
    posts = (each.path for each in journal if each.method == "POST")
    names = (name for path in posts for end, name in WRITES.items() if path.endswith(end))
    return dict(Counter(names))


def _read_all(site: Site, path: str, order: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = site.platform.call("GET", path, page=f"{order} ..; max=1000")
    return found


def _read_releases(site: Site, app: str) -> tuple[Release, ...]:
    made = []
    for each in _read_all(site, f"/apps/{app}/releases", "version"):
        if each["slug"] is None:
            continue
        slug = site.platform.call("GET", f"/apps/{app}/slugs/{each['slug']['id']}")
        number = site.history.number_of(slug["commit"])
        made.append(
            Release(
                app=app,
                version=each["version"],
                status=each["status"],
                number=number,
                slug=slug["id"],
                at=each["created_at"],
                description=each["description"] or "",
                is_current=each["current"],
            )
        )
    return tuple(each for each in made if each.number != 0)


def _read_builds(site: Site, app: str) -> list[Build]:
    found = _read_all(site, f"/apps/{app}/builds", "created_at")
    builds = (
        Build(
            app=app,
            number=site.history.number_of(each["source_blob"]["version"]),
            status=each["status"],
            began=each["created_at"],
            ended=each["updated_at"],
            slug=(each["slug"] or {}).get("id"),
        )
        for each in found
    )
    return [each for each in builds if each.number != 0]
