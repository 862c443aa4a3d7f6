"""What handlers may read and set in motion.

It is less than the engine has: no handler reaches for files, processes, routers or the database.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from accelerator.localheroku.building.builds import Building
    from accelerator.localheroku.running.dynos import Dynos
    from accelerator.localheroku.running.promoting import Promoting
    from accelerator.localheroku.running.releasing import Releasing
    from accelerator.localheroku.state.objects import App
    from accelerator.localheroku.state.store import State
    from accelerator.localheroku.streams.blobs import Signer
    from accelerator.localheroku.streams.logsessions import LogSessions
    from accelerator.localheroku.web.conditions import Conditions


class Hosting(Protocol):
    """Whoever makes, renames and destroys apps with all that belongs to them."""

    async def create_app(self, name: str | None, stack: str | None, owner_id: str) -> App:
        """Make an app with its first releases."""

    async def rename_app(self, app: App, name: str) -> None:
        """Give an app another name; its address stays."""

    async def delete_app(self, app: App) -> None:
        """Destroy an app with everything it runs."""


@dataclass(frozen=True)
class Services:
    """The parts of the platform that handlers work with."""

    state: State
    signer: Signer
    hosting: Hosting
    building: Building
    releasing: Releasing
    promoting: Promoting
    dynos: Dynos
    log_sessions: LogSessions
    conditions: Conditions
