"""The names of the apps a key sees, for completion: kept for a minute, given up in a second."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

from accelerator.credentials import find_home, find_key
from accelerator.errors import AcceleratorError
from accelerator.foreign import parse_json
from accelerator.settings import endpoint

if TYPE_CHECKING:
    from collections.abc import Mapping

    from accelerator.models import Endpoint, Secret

FRESH_SECONDS = 60.0
HELPER_SECONDS = 0.5
ASK_SECONDS = 1.0
MOST_BYTES = 1024 * 1024
_NAME = re.compile(r"[a-z][a-z0-9-]{1,29}")


def find_apps(environment: Mapping[str, str], key_env: str) -> tuple[str, ...]:
    """Return the names of the apps; none without a key, or where the platform is not quick.

    That nothing was found is kept as well: a person who types does not wait a second per key.
    """
    place = endpoint(environment)
    home = find_home(environment)
    try:
        key = find_key(key_env, environment, place, home, HELPER_SECONDS)
    except AcceleratorError:
        return ()
    file = _folder(environment, home) / f"apps-{_fingerprint(place, key)}.json"
    names = _read(file)
    if names is None:
        names = _fetch(place, key, environment)
        _write(file, names)
    return names


def _folder(environment: Mapping[str, str], home: Path) -> Path:
    # A relative path is to be ignored, by the specification of these folders.
    named = Path(environment.get("XDG_CACHE_HOME", ""))
    return (named if named.is_absolute() else home / ".cache") / "accelerator"


def _fingerprint(place: Endpoint, key: Secret) -> str:
    told = f"{place.api_url}\0{key.reveal()}".encode(errors="surrogateescape")
    return hashlib.sha256(told).hexdigest()[:32]


def _read(file: Path) -> tuple[str, ...] | None:
    try:
        age = time.time() - file.stat().st_mtime
        if not 0 <= age < FRESH_SECONDS:
            return None
        with file.open("rb") as opened:
            return _checked(parse_json(opened.read(MOST_BYTES + 1), MOST_BYTES))
    except (OSError, ValueError):
        return None


def _write(file: Path, names: tuple[str, ...]) -> None:
    """Replace the file as a whole; what is made by `tempfile` only its owner may read."""
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        number, made = tempfile.mkstemp(dir=file.parent)
        with os.fdopen(number, "w") as opened:
            json.dump(names, opened)
        Path(made).replace(file)
    except OSError:  # read-only, full: then it is asked again
        return


def _fetch(place: Endpoint, key: Secret, environment: Mapping[str, str]) -> tuple[str, ...]:
    """Ask the platform, in a thread: resolving a name of the network has no limit of its own."""
    found: list[str] = []

    def ask() -> None:
        from accelerator.heroku import Heroku  # noqa: PLC0415  # 100 ms, once per minute
        from accelerator.waiting import Deadline, SystemClock  # noqa: PLC0415  # the same

        deadline = Deadline.after(SystemClock(), ASK_SECONDS)
        heroku = Heroku(
            place, key, deadline=deadline, listener=lambda _: None, environment=environment
        )
        with suppress(Exception), heroku:  # a person is typing: no error may come in between
            found.extend(heroku.apps.fetch_names())

    thread = Thread(target=ask, daemon=True)
    thread.start()
    thread.join(ASK_SECONDS)
    return _checked(found)


def _checked(names: object) -> tuple[str, ...]:
    """Return those that can be names of apps: this goes into somebody's command line."""
    listed = names if isinstance(names, list) else []
    return tuple(sorted(name for name in listed if isinstance(name, str) and _NAME.fullmatch(name)))
