"""Find and read `accelerator.toml`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from accelerator.errors import ConfigurationInvalid
from accelerator.settings.loading import FILE_NAME

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def read_file(path: Path | None, start_dir: Path) -> tuple[Mapping[str, Any], Path] | None:
    """Read the named file, or the nearest `accelerator.toml` from `start_dir` upwards.

    The search ends at the root of the repository; outside any repository only `start_dir` itself
    is looked at, so that a stray file in the home directory configures nothing.
    """
    found = path or find_file(start_dir)
    if found is None:
        return None
    import tomllib  # noqa: PLC0415  # many have no file

    try:
        return tomllib.loads(found.read_text(encoding="utf-8")), found
    except FileNotFoundError:
        problem = f"{found}: there is no such file"
    except OSError as error:
        problem = f"{found}: cannot be read ({error.strerror})"
    except UnicodeDecodeError:
        problem = f"{found}: is not UTF-8 text"
    except tomllib.TOMLDecodeError as error:
        problem = f"{found}: {error}"
    except (RecursionError, ValueError):  # what the parser itself cannot take
        problem = f"{found}: is nested too deep, or has a number of thousands of digits"
    raise ConfigurationInvalid((problem,))


def find_file(start_dir: Path) -> Path | None:
    """Find the nearest `accelerator.toml`, up to the root of the repository."""
    here = start_dir.resolve()
    folders = (here, *here.parents)
    root = next((folder for folder in folders if (folder / ".git").exists()), here)
    for folder in folders[: folders.index(root) + 1]:
        if (folder / FILE_NAME).is_file():
            return folder / FILE_NAME
    return None
