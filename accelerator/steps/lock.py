"""One deploy per target at a time: a lock as a git ref, taken, renewed, given back.

There is no server of ours and nothing in config vars, where each write would make a release.
"""

from __future__ import annotations

import secrets
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Protocol

from accelerator.errors import AcceleratorError, LockUnavailable, Refused
from accelerator.models import Refusal, Swap
from accelerator.steps.notes import (
    RENEW_SECONDS,
    RETRY_SECONDS,
    expiry,
    lock_ref,
    parse_lock,
    render_note,
)
from accelerator.waiting import StillPending, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from accelerator.steps.notes import LockNote
    from accelerator.waiting import Deadline

STOP_SECONDS = 2.0  # an interrupted run has five seconds for everything
TRIES = 3
MOST_UNANSWERED = 3
MARGIN_SECONDS = 30.0  # what a write may take, at least, before the lock may end


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

    `is_lost` turns true when somebody took it, which can happen only after it ran out. `before` is
    what stood there when it was taken: a deploy that was cut short.
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
        self._written = {sha}
        self._guard = Lock()
        self._done = Event()
        self._keeper = Thread(target=self._keep, name=f"lock {note.app}", daemon=True)
        self._keeper.start()

    def demand(self) -> None:
        """Raise `Refused` when the lock is lost: to be called right before each write.

        Costs nothing while the lock is fresh. One that was not renewed for too long (the machine
        slept, the remote was away) is renewed first, which tells whether it still is ours.
        """
        if not self.is_lost and self.note.is_free(self._now() + timedelta(seconds=MARGIN_SECONDS)):
            self._change()
        if self.is_lost:
            raise Refused(
                Refusal.LOCKED,
                f"the lock of {self.note.app} ran out and was taken by somebody else",
                "nothing more was written; run the same command again",
            )

    def give_back(self) -> None:
        """Remove the lock, unless somebody else has it by now."""
        self._end()
        if not self.is_lost:
            self._swap(None)

    def leave_open(self) -> None:
        """Let go, but leave the note: what was begun has to be looked into first."""
        self._end()
        if not self.is_lost:
            self._change(state="interrupted")

    def _end(self) -> None:
        self._done.set()
        self._keeper.join(STOP_SECONDS)
        if self._keeper.is_alive():
            raise LockUnavailable("it does not answer")

    def _keep(self) -> None:
        pause = RENEW_SECONDS
        while not self._done.wait(pause):
            try:
                self._change()
                pause = RENEW_SECONDS
            except AcceleratorError:
                pause = RETRY_SECONDS  # until a try works out the lock simply grows older
            if self.is_lost:
                return

    def _change(self, **changes: str) -> None:
        with self._guard:
            note = replace(self.note, **changes)  # type: ignore[arg-type]  # the note's own names
            renewed = note.renewed(self._now(), secrets.token_hex(8))
            sha = self._refs.write(render_note(renewed))
            if self._swap(sha):
                self.note = renewed
            else:
                self.is_lost = True

    def _swap(self, new: str | None) -> bool:
        """Put `new` in the place of our note, also of one whose reply was lost on the way."""
        ref, standing = lock_ref(self.note.app), self._sha
        self._written |= {new} if new else set()
        for _ in range(TRIES):
            if _settle(self._refs, ref, standing, new):
                break
            seen = self._refs.find(ref).get(ref)
            if seen == new:  # it only took its time
                break
            if seen is None or seen not in self._written:
                return False
            standing = seen
        else:
            raise LockUnavailable("it keeps changing")
        self._sha = new or self._sha
        return True


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
    attempts = _Attempts(refs, note, now, on_wait)
    try:
        # Heroku allows 75 git requests an hour and app: look every 1.5 to 20 seconds.
        end = wait_for(attempts.make, lambda end: isinstance(end, Held), deadline, lambda: 10.0)
    except StillPending as pending:
        raise _refusal(note.app, pending.seen) from None
    except KeyboardInterrupt:
        attempts.give_up()
        raise
    if not isinstance(end, Held):
        raise LockUnavailable("no lock was taken")
    return end


@dataclass
class _Attempts:
    """Tries to take one lock; `made` are our notes, of which one may land after its reply is lost.

    ``over`` tells what such a note took the place of, ``told`` are the locks that were spoken of.
    """

    refs: Refs
    note: LockNote
    now: Callable[[], datetime]
    on_wait: Callable[[str], None]
    made: dict[str, LockNote] = field(default_factory=dict)
    over: dict[str, Found] = field(default_factory=dict)
    told: set[str] = field(default_factory=set)
    unanswered: int = 0

    def give_up(self) -> None:
        """Let go of a lock that landed while we were interrupted, as far as that can be told."""
        ref = lock_ref(self.note.app)
        with suppress(AcceleratorError):
            standing = self.refs.find(ref).get(ref)
            if standing not in self.made:
                return
            old = self.over[standing].note if standing in self.over else None
            kept = replace(old, state="interrupted") if old else None
            self.refs.swap(ref, standing, self.refs.write(render_note(kept)) if kept else None)

    def make(self) -> Held | Found | None:
        """Try once; gives the lock, or what stands in the way (None: somebody was faster)."""
        moment = self.now()
        sha, fresh = self._write(moment)
        if self._put(None, sha):  # nearly always free: one push and no look
            return Held(self.refs, sha, fresh, self.now, None)
        standing = look(self.refs, self.note.app)
        if standing is not None and standing.sha in self.made:
            ours, before = self.made[standing.sha], self.over.get(standing.sha)
            return Held(self.refs, standing.sha, ours, self.now, before)
        if standing is not None and standing.note and standing.note.is_free(moment):
            self.over[sha] = standing
            if self._put(standing.sha, sha):
                return Held(self.refs, sha, fresh, self.now, standing)
        self._tell(standing)
        return standing

    def _put(self, old: str | None, new: str) -> bool:
        """Swap; a remote that again and again neither does it nor says no cannot be used."""
        ref = lock_ref(self.note.app)
        end = self.refs.swap(ref, old, new)
        if end is not Swap.UNKNOWN:
            return end is Swap.DONE
        standing = self.refs.find(ref).get(ref)
        self.unanswered += standing == old
        if self.unanswered >= MOST_UNANSWERED:
            raise LockUnavailable("pushes there come to nothing")
        return standing == new

    def _write(self, moment: datetime) -> tuple[str, LockNote]:
        begun = moment.isoformat(timespec="seconds")
        fresh = replace(
            self.note, acquired_at=begun, expires_at=expiry(moment), nonce=secrets.token_hex(8)
        )
        sha = self.refs.write(render_note(fresh))
        self.made[sha] = fresh
        return sha, fresh

    def _tell(self, standing: Found | None) -> None:
        """Name the holder, once: a renewal is no news."""
        if standing is None:
            return
        who = standing.note.describe() if standing.note else "a lock that cannot be read"
        if who not in self.told:
            self.told.add(who)
            self.on_wait(who)


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


def _refusal(app: str, seen: object) -> Refused:
    if not isinstance(seen, Found):
        return Refused(Refusal.LOCKED, f"{app} is locked by others again and again", "try again")
    if seen.note is None:
        return Refused(
            Refusal.LOCKED,
            f"{app} has a lock that cannot be read",
            f"if no deploy is running, remove it with `accelerator unlock {app}`",
        )
    return Refused(
        Refusal.LOCKED,
        f"{app} is locked by {seen.note.describe()}",
        f"wait for it (--lock-wait 10m), or see `accelerator resume {app}`",
    )
