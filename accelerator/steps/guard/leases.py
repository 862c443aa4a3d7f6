"""How long locks last, and what that rests on; pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from accelerator.steps.guard.remote import LockRemote

SKEW_SECONDS = 5.0
# What is left of a lock before each write, at least: else it is renewed first. So whoever takes
# over a lock that ran out knows since when nothing was begun.
MARGIN_SECONDS = 20.0
# How old a look at the lock may be, from its beginning, when the write is sent that rests on it.
LOOK_SECONDS = 5.0
RECENT_SECONDS = 2.0  # a look that began so long ago is not repeated


@dataclass(frozen=True, slots=True)
class Lease:
    """How long a lock lasts without a renewal, when it is renewed, and when tried again.

    A lock is kept by renewing it, so a dead holder blocks nobody for long. It lasts longer than any
    clock is off that is set by the platform's own Date header, which has whole seconds.
    """

    seconds: float
    renew: float
    retry: float

    def pause(self, failures: int) -> float:
        """Return how long to wait until the next renewal, after so many that failed in a row.

        Longer each time: a remote that has had enough of us is not hammered.
        """
        return min(self.renew, self.retry * 2.0 ** (failures - 1)) if failures else self.renew


LEASE = Lease(45.0, 15.0, 3.0)
METERED_LEASE = Lease(300.0, 180.0, 30.0)  # where each request counts (Heroku: 75 an hour)


def lease_of(remote: LockRemote) -> Lease:
    """Return how long locks last there without a renewal."""
    return METERED_LEASE if remote.is_metered else LEASE
