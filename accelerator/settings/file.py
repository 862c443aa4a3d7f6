"""Find and read `accelerator.toml`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from accelerator.errors import ConfigurationInvalid
from accelerator.settings.loading import FILE_NAME

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MOST_BYTES = 16 * 1024
MOST_DEEP = 20


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
        content = tomllib.loads(_read(found))
        _check_depth(content)
        return content, found
    except FileNotFoundError:
        problem = f"{found}: there is no such file"
    except OSError as error:
        problem = f"{found}: cannot be read ({error.strerror})"
    except UnicodeDecodeError:
        problem = f"{found}: is not UTF-8 text"
    except (ValueError, RecursionError) as error:  # of a number of thousands of digits, too
        problem = f"{found}: {'nested too deep' if isinstance(error, RecursionError) else error}"
    raise ConfigurationInvalid((problem,))


def read_nearest(named: str | None, directory: Path) -> tuple[Mapping[str, Any] | None, str]:
    """Read the file a person named, or the nearest; return what it says, and its name as told."""
    found = read_file(directory / named if named else None, directory)
    return (found[0], found[1].name) if found else (None, FILE_NAME)


def _read(path: Path) -> str:
    """Return the text of a file that comes with the code under review: not more than a little.

    Time and memory of Python's parser grow with the square of what it reads.
    """
    with path.open("rb") as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise ValueError(f"longer than {MOST_BYTES} bytes")
    return content.decode()


def _check_depth(content: Mapping[str, Any]) -> None:
    """Raise `ValueError` where dotted keys go deeper than anything here does."""
    tables: list[object] = [content]
    for _ in range(MOST_DEEP):
        tables = [value for table in tables if isinstance(table, dict) for value in table.values()]
    if tables:
        raise ValueError("nested too deep")


def find_file(start_dir: Path) -> Path | None:
    """Find the nearest `accelerator.toml`, up to the root of the repository."""
    here = start_dir.resolve()
    folders = (here, *here.parents)
    root = next((folder for folder in folders if (folder / ".git").exists()), here)
    for folder in folders[: folders.index(root) + 1]:
        if (folder / FILE_NAME).is_file():
            return folder / FILE_NAME
    return None
