"""What a verification saw, as values: the dynos, the checks and what they were answered."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_ENDINGS = {1: "st", 2: "nd", 3: "rd"}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a check was answered last: an HTTP status or an exit status, and its first lines.

    ``lines`` are for people; those ``were_shown`` that went by as log lines.
    """

    status: int | None = None
    exit_status: int | None = None
    lines: tuple[str, ...] = ()
    gist: str | None = None
    were_shown: bool = False

    @property
    def word(self) -> str:
        """Return it in a word: ``500``, ``exit 1``."""
        if self.exit_status is not None:
            return f"exit {self.exit_status}"
        return "no answer" if self.status is None else str(self.status)


@dataclass(frozen=True, slots=True)
class Checked:
    """How a smoke check ended: what was asked, what came last, after how many tries."""

    check: str
    passed: bool
    answer: Answer
    tries: int
    seconds: float
    names_commit: bool = False


@dataclass(frozen=True, slots=True)
class Count:
    """How many dynos of a process type serve, of how many that there have to be."""

    up: int
    wanted: int
    crashed: int = 0


@dataclass(frozen=True, slots=True)
class Saw:
    """All that a verification saw of an app; ``commit`` is what its answers named, if any did.

    ``web_url`` is where it answers, None where that may not be read.
    """

    dynos: Mapping[str, Count] = field(default_factory=dict)
    checks: tuple[Checked, ...] = ()
    commit: str | None = None
    web_url: str | None = None

    def describe(self) -> str:
        """Return it in a few words: ``web 2/2, worker 1/1, /health 200, commit c0ffee12``."""
        named = [f"{each.check} {each.answer.word}" for each in self.checks]
        proven = [f"commit {self.commit[:8]}"] if self.commit else []
        return ", ".join([*list_counts(self.dynos), *named, *proven])


def list_counts(counts: Mapping[str, Count]) -> list[str]:
    """Return a few words per process type: ``web 2/2``, ``worker 0/1 (1 crashed)``."""
    return [
        f"{kind} {count.up}/{count.wanted}"
        + (f" ({count.crashed} crashed)" if count.crashed else "")
        for kind, count in counts.items()
    ]


def describe_dynos(counts: Mapping[str, Count]) -> str:
    """Return what is waited for: ``dynos 1/2 up``, with the process types if there are several."""
    every = counts.values()
    crashed = sum(count.crashed for count in every)
    said = f"dynos {sum(count.up for count in every)}/{sum(count.wanted for count in every)} up"
    if len(counts) > 1:
        return f"{said} ({', '.join(list_counts(counts))})"
    return f"{said}, {crashed} crashed" if crashed else said


def ordinal(number: int) -> str:
    """Return 1st, 2nd, 3rd, 4th, 11th."""
    if number % 100 in {11, 12, 13}:
        return f"{number}th"
    return f"{number}{_ENDINGS.get(number % 10, 'th')}"
