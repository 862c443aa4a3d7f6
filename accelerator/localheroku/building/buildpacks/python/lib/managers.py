"""The package managers: which one an app uses, and how each installs what its lock says."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import sys
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from log import CannotBuild, heading, run, run_or_fail, say, warn

if TYPE_CHECKING:
    from collections.abc import Callable

# Those of Heroku's buildpack in August 2026.
_UV = "uv==0.12.5"
_POETRY = "poetry==2.4.1"
_FILES = {
    "Pipfile.lock": "Pipenv",
    "requirements.txt": "pip",
    "poetry.lock": "Poetry",
    "uv.lock": "uv",
}
_QUIET = ["--quiet", "--disable-pip-version-check", "--no-input", "--progress-bar", "off"]
_ROOT_ONLY = {"PIP_ROOT_USER_ACTION": "ignore"}


@dataclass(frozen=True)
class Place:
    """Where one build happens."""

    build: Path
    cache: Path
    environment: Path

    @property
    def python(self) -> str:
        """The interpreter of the app's environment."""
        return str(self.environment / "bin" / "python")


@dataclass(frozen=True)
class Manager:
    """A package manager: the files its work depends on, and the work."""

    files: tuple[Path, ...]
    install: Callable[[Place], None]
    is_project: bool = False
    """It may install the app itself, so its work depends on everything."""


def find_manager(build: Path) -> Manager:
    """Return what installs the app's dependencies; as on Heroku there may be one only."""
    found = [name for name in _FILES if (build / name).is_file()]
    if "Pipfile.lock" not in found and (build / "Pipfile").is_file():
        raise CannotBuild(
            "Error: No 'Pipfile.lock' found!\nRun 'pipenv lock' and commit the Pipfile.lock."
        )
    if len(found) > 1:
        listed = "\n".join(f"{name} ({_FILES[name]})" for name in found)
        raise CannotBuild(
            f"Error: Multiple Python package manager files were found.\n{listed}\n"
            "Decide which one to use, and delete those of the others."
        )
    return _manager_of(build, found[0] if found else "pyproject.toml")


def _manager_of(build: Path, name: str) -> Manager:
    file, project = build / name, build / "pyproject.toml"
    if name == "requirements.txt":
        return Manager((file,), lambda place: install_with_pip(file, file.name, place))
    if name == "Pipfile.lock":
        return Manager((file,), lambda place: install_with_pip(from_pipfile(file), name, place))
    if not project.is_file():
        _without_project(build, name)
    table = _read_project(project)
    if name == "pyproject.toml":
        return _of_project(table)
    install = _install_with_uv if name == "uv.lock" else _install_with_poetry
    more = (build / other for other in ("uv.toml", "poetry.toml"))
    files = (file, project, *(each for each in more if each.is_file()))
    return Manager(files, install, is_project=_is_package(name, table))


def _without_project(build: Path, name: str) -> NoReturn:
    if (build / name).is_file():
        raise CannotBuild(f"Error: {name} is there, and no pyproject.toml that it belongs to.")
    raise _nothing_found()


def _nothing_found() -> CannotBuild:
    return CannotBuild(
        "Error: Couldn't find any supported Python package manager files.\n"
        "A Python app on Heroku must have either a requirements.txt, Pipfile.lock, poetry.lock\n"
        "or uv.lock in its root directory. Without dependencies, add an empty requirements.txt."
    )


def _of_project(table: dict[str, Any]) -> Manager:
    if "project" not in table:  # it holds settings of tools only
        raise _nothing_found()
    warn("Heroku wants a requirements.txt or a lock of Pipenv, Poetry or uv; here a")
    warn("pyproject.toml is enough: its dependencies are installed, in no fixed versions.")
    generated = Path(tempfile.gettempdir()) / "requirements-of-pyproject.txt"
    lines = table.get("project", {}).get("dependencies", [])
    generated.write_text("".join(f"{line}\n" for line in lines))
    return Manager((generated,), lambda place: install_with_pip(generated, "pyproject.toml", place))


