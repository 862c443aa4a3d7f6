"""Builds, and the sources they are made from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from accelerator.heroku.parsing import parse_build, parse_source_blob

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO

    from accelerator.heroku.connection import Connection
    from accelerator.heroku.storage import Storage
    from accelerator.models import Build, SourceBlob


@dataclass(frozen=True, repr=False)
class Builds:
    """`/apps/{app}/builds`; builds of one app run concurrently and release as they finish."""

    _connection: Connection

    def fetch_newest(self, app: str, limit: int = 50) -> tuple[Build, ...]:
        """Read the newest builds, newest first."""
        resource, parse = ("apps", app, "builds"), partial(parse_build, app=app)
        found = self._connection.fetch_newest(resource, parse, "created_at", limit)
        return tuple(sorted(found, key=lambda build: build.created_at, reverse=True))[:limit]

    def fetch(self, app: str, build_id: str) -> Build:
        """Read one build."""
        parse = partial(parse_build, app=app)
        return self._connection.fetch(("apps", app, "builds", build_id), parse)

    def create(
        self,
        app: str,
        source: SourceBlob,
        version: str,
        description: str,
        checksum: str | None = None,
        again: Callable[[], object] | None = None,
    ) -> Build:
        """Start a build of an uploaded source; `version` becomes the commit of its slug."""
        blob = {
            "url": source.get_url,
            "version": version,
            "version_description": description,
            **({"checksum": checksum} if checksum else {}),
        }
        parse = partial(parse_build, app=app)
        resource, body = ("apps", app, "builds"), {"source_blob": blob}
        return self._connection.write("POST", resource, body, parse, again=again)

    def cancel(self, app: str, build_id: str) -> None:
        """Stop a pending build; one that is over is refused as invalid."""
        resource = ("apps", app, "builds", build_id)
        self._connection.write("DELETE", resource, None, lambda _: None, "3.cancel-build")


@dataclass(frozen=True, repr=False)
class Sources:
    """`/sources`: signed addresses for one upload each, of no app until a build names them."""

    _connection: Connection
    _storage: Storage

    def create(self) -> SourceBlob:
        """Ask for a pair of addresses; nothing comes of an unused one, so this is repeatable."""
        return self._connection.write_harmlessly(("sources",), parse_source_blob)

    def upload(self, blob: SourceBlob, file: BinaryIO, size: int) -> None:
        """Stream `size` bytes of the file to storage.

        Repeated from the file's present position after a failure, if the file can be rewound: the
        same bytes at the same address are the same source.
        """
        self._storage.put(blob.put_url, file, size)
