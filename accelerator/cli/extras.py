"""What may not be installed: the packages of the local platform."""

from __future__ import annotations

import shlex
import sys
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec

from accelerator.errors import UsageProblem

OURS = "slug-accelerator"
PLATFORM = ("starlette", "uvicorn", "httptools", "h11")


def demand_platform() -> None:
    """Raise `UsageProblem` where a package of the local platform is missing."""
    for package in PLATFORM:
        if not _is_there(package):
            raise name_missing(package, "local")


def name_missing(package: str, extra: str) -> UsageProblem:
    """Return the error that a package of an extra is missing, with the line that installs it."""
    return UsageProblem(
        f"{package} is not installed; it belongs to the extra [{extra}]",
        f"`{_installer()} {shlex.quote(f'{_installed_as()}[{extra}]')}`",
    )


def _installer() -> str:
    python = shlex.quote(sys.executable)
    # The environments that uv makes for tools have no pip in them.
    return f"{python} -m pip install" if _is_there("pip") else f"uv pip install --python {python}"


def _installed_as() -> str:
    """Return how an installer finds this package without an index: by what is installed already.

    A checkout that was never installed is named by its folder. The name alone would be looked up
    on an index, where it may be somebody else's.
    """
    try:
        distribution(OURS)
    except PackageNotFoundError:
        return "."
    return OURS


def _is_there(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ValueError:  # it was hidden: None stands in its place
        return False
