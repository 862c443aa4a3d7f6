"""What is written down about a target in the lock remote: locks, freezes, rejections; pure.

Each is the text of a ref, named as below; where in the remote those are, only the store knows
(`repository.refs`). A text is a line for people, then one JSON document.

Whoever may write to the lock remote may write anything there. So what is read is a claim: it is
read within limits, made fit to show, and checked against the platform where something rests on it.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from accelerator.foreign import one_line, parse_json, parse_moment
from accelerator.steps.guard.extras import CLAIMS, FULL_SHA, is_version, pick_extra
from accelerator.steps.guard.leases import (
    LEASE,
    LOOK_SECONDS,
    MARGIN_SECONDS,
    METERED_LEASE,
    SKEW_SECONDS,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from accelerator.steps.guard.leases import Lease


BY_HAND_SECONDS = 366 * 24 * 3600.0  # the longest lock that `accelerator lock` takes
SLACK_SECONDS = 3600.0  # a lock that ends so much later than any of ours is none of ours

_FORMER_SECONDS = 180.0  # how long a lock lasted when its note did not say when it was written

NOTE_LETTERS = 20_000
_REASON_LETTERS = 1000
_NAME_LETTERS, _WORDS_LETTERS = 100, 300  # all texts, escaped as JSON, are shorter than a note
_JOB = re.compile(r"[0-9a-z-]{1,64}")
_ATTEMPTS = range(10**18)


def lock_ref(app: str) -> str:
    """Return the ref of a target's lock."""
    return f"lock/{app}"


def freeze_ref(app: str) -> str:
    """Return the ref of a target's freeze."""
    return f"freeze/{app}"


def reject_ref(app: str, sha: str) -> str:
    """Return the ref that keeps a commit from a target."""
    return f"reject/{app}/{sha}"


@dataclass(frozen=True, slots=True)
class Mark:
    """A freeze or a rejection: who, when and why."""

    by: str
    reason: str
    at: str


@dataclass(frozen=True, slots=True)
class Claim:
    """A commit that was being deployed, and the release that is said to be the one before it."""

    commit: str
    previous_release: int | None


