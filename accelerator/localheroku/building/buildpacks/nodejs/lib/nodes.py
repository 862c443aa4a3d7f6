"""Which Node.js the app asks for, and which of this machine's is that."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from log import CannotBuild, say, warn

if TYPE_CHECKING:
    from collections.abc import Iterator

Version = tuple[int, int, int]

_PART = r"(?:\d+|[xX*])"
_COMPARATOR = re.compile(
    rf"(\^|~>?|>=|<=|>|<|=)?\s*v?({_PART}(?:\.{_PART}){{0,2}})(?:-[\w.-]+)?(?:\+[\w.-]+)?"
)
# Where the usual managers of versions keep them, below the home.
_KEPT = (
    ".nvm/versions/node/*/bin/node",
    ".local/share/fnm/node-versions/*/installation/bin/node",
    ".asdf/installs/nodejs/*/bin/node",
    ".local/share/mise/installs/node/*/bin/node",
    ".volta/tools/image/node/*/bin/node",
)
_NONE = (
    "Build failed: node was not found.\n"
    "This platform builds with the Node.js of its machine. Install Node.js (with npm)\n"
    "and make sure that node and npm are on the PATH."
)


@dataclass(frozen=True)
class Node:
    """An installed Node.js, which has its npm beside it."""

    path: Path
    version: Version

    def __str__(self) -> str:
        return ".".join(map(str, self.version))

    @property
    def npm(self) -> Path | None:
        """The npm that belongs to it, else the one on the PATH."""
        beside = self.path.parent / "npm"
        found = shutil.which("npm")
        return beside if beside.exists() else Path(found) if found else None


def choose(wanted: str) -> Node:
    """Return the Node.js to build with: this machine's own where that will do."""
    own = _own()
    kept = sorted(_kept(), key=lambda node: node.version, reverse=True)
    known = [*([own] if own else []), *kept]
    if not known:
        raise CannotBuild(_NONE)
    fitting = [node for node in known if not wanted or allows(wanted, node.version)]
    if not fitting:
        warn(f"package.json asks for Node.js {wanted}, which this machine lacks.")
    chosen = (fitting or known)[0]
    if chosen.npm is None:
        raise CannotBuild(_NONE.replace("node was", "npm was", 1))
    say(f"Using node {chosen}, as installed on this machine")
    return chosen


def allows(wanted: str, version: Version) -> bool:
    """Return whether a range, as npm writes them, takes a version."""
    return any(_allows_all(each, version) for each in wanted.split("||"))


def _allows_all(part: str, version: Version) -> bool:
    text = part.strip()
    between = re.fullmatch(r"(\S+)\s+-\s+(\S+)", text)
    if between:
        text = f">={between[1]} <={between[2]}"
    if text in ("", "*", "x", "latest", "current", "lts", "node"):
        return True
    rest = _COMPARATOR.sub("", text).strip()
    found = list(_COMPARATOR.finditer(text))
    return bool(found) and not rest and all(_holds(one[1] or "", one[2], version) for one in found)


def _holds(sign: str, text: str, version: Version) -> bool:
    numbers = []
    for part in text.split("."):
        if not part.isdecimal():
            break
        numbers.append(int(part))
    if not numbers:
        return sign not in ("<", ">")
    low, high = _padded(numbers), _after(numbers)
    if sign == "^":
        high = _after(numbers[: next((n for n, each in enumerate(numbers) if each), 2) + 1])
    elif sign.startswith("~"):
        high = _after(numbers[:2])
    return {
        ">=": version >= low,
        "<": version < low,
        ">": version >= high if len(numbers) < 3 else version > low,
        "<=": version < high,
    }.get(sign, low <= version < high)


def _padded(numbers: list[int]) -> Version:
    major, minor, patch = (*numbers, 0, 0, 0)[:3]
    return major, minor, patch


def _after(numbers: list[int]) -> Version:
    """Return the first version that no longer begins with these numbers."""
    return _padded([*numbers[:-1], numbers[-1] + 1])


def _own() -> Node | None:
    program = shutil.which("node")
    if program is None:
        return None
    told = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    version = _read(told.stdout.strip())
    return Node(Path(program), version) if version else None


def _kept() -> Iterator[Node]:
    for pattern in _KEPT:
        for file in Path.home().glob(pattern):
            folder = file.parent.parent
            name = folder.parent.name if folder.name == "installation" else folder.name
            if version := _read(name):
                yield Node(file, version)


def _read(text: str) -> Version | None:
    found = re.fullmatch(r"v?(\d+)\.(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2]), int(found[3])) if found else None
