"""The edge of the process, as the commands see it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

from accelerator.environment import is_ci
from accelerator.output.door import Door

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from accelerator.events import Listener

# Well below the shortest patience of a CI system with a silent job, which is ten minutes.
HEARTBEAT_SECONDS = 60.0
ANSWER_LETTERS = 1000


@dataclass(frozen=True, slots=True)
class Invocation:
    """Environment, directory and streams, read once by ``__main__``.

    ``ignore_signals`` is called just before the result is written: nothing interrupts from then
    on, so that there is one result and it is whole. After ``heartbeat_seconds`` of silence a line
    on stderr says what is waited for. ``stdin`` is None where there is none. ``forget`` takes a
    variable that was read here out of the environment that children inherit. ``listeners`` hear
    what the run tells, beside people.
    """

    environment: Mapping[str, str]
    directory: Path
    stdout: TextIO
    stderr: TextIO
    ignore_signals: Callable[[], None] = lambda: None
    heartbeat_seconds: float = HEARTBEAT_SECONDS
    stdin: TextIO | None = None
    forget: Callable[[str], None] = lambda _: None
    listeners: tuple[Listener, ...] = ()

    @property
    def has_person(self) -> bool:
        """True when somebody can be asked: both ends are a terminal, and not that of a CI job."""
        has_ends = self.stdin is not None and self.stdin.isatty() and self.stderr.isatty()
        return has_ends and not is_ci(self.environment)

    def ask(self, question: str) -> str:
        """Put a question to the person; return the line that was typed, empty at its end."""
        Door(self.stderr).question(question)
        return self.stdin.readline(ANSWER_LETTERS) if self.stdin is not None else ""
