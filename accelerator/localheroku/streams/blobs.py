"""Sources and slugs as files, and the signed URLs that give access to one of them."""

import hashlib
import hmac
import shutil
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qs, urlsplit

from accelerator.localheroku.clock import Clock

Kind = Literal["sources", "slugs", "builds", "releases", "logs"]
Method = Literal["GET", "PUT"]

PREFIX = "/-/"
_HOUR = 3600
# The URL of a source is good for less than two hours.
_SOURCES_LAST = 2 * _HOUR
_SWEEP_EVERY = timedelta(minutes=5)


class Signer:
    """Sign URLs and check signatures; whoever holds a URL may use it, and only for its method."""

    def __init__(self, clock: Clock, secret: bytes) -> None:
        self.base_url = ""
        self._clock = clock
        self._secret = secret

    def url(self, kind: Kind, name: str, method: Method = "GET", *, lasts_hours: int = 1) -> str:
        """Return a URL that is good for at least `lasts_hours`."""
        expires = (int(self._clock.now().timestamp()) // _HOUR + 1 + lasts_hours) * _HOUR
        signature = self._sign(kind, name, method, expires)
        query = f"expires={expires}&method={method}&signature={signature}"
        return f"{self.base_url}{PREFIX}{kind}/{name}?{query}"

    def accepts(self, path: str, query: Mapping[str, str], method: str) -> bool:
        """Return whether a request's path and query carry our signature for its method."""
        expires, signature = query.get("expires", ""), query.get("signature", "")
        kind, _, name = path.removeprefix(PREFIX).partition("/")
        wanted = "GET" if method == "HEAD" else method
        if not expires.isascii() or not expires.isdigit() or len(expires) > 12:
            return False
        good = self._sign(kind, name, wanted, int(expires))
        is_signed = hmac.compare_digest(signature.encode(), good.encode())
        return is_signed and int(expires) > self._clock.now().timestamp()

    def own_name(self, url: str, kind: Kind) -> str | None:
        """Return the name in one of our own URLs for reading `kind`, if it is one."""
        parts = urlsplit(url)
        path = f"{PREFIX}{kind}/"
        if not url.startswith(self.base_url + path):
            return None
        query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
        return parts.path.removeprefix(path) if self.accepts(parts.path, query, "GET") else None

    def _sign(self, kind: str, name: str, method: str, expires: int) -> str:
        text = f"{kind}\n{name}\n{method}\n{expires}".encode()
        return hmac.new(self._secret, text, hashlib.sha256).hexdigest()


class Blobs:
    """Where the bytes of sources and slugs, and the caches of builds, lie."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._swept_at = datetime.fromtimestamp(0, UTC)
        for name in ("sources", "slugs", "caches", "downloads"):
            (directory / name).mkdir(parents=True, exist_ok=True)

    def source(self, name: str) -> Path:
        """Return the file of an uploaded source."""
        return self._directory / "sources" / name

    def slug(self, name: str) -> Path:
        """Return the file of a slug."""
        return self._directory / "slugs" / f"{name}.tgz"

    def cache(self, app_id: str) -> Path:
        """Return the build cache of an app."""
        return self._directory / "caches" / app_id

    def download(self, build_id: str) -> Path:
        """Return where a build may put the source it fetches."""
        return self._directory / "downloads" / build_id

    def drop_slugs(self, names: Iterable[str]) -> None:
        """Remove the bytes of slugs."""
        for name in names:
            self.slug(name).unlink(missing_ok=True)

    def sweep(self, now: datetime) -> None:
        """Remove the sources whose URLs nobody can use any more."""
        if now < self._swept_at + _SWEEP_EVERY:
            return
        self._swept_at = now
        oldest = now.timestamp() - _SOURCES_LAST
        for path in (self._directory / "sources").iterdir():
            if path.stat().st_mtime < oldest:
                path.unlink(missing_ok=True)

    def slug_names(self) -> set[str]:
        """Return the names of the slugs that are here."""
        return {path.stem for path in (self._directory / "slugs").glob("[!.]*.tgz")}

    def tidy(self, *, slugs: Collection[str], apps: Collection[str]) -> None:
        """Remove what a platform that was killed left, and what belongs to nothing known."""
        places = {name: self._directory / name for name in ("downloads", "slugs", "caches")}
        left = list(places["downloads"].iterdir())
        left += (path for path in places["slugs"].iterdir() if path.stem not in slugs)
        left += (path for path in places["caches"].iterdir() if path.stem not in apps)
        for path in {*left, *self._directory.glob("*/.*")}:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
