"""One dyno that runs, or is about to."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from accelerator.localheroku.running.runner import Process
    from accelerator.localheroku.state.objects import Dyno


class Running:
    """A dyno together with its process, once that has started."""

    def __init__(self, dyno: Dyno, slot: str, is_one_off: bool) -> None:
        self.dyno = dyno
        self.slot = slot  # `web.1` also where the dyno itself has another name
        self.is_one_off = is_one_off
        self.process: Process | None = None
        self.is_unwanted = False
        self.crashes = 0

    @property
    def names(self) -> set[str]:
        """Return by what clients may call it."""
        return {self.dyno.id, self.dyno.name, self.slot}


def fir_name(kind: str) -> str:
    """Return a dyno's name as Fir makes them: `web-1234abcde-123ab`."""
    return f"{kind}-{secrets.token_hex(5)[:9]}-{secrets.token_hex(3)[:5]}"
