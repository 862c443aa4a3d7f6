"""The fence before every write: the locks are still ours, and the commit may still be shipped.

A lock can be lost without a word: it ran out while the machine slept, somebody removed it, or a
push beside ours undid it. So the lock remote is looked at right before each write, and one look
tells of locks, freezes and rejections alike. The way forward stops at all of them. The way back
stops at a lost lock only, for a freeze is no reason to leave broken code where it is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from accelerator.errors import AcceleratorError
from accelerator.steps.guard.findings import demand
from accelerator.steps.guard.leases import RECENT_SECONDS
from accelerator.steps.guard.process_types import check_artifact

if TYPE_CHECKING:
    from collections.abc import Iterable

    from accelerator.models import Artifact, ArtifactRef, Commit
    from accelerator.steps.compare.states import TargetState
    from accelerator.steps.guard.holding import HeldLocks
    from accelerator.steps.guard.locks import TargetLocks


@dataclass(frozen=True, slots=True)
class Fence:
    """What every write of a deploy has to pass, forward or on the way back."""

    locks: TargetLocks
    commit: Commit
    leads_back: bool = False
    may_lose_processes: bool = False

    @property
    def back(self) -> Fence:
        """Return the fence before the writes of a way back."""
        return replace(self, leads_back=True)

    @property
    def held(self) -> HeldLocks:
        """Return the locks that it demands."""
        return self.locks.held

    def demand(self, apps: Iterable[str]) -> None:
        """Raise unless something may be written to these apps now; then it counts as begun.

        To be called right before each write. Raises `Refused` where a lock is lost, or the commit
        is kept away by now, and `LockUnavailable` where nobody can tell.
        """
        apps = tuple(apps)
        if self.leads_back:
            self._demand_back(apps)
        else:
            self._demand_forward(apps)
        self.held.begin(apps)

    def admit(self, target: TargetState, artifact: Artifact | ArtifactRef) -> None:
        """Raise `Refused` unless this artifact may be released on a target.

        What was built by this very run was in nobody's hands before.
        """
        if not self.leads_back:
            demand([check_artifact(target, artifact, is_allowed=self.may_lose_processes)])

    def remember(self, apps: Iterable[str], promotion: str) -> None:
        """Let the notes of the locks name a promotion that was begun."""
        self.held.remember(apps, promotion)
        self.locks.tell_soon()

    def _demand_forward(self, apps: tuple[str, ...]) -> None:
        self.held.demand()  # renewed where it is old, before the look: that may take a while
        standing = self.locks.read(RECENT_SECONDS)
        if standing is not None:
            self.held.see(standing.refs)
        self.held.demand()
        demand(self.locks.find_marks(self.commit, apps, standing))

    def _demand_back(self, apps: tuple[str, ...]) -> None:
        """Demand the locks of these apps only; a lease that still runs stands in for a look.

        The look is a new one: whatever led here took place since the last.
        """
        if not self.held.of(apps):
            return
        self.held.demand(apps)
        for lock in self.held.of(apps):
            lock.say_that_it_goes_back()
        try:
            standing = self.locks.read(0.0)
        except AcceleratorError as trouble:
            self.locks.run.events.note(
                f"the lock is held by its lease, as it cannot be looked at: {trouble.message}",
                "warning",
            )
            return
        if standing is not None:
            self.held.see(standing.refs)
        self.held.demand(apps)
