"""What is written down about a target in the lock remote: locks, freezes, rejections; pure.

Each is the text of a ref (see `repository.refs`): a line for people, then one JSON document.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX = "refs/heads/accelerator/"

# A lock is kept by renewing it, so a dead holder blocks nobody for long. Longer than any clock is
# off that is set by the platform's own Date header, which has whole seconds.
LOCK_SECONDS = 180.0
RENEW_SECONDS = 110.0
RETRY_SECONDS = 15.0
SKEW_SECONDS = 5.0


def lock_ref(app: str) -> str:
    """Return the ref of a target's lock."""
    return f"{PREFIX}lock/{app}"


def freeze_ref(app: str) -> str:
    """Return the ref of a target's freeze."""
    return f"{PREFIX}freeze/{app}"


def reject_ref(app: str, sha: str) -> str:
    """Return the ref that keeps a commit from a target."""
    return f"{PREFIX}reject/{app}/{sha}"


@dataclass(frozen=True, slots=True)
class Mark:
    """A freeze or a rejection: who, when and why."""

    by: str
    reason: str
    at: str


@dataclass(frozen=True, slots=True)
class LockNote:
    """Who is doing what to a target, and until when nobody else may.

    ``state`` is ``held``; or ``interrupted``, when the holder let go before the end was known: then
    nobody holds the lock, and the note says what is to be looked into; anything else counts as
    held. ``previous_release`` is the version that was current before; ``written_at`` the latest
    moment of a write whose fate is open.
    """

    app: str
    holder: str
    commit: str
    route: str
    expires_at: str
    nonce: str
    link: str | None = None
    artifact: str | None = None
    previous_release: int | None = None
    acquired_at: str = ""
    written_at: str | None = None
    state: str = "held"
    extra: Mapping[str, Any] = field(default_factory=dict)

    def is_free(self, now: datetime) -> bool:
        """Return whether somebody else may take it: let go, or not renewed in time."""
        if self.state == "interrupted":
            return True
        return datetime.fromisoformat(self.expires_at) + timedelta(seconds=SKEW_SECONDS) < now

    @property
    def last_seen_at(self) -> datetime:
        """Return the moment its holder was certainly there for the last time."""
        return datetime.fromisoformat(self.expires_at) - timedelta(seconds=LOCK_SECONDS)

    @property
    def promotion(self) -> str | None:
        """Return the id of the promotion that was begun, if it had been written down."""
        found = self.extra.get("promotion") if isinstance(self.extra, dict) else None
        return found if isinstance(found, str) else None

    def renewed(self, now: datetime, nonce: str) -> LockNote:
        """Return the same note with a later end."""
        return replace(self, expires_at=expiry(now), nonce=nonce)

    def describe(self) -> str:
        """Return it in words."""
        link = f", {self.link}" if self.link else ""
        what = f"{self.route} of {self.commit[:8]}" if self.commit else self.route
        return f"{self.holder} ({what} since {self.acquired_at}{link})"


def expiry(now: datetime) -> str:
    """Return the moment at which a lock taken or renewed now ends."""
    return (now + timedelta(seconds=LOCK_SECONDS)).isoformat(timespec="seconds")


def render_note(note: LockNote | Mark) -> str:
    """Write a note down."""
    head = note.describe() if isinstance(note, LockNote) else f"{note.by}: {note.reason}"
    return " ".join(head.split()) + "\n\n" + json.dumps(asdict(note), indent=1, sort_keys=True)


def parse_lock(text: str) -> LockNote | None:
    """Read a lock; None when it is not one of ours or not whole."""
    known = {name: each for name, each in _parse(text).items() if name in LockNote.__slots__}
    try:
        note = LockNote(**known)
    except TypeError:
        return None
    return note if _is_whole(note) else None


def _is_whole(note: LockNote) -> bool:
    texts = (note.app, note.holder, note.commit, note.route, note.state, note.acquired_at)
    moments = filter(None, (note.expires_at, note.acquired_at, note.written_at))
    version = note.previous_release
    return (
        all(isinstance(text, str) for text in texts)
        and bool(note.expires_at)
        and all(_is_moment(moment) for moment in moments)
        and (version is None or isinstance(version, int))
    )


def _is_moment(text: object) -> bool:
    """Return whether a moment can be compared: ISO 8601 with its zone."""
    try:
        return datetime.fromisoformat(str(text)).tzinfo is not None
    except ValueError:
        return False


def parse_mark(text: str) -> Mark:
    """Read a freeze or rejection; whatever stands there counts, as it is there to stop us."""
    body = _parse(text)
    given = {name: str(body.get(name) or "unknown") for name in ("by", "reason", "at")}
    return Mark(**given)


def _parse(text: str) -> dict[str, Any]:
    try:
        body = json.loads(text.strip().rpartition("\n\n")[2])  # the line above may say anything
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
