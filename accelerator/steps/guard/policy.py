"""How a deploy locks, and as whom."""

from __future__ import annotations

from dataclasses import dataclass

from accelerator.errors import UsageProblem
from accelerator.models import LockMode


@dataclass(frozen=True, slots=True)
class LockPolicy:
    """How to lock: auto goes on where the remote takes no refs, required does not.

    Freezes and rejections are heeded under all of them, ``off`` as well.
    ``holder`` and ``link`` say who this is, for the next one who has to wait; ``job`` and
    ``attempt`` which CI job, for the same job when it is run again.
    """

    mode: LockMode = LockMode.OFF
    wait_seconds: float = 600.0
    holder: str = "somebody"
    link: str | None = None
    job: str | None = None
    attempt: int | None = None


def demand_enough(mode: LockMode, *, is_advisory: bool, is_named: bool) -> None:
    """Raise `UsageProblem` where locks are required, and the remote's are advisory.

    Two deploys at once may both have an advisory lock. Whoever writes down that locks are to be
    kept there (`is_named`) has read that.
    """
    if mode is LockMode.REQUIRED and is_advisory and not is_named:
        raise UsageProblem(
            "--lock required needs a lock remote other than Heroku's git, which may give two "
            "deploys the same lock",
            'set lock_remote = "origin" in accelerator.toml; lock_remote = "heroku" accepts that',
        )
