"""Slugs: an app ready to run, as a `.tgz` with everything under `./app`."""

from __future__ import annotations

import fnmatch
import hashlib
import os
import re
import shutil
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from accelerator.localheroku.building import archives

if TYPE_CHECKING:
    from collections.abc import Mapping

_PROCESS_TYPE = re.compile(r"^([A-Za-z0-9_-]+):\s*(.+?)\s*$")


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
    root.mkdir(exist_ok=True)
    return root


def checksum(path: Path) -> str:
    """Compute the checksum of a file as Heroku writes it: `SHA256:` and hex digits."""
    with path.open("rb") as file:
        return f"SHA256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def read_procfile(tree: Path) -> Mapping[str, str]:
    """Read the process types a `Procfile` declares; none without one."""
    procfile = tree / "Procfile"
    if not procfile.is_file():
        return {}
    lines = procfile.read_text(encoding="utf-8", errors="replace").splitlines()
    matches = [match for line in lines if (match := _PROCESS_TYPE.match(line))]
    return {match[1]: match[2] for match in matches}


def apply_slugignore(tree: Path) -> int:
    """Remove what `.slugignore` names and return how many entries went.

    The patterns are those of `.gitignore` without negation, which Heroku does not support.
    """
    ignore = tree / ".slugignore"
    if not ignore.is_file():
        return 0
    text = ignore.read_text(encoding="utf-8", errors="replace")
    lines = (line.strip() for line in text.splitlines())
    patterns = [line for line in lines if line and not line.startswith(("#", "!"))]
    doomed = [path for path in sorted(tree.rglob("*")) if _is_ignored(path, tree, patterns)]
    removed = 0
    for path in doomed:
        if path.is_symlink() or path.is_file():
            path.unlink()
        elif path.is_dir():
            shutil.rmtree(path)
        else:  # it went with the directory above it
            continue
        removed += 1
    return removed


def _is_ignored(path: Path, tree: Path, patterns: list[str]) -> bool:
    relative = path.relative_to(tree).as_posix()
    is_directory = path.is_dir() and not path.is_symlink()
    return any(_matches(relative, is_directory, pattern) for pattern in patterns)


def _matches(relative: str, is_directory: bool, pattern: str) -> bool:
    if pattern.endswith("/"):
        if not is_directory:
            return False
        pattern = pattern.rstrip("/")
    if "/" not in pattern:
        return fnmatch.fnmatchcase(relative.rsplit("/", 1)[-1], pattern)
    return re.fullmatch(_expression(pattern.lstrip("/")), relative) is not None


def _expression(pattern: str) -> str:
    """Translate a pattern with a slash, in which `*` stops at slashes and `**` does not."""
    parts = re.split(r"(\*\*/|/\*\*|\*|\?)", pattern)
    words = {"**/": "(?:.*/)?", "/**": "/.*", "*": "[^/]*", "?": "[^/]"}
    return "".join(words.get(part, re.escape(part)) for part in parts)


def _anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member
