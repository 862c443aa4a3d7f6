"""A lock remote in memory, and everybody who holds something there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from accelerator.errors import AcceleratorError
from accelerator.steps.guard.acquire import take
from accelerator.steps.guard.held import HeldLock, look
from accelerator.steps.guard.keeper import Keeper
from accelerator.steps.guard.leases import METERED_LEASE, SKEW_SECONDS
from accelerator.steps.guard.notes import lock_ref
from accelerator.waiting import Deadline
from tests.unit.fakes import FakeClock, MemoryRefs, make_note

if TYPE_CHECKING:
    from accelerator.steps.guard.notes import LockNote


REF = lock_ref("shop")
RUN_OUT = METERED_LEASE.seconds + SKEW_SECONDS + 1


class Desk:
    """A lock remote, a clock, and everybody who holds something."""

    def __init__(self) -> None:
        self.clock, self.refs = FakeClock(), MemoryRefs()
        self.held: list[HeldLock] = []
        self.said: list[str] = []
        self.waits: list[str] = []
        self.keepers: list[Keeper] = []

    def take(self, holder: str = "us", seconds: float = 0.0, **changes: Any) -> HeldLock:
        deadline = Deadline.after(self.clock, seconds)
        note = make_note(holder=holder, **changes)
        self.keepers.append(Keeper(self.refs, self.clock.moment))
        held = take(self.keepers[-1], note, deadline, self.said.append, self.waits.append)
        self.held.append(held)
        return held

    def stands(self) -> LockNote | None:
        found = look(self.refs, "shop")
        return found.note if found else None

    def holders(self) -> list[str]:
        """Name everybody who would go on to write now."""
        return [held.note.holder for held in self.held if is_sure(held)]

    def close(self) -> None:
        for keeper in self.keepers:
            keeper.close()


def is_sure(held: HeldLock) -> bool:
    if held.is_over:
        return False
    try:
        held.demand()
    except AcceleratorError:
        return False
    return True
