"""Keep the locks of a run: one thread renews them all, with one push.

Whatever goes wrong there (the remote is away, the disk is full, a mistake of ours) ends no
renewing: it is tried again, later each time. Until a try works out the locks simply grow older, and
a lock that is too old is renewed before the next write, or keeps it from being sent.
"""

from __future__ import annotations

from contextlib import ExitStack
from threading import Event, Thread
from typing import TYPE_CHECKING

from accelerator.steps.guard.leases import lease_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from accelerator.models import Swap
    from accelerator.steps.guard.held import Change, HeldLock
    from accelerator.steps.guard.remote import LockRemote

SOON_SECONDS = 2.0  # what is over by then is not worth a push: the lock is given back instead


class Keeper:
    """Renews the locks of one run until they are let go; `now` is the platform's time."""

    def __init__(self, remote: LockRemote, now: Callable[[], datetime]) -> None:
        self.remote, self.now = remote, now
        self._locks: tuple[HeldLock, ...] = ()
        self._failures = 0
        self._done, self._woken = Event(), Event()
        self._thread: Thread | None = None

    def keep(self, lock: HeldLock) -> HeldLock:
        """Renew a lock from now on."""
        self._locks = (*self._locks, lock)
        if self._thread is None:
            self._thread = Thread(target=self._run, name="locks", daemon=True)
            self._thread.start()
        return lock

    def renew(self) -> None:
        """Renew all locks that are still held, with one push; none once they are let go."""
        with ExitStack() as stack:
            due = [lock for lock in self._locks if stack.enter_context(lock.exclusively())]
            if self._done.is_set():
                return
            changes = [(lock, lock.propose()) for lock in due]
            if len(changes) == 1:  # makes sure by itself
                due[0].settle(changes[0][1], None)
            elif changes:
                self._push(changes)

    def renew_soon(self) -> None:
        """Renew without waiting for the time: the notes have something new to say."""
        self._woken.set()

    def hurry(self) -> None:
        """Wait for what is under way a moment only, from now on."""
        for lock in self._locks:
            lock.hurry()

    def close(self) -> None:
        """Renew nothing any more; what is under way ends before a lock can be let go.

        To be called before the first lock is given back: where pushes at once undo each other, as
        in Heroku's git, a renewal of the others would bring that one back.
        """
        self._done.set()
        self._woken.set()

    def _push(self, changes: list[tuple[HeldLock, Change]]) -> None:
        pushed = {change.ref: (change.old, change.new) for _, change in changes}
        ends: dict[str, Swap] = self.remote.swap_all(pushed)
        trouble: Exception | None = None
        for lock, change in changes:
            try:
                lock.settle(change, ends[change.ref])
            except Exception as failure:  # the others are settled all the same
                trouble = failure
        if trouble is not None:
            raise trouble

    def _run(self) -> None:
        while not self._done.is_set():
            if self._woken.wait(self._pause):
                self._woken.clear()
                if self._done.wait(SOON_SECONDS):
                    return
            self._try()

    def _try(self) -> None:
        try:
            self.renew()
            self._failures = 0
        except Exception:  # a thread that ended would let every lock run out
            self._failures += 1

    @property
    def _pause(self) -> float:
        return lease_of(self.remote).pause(self._failures)