@dataclass(frozen=True, slots=True)
class LockNote:
    """Who is doing what to a target, and until when nobody else may.

    ``state`` is ``held``; or ``interrupted``, when the holder let go before the end was known: then
    nobody holds the lock, and the note says what is to be looked into; anything else counts as
    held. ``previous_release`` is the version that was current before, as read under the lock;
    ``written_at`` when the note was written: its holder was there. ``job`` and ``attempt`` say
    which CI job this is, where the CI system has names for that.
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
    job: str | None = None
    attempt: int | None = None

    def is_free(self, now: datetime) -> bool:
        """Return whether somebody else may take it: let go, or not renewed in time."""
        if self.state == "interrupted":
            return True
        return datetime.fromisoformat(self.expires_at) + timedelta(seconds=SKEW_SECONDS) < now

    def is_of_earlier_attempt(self, other: LockNote) -> bool:
        """Return whether the same CI job left it that `other` is of, when it ran before.

        CI systems run a job again when it is over, so its holder is dead. One that is not is
        stopped by its look at the lock before each write.
        """
        if self.job is None or self.attempt is None or other.attempt is None:
            return False
        return self.job == other.job and self.attempt < other.attempt

    @property
    def last_seen_at(self) -> datetime:
        """Return the moment its holder was certainly there for the last time."""
        if self.written_at is not None:
            return datetime.fromisoformat(self.written_at)
        return datetime.fromisoformat(self.expires_at) - timedelta(seconds=_FORMER_SECONDS)

    def last_write_at(self, taken_at: datetime) -> datetime:
        """Return when its holder can have begun a write for the last time.

        `taken_at` is when somebody took the lock over, whatever the note says. One that was let go
        was let go after its last write; one that ran out allows none in its last seconds.
        """
        last = datetime.fromisoformat(self.expires_at) - timedelta(seconds=MARGIN_SECONDS)
        if self.state == "interrupted":
            last = self.last_seen_at
        return min(last, taken_at + timedelta(seconds=LOOK_SECONDS))

    def is_overlong(self, now: datetime) -> bool:
        """Return whether it ends later than any lock that this tool takes or renews."""
        longest = (METERED_LEASE.seconds if self.commit else BY_HAND_SECONDS) + SLACK_SECONDS
        left = datetime.fromisoformat(self.expires_at) - now
        return self.state != "interrupted" and left.total_seconds() > longest

    @property
    def claims(self) -> tuple[Claim, ...]:
        """Return what was begun here: by this deploy, and by those cut short right before it."""
        own = Claim(str(self.extra.get("instead_of", self.commit)), self.previous_release)
        return (own, *(Claim(commit, version) for commit, version in self.extra.get("left", ())))

    def succeeding(self, left: LockNote) -> LockNote:
        """Return the same note, which also tells what the one tells that it takes the place of.

        Else a deploy that is cut short before it has looked would take the way back along.
        """
        if not left.commit:  # locked by hand it was no deploy
            return self
        claims = [[claim.commit, claim.previous_release] for claim in left.claims[:CLAIMS]]
        begun = {"promotion": left.promotion} if left.promotion else {}
        return replace(self, extra={**self.extra, **begun, "left": claims})

    def handed_on(self, taken_at: datetime) -> LockNote:
        """Return the same note as let go by whoever took it over at that moment.

        It says when its holder can have begun a write for the last time, not when it was written.
        """
        last = _shown(self.last_write_at(taken_at) + timedelta(seconds=1))
        return replace(self, state="interrupted", written_at=last)

    @property
    def promotion(self) -> str | None:
        """Return the id of the promotion that was begun, if it had been written down."""
        found: str | None = self.extra.get("promotion")
        return found

    def renewed(self, now: datetime, nonce: str, lease: Lease) -> LockNote:
        """Return the same note, written now, with a later end."""
        return replace(self, expires_at=expiry(now, lease), written_at=_shown(now), nonce=nonce)

    def describe(self) -> str:
        """Return it in words."""
        link = f", {self.link}" if self.link else ""
        what = f"{self.route} of {self.commit[:8]}" if self.commit else self.route
        return f"{self.holder or 'somebody'} ({what} since {self.acquired_at}{link})"


def expiry(now: datetime, lease: Lease = LEASE) -> str:
    """Return the moment at which a lock taken or renewed now ends."""
    return _shown(now + timedelta(seconds=lease.seconds))


def _shown(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")


def render_note(note: LockNote | Mark) -> str:
    """Write a note down; what was read elsewhere (a site's answer, a reason) is cut to fit."""
    if isinstance(note, LockNote):
        note = _fit_to_show(note)
        head = note.describe()
    else:
        note = _make_mark(asdict(note))
        head = f"{note.by}: {note.reason}"
    return one_line(head) + "\n\n" + json.dumps(asdict(note), indent=1, sort_keys=True)


def parse_lock(text: str) -> LockNote | None:
    """Read a lock; None when it is not one of ours or not whole, and for anything but a full sha.

    What is shown of it is one line, and short. Never raises.
    """
    known = {name: each for name, each in _parse(text).items() if name in LockNote.__slots__}
    try:
        return _check(LockNote(**known))
    except (TypeError, ValueError):
        return None


def _check(note: LockNote) -> LockNote:
    """Return the note with its fields as we write them; `ValueError` where one never is like it."""
    if not is_version(note.previous_release):
        raise ValueError("no version of a release")
    if note.commit != "" and not FULL_SHA.fullmatch(note.commit):
        raise ValueError("no full sha")
    has_job = isinstance(note.job, str) and _JOB.fullmatch(note.job)
    is_counted = type(note.attempt) is int and note.attempt in _ATTEMPTS
    is_named = bool(has_job and is_counted)
    return replace(
        _fit_to_show(note),
        job=note.job if is_named else None,
        attempt=note.attempt if is_named else None,
        expires_at=_rewrite(note.expires_at),
        acquired_at=_rewrite(note.acquired_at) if note.acquired_at != "" else "",
        written_at=_rewrite(note.written_at) if note.written_at is not None else None,
    )


def _fit_to_show(note: LockNote) -> LockNote:
    """Return the note with its texts cut to one line each; `TypeError` for what is no text."""
    return replace(
        note,
        app=_cut(note.app, _NAME_LETTERS),
        holder=_cut(note.holder, _WORDS_LETTERS),
        route=_cut(note.route, _WORDS_LETTERS),
        nonce=_cut(note.nonce, _NAME_LETTERS),
        link=None if note.link is None else _cut(note.link, _WORDS_LETTERS),
        artifact=None if note.artifact is None else _cut(note.artifact, _NAME_LETTERS),
        state=_cut(note.state, _NAME_LETTERS),
        extra=pick_extra(note.extra),
    )


def _cut(text: object, letters: int) -> str:
    if not isinstance(text, str):
        raise TypeError("no text")
    return one_line(text, letters)


def _rewrite(moment: object) -> str:
    """Return a moment as we write it: ISO 8601 allows any letter between date and time."""
    return parse_moment(moment).isoformat(timespec="seconds")


def parse_mark(text: str) -> Mark:
    """Read a freeze or rejection; whatever stands there counts, as it is there to stop us."""
    return _make_mark(_parse(text))


def _make_mark(body: Mapping[str, object]) -> Mark:
    texts = {name: body.get(name) for name in ("by", "reason", "at")}
    limits = {"by": 200, "reason": _REASON_LETTERS, "at": 40}
    shown = {
        name: one_line(text, limits[name]) if isinstance(text, str) else ""
        for name, text in texts.items()
    }
    return Mark(**{name: text or "unknown" for name, text in shown.items()})


def _parse(text: str) -> dict[str, Any]:
    """Return the document below the line for people; an empty one for all that is none."""
    if len(text) > NOTE_LETTERS:
        return {}
    try:  # the line above may say anything
        body = parse_json(text.strip().rpartition("\n\n")[2], NOTE_LETTERS)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
