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
    from accelerator.steps.verify.smoke import Site, SmokeCheck
    from accelerator.steps.verify.visit import Seen
    from accelerator.waiting import Deadline

GIST_LETTERS = 100
NAME_LETTERS = 80


@dataclass
class Tries:
    """The tries of a check so far; ``what`` is asked, ``in_a_row`` succeeded last."""

    run: Run
    check: SmokeCheck
    site: Site
    deadline: Deadline
    tell: Tell
    what: str
    in_a_row: int = 0
    count: int = 0
    _begun: float = field(init=False)
    _limit: float = field(init=False)
    _whole: Seen | None = None  # what the last try saw that was given its time

    def __post_init__(self) -> None:
        self._begun, self._limit = self.deadline.clock.now(), self.deadline.remaining

    @property
    def name(self) -> str:
        """Return the check for people, without passwords and tokens."""
        shown = f"$ {self.check.command}" if self.check.command else self.check.url
        return one_line(hide_credentials(shown, hide_query=True), NAME_LETTERS)

    @property
    def _asked(self) -> str:
        return self.name if self.check.command else f"GET {self.name}"

    def begin(self) -> None:
        """Tell that a try begins."""
        self.count += 1
        if self.count == 1:
            self.tell(f"{self._asked}, {self.deadline.left} left")

    def take(self, seen: Seen) -> Seen:
        """Take what a try saw; return what is to be held against the check."""
        self.in_a_row = 0 if seen.flaw else self.in_a_row + 1
        if seen.flaw is not None:
            word, left = seen.answer.word, self.deadline.left
            self.tell(f"{self._asked} -> {word} ({ordinal(self.count)} try, {left} left)")
            if self._whole is not None and self.deadline.remaining <= 0:
                return self._whole  # cut off after a moment, it tells less than the try before it
        self._whole = seen
        return seen

    def conclude(self, seen: Seen) -> Seen:
        """Return how the check ended; tell what a failing one was answered as evidence."""
        seconds = self.deadline.clock.now() - self._begun
        names_commit = "{commit}" in (self.check.text or "") and self.site.commit is not None
        ended = Checked(
            self.name, seen.flaw is None, seen.answer, self.count, seconds, names_commit
        )
        if seen.flaw is None:
            return replace(seen, checked=(ended,))
        answer = seen.answer
        many = "1 try" if self.count == 1 else f"{self.count} tries"
        spent = f"{many} in {as_clock(seconds)}"
        if answer.lines:
            title = f"the last answer to {self._asked} on {self.site.app}"
            lines = answer.lines
            if not answer.were_shown:
                left = f"{self.deadline.left} of {as_clock(self._limit)} left"
                lines = (*lines, f"({spent}, {left})")
            self.run.events.emit(Evidence(title, lines, is_repeat=answer.were_shown))
        said = f": {one_line(answer.gist, GIST_LETTERS)!r}" if answer.gist else ""
        shown = hide_credentials(f"{self.what} {seen.flaw}", hide_query=True)
        return replace(seen, flaw=f"{shown}{said} ({spent})", checked=(ended,))
