"""A lock that is ours: renewed while we work, demanded before each write, given back.

A lock is a git ref in the lock remote, created, renewed and removed by compare-and-swap. It lives
for a `Lease` from its last renewal, and a thread renews it well before that (`keeper`), so a dead
holder blocks nobody for long. Whoever finds it run out may take it over, and at once a later
attempt of the same CI job. There is no server of ours, and nothing in config vars, where each write
would make a release.

The reply to a push can be lost. So every value that we ever wrote is remembered: one of them found
in the remote is ours, whatever the reply was.
"""

from __future__ import annotations

import secrets
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from threading import Lock
from typing import TYPE_CHECKING

from accelerator.errors import LockUnavailable, Refused
from accelerator.models import Refusal, Swap
from accelerator.steps.guard.leases import MARGIN_SECONDS, SKEW_SECONDS, lease_of
from accelerator.steps.guard.notes import (
    lock_ref,
    parse_lock,
    render_note,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from accelerator.steps.guard.notes import LockNote
    from accelerator.steps.guard.remote import LockRemote

RENEWAL_SECONDS = 70.0  # a push and a look may hang so long, each
STOP_SECONDS = 2.0  # an interrupted run has five seconds for everything
TRIES = 3


@dataclass(frozen=True, slots=True)
class Found:
    """A lock as it stands in the remote; `note` is None when it cannot be read as one.

    Such a lock counts as held, until somebody removes it.
    """

    sha: str
    note: LockNote | None

    def is_free(self, now: datetime) -> bool:
        """Return whether somebody else may take it."""
        return self.note is not None and self.note.is_free(now)

    def is_free_for(self, note: LockNote, now: datetime) -> bool:
        """Return whether the deploy of `note` may take it: also from its own job's last attempt."""
        is_ours = self.note is not None and self.note.is_of_earlier_attempt(note)
        return is_ours or self.is_free(now)

    def find_flaw(self, now: datetime) -> str | None:
        """Return what keeps it from being a lock of this tool's; None where nothing does."""
        if self.note is None:
            return "a lock that cannot be read"
        if self.note.is_overlong(now):
            end = self.note.expires_at
            return f"a lock until {end}, longer than any of ours, by {self.note.describe()}"
        return None

    def describe(self, now: datetime) -> str:
        """Return it in words."""
        return self.find_flaw(now) or (self.note.describe() if self.note else "")


@dataclass(frozen=True, slots=True)
class Change:
    """A change of our note that is to be made: from one sha to another, and what it then says."""

    ref: str
    old: str
    new: str
    note: LockNote


class HeldLock:
    """A lock of ours. A `keeper.Keeper` renews it until it is let go.

    `is_lost` turns true when somebody took it: after it ran out, or as a later attempt of the same
    CI job. `before` is what stood there when it was taken: a deploy that was cut short.
    """

    def __init__(
        self,
        remote: LockRemote,
        sha: str,
        note: LockNote,
        now: Callable[[], datetime],
        before: Found | None,
    ) -> None:
        self.note, self.before, self.taken_at = note, before, now()
        self.is_lost = self.is_over = False
        self._remote, self._sha, self._now = remote, sha, now
        self._written = {sha}
        self._changing, self._noting = Lock(), Lock()
        self._patience = RENEWAL_SECONDS
        self._said_route = note.route

    def demand(self) -> None:
        """Raise `Refused` when the lock is lost; to be called right before each write.

        Costs nothing while the lock is fresh. One that was not renewed for too long (the machine
        slept, the remote was away) is renewed first, which tells whether it still is ours.
        """
        if not self.is_lost and self._is_stale:
            self.renew()
        if self.is_lost:
            said = f"the lock of {self.note.app} ran out, or somebody took it away"
            raise Refused(
                Refusal.LOCKED,
                said,
                "nothing more was written; run the same command again",
                {self.note.app: (Refusal.LOCKED, said)},
            )

    def see(self, standing: str | None) -> None:
        """Learn what stands in the lock's place: anything but a note of ours means it is lost.

        On an advisory remote a push to something else may have undone ours. So one that is not
        there is put back, and lost only where somebody else's stands then.
        """
        if standing is None and self._remote.is_advisory and not self.is_lost:
            ref = lock_ref(self.note.app)
            with self.exclusively():  # a renewal at the same time could undo this again
                self._remote.swap(ref, None, self._sha)
            standing = self._remote.find().get(ref)
        if standing not in self._written:
            self.is_lost = True

    def remember(self, promotion: str) -> None:
        """Have the note name a promotion, from the next time on that it is written anyway."""
        with self._noting:
            self.note = replace(self.note, extra={**self.note.extra, "promotion": promotion})

    def correct(self, **changes: object) -> None:
        """Have the note say what is known by now, from the next time on that it is written."""
        with self._noting:
            self.note = replace(self.note, **changes)  # type: ignore[arg-type]  # its own names

    def turn_back(self, commit: str | None) -> None:
        """Have the note say that the target goes back to `commit`, where that is known.

        Whoever resumes what this run leaves unfinished then goes back, and not forward again.
        """
        extra = {**self.note.extra, "instead_of": self.note.commit}
        self.correct(route="rollback", commit=commit or self.note.commit, extra=extra)

    def say_that_it_goes_back(self) -> None:
        """Write into the note that the last write is the way back, before that is sent.

        Where the note cannot be written the lease goes on to keep others away.
        """
        if self._said_route == "rollback":
            return
        self.correct(route="rollback")
        with suppress(LockUnavailable):
            self.renew(is_due=True)

    def restate(self, note: LockNote) -> None:
        """Have the note say what is really to be done, as looked at with the lock in hand."""
        said = {name: getattr(note, name) for name in ("route", "artifact", "previous_release")}
        if any(getattr(self.note, name) != value for name, value in said.items()):
            self.correct(**said)
            self.renew(is_due=True)

    def hand_on(self) -> None:
        """Let go, and leave what stood there before: nothing was begun in its place."""
        self._end()
        if not self.is_lost and self.before is not None and self.before.note is not None:
            handed = self.before.note.handed_on(self.taken_at)
            note = replace(handed, nonce=secrets.token_hex(8))
            self._swap(self._remote.write(render_note(note)))

    def give_back(self) -> None:
        """Remove the lock, unless somebody else has it by now, or has removed it."""
        self._end()
        if not self.is_lost and not self._swap(None):
            self.is_lost = True

    def leave_open(self) -> None:
        """Let go, but leave the note: what was begun has to be looked into first."""
        self._end()
        if not self.is_lost:
            self.correct(state="interrupted")
            self.settle(self.propose(), None)

    def hurry(self) -> None:
        """Wait for a renewal that is under way a moment only, from now on."""
        self._patience = STOP_SECONDS

    def renew(self, *, is_due: bool = False) -> None:
        """Move its end, which tells whether it still is ours; a renewal under way is awaited.

        Done where it is old, or due for another reason.
        """
        with self.exclusively() as is_held:
            if is_held and (is_due or self._is_stale):
                self.settle(self.propose(), None)

    @contextmanager
    def exclusively(self) -> Iterator[bool]:
        """Keep everybody else from changing it; tell whether it is there to be renewed."""
        with self._changing:
            yield not (self.is_lost or self.is_over)

    def propose(self) -> Change:
        """Write the note anew, with a later end; to be settled."""
        lease = lease_of(self._remote)
        renewed = self.note.renewed(self._now(), secrets.token_hex(8), lease)
        sha = self._remote.write(render_note(renewed))
        self._written.add(sha)
        return Change(lock_ref(self.note.app), self._sha, sha, renewed)

    def settle(self, change: Change, end: Swap | None) -> None:
        """Make a change, or see what became of one that was pushed and ended as told."""
        if not self._swap(change.new, end):
            self.is_lost = True
            return
        written = change.note
        self._said_route = written.route
        self.correct(
            expires_at=written.expires_at, written_at=written.written_at, nonce=written.nonce
        )

    @property
    def _is_stale(self) -> bool:
        return self.note.is_free(self._now() + timedelta(seconds=MARGIN_SECONDS + SKEW_SECONDS))

    def _end(self) -> None:
        """Have it renewed no more; a renewal that is under way ends first."""
        if not self._changing.acquire(timeout=self._patience):
            raise LockUnavailable("it does not answer")
        self.is_over = True
        self._changing.release()

    def _swap(self, new: str | None, end: Swap | None = None) -> bool:
        """Put `new` in the place of our note, also of one whose reply was lost on the way.

        `end` is how a first try ended, where there was one.
        """
        ref, standing, may_be_done = lock_ref(self.note.app), self._sha, False
        self._written |= {new} if new else set()
        for _ in range(TRIES):
            if end is None:
                end = self._remote.swap(ref, standing, new)
            if end is Swap.DONE:
                break
            may_be_done = may_be_done or end is Swap.UNKNOWN
            seen = self._remote.find().get(ref)
            if seen == new:  # it only took its time, or its reply was lost
                # Gone before we took it away: but there a push to something else may have done it.
                return new is not None or may_be_done or self._remote.is_advisory
            if seen is None or seen not in self._written:
                return False
            standing, end = seen, None
        else:
            raise LockUnavailable("it keeps changing")
        self._sha = new or self._sha
        return True


def look(remote: LockRemote, app: str) -> Found | None:
    """Read a target's lock, if there is one; a note about another app is none that can be read."""
    seen = remote.read(lock_ref(app))
    if seen is None:
        return None
    note = parse_lock(seen[1])
    return Found(seen[0], note if note is not None and note.app == app else None)
