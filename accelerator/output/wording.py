"""Times in words that people use, and lines of the width that they see."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from accelerator.foreign import parse_moment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

_MOMENT = re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)")
# What stands in backticks is to be pasted, so it is not broken.
_WORDS = re.compile(r"(?:`[^`]*`|\S)+")
USUAL_COLUMNS = 80  # of a terminal, and of what is none
NARROWEST = 20  # where fewer columns are left, the terminal may wrap as it likes
UNITS = ((86400.0, "days"), (3600.0, "h"), (60.0, "min"), (1.0, "s"))


def render_seconds(seconds: float) -> str:
    """Write a duration for people: 45 ms, 2.4 s, 3 min 20 s."""
    if seconds < 0.0995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 99.5:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s"


def render_clock(seconds: float) -> str:
    """Write whole seconds for a narrow column: 12 s, 3:20, 1:02:05."""
    if seconds < 60:
        return f"{int(seconds)} s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def with_times_for_people(text: str, now: datetime) -> str:
    """Return a text with each moment (ISO 8601) as local time, and how far from now that is."""
    return _MOMENT.sub(lambda found: _tell_moment(found[0], now), text) if "T" in text else text


def render_distance(seconds: float) -> str:
    """Write how far a moment is: 12 s ago, in 58 min."""
    far = abs(seconds)
    # A unit is used from two of it on: "100 min" says more than "1 h".
    size, unit = next((each for each in UNITS if far >= 2 * each[0]), UNITS[-1])
    said = f"{round(far / size)} {unit}"
    return f"in {said}" if seconds > 0 else f"{said} ago"


def wrap(text: str, first: int, others: int) -> list[str]:
    """Return a text as lines of at most so many letters; what is in backticks stays whole."""
    return list(_wrap(text, first, others))


def wrap_line(line: str, columns: int) -> list[str]:
    """Return a line of a result as lines that fit; those that follow are indented."""
    indent = len(line) - len(line.lstrip(" "))
    if len(line) <= columns or columns - indent < NARROWEST:
        return [line]
    first, *others = wrap(line, columns - indent, columns - indent - 2)
    return [" " * indent + first, *(" " * (indent + 2) + other for other in others)]


def _wrap(text: str, first: int, others: int) -> Iterator[str]:
    line, room = "", first
    for word in _WORDS.findall(text):
        if line and len(line) + 1 + len(word) > room:
            yield line
            line, room = word, others
        else:
            line = f"{line} {word}" if line else word
    yield line


def _tell_moment(text: str, now: datetime) -> str:
    try:
        moment = parse_moment(text)
    except ValueError:
        return text
    local, today = moment.astimezone(), now.astimezone()
    day = "" if local.date() == today.date() else f"{local:%Y-%m-%d} "
    return f"{day}{local:%H:%M:%S %Z}, {render_distance((moment - now).total_seconds())}"
