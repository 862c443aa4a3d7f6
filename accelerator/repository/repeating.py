"""Ask a remote again for a while, where what went wrong may pass; for reads alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from accelerator.repository import replies
from accelerator.repository.commands import OUT_OF_TIME
from accelerator.waiting import StillPending, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from accelerator.repository.commands import Answer
    from accelerator.waiting import Deadline


@dataclass(frozen=True, slots=True)
class Patience:
    """For how long a read is repeated after one that failed, and how much slower than usual."""

    seconds: float
    slower: float


PATIENCE = Patience(15.0, 1.0)
METERED_PATIENCE = Patience(4.0, 10.0)  # Heroku counts requests


def ask_again(ask: Callable[[], Answer], deadline: Deadline, patience: Patience) -> Answer:
    """Ask, and again while what went wrong may pass; return the last answer."""
    answer = ask()
    if not _may_pass(answer):
        return answer
    try:
        return wait_for(
            ask,
            lambda answer: not _may_pass(answer),
            deadline.within(patience.seconds),
            lambda: patience.slower,
            first=answer,
        )
    except StillPending as pending:
        return cast("Answer", pending.seen)


def _may_pass(answer: Answer) -> bool:
    return answer.status == OUT_OF_TIME or (answer.status != 0 and replies.may_pass(answer.error))
