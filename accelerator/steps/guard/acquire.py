"""Take a target's lock: wait for its holder, take over what nobody keeps any more.

One try is one push that creates the ref. The reply to it can be lost, and the push may still land
later. So each note that we made counts as ours when it is found standing, whichever try it is from,
and what such a note took the place of is remembered with it. A note that lands while we are being
interrupted is taken away again, or marked as interrupted where there was unfinished business.
"""

from __future__ import annotations

import secrets
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from accelerator.errors import AcceleratorError, LockUnavailable, Refused
from accelerator.events import say_nothing
from accelerator.foreign import one_line, parse_moment
from accelerator.models import Refusal, Swap
from accelerator.steps.guard.held import Found, HeldLock, look
from accelerator.steps.guard.leases import lease_of
from accelerator.steps.guard.notes import lock_ref, render_note
from accelerator.waiting import StillPending, as_clock, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from accelerator.events import Tell
    from accelerator.steps.guard.keeper import Keeper
    from accelerator.steps.guard.notes import LockNote
    from accelerator.steps.guard.remote import LockRemote
    from accelerator.waiting import Deadline

MOST_UNANSWERED = 3
HOLDER_LETTERS = 60
LONG_SECONDS = 100.0
METERED = 10.0  # Heroku allows 75 git requests per hour and app: look every 1.5 to 20 seconds


def take(
    keeper: Keeper,
    note: LockNote,
    deadline: Deadline,
    on_wait: Callable[[str], None],
    tell: Tell = say_nothing,
) -> HeldLock:
    """Take the lock, waiting for its holder until the deadline, and have it kept.

    A lock that was let go or has run out is taken over, and at once one that an earlier attempt of
    the same CI job left. `HeldLock.before` then holds the old note, for its unfinished business.
    Raises `Refused` (``locked``) naming the holder.
    """
    acquisition = Acquisition(keeper.remote, note, keeper.now, on_wait)

    def look() -> HeldLock | Found | None:
        end = acquisition.make()
        if isinstance(end, Found):
            tell(describe_wait(end, keeper.now()))
        return end

    try:
        slower = METERED if keeper.remote.is_metered else 1.0
        end = wait_for(look, lambda end: isinstance(end, HeldLock), deadline, lambda: slower)
    except StillPending as pending:
        raise _refusal(note.app, pending.seen, keeper.now()) from None
    except KeyboardInterrupt:
        acquisition.give_up()
        raise
    if not isinstance(end, HeldLock):
        raise LockUnavailable("no lock was taken")
    return keeper.keep(end)


