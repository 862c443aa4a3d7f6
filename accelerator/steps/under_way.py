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
    from collections.abc import Iterable, Iterator, Mapping


@dataclass
class UnderWay:
    """What goes on at Heroku now, in words; used from several threads.

    ``resumable`` are the apps whose locks keep a note of what was begun there, ``earlier`` those
    whose locks keep that of a deploy of another commit, which was cut short before: by app.
    """

    resumable: tuple[str, ...] = ()
    earlier: dict[str, str] = field(default_factory=dict)
    _listed: dict[object, str] = field(default_factory=dict)
    _begun: dict[str, object] = field(default_factory=dict)

    @property
    def texts(self) -> tuple[str, ...]:
        """Return what goes on, each once, in the order in which it was begun."""
        return tuple(dict.fromkeys(tuple(self._listed.values())))

    @contextmanager
    def beginning(self, what: str) -> Iterator[None]:
        """List something while it is asked for, and until `lasting` has followed it to its end."""
        with self._listing(what) as token:
            yield
            self._begun[what] = token

    @contextmanager
    def lasting(self, what: str) -> Iterator[None]:
        """List something while it is followed; an interrupt leaves it listed."""
        with self._listing(what):
            try:
                yield
            except (KeyboardInterrupt, Interrupted):
                raise
            except BaseException:
                self._forget(what)
                raise
        self._forget(what)

    def _forget(self, what: str) -> None:
        """Take away what was listed from its beginning on: its end is known."""
        self._listed.pop(self._begun.pop(what, None), None)

    @contextmanager
    def _listing(self, what: str) -> Iterator[object]:
        token = object()
        self._listed[token] = what
        try:
            yield token
        except (KeyboardInterrupt, Interrupted):
            raise
        except BaseException:
            self._listed.pop(token)
            raise
        if self._begun.get(what) is not token:
            self._listed.pop(token)

    def keep(self, apps: Iterable[str]) -> None:
        """Note that the locks of these apps tell what was begun there: it can be resumed."""
        self.resumable = tuple(dict.fromkeys((*self.resumable, *apps)))

    def hand_on(self, commits: Mapping[str, str], own: str) -> None:
        """Note that locks go on telling what deploys of these commits had begun, by app.

        That of our own commit is finished by the same command.
        """
        self.keep(app for app, commit in sorted(commits.items()) if commit == own)
        others = {app: commit for app, commit in commits.items() if commit != own}
        self.earlier.update(sorted(others.items()))
