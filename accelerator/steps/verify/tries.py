"""The tries of one smoke check: told as they are made, and what is left to say of them at the end.

Why a check failed is told twice: shortly in the flaw, which is part of the error, and with what the
last answer said as evidence.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from accelerator.events import Evidence
from accelerator.foreign import hide_credentials, one_line
from accelerator.steps.verify.saw import Checked, ordinal
from accelerator.waiting import as_clock

if TYPE_CHECKING:
    from accelerator.events import Tell
    from accelerator.steps.run import Run
    from accelerator.steps.verify.visit import Seen
    from accelerator.waiting import Deadline

GIST_LETTERS = 100
NAME_LETTERS = 80


@dataclass(frozen=True, slots=True)
class Asked:
    """A check as it is asked of an app: ``what`` goes out, ``shown`` is what people see of it.

    It ``names_commit`` where it passes only if this very commit answers.
    """

    app: str
    what: str
    shown: str
    is_command: bool
    names_commit: bool

    @property
    def name(self) -> str:
        """Return the check for people, without passwords and tokens."""
        text = f"$ {self.shown}" if self.is_command else self.shown
        return one_line(hide_credentials(text, hide_query=True), NAME_LETTERS)

    @property
    def request(self) -> str:
        """Return what is done to ask it."""
        return self.name if self.is_command else f"GET {self.name}"


@dataclass
class Tries:
    """The tries of a check so far, of which so many succeeded ``in_a_row`` last."""

    run: Run
    asked: Asked
    deadline: Deadline
    tell: Tell
    in_a_row: int = 0
    count: int = 0
    _begun: float = field(init=False)
    _limit: float = field(init=False)
    _whole: Seen | None = None  # what the last try saw that was given its time

    def __post_init__(self) -> None:
        self._begun, self._limit = self.deadline.clock.now(), self.deadline.remaining

    def begin(self) -> None:
        """Tell that a try begins."""
        self.count += 1
        if self.count == 1:
            self.tell(f"{self.asked.request}, {self.deadline.left} left")

    def take(self, seen: Seen) -> Seen:
        """Take what a try saw; return what is to be held against the check."""
        self.in_a_row = 0 if seen.flaw else self.in_a_row + 1
        if seen.flaw is not None:
            word, left = seen.answer.word, self.deadline.left
            self.tell(f"{self.asked.request} -> {word} ({ordinal(self.count)} try, {left} left)")
            if self._whole is not None and self.deadline.remaining <= 0:
                return self._whole  # cut off after a moment, it tells less than the try before it
        self._whole = seen
        return seen

    def conclude(self, seen: Seen) -> Seen:
        """Return how the check ended; tell what a failing one was answered as evidence."""
        seconds = self.deadline.clock.now() - self._begun
        passed, by_commit = seen.flaw is None, self.asked.names_commit
        ended = Checked(self.asked.name, passed, seen.answer, self.count, seconds, by_commit)
        if seen.flaw is None:
            return replace(seen, checked=(ended,))
        answer = seen.answer
        many = "1 try" if self.count == 1 else f"{self.count} tries"
        spent = f"{many} in {as_clock(seconds)}"
        if answer.lines:
            title = f"the last answer to {self.asked.request} on {self.asked.app}"
            lines = answer.lines
            if not answer.were_shown:
                left = f"{self.deadline.left} of {as_clock(self._limit)} left"
                lines = (*lines, f"({spent}, {left})")
            self.run.events.emit(Evidence(title, lines, is_repeat=answer.were_shown))
        said = f": {one_line(answer.gist, GIST_LETTERS)!r}" if answer.gist else ""
        shown = hide_credentials(f"{self.asked.what} {seen.flaw}", hide_query=True)
        return replace(seen, flaw=f"{shown}{said} ({spent})", checked=(ended,))
