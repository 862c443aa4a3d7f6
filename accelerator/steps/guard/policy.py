"""How a deploy locks, and as whom."""

from __future__ import annotations

from dataclasses import dataclass

from accelerator.models import LockMode


@dataclass(frozen=True, slots=True)
class LockPolicy:
    """How to lock: auto goes on where the remote takes no refs, required does not.

    ``holder`` and ``link`` say who this is, for the next one who has to wait; ``job`` and
    ``attempt`` which CI job, for the same job when it is run again.
    """

    mode: LockMode = LockMode.OFF
    wait_seconds: float = 600.0
    holder: str = "somebody"
    link: str | None = None
    job: str | None = None
    attempt: int | None = None