@dataclass
class Acquisition:
    """Tries to take one lock; `made` are our notes, of which one may land after its reply is lost.

    ``over`` tells what such a note took the place of, ``told`` are the locks that were spoken of,
    ``standing`` is what was in the way at the last try.
    """

    remote: LockRemote
    note: LockNote
    now: Callable[[], datetime]
    on_wait: Callable[[str], None]
    made: dict[str, LockNote] = field(default_factory=dict)
    over: dict[str, Found] = field(default_factory=dict)
    told: set[str] = field(default_factory=set)
    unanswered: int = 0
    standing: Found | None = None

    def give_up(self) -> None:
        """Let go of a lock that landed while we were interrupted, as far as that can be told."""
        ref = lock_ref(self.note.app)
        with suppress(AcceleratorError):
            standing = self.remote.find().get(ref)
            if standing not in self.made:
                return
            old = self.over[standing].note if standing in self.over else None
            kept = old.handed_on(self.now()) if old else None
            self.remote.swap(ref, standing, self.remote.write(render_note(kept)) if kept else None)

    def make(self) -> HeldLock | Found | None:
        """Try once; return the lock, or what stands in the way (None: somebody was faster).

        Once somebody is known to hold it, a remote that cannot be asked any more (Heroku counts git
        requests) is no reason to go on without it: they are taken to hold it still.
        """
        standing = self.standing
        try:
            if standing is not None and not self._has_moved(standing):
                return standing
            end = self._try()
        except LockUnavailable:
            if standing is None or standing.is_free_for(self.note, self.now()):
                raise
            return standing
        self.standing = end if isinstance(end, Found) else None
        return end

    def _has_moved(self, standing: Found) -> bool:
        """Look, with one small question, whether it is worth a try."""
        ref = lock_ref(self.note.app)
        try:
            seen = self.remote.find().get(ref)
        except LockUnavailable:  # it may have been renewed
            return False
        return seen != standing.sha or standing.is_free_for(self.note, self.now())

    def _try(self) -> HeldLock | Found | None:
        sha, fresh = self._write(self.now())
        if self._put(None, sha):  # nearly always free: one push and no look
            return self._read_back(sha, HeldLock(self.remote, sha, fresh, self.now, None))
        standing = look(self.remote, self.note.app)
        if standing is not None and standing.sha in self.made:
            ours, before = self.made[standing.sha], self.over.get(standing.sha)
            return HeldLock(self.remote, standing.sha, ours, self.now, before)
        if standing is not None and standing.is_free_for(self.note, self.now()):
            sha, fresh = self._write(self.now(), standing.note)
            self.over[sha] = standing
            if self._put(standing.sha, sha):
                return self._read_back(sha, HeldLock(self.remote, sha, fresh, self.now, standing))
        self._tell(standing)
        return standing

    def _read_back(self, sha: str, lock: HeldLock) -> HeldLock | Found | None:
        """Look again where two may have been told that the lock is theirs; one of them stands."""
        if not self.remote.is_advisory:
            return lock
        if self.remote.find().get(lock_ref(self.note.app)) == sha:
            return lock
        standing = look(self.remote, self.note.app)
        self._tell(standing)
        return standing

    def _put(self, old: str | None, new: str) -> bool:
        """Swap; a remote that again and again neither does it nor says no cannot be used."""
        ref = lock_ref(self.note.app)
        end = self.remote.swap(ref, old, new)
        if end is not Swap.UNKNOWN:
            return end is Swap.DONE
        standing = self.remote.find().get(ref)
        self.unanswered += standing == old
        if self.unanswered >= MOST_UNANSWERED:
            raise LockUnavailable("pushes there come to nothing")
        return standing == new

    def _write(self, moment: datetime, left: LockNote | None = None) -> tuple[str, LockNote]:
        begun = moment.isoformat(timespec="seconds")
        fresh = replace(self.note, acquired_at=begun)
        fresh = fresh.succeeding(left) if left is not None else fresh
        fresh = fresh.renewed(moment, secrets.token_hex(8), lease_of(self.remote))
        sha = self.remote.write(render_note(fresh))
        self.made[sha] = fresh
        return sha, fresh

    def _tell(self, standing: Found | None) -> None:
        """Name the holder, once: a renewal is no news."""
        if standing is None:
            return
        who = standing.describe(self.now())
        if who not in self.told:
            self.told.add(who)
            self.on_wait(who)


def describe_wait(standing: Found, now: datetime) -> str:
    """Return who holds a lock, and since when, as far as its note can be read."""
    note = standing.note
    holder = one_line(note.holder, HOLDER_LETTERS) if note is not None else ""
    said = f"lock held by {holder or 'somebody'}"
    try:
        held = max(0.0, (now - parse_moment(note.acquired_at if note else None)).total_seconds())
    except ValueError:
        return said
    return f"{said} for {f'{held:.0f} s' if held < LONG_SECONDS else as_clock(held)}"


def _refusal(app: str, seen: object, now: datetime) -> Refused:
    remove = f"if no deploy is running, remove it with `accelerator unlock {app}`"
    if not isinstance(seen, Found):
        said = f"{app} is locked by others again and again, or something is in the lock's place"
        return _locked(app, said, f"try again; {remove}")
    if flaw := seen.find_flaw(now):
        return _locked(app, f"{app} has {flaw}", remove)
    way = f"see `accelerator resume {app}`"
    if seen.note is not None and not seen.note.commit:  # by hand: there is nothing to resume
        way = f"remove it with `accelerator unlock {app}`"
    said = f"{app} is locked by {seen.describe(now)}"
    return _locked(app, said, f"wait for it (--lock-wait 10m), or {way}")


def _locked(app: str, said: str, hint: str) -> Refused:
    return Refused(Refusal.LOCKED, said, hint, {app: (Refusal.LOCKED, said)})
