"""Source archives of big repositories: ours against tar's and git's, and in a real preparation."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from bench_parts.bigrepository import DENSE, MIXED, BigRepository, Kind, make_big_repository
from bench_parts.memory import Watched, run_watched
from bench_parts.platform import running
from bench_parts.processes import environment, find_accelerator
from bench_parts.results import BenchFailed, Part, Ratio, Series, Size, Table, alternate
from bench_parts.scene import PREPARE, git, make_app, stop_dynos

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MOST_MEMORY_MB = 120.0
# What the measured process runs; it starts Python and opens the repository like a command would.
ARCHIVE = """
import os, sys
from pathlib import Path
from accelerator.repository import Repository
with Repository.open(Path(sys.argv[1]), os.environ) as repository, open(sys.argv[2], "wb") as out:
    repository.archive(repository.resolve("HEAD"), out)
"""
EMPTY_COMMIT = ("commit", "--quiet", "--allow-empty", "--message", "Change nothing")
TITLE = "Each a process of its own, Python's start included"
HEAD = (
    "repository",
    "tree",
    "pack",
    "tar czf",
    "git archive | gzip",
    "ours",
    "tar / ours",
    "git / ours",
    "our memory",
    "our size / tar's",
)


Cell = Series | Ratio | None


@dataclass(frozen=True)
class Compared:
    """The three ways to archive one repository, and the archives' sizes in MB."""

    kind: Kind
    repository: BigRepository
    runs: Mapping[str, list[Watched]]
    sizes: Mapping[str, float]

    @property
    def faster_than_tar(self) -> Ratio:
        """Compare with tar, which is the goal."""
        value = self._seconds("tar").median / self._seconds("own").median
        return Ratio(f"tar czf / ours, {self.kind.name}", value, at_least=1.0)

    def row(self) -> tuple[str, tuple[Cell, ...]]:
        """Give the row of the table."""
        tar, by_git, own = (self._seconds(name) for name in ("tar", "git", "own"))
        name = f"{self.kind.name}, {self.repository.files} files"
        return name, (
            Series("tree", "MB", (self.repository.tree_mb,)),
            Series("pack", "MB", (self.repository.pack_mb,)),
            tar,
            by_git,
            own,
            self.faster_than_tar,
            Ratio("git / ours", by_git.median / own.median),
            peak("our memory", self.runs["own"]),
            Ratio("our size / tar's", self.sizes["own"] / self.sizes["tar"]),
        )

    def _seconds(self, side: str) -> Series:
        return Series(side, "s", tuple(each.seconds for each in self.runs[side]))


def measure_archives(size: Size, directory: Path, root: Path) -> Part:
    """Generate both kinds of repository, archive each in three ways in turn, then prepare one."""
    del root
    env = environment(directory)
    megabytes = size.pick(quick=60, full=300)
    compared = [_compare(kind, megabytes, size, directory, env) for kind in (MIXED, DENSE)]
    part = Part("archive", f"Source archives: repositories of {megabytes} MB")
    part.tables.append(Table(TITLE, HEAD, tuple(each.row() for each in compared)))
    part.ratios += [each.faster_than_tar for each in compared]
    _prepare(part, compared[-1].repository, size.pick(quick=1, full=3), env)
    part.notes += NOTES
    return part


NOTES = (
    "tar reads files, git its pack; both from the page cache after a first round",
    "memory is the peak of what all processes of the command, Python and git, held at one moment, "
    "with pages they share counted twice; without /proc that of the largest one",
    "accelerator prepare ran against the local platform, whose unpacking, building and packing is "
    "in its time but not in the memory; its archive step is given beside it",
)


def _compare(
    kind: Kind, megabytes: int, size: Size, directory: Path, env: Mapping[str, str]
) -> Compared:
    place = directory / kind.name.replace(" ", "-").replace("%", "")
    repository = make_big_repository(place, megabytes, kind, env)
    out = directory / "archive.tar.gz"
    sides = {
        "tar": ["tar", "czf", str(out), "--exclude=./.git", "."],
        "git": ["sh", "-c", 'git archive --format=tar HEAD | gzip >"$0"', str(out)],
        "own": [sys.executable, "-c", ARCHIVE, str(place), str(out)],
    }
    sizes: dict[str, float] = {}

    def archive(name: str) -> Watched:
        watched = run_watched(sides[name], place, env)
        sizes[name] = out.stat().st_size / 1e6
        return watched

    columns = alternate(
        size.pick(quick=2, full=3), [partial(archive, name) for name in sides], warm=not size.quick
    )
    out.unlink()
    return Compared(kind, repository, dict(zip(sides, columns, strict=True)), sizes)


def _prepare(part: Part, repository: BigRepository, rounds: int, env: Mapping[str, str]) -> None:
    """Prepare new commits of the same tree, each archived, uploaded and built anew."""
    with running(env) as platform:
        make_app(platform, PREPARE)
        own = {"HEROKU_HOST": platform.url, "HEROKU_API_KEY": platform.key}
        command = [find_accelerator(), "prepare", "--app", PREPARE, "--json"]
        ended = []
        for _ in range(rounds):
            git(repository.directory, env, *EMPTY_COMMIT)
            ended.append(run_watched(command, repository.directory, {**env, **own}))
            stop_dynos(platform, PREPARE)
    archived = tuple(_seconds_of("archive", each) for each in ended)
    memory = peak("accelerator prepare: peak memory of all its processes", ended)
    part.series += [
        Series("accelerator prepare", "s", tuple(each.seconds for each in ended)),
        Series("accelerator prepare: its archive step", "s", archived),
        memory,
        Series(
            "accelerator prepare: of the largest process",
            "MB",
            tuple(each.largest for each in ended),
        ),
    ]
    used = max(memory.values) / MOST_MEMORY_MB
    part.ratios.append(Ratio(f"memory of prepare / {MOST_MEMORY_MB:g} MB", used, at_most=1.0))


def peak(name: str, runs: list[Watched]) -> Series:
    """Give the memory of all processes together where that is known, else of the largest."""
    return Series(name, "MB", tuple(each.together or each.largest for each in runs))


def _seconds_of(step: str, watched: Watched) -> float:
    document = json.loads(watched.stdout)
    if document["reused"]:
        raise BenchFailed("accelerator prepare found its commit built already")
    return float(next(each["seconds"] for each in document["steps"] if each["name"] == step))
