"""The files of what has expired.

What expires is a rule, in `state/retention.py`. Its files go only after the state without them
is kept: a platform that is killed in between must not know of bytes that are gone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from accelerator.localheroku.state import retention

if TYPE_CHECKING:
    from collections.abc import Iterable

    from accelerator.localheroku.state.objects import App
    from accelerator.localheroku.state.store import State
    from accelerator.localheroku.streams.blobs import Blobs
    from accelerator.localheroku.streams.outputs import Outputs

Afterwards = Callable[[Callable[[], object]], None]


class Expiry:
    """Let things expire and remove their bytes; `afterwards` acts once the state is kept."""

    def __init__(
        self, state: State, blobs: Blobs, outputs: Outputs, afterwards: Afterwards
    ) -> None:
        self._state = state
        self._blobs = blobs
        self._outputs = outputs
        self._afterwards = afterwards

    def expire(self, app: App | None = None) -> None:
        """Let what is too old expire, of one app or of all."""
        apps = list(self._state.apps) if app is None else [app]
        gone = retention.expire(self._state, apps)
        self._throw_away(gone)
        slugs = {slug.id for slug in gone.slugs}
        builds = (each for one in apps for each in self._state.builds.of(one.id))
        self.drop_outputs(each.id for each in builds if each.slug_id in slugs)
        self._blobs.sweep(self._state.clock.now())

    def forget_app(self, app: App) -> None:
        """Let the artifacts of an app that is gone expire, unless a release elsewhere has them."""
        self._throw_away(retention.forget_app(self._state, app))

    def drop_outputs(self, names: Iterable[str]) -> None:
        """Remove what builds and releases of these ids have printed."""
        chosen = list(names)
        self._afterwards(lambda: self._outputs.drop_all(chosen))

    def _throw_away(self, gone: retention.Expired) -> None:
        self.drop_outputs(release.id for release in gone.releases)
        self._afterwards(lambda: self._blobs.drop_slugs(gone.blobs))
