"""Where each app answers: a port of its own, the same one for as long as it is free."""

from __future__ import annotations

import contextlib
import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from accelerator.localheroku.routing.router import Router
    from accelerator.localheroku.running.dynos import Dynos
    from accelerator.localheroku.state.objects import App
    from accelerator.localheroku.state.store import State
    from accelerator.localheroku.streams.logs import Logs

# Below the ephemeral ports, and those of dynos: while the platform is stopped, no outgoing
# connection takes one that is to be had again.
_PORTS = range(10_000, 20_000)
_TRIES = 20


class Addresses:
    """Open and close the addresses of apps."""

    def __init__(self, state: State, router: Router, dynos: Dynos, logs: Logs) -> None:
        self._state = state
        self._router = router
        self._dynos = dynos
        self._logs = logs

    async def open(self, app: App) -> None:
        """Open an app's address, the one it had before if that is still free."""
        port = await self._open_one(app)
        if app.web_port != port:
            app.web_port = port
            self._state.apps.save(app)

    async def close(self, name: str) -> None:
        """Close the address of the app that had this name."""
        await self._router.close_app(name)

    async def _open_one(self, app: App) -> int:
        before = [app.web_port] if app.web_port else []
        for port in before + secrets.SystemRandom().sample(_PORTS, _TRIES):
            with contextlib.suppress(OSError):
                return await self._open(app, port)
        return await self._open(app, 0)

    async def _open(self, app: App, port: int) -> int:
        return await self._router.open(
            app.name,
            lambda: self._dynos.pick(app),
            lambda text: self._logs.write(app.id, "heroku[router]", text),
            port,
        )
