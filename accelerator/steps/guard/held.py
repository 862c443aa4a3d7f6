"""A lock that is ours: renewed while we work, demanded before each write, given back.

A lock is a git ref in the lock remote, created, renewed and removed by compare-and-swap. It lives
for `LOCK_SECONDS` from its last renewal, and a thread renews it well before that, so a dead holder
blocks nobody for long. Whoever finds it run out may take it over. There is no server of ours, and
nothing in config vars, where each write would make a release.

The reply to a push can be lost. So every value that we ever wrote is remembered: one of them found
in the remote is ours, whatever the reply was.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from datetime import timedelta
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Protocol

from accelerator.errors import AcceleratorError, LockUnavailable, Refused
from accelerator.models import Refusal, Swap
from accelerator.steps.guard.notes import (
    RENEW_SECONDS,
    RETRY_SECONDS,
    lock_ref,
    parse_lock,
    render_note,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from accelerator.steps.guard.notes import LockNote

STOP_SECONDS = 2.0  # an interrupted run has five seconds for everything
TRIES = 3
MARGIN_SECONDS = 30.0  # what a write may take, at least, before the lock may end


class LockRemote(Protocol):
    """The lock remote (`repository.refs.RefStore`), whose notes are named as `guard.notes` does."""

    @property
    def is_metered(self) -> bool:
        """Return whether it allows only so many requests per hour."""

    @property
    def is_advisory(self) -> bool:
        """Return whether two changes at once may both seem to work there."""

    def find(self) -> dict[str, str]:
        """List all notes with their shas."""

    def read(self, ref: str) -> tuple[str, str] | None:
        """Read a note's sha and text; the text is empty for what stands there and is no note."""

    def write(self, text: str) -> str:
        """Make a note; return its sha."""

    def swap(self, ref: str, old: str | None, new: str | None) -> Swap:
        """Change a ref where it still is `old`."""

    def remove(self, refs: Mapping[str, str]) -> None:
        """Remove refs where they still are as given; `find` shows what is left."""

    def hurry(self) -> None:
        """Wait for answers a moment only, from now on: the run is being stopped."""

    def close(self) -> None:
        """Let go of the remote."""


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


class HeldLock:
    """A lock of ours. Renewed in the background until it is given back.

    `is_lost` turns true when somebody took it, which can happen only after it ran out. `before` is
    what stood there when it was taken: a deploy that was cut short.
    """

    def __init__(
        self,
        remote: LockRemote,
        sha: str,
        note: LockNote,
        now: Callable[[], datetime],
        before: Found | None,
    ) -> None:
        self.note, self.before = note, before
        self.is_lost = False
        self._remote, self._sha, self._now = remote, sha, now
        self._written = {sha}
        self._guard = Lock()
        self._done = Event()
        self._keeper = Thread(target=self._keep, name=f"lock {note.app}", daemon=True)
        self._keeper.start()

    def demand(self) -> None:
        """Raise `Refused` when the lock is lost; to be called right before each write.

        Costs nothing while the lock is fresh. One that was not renewed for too long (the machine
        slept, the remote was away) is renewed first, which tells whether it still is ours.
        """
        if not self.is_lost and self.note.is_free(self._now() + timedelta(seconds=MARGIN_SECONDS)):
            self._change()
        if self.is_lost:
            raise Refused(
                Refusal.LOCKED,
                f"the lock of {self.note.app} ran out, or somebody took it away",
                "nothing more was written; run the same command again",
            )

    def see(self, standing: str | None) -> None:
        """Learn what stands in the lock's place: anything but a note of ours means it is lost.

        On an advisory remote a push to something else may have undone ours. So one that is not
        there is put back, and lost only where somebody else's stands then.
        """
        if standing is None and self._remote.is_advisory and not self.is_lost:
            ref = lock_ref(self.note.app)
            self._remote.swap(ref, None, self._sha)
            standing = self._remote.find().get(ref)
        if standing not in self._written:
            self.is_lost = True

    def remember(self, promotion: str) -> None:
        """Have the note name a promotion, from the next time on that it is written anyway."""
        with self._guard:
            self.note = replace(self.note, extra={**self.note.extra, "promotion": promotion})

    def turn_back(self, commit: str | None) -> None:
        """Have the note say that the target goes back to `commit`, where that is known.

        Whoever resumes what this run leaves unfinished then goes back, and not forward again.
        """
        with self._guard:
            self.note = replace(self.note, route="rollback", commit=commit or self.note.commit)

    def hand_on(self) -> None:
        """Let go, and leave what stood there before: nothing was begun in its place."""
        self._end()
        if not self.is_lost and self.before is not None and self.before.note is not None:
            note = replace(self.before.note, state="interrupted")
            self._swap(self._remote.write(render_note(note)))

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
            sha = self._remote.write(render_note(renewed))
            if self._swap(sha):
                self.note = renewed
            else:
                self.is_lost = True

    def _swap(self, new: str | None) -> bool:
        """Put `new` in the place of our note, also of one whose reply was lost on the way."""
        ref, standing = lock_ref(self.note.app), self._sha
        self._written |= {new} if new else set()
        for _ in range(TRIES):
            if _swap_surely(self._remote, ref, standing, new):
                break
            seen = self._remote.find().get(ref)
            if seen == new:  # it only took its time
                break
            if seen is None or seen not in self._written:
                return False
            standing = seen
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


def _swap_surely(remote: LockRemote, ref: str, old: str | None, new: str | None) -> bool:
    """Swap, and where the reply was lost look which it was."""
    end = remote.swap(ref, old, new)
    if end is Swap.UNKNOWN:
        return remote.find().get(ref) == new
    return end is Swap.DONE
