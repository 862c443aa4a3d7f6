"""What this run asked Heroku for and has not seen the end of: it goes on when the run is stopped.

An interrupted run has no time to ask what becomes of it. So everything that is followed is listed
while it lasts, and what is listed at the end is told.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from accelerator.errors import Interrupted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


@dataclass
class UnderWay:
    """What goes on at Heroku now, in words; used from several threads.

    ``resumable`` are the apps whose locks keep a note of what was begun there.
    """

    resumable: tuple[str, ...] = ()
    _listed: dict[object, str] = field(default_factory=dict)

    @property
    def texts(self) -> tuple[str, ...]:
        """Return what goes on, each once, in the order in which it was begun."""
        return tuple(dict.fromkeys(tuple(self._listed.values())))

    @contextmanager
    def lasting(self, what: str) -> Iterator[None]:
        """List something while it is followed; an interrupt leaves it listed."""
        token = object()
        self._listed[token] = what
        try:
            yield
        except (KeyboardInterrupt, Interrupted):
            raise
        except BaseException:
            self._listed.pop(token)
            raise
        self._listed.pop(token)

    def keep(self, apps: Iterable[str]) -> None:
        """Note that the locks of these apps tell what was begun there: it can be resumed."""
        self.resumable = tuple(dict.fromkeys((*self.resumable, *apps)))
