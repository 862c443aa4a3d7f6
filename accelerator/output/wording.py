"""Times in words that people use."""

from __future__ import annotations


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
