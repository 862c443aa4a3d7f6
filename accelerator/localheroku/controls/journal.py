"""What every client did: one entry per request, without any secret in it."""

import time
from collections import deque
from dataclasses import asdict, dataclass
from sys import intern
from typing import Any

from starlette.datastructures import Headers
from starlette.types import Scope

from accelerator.localheroku.web.keys import parse_credential

ENTRIES = 20_000


@dataclass(slots=True)
class Entry:
    """One request; `status` is `null` until the answer began (or for good, if it never did).

    `began_seconds` and `ended_seconds` are of this machine's monotonic clock, for durations and
    for telling which requests ran side by side; `ended_seconds` is `null` without a whole answer.
    """

    time: str
    method: str
    path: str
    query: str
    host: str | None
    status: int | None
    has_authorization: bool
    authorization_kind: str | None
    credential_sha256: str | None
    accept: str | None
    range: str | None
    user_agent: str | None
    request_id: str
    began_seconds: float
    ended_seconds: float | None = None
    request_bytes: int = 0
    response_bytes: int = 0


class Journal:
    """Keep the newest requests."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque(maxlen=ENTRIES)

    def start(self, scope: Scope, moment: str, request_id: str) -> Entry:
        """Write down a request that has just come in."""
        headers = Headers(scope=scope)
        credential = parse_credential(headers.get("authorization"))
        entry = Entry(
            time=moment,
            method=intern(scope["method"]),
            path=scope["path"],
            query=_public_query(scope),
            host=_shared(headers.get("host")),
            status=None,
            has_authorization=credential is not None,
            authorization_kind=credential.kind if credential else None,
            credential_sha256=credential.fingerprint if credential else None,
            accept=_shared(headers.get("accept")),
            range=_shared(headers.get("range")),
            user_agent=_shared(headers.get("user-agent")),
            request_id=request_id,
            began_seconds=time.monotonic(),
        )
        self._entries.append(entry)
        return entry

    def read(self) -> list[dict[str, Any]]:
        """Return all entries, oldest first."""
        return [asdict(entry) for entry in self._entries]

    def clear(self) -> None:
        """Forget everything so far."""
        self._entries.clear()


def _shared(text: str | None) -> str | None:
    # Thousands of entries say the same.
    return intern(text) if text is not None else None


def _public_query(scope: Scope) -> str:
    # The query of a signed URL is a capability.
    if scope["path"].startswith("/-/"):
        return ""
    return str(scope["query_string"].decode("latin-1"))
