"""One deploy per target at a time: a lock as a git ref, taken, renewed, given back.

There is no server of ours and nothing in config vars, where each write would make a release.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Protocol

from accelerator.errors import AcceleratorError, LockUnavailable, Refused
from accelerator.repository import Swap
from accelerator.steps.notes import RENEW_SECONDS, expiry, lock_ref, parse_lock, render_note
from accelerator.waiting import StillPending, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from accelerator.steps.notes import LockNote
    from accelerator.waiting import Deadline


class Refs(Protocol):
    """The lock remote (`repository.refs.RefStore`)."""

    def find(self, prefix: str) -> dict[str, str]:
        """List refs with their shas."""

    def read(self, ref: str) -> tuple[str, str] | None:
        """Read a note."""

    def write(self, text: str) -> str:
        """Make a note; gives its sha."""

    def swap(self, ref: str, old: str | None, new: str | None) -> Swap:
        """Change a ref where it still is `old`."""


@dataclass(frozen=True, slots=True)
class Found:
    """A lock as it stands in the remote; `note` is None when it cannot be read as one."""

    sha: str
    note: LockNote | None


class Held:
    """A lock of ours. Renewed in the background until it is given back.

    `is_lost` turns true when somebody took it, which can happen only after it ran out.
    """

    def __init__(
        self,
        refs: Refs,
        sha: str,
        note: LockNote,
        now: Callable[[], datetime],
        before: Found | None,
    ) -> None:
        self.note, self.before = note, before
        self.is_lost = False
        self._refs, self._sha, self._now = refs, sha, now
        self._guard = Lock()
        self._done = Event()
        self._keeper = Thread(target=self._keep, name=f"lock {note.app}", daemon=True)
        self._keeper.start()

    def record(self, **changes: object) -> None:
        """Write down what is about to happen, before it does; raises when the lock is lost."""
        self._change(replace(self.note, **changes))  # type: ignore[arg-type]  # the note's own names
        if self.is_lost:
            raise Refused("locked", f"the lock of {self.note.app} was taken by somebody else")

    def give_back(self) -> None:
        """Remove the lock, unless somebody else has it by now."""
        self._end()
        with self._guard:
            if not self.is_lost:
                _settle(self._refs, lock_ref(self.note.app), self._sha, None)

    def leave_open(self) -> None:
        """Let go, but leave the note: what was begun has to be looked into first."""
        self._end()
        if not self.is_lost:
            self._change(replace(self.note, state="interrupted"))

    def _end(self) -> None:
        self._done.set()
        self._keeper.join(10.0)

    def _keep(self) -> None:
        while not self._done.wait(RENEW_SECONDS):
            try:
                self._change(self.note)
            except AcceleratorError:
                continue  # the next try may do; until then the lock simply grows older
            if self.is_lost:
                return

    def _change(self, note: LockNote) -> None:
        with self._guard:
            renewed = note.renewed(self._now(), secrets.token_hex(8))
            sha = self._refs.write(render_note(renewed))
            if _settle(self._refs, lock_ref(note.app), self._sha, sha):
                self._sha, self.note = sha, renewed
            else:
                self.is_lost = True


def take(
    refs: Refs,
    note: LockNote,
    now: Callable[[], datetime],
    deadline: Deadline,
    on_wait: Callable[[str], None],
) -> Held:
    """Take the lock, waiting for its holder until the deadline.

    A lock that was let go or has run out is taken over; `Held.before` then holds the old note, for
    its unfinished business. Raises `Refused` (``locked``) naming the holder.
    """
    told: set[str] = set()

    def attempt() -> Held | Found:
        moment = now()
        fresh = replace(
            note,
            acquired_at=moment.isoformat(timespec="seconds"),
            expires_at=expiry(moment),
            nonce=secrets.token_hex(8),
        )
        sha, ref = refs.write(render_note(fresh)), lock_ref(note.app)
        if _settle(refs, ref, None, sha):  # nearly always free: two git requests instead of four
            return Held(refs, sha, fresh, now, None)
        standing = look(refs, note.app)
        if standing is None:
            return Found("", None)
        if standing.note is None or not standing.note.is_free(moment):
            _tell(standing, told, on_wait)
            return standing
        if _settle(refs, ref, standing.sha, sha):
            return Held(refs, sha, fresh, now, standing)
        return standing

    try:
        # Heroku allows 75 git requests an hour and app: look every 2.5 to 20 seconds.
        end = wait_for(attempt, lambda end: isinstance(end, Held), deadline, lambda: 10.0)
        return _held(end)
    except StillPending as pending:
        raise _refusal(note.app, pending.seen) from None


def _tell(standing: Found, told: set[str], on_wait: Callable[[str], None]) -> None:
    if standing.sha not in told:
        told.add(standing.sha)
        on_wait(standing.note.describe() if standing.note else "a lock that cannot be read")


def look(refs: Refs, app: str) -> Found | None:
    """Read a target's lock, if there is one."""
    seen = refs.read(lock_ref(app))
    return Found(seen[0], parse_lock(seen[1])) if seen else None


def _settle(refs: Refs, ref: str, old: str | None, new: str | None) -> bool:
    """Swap, and where the reply was lost look which it was."""
    end = refs.swap(ref, old, new)
    if end is Swap.UNKNOWN:
        return refs.find(ref).get(ref) == new
    return end is Swap.DONE


def _held(end: Held | Found) -> Held:
    if not isinstance(end, Held):
        raise LockUnavailable("no lock was taken")
    return end


def _refusal(app: str, seen: object) -> Refused:
    note = seen.note if isinstance(seen, Found) else None
    if note is None:
        return Refused(
            "locked",
            f"{app} has a lock that cannot be read",
            f"if no deploy is running, remove it with `accelerator unlock {app}`",
        )
    return Refused(
        "locked",
        f"{app} is locked by {note.describe()}",
        f"wait for it (--lock-wait 10m), or see `accelerator resume {app}`",
    )
