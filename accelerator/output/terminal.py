"""What stderr is, and so how it is talked to: drawn in place, in lines, with colours or without."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from accelerator.environment import is_ci
from accelerator.output.console import Console
from accelerator.output.streams import wants_color

if TYPE_CHECKING:
    from collections.abc import Mapping

    from accelerator.waiting import Clock


def make_console(
    stream: TextIO, environment: Mapping[str, str], clock: Clock, verbosity: int
) -> Console:
    """Return who talks to people: live on a terminal, else line by line."""
    color = wants_color(stream, environment)
    if verbosity < 0 or not is_live(stream, environment):
        return Console(stream, clock, color=color, verbosity=verbosity)
    from accelerator.output.live import Live  # noqa: PLC0415  # only for terminals

    return Live(stream, clock, color=color, verbosity=verbosity)


def is_live(stream: TextIO, environment: Mapping[str, str]) -> bool:
    """Return whether somebody sits at a terminal that can be drawn on.

    Some CI systems give their jobs a terminal, and keep as a log what is written to it.
    """
    is_able = environment.get("TERM") != "dumb"
    return stream.isatty() and is_able and not is_ci(environment)
