"""npm, Yarn and pnpm: which one an app uses, in which version, and what each is told to do."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from log import CannotBuild

if TYPE_CHECKING:
    from pathlib import Path

_NPM_FLAGS = ("--no-audit", "--no-fund", "--prefer-offline")
_LOCKS = {
    "package-lock.json": "npm",
    "npm-shrinkwrap.json": "npm",
    "yarn.lock": "yarn",
    "pnpm-lock.yaml": "pnpm",
}
# Which pnpm reads which format of its lock; a newer one would want to rewrite it.
_PNPM_OF_LOCK = {"5": "7", "6": "8", "9": "10"}


@dataclass(frozen=True)
class Manager:
    """A package manager: its name, what npm calls it, and its commands."""

    name: str
    lock: str | None
    package: str | None
    install: tuple[str, ...]
    prune: tuple[str, ...]
    run: tuple[str, ...]


def find_manager(build: Path, package: dict[str, Any]) -> Manager:
    """Return the manager whose lock there is, else npm; as on Heroku there may be one only."""
    found = [name for name in _LOCKS if (build / name).is_file()]
    if len(found) > 1:
        raise CannotBuild(
            f"Build failed: conflicting lock files: {' and '.join(found)}.\n"
            "Decide which package manager to use, and delete the locks of the others."
        )
    lock = found[0] if found else None
    named = _LOCKS[lock] if lock else "npm"
    if named == "yarn":
        return _yarn(build, _wanted(package, "yarn"))
    if named == "pnpm":
        return _pnpm(build, _wanted(package, "pnpm"))
    install = ("npm", "ci" if lock else "install", "--include=dev", *_NPM_FLAGS)
    prune = ("npm", "prune", "--omit=dev", *_NPM_FLAGS)
    return Manager("npm", lock, None, install, prune, ("npm", "run"))


def _wanted(package: dict[str, Any], name: str) -> str:
    """Return the version that `packageManager` names, else `engines`, else nothing."""
    named = re.match(rf"{name}@([^+]+)", str(package.get("packageManager", "")))
    engines = package.get("engines")
    asked = engines.get(name) if isinstance(engines, dict) else None
    return named[1] if named else str(asked or "")


def _yarn(build: Path, wanted: str) -> Manager:
    major = re.search(r"\d+", wanted)
    is_berry = "__metadata:" in (build / "yarn.lock").read_text(errors="replace")
    if not is_berry:
        return _classic_yarn(wanted)
    # The first Yarn starts the one that the app has in its repository.
    is_first = major is None or major[0] == "1"
    package = f"yarn@{wanted or '1'}" if is_first else f"@yarnpkg/cli-dist@{wanted}"
    install = ("yarn", "install", "--immutable")
    prune = ("yarn", "workspaces", "focus", "--all", "--production")
    return Manager("yarn", "yarn.lock", package, install, prune, ("yarn", "run"))


def _classic_yarn(wanted: str) -> Manager:
    flags = ("--frozen-lockfile", "--ignore-engines", "--prefer-offline", "--non-interactive")
    install = ("yarn", "install", "--production=false", *flags)
    prune = ("yarn", "install", "--production=true", "--ignore-scripts", *flags)
    package = f"yarn@{wanted or '1'}"
    return Manager("yarn", "yarn.lock", package, install, prune, ("yarn", "run"))


def _pnpm(build: Path, wanted: str) -> Manager:
    text = (build / "pnpm-lock.yaml").read_text(errors="replace")
    form = re.search(r"(?m)^lockfileVersion:\s*['\"]?(\d+)", text)
    version = wanted or _PNPM_OF_LOCK.get(form[1] if form else "", "10")
    install = ("pnpm", "install", "--prod=false", "--frozen-lockfile", "--reporter=append-only")
    prune = ("pnpm", "prune", "--prod", "--ignore-scripts")
    return Manager("pnpm", "pnpm-lock.yaml", f"pnpm@{version}", install, prune, ("pnpm", "run"))