def _read_project(project: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(project.read_text())
    except tomllib.TOMLDecodeError as error:
        raise CannotBuild(f"Error: pyproject.toml is not valid: {error}") from error


def _is_package(lock: str, table: dict[str, Any]) -> bool:
    tool = table.get("tool", {})
    if lock == "poetry.lock":
        return bool(tool.get("poetry", {}).get("package-mode", True))
    return bool(tool.get("uv", {}).get("package", "build-system" in table))


def entries(requirements: Path) -> list[str]:
    """List the lines of a requirements file that ask for something."""
    lines = (line.strip() for line in requirements.read_text().splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def install_with_pip(requirements: Path, name: str, place: Place) -> None:
    """Install what the requirements ask for, which needs pip only if they ask for something."""
    of = "" if name == "requirements.txt" else f", written from {name}"
    heading(f"Installing dependencies using 'pip install -r requirements.txt'{of}")
    if not entries(requirements):
        say("(there are none)")
        return
    command = [*_pip(), "--python", place.python, "install", *_QUIET, "-r", str(requirements)]
    if run(command, place.build, _ROOT_ONLY) != 0:
        raise CannotBuild("Error: Unable to install dependencies using pip.\nSee the log above.")


def from_pipfile(lock: Path) -> Path:
    """Write a Pipfile.lock as requirements and return the file."""
    try:
        document = json.loads(lock.read_text())
        lines = requirements_of(document)
    except (ValueError, TypeError, AttributeError) as error:
        raise CannotBuild(f"Error: Pipfile.lock cannot be read: {error}") from error
    generated = Path(tempfile.gettempdir()) / "requirements-of-pipfile.txt"
    generated.write_text("".join(f"{line}\n" for line in lines))
    return generated


def requirements_of(document: dict[str, Any]) -> list[str]:
    """Return the lines of a requirements file that say what a Pipfile.lock says."""
    sources = [str(each["url"]) for each in document.get("_meta", {}).get("sources", ())]
    # PyPI is where this machine says it is.
    others = [url for url in sources if url.rstrip("/") != "https://pypi.org/simple"]
    only = bool(others) and len(others) == len(sources)
    lines = [
        f"{'--index-url' if only and url == others[0] else '--extra-index-url'} {url}"
        for url in others
    ]
    packages = document.get("default", {})
    # One that has no hashes (of git, of a folder) and pip wants none of any.
    hashed = all(entry.get("hashes") for entry in packages.values())
    return lines + [_requirement(name, entry, hashed=hashed) for name, entry in packages.items()]


def _requirement(name: str, entry: dict[str, Any], *, hashed: bool) -> str:
    extras = f"[{','.join(entry['extras'])}]" if entry.get("extras") else ""
    marker = f" ; {entry['markers']}" if entry.get("markers") else ""
    hashes = "".join(f" --hash={each}" for each in entry["hashes"]) if hashed else ""
    if "git" in entry:
        at = f"@{entry['ref']}" if entry.get("ref") else ""
        inside = f"#subdirectory={entry['subdirectory']}" if entry.get("subdirectory") else ""
        return f"{name}{extras} @ git+{entry['git']}{at}{inside}{marker}"
    if "file" in entry:
        return f"{name}{extras} @ {entry['file']}{marker}"
    if "path" in entry:
        return f"{'-e ' if entry.get('editable') else ''}{entry['path']}{extras}{marker}"
    version = entry.get("version", "")
    return f"{name}{extras}{'' if version == '*' else version}{marker}{hashes}"


def _pip() -> list[str]:
    """Find a pip: this interpreter's own, or the one it carries for new environments."""
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip"]
    if not (bundled := importlib.util.find_spec("ensurepip")) or not bundled.origin:
        raise CannotBuild(f"Error: {sys.executable} has neither pip nor ensurepip.")
    wheels = [*Path(bundled.origin).parent.glob("_bundled/pip-*.whl")]
    wheels += Path("/usr/share/python-wheels").glob("pip-*.whl")
    if not wheels:
        raise CannotBuild(f"Error: {sys.executable} has no pip.")
    return [sys.executable, str(wheels[0] / "pip")]


def _tool(requirement: str, cache: Path) -> str:
    """Install a package manager into the cache, unless it is there; return its interpreter."""
    home = cache / "tools" / requirement
    python = home / "bin" / "python"
    if not (home / "installed").is_file():
        shutil.rmtree(home, ignore_errors=True)
        heading(f"Installing {requirement.replace('==', ' ')}")
        run_or_fail([sys.executable, "-m", "venv", "--without-pip", "--symlinks", home])
        command = [*_pip(), "--python", str(python), "install", *_QUIET, requirement]
        run_or_fail(command, _ROOT_ONLY)
        (home / "installed").touch()
    return str(python)


def _install_with_uv(place: Place) -> None:
    own = shutil.which("uv")
    uv = [own] if own else [_tool(_UV, place.cache), "-m", "uv"]
    heading("Installing dependencies using 'uv sync --locked --no-default-groups'")
    extra = {
        "UV_PROJECT_ENVIRONMENT": str(place.environment),
        "UV_PYTHON": place.python,
        "UV_PYTHON_DOWNLOADS": "never",
        "UV_CACHE_DIR": str(place.cache / "uv"),
        "UV_LINK_MODE": "copy",
    }
    command = [*uv, "sync", "--locked", "--no-default-groups", "--no-progress", "--quiet"]
    if run(command, place.build, extra) != 0:
        raise CannotBuild("Error: Unable to install dependencies using uv.\nSee the log above.")


def _install_with_poetry(place: Place) -> None:
    poetry = _tool(_POETRY, place.cache)
    heading("Installing dependencies using 'poetry sync --only main'")
    extra = {
        "VIRTUAL_ENV": str(place.environment),
        "PATH": f"{place.environment / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}",
        "POETRY_CACHE_DIR": str(place.cache / "poetry"),
        "POETRY_VIRTUALENVS_CREATE": "false",
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
    }
    command = [poetry, "-m", "poetry", "sync", "--only", "main", "--no-ansi", "--no-interaction"]
    if run([*command, "--quiet"], place.build, extra) != 0:
        raise CannotBuild("Error: Unable to install dependencies using Poetry.\nSee the log above.")
