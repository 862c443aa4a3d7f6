"""Big repositories, the same bytes each time: source-like text, and files that do not shrink."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench_parts.scene import FILES, git

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

MEGABYTE = 1_000_000
LINES, WORDS = 20_000, 4_000
ASSET_BYTES = 400_000


@dataclass(frozen=True)
class Kind:
    """What a repository is made of: `text_share` of its bytes are text, the rest is random."""

    name: str
    text_share: float


MIXED = Kind("70 % text", 0.7)
DENSE = Kind("incompressible", 0.0)


@dataclass(frozen=True)
class BigRepository:
    """A working tree, packed: its files, and the sizes of tree and pack in MB."""

    directory: Path
    files: int
    tree_mb: float
    pack_mb: float


def make_big_repository(
    directory: Path, megabytes: int, kind: Kind, env: Mapping[str, str]
) -> BigRepository:
    """Make the files of an application that can be built, commit and pack them."""
    written, count = 0, 0
    source = random.Random(megabytes)  # noqa: S311  # the same bytes each time
    for name, content in _contents(source, megabytes * MEGABYTE, kind):
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(0o755 if name.startswith("bin/") else 0o644)
        written, count = written + len(content), count + 1
    git(directory, env, "init", "--quiet", "--initial-branch", "main")
    git(directory, env, "add", "--all")
    git(directory, env, "commit", "--quiet", "--message", "Everything")
    git(directory, env, "-c", "pack.window=0", "repack", "-adq")
    packs = sum(each.stat().st_size for each in directory.glob(".git/objects/pack/*.pack"))
    return BigRepository(directory, count, written / MEGABYTE, packs / MEGABYTE)


def _contents(source: random.Random, total: int, kind: Kind) -> Iterator[tuple[str, bytes]]:
    for name, content in FILES.items():
        yield name, content.encode()
    lines = _lines(source)
    written, number = 0.0, 0
    while written < kind.text_share * total:
        text = "\n".join(source.choices(lines, k=source.randint(20, 600))).encode()
        yield f"src/part{number % 97}/module{number}.py", text
        written, number = written + len(text), number + 1
    while written < total:
        asset = source.randbytes(source.randint(ASSET_BYTES // 8, ASSET_BYTES * 2))
        yield f"assets/image{number}.jpg", asset
        written, number = written + len(asset), number + 1


def _lines(source: random.Random) -> list[str]:
    words = ["".join(source.choices("etaoinshrdlu_", k=source.randint(2, 9))) for _ in range(WORDS)]
    return [
        "    " * source.randint(0, 4) + " ".join(source.choices(words, k=source.randint(1, 12)))
        for _ in range(LINES)
    ]
