"""What controls lay on requests."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from accelerator.localheroku.state.objects import App, Release


class Lagging:
    """Reads of releases that are behind what has become of them."""

    def __init__(self) -> None:
        self._wanted: dict[str, tuple[int, int]] = {}
        self._left: dict[str, int] = {}

    def set(self, app: App, reads: int) -> None:
        """Let each release that the app gets from now on be behind for so many reads."""
        self._wanted[app.id] = (app.last_version, reads)

    def hides_end(self, release: Release) -> bool:
        """Count a read of a release; return whether it is not to see yet that it has ended."""
        known, reads = self._wanted.get(release.app_id, (0, 0))
        if release.version <= known or release.status == "pending":
            return False
        left = self._left.get(release.id, reads)
        self._left[release.id] = max(left - 1, 0)
        return left > 0


@dataclass
class Conditions:
    """How long a request waits before it is handled, what answers carry and what they keep back."""

    latency_seconds: float = 0.0
    warning: str | None = None
    own_promotions_only: bool = False
    lagging: Lagging = field(default_factory=Lagging)
