"""The lock remote, as this room asks it: notes by name, changed by compare-and-swap."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from accelerator.models import Swap


class LockRemote(Protocol):
    """The lock remote (`repository.refs.RefStore`), whose notes are named as `guard.notes` does."""

    @property
    def is_metered(self) -> bool:
        """Return whether it allows only so many requests per hour."""

    @property
    def is_advisory(self) -> bool:
        """Return whether two changes at once may both seem to work there."""

    def find(self) -> dict[str, str]:
        """List all notes with their shas."""

    def read(self, ref: str) -> tuple[str, str] | None:
        """Read a note's sha and text; the text is empty for what stands there and is no note."""

    def write(self, text: str) -> str:
        """Make a note; return its sha."""

    def swap(self, ref: str, old: str | None, new: str | None) -> Swap:
        """Change a ref where it still is `old`."""

    def swap_all(self, changes: Mapping[str, tuple[str, str]]) -> dict[str, Swap]:
        """Change several refs with one request, each where it still is as given first."""

    def remove(self, refs: Mapping[str, str]) -> None:
        """Remove refs where they still are as given; `find` shows what is left."""

    def hurry(self) -> None:
        """Wait for answers a moment only, from now on: the run is being stopped."""

    def close(self) -> None:
        """Let go of the remote."""
