"""The steps of a run as they end, one JSON line each, for a program of ours that started it.

Each line is as in the ``steps`` of the document that the run ends with. People and other programs
have that document; this is no interface for them, and it may change with any version.
"""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, TextIO

from accelerator.events import StepFinished
from accelerator.output.door import Door
from accelerator.output.parts import render_step

if TYPE_CHECKING:
    from accelerator.events import Event

CHANNEL = "_ACCELERATOR_STEPS"  # the variable that holds the number of the open pipe


class StepLines:
    """A listener that writes the steps for a program."""

    def __init__(self, stream: TextIO) -> None:
        self._door, self._lock = Door(stream), Lock()

    def __call__(self, event: Event) -> None:
        """Write a finished step."""
        if isinstance(event, StepFinished):
            with self._lock:
                self._door.document(render_step(event), indent=None)
