"""Source archives: ours of a commit against `tar czf` of the working tree."""

from __future__ import annotations

import os
import random
import sys
from typing import TYPE_CHECKING

from bench_parts.processes import environment, run_measured
from bench_parts.results import Part, Ratio, Series, Size, alternate
from bench_parts.scene import git

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

MEGABYTE = 1_000_000
MOST_MEMORY_MB = 120.0
LINES, WORDS = 20_000, 4_000
ASSET_BYTES = 400_000
TEXT_SHARE = 0.7
# What the measured process runs; it starts Python and opens the repository like a command would.
ARCHIVE = """
import os, sys
from pathlib import Path
from accelerator.repository import Repository
with Repository.open(Path(sys.argv[1]), os.environ) as repository, open(sys.argv[2], "wb") as out:
    repository.archive(repository.resolve("HEAD"), out)
"""


def measure_archives(size: Size, directory: Path, root: Path) -> Part:
    """Generate a repository, then archive it both ways in turn."""
    del root
    env = environment(directory)
    megabytes = size.pick(quick=60, full=300)
    repository, out = directory / "repository", directory / "archive.tar.gz"
    files = make_big_repository(repository, megabytes, env)
    ours = [sys.executable, "-c", ARCHIVE, str(repository), str(out)]
    theirs = ["tar", "czf", str(out), "--exclude=./.git", "."]
    sizes: dict[str, float] = {}

    def side(name: str, command: list[str]) -> tuple[float, float]:
        measured = run_measured(command, repository, env)
        sizes[name] = out.stat().st_size / 1e6
        return measured

    tar, own = alternate(
        size.pick(quick=3, full=5),
        [lambda: side("tar", theirs), lambda: side("own", ours)],
    )
    part = Part("archive", f"Source archives: {files} files, {megabytes} MB of source, one pack")
    part.series += [
        Series("tar czf", "s", tuple(seconds for seconds, _ in tar)),
        Series("Repository.archive, with Python's start", "s", tuple(each for each, _ in own)),
        Series("Repository.archive: peak memory", "MB", tuple(memory for _, memory in own)),
        Series("tar czf: archive", "MB", (sizes["tar"],)),
        Series("Repository.archive: archive", "MB", (sizes["own"],)),
    ]
    part.ratios += _ratios(part.series)
    part.notes.append("tar reads files, git its pack; both from the page cache after a first round")
    part.notes.append("peak memory is that of the largest process, Python's or git's")
    return part


def _ratios(series: list[Series]) -> list[Ratio]:
    tar, own, memory, tar_size, own_size = (each.median for each in series)
    return [
        Ratio("tar czf / Repository.archive", tar / own, at_least=1.0),
        Ratio(f"peak memory / {MOST_MEMORY_MB:g} MB", memory / MOST_MEMORY_MB, at_most=1.0),
        Ratio("our archive's size / tar's", own_size / tar_size),
    ]


def make_big_repository(repository: Path, megabytes: int, env: Mapping[str, str]) -> int:
    """Make a repository of source-like text and incompressible assets; gives its files."""
    count = 0
    for name, content in _contents(random.Random(megabytes), megabytes * MEGABYTE):  # noqa: S311  # same bytes each time
        path = repository / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        count += 1
    git(repository, env, "init", "--quiet", "--initial-branch", "main")
    git(repository, env, "add", "--all")
    git(repository, env, "commit", "--quiet", "--message", "Everything")
    git(repository, env, "-c", "pack.window=0", "repack", "-adq")
    return count


def _contents(source: random.Random, total: int) -> Iterator[tuple[str, bytes]]:
    words = ["".join(source.choices("etaoinshrdlu_", k=source.randint(2, 9))) for _ in range(WORDS)]
    lines = [
        "    " * source.randint(0, 4) + " ".join(source.choices(words, k=source.randint(1, 12)))
        for _ in range(LINES)
    ]
    written, number = 0.0, 0
    while written < TEXT_SHARE * total:
        text = "\n".join(source.choices(lines, k=source.randint(20, 600))).encode()
        yield f"src/part{number % 97}{os.sep}module{number}.py", text
        written, number = written + len(text), number + 1
    while written < total:
        asset = source.randbytes(source.randint(ASSET_BYTES // 8, ASSET_BYTES * 2))
        yield f"assets/image{number}.jpg", asset
        written, number = written + len(asset), number + 1
