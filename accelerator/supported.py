"""Where this tool runs at all. Asked before anything else of ours is imported.

So it stands in words that every Python 3 reads, and imports nothing.
"""

from __future__ import annotations

OLDEST = (3, 11)


def find_refusal(platform: str, version: tuple[int, int]) -> str:
    """Return why this tool does not run here, with what to do; empty where it does."""
    if platform == "win32":
        return "error: accelerator runs on Linux and macOS. On Windows, run it in WSL."
    if version < OLDEST:
        found, wanted = (".".join(map(str, each)) for each in (version, OLDEST))
        return f"error: accelerator needs Python {wanted} or newer, and this is {found}."
    return ""
