"""Fetching the source of a build."""

import hashlib
import shutil
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

from accelerator.localheroku.state.objects import SourceBlob

_TIMEOUT = 60


class SourceUnreadable(Exception):
    """There is no source to build; the text says why."""


def fetch_source(blob: SourceBlob, path: Path, is_ours: bool) -> Path:
    """Return a file with the source: our own storage's, or downloaded to `path`."""
    if not is_ours:
        _download(blob.url, path)
    elif not path.exists():
        raise SourceUnreadable("The source has not been uploaded.")
    if blob.checksum:
        _check(blob.checksum, path)
    return path


def _download(url: str, path: Path) -> None:
    if urlsplit(url).scheme not in {"http", "https"}:
        raise SourceUnreadable("The source URL must be http or https.")
    try:
        with (
            urllib.request.urlopen(url, timeout=_TIMEOUT) as answer,  # noqa: S310 - checked above
            path.open("wb") as file,
        ):
            shutil.copyfileobj(answer, file)
    except (OSError, ValueError) as problem:
        raise SourceUnreadable(f"The source could not be downloaded: {_reason(problem)}") from None


def _reason(problem: Exception) -> str:
    """Describe a failed download without its URL, which may be signed."""
    if isinstance(problem, urllib.error.HTTPError):
        return f"HTTP {problem.code}"
    return str(getattr(problem, "reason", type(problem).__name__))


def _check(checksum: str, path: Path) -> None:
    algorithm, _, wanted = checksum.rpartition(":")
    if algorithm.upper() not in {"", "SHA256"}:
        raise SourceUnreadable(f"The checksum algorithm {algorithm} is not supported.")
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != wanted.lower():
        raise SourceUnreadable("The source does not have the checksum it was announced with.")
