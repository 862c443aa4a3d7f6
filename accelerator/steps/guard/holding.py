"""The locks that one deploy holds, all together; what was begun on whose targets."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from accelerator.steps.guard.notes import lock_ref

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from accelerator.steps.guard.held import HeldLock
    from accelerator.steps.guard.notes import LockNote


@dataclass
class HeldLocks:
    """The locks of all targets, while they are held; none where nothing is locked.

    ``at_stake`` are the targets on which something was begun whose end is not known; ``inherited``
    those on which a deploy before this one was cut short, and nothing was begun by us so far, each
    with the commit that it was about.
    """

    locks: list[HeldLock] = field(default_factory=list)
    at_stake: set[str] = field(default_factory=set)
    inherited: dict[str, str] = field(default_factory=dict)

    def of(self, apps: Iterable[str] | None = None) -> list[HeldLock]:
        """Return the locks of these targets; all where none is named."""
        named = None if apps is None else set(apps)
        return [lock for lock in self.locks if named is None or lock.note.app in named]

    def see(self, refs: Mapping[str, str]) -> None:
        """Learn what stands in the lock remote: a lock that is not there any more is lost."""
        for lock in self.locks:
            lock.see(refs.get(lock_ref(lock.note.app)))

    def demand(self, apps: Iterable[str] | None = None) -> None:
        """Raise `Refused` when a lock was lost: any of them, or one of these targets."""
        for lock in self.of(apps):
            lock.demand()

    def begin(self, apps: Iterable[str]) -> None:
        """Note that something is begun on these targets, whose end is not known from now on."""
        for app in apps:
            self.at_stake.add(app)
            self.inherited.pop(app, None)

    def ended(self, apps: Iterable[str]) -> None:
        """Note that what was begun on these targets is known to have ended."""
        for app in apps:
            self.at_stake.discard(app)
            self.inherited.pop(app, None)

    def turn_back(self, apps: Mapping[str, str | None]) -> None:
        """Let the notes say that these targets go back, each to the commit it had before."""
        for lock in self.locks:
            if lock.note.app in apps:
                lock.turn_back(apps[lock.note.app])

    def restate(self, notes: Iterable[LockNote]) -> None:
        """Have the notes say what is to be done, as looked at with the locks in hand."""
        by_app = {note.app: note for note in notes}
        for lock in self.locks:
            lock.restate(by_app[lock.note.app])

    def remember(self, apps: Iterable[str], promotion: str) -> None:
        """Let the notes of the locks name a promotion: nothing else on Heroku leads to it."""
        named = set(apps)
        for lock in self.locks:
            if lock.note.app in named:
                lock.remember(promotion)
