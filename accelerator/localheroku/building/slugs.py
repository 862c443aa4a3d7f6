"""Slugs: an app ready to run, as a `.tgz` with everything under `./app`."""

from __future__ import annotations

import hashlib
import os
import re
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from accelerator.localheroku.building import archives
from accelerator.localheroku.building.trees import read_inside

if TYPE_CHECKING:
    from collections.abc import Mapping

_PROCESS_TYPE = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True)
class Packed:
    """A written slug."""

    checksum: str
    size: int


def pack(tree: Path, slug: Path) -> Packed:
    """Write `tree` as a slug to `slug`, which appears complete or not at all."""
    slug.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{slug.name}.", dir=slug.parent)
    temporary = Path(name)
    try:
        with (
            os.fdopen(handle, "wb") as file,
            # Level 1: a slug travels over loopback, so time counts and size does not.
            tarfile.open(fileobj=file, mode="w:gz", compresslevel=1) as tar,
        ):
            tar.add(tree, "./app", filter=_anonymous)
        packed = Packed(checksum(temporary), temporary.stat().st_size)
        temporary.replace(slug)
    finally:
        temporary.unlink(missing_ok=True)
    return packed


def unpack(slug: Path, to: Path) -> Path:
    """Unpack `slug` into `to` and return the app's root."""
    # A Python environment links to the interpreter outside of it.
    archives.unpack(slug, to, foreign_links=True)
    root = to / "app"
    if root.is_symlink():
        raise archives.UnsafeArchive("app is a link")
    root.mkdir(exist_ok=True)
    return root


def checksum(path: Path) -> str:
    """Compute the checksum of a file as Heroku writes it: `SHA256:` and hex digits."""
    with path.open("rb") as file:
        return f"SHA256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def read_procfile(tree: Path) -> Mapping[str, str]:
    """Read the process types a `Procfile` declares; none without one. Raises `Unreadable`."""
    text = read_inside(tree, "Procfile")
    pairs = (line.partition(":") for line in (text or "").splitlines())
    return {
        name: command.strip()
        for name, _, command in pairs
        if _PROCESS_TYPE.fullmatch(name) and command.strip()
    }


def _anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member
