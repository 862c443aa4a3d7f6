"""Buildpacks: found by name, directory, git URL or archive, each as a private copy."""

from __future__ import annotations

import re
import shlex
import shutil
import urllib.parse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from accelerator.localheroku.building import archives
from accelerator.localheroku.building.fetching import download

if TYPE_CHECKING:
    from collections.abc import Mapping

    from accelerator.localheroku.building.commands import Shell

_BUILT_IN = Path(__file__).parent / "buildpacks"
# The order of automatic detection, which is Heroku's.
NAMES = (
    "heroku/inline",
    "heroku/ruby",
    "heroku/nodejs",
    "heroku/python",
    "heroku/gradle",
    "heroku/go",
)
# Where Heroku keeps the buildpacks that are built in here: these addresses mean ours.
_OFFICIAL = re.compile(
    r"urn:buildpack:(heroku/\w+)"
    r"|https://github\.com/heroku/heroku-buildpack-(\w+?)(?:\.git)?(?:#.*)?"
    r"|https://buildpack-registry\.s3\.amazonaws\.com/buildpacks/(heroku/\w+)\.tgz"
)
_EXECUTABLES = ("detect", "compile", "release")


class PackMissing(Exception):
    """A buildpack cannot be had, or is none."""


@dataclass(frozen=True)
class Pack:
    """A buildpack on disk; `name` is what the app's settings call it."""

    name: str
    directory: Path

    def program(self, name: str) -> Path:
        """Return the path of `bin/{name}`."""
        return self.directory / "bin" / name

    @property
    def exports(self) -> Path:
        """The script that carries variables on to the buildpacks after this one."""
        return self.directory / "export"


def fetch(name: str, to: Path, shell: Shell) -> Pack:
    """Put a private copy of the buildpack `name` into `to`.

    A copy, because a buildpack may write into its own directory. Raises `PackMissing`.
    """
    built_in = find_built_in(name)
    if built_in is not None:
        shutil.copytree(_BUILT_IN / built_in.partition("/")[2], to)
        shutil.copytree(_BUILT_IN / "common", to / "lib", dirs_exist_ok=True)
        for program in _EXECUTABLES:  # an installer may have lost the mode
            (to / "bin" / program).chmod(0o755)
    elif Path(name).is_dir() and not _is_repository(Path(name)):
        _check(name, Path(name))
        shutil.copytree(name, to, symlinks=True)
    elif re.search(r"\.(tgz|tar\.gz|tar|zip)$", name.partition("?")[0]):
        to = _fetch_archive(name, to)
    elif "://" in name or Path(name).is_dir():
        _clone(name, to, shell)
    else:
        raise PackMissing(f"{name} is neither a buildpack of this platform nor a place to get one")
    _check(name, to)
    return Pack(name, to)


def find_built_in(name: str) -> str | None:
    """Return the name of the built-in buildpack that a name or address stands for, if any."""
    match = _OFFICIAL.fullmatch(name)
    if match is not None:
        name = match[1] or match[3] or f"heroku/{match[2]}"
    return name if name in NAMES else None


def default_process_types(release: str) -> Mapping[str, str]:
    """Read `default_process_types` from what `bin/release` printed.

    The subset of YAML that buildpacks print: one map of strings, indented or in braces.
    """
    types: dict[str, str] = {}
    inside = False
    for line in release.splitlines():
        if line and not line[0].isspace() and not line.startswith(("#", "-")):
            inside = line.startswith("default_process_types:")
            types.update(_inline_map(line.partition(":")[2].strip()) if inside else {})
        elif inside and (match := re.match(r"\s+([\w-]+):\s+(.*\S)", line)):
            types[match[1]] = _unquoted(match[2])
    return types


def _inline_map(text: str) -> dict[str, str]:
    if not (text.startswith("{") and text.endswith("}")):
        return {}
    pairs = re.findall(r"""["']?([\w-]+)["']?:\s*("[^"]*"|'[^']*'|[^,}]+)""", text[1:-1])
    return {name: _unquoted(command.strip()) for name, command in pairs}


def _unquoted(text: str) -> str:
    if text[0] == text[-1] == '"' and len(text) > 1:
        return re.sub(r"\\(.)", r"\1", text[1:-1])
    if text[0] == text[-1] == "'" and len(text) > 1:
        return text[1:-1].replace("''", "'")
    return text


def _check(name: str, directory: Path) -> None:
    if not all((directory / "bin" / program).is_file() for program in ("detect", "compile")):
        raise PackMissing(f"{name} lacks bin/detect or bin/compile")


def _is_repository(directory: Path) -> bool:
    """Tell a bare git repository from a plain directory (a worktree counts as plain)."""
    return (directory / "HEAD").is_file() and (directory / "objects").is_dir()


def _clone(url: str, to: Path, shell: Shell) -> None:
    address, _, branch = url.partition("#")
    command = ["git", "clone", "--quiet", "--depth", "1", "--recurse-submodules"]
    command += ["--branch", branch] if branch else []
    status, output = shell.capture([*command, "--", address, str(to)])
    if status != 0:
        raise PackMissing(f"cannot clone {shlex.quote(url)}: {output.strip()}")


def _fetch_archive(name: str, to: Path) -> Path:
    archive = to.with_suffix(".archive")
    try:
        if "://" not in name:
            archive = Path(name)
        elif urllib.parse.urlsplit(name).scheme in ("http", "https", "file"):
            download(name, archive)
        archives.unpack(archive, to)
    except (OSError, archives.UnsafeArchive) as error:
        raise PackMissing(f"cannot fetch {name}: {error}") from error
    return archives.root_of(to)
