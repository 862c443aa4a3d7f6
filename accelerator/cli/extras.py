"""What may not be installed: the packages of the local platform."""

from __future__ import annotations

import sys
from importlib.util import find_spec

from accelerator.errors import UsageProblem

PLATFORM = ("starlette", "uvicorn", "httptools", "h11")


def demand_platform() -> None:
    """Raise `UsageProblem` where a package of the local platform is missing."""
    for package in PLATFORM:
        if sys.modules.get(package) is None and not _is_found(package):
            raise name_missing(package, "local")


def name_missing(package: str, extra: str) -> UsageProblem:
    """Return the error that a package of an extra is missing, with the line that installs it.

    Pip takes the extra from what is installed already, so it needs neither the checkout nor the
    name on an index.
    """
    return UsageProblem(
        f"{package} is missing: the extra [{extra}] is not installed",
        f"`{sys.executable} -m pip install 'slug-accelerator[{extra}]'`",
    )


def _is_found(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ValueError:  # hidden on purpose: None stands in its place
        return False
