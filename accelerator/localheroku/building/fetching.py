"""Fetching what a build is made of: its source, and buildpacks that are archives."""

import hashlib
import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import Future
from http.client import HTTPResponse
from pathlib import Path
from urllib.parse import urlsplit

from accelerator.localheroku.bodies import MEBIBYTE, MOST_UPLOAD
from accelerator.localheroku.state.objects import SourceBlob

_TIMEOUT = 60
_HEAD_SECONDS = 75.0  # an open connection, and the head of an answer
_LONGEST_SECONDS = 900.0
_BLOCK = 1 << 16


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
        download(url, path)
    except (OSError, ValueError) as problem:
        raise SourceUnreadable(f"The source could not be downloaded: {_reason(problem)}") from None


def download(url: str, path: Path, most: int = MOST_UPLOAD) -> None:
    """Download at most `most` bytes within a quarter of an hour; raise `OSError` else.

    The scheme is the caller's concern.
    """
    ends = time.monotonic() + _LONGEST_SECONDS
    with _open(url) as answer, path.open("wb") as file:
        # What is there comes at once, so that one byte at a time meets the end as well.
        while block := answer.read1(_BLOCK):
            if time.monotonic() > ends:
                raise OSError("it took too long")
            if file.tell() + len(block) > most:
                raise OSError(f"it is larger than {most // MEBIBYTE} MiB")
            file.write(block)


def _open(url: str) -> HTTPResponse:
    """Ask for a download; its head, too, has an end: a timeout is for single reads only.

    The thread that waits is left behind, and ends with the process at the latest.
    """
    asked: Future[HTTPResponse] = Future()

    def ask() -> None:
        try:
            asked.set_result(urllib.request.urlopen(url, timeout=_TIMEOUT))  # noqa: S310
        except Exception as problem:
            asked.set_exception(problem)

    threading.Thread(target=ask, name="download", daemon=True).start()
    try:
        return asked.result(_HEAD_SECONDS)
    except TimeoutError:
        raise OSError("it took too long") from None


def _reason(problem: Exception) -> str:
    """Describe a failed download without its URL, which may be signed."""
    if isinstance(problem, urllib.error.HTTPError):
        return f"HTTP {problem.code}"
    said = problem.args[0] if type(problem) is OSError and len(problem.args) == 1 else None
    return str(said or getattr(problem, "reason", type(problem).__name__))


def _check(checksum: str, path: Path) -> None:
    algorithm, _, wanted = checksum.rpartition(":")
    if algorithm.upper() not in {"", "SHA256"}:
        raise SourceUnreadable(f"The checksum algorithm {algorithm} is not supported.")
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != wanted.lower():
        raise SourceUnreadable("The source does not have the checksum it was announced with.")
