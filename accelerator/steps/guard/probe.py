"""What a lock remote is worth: race for notes that nobody needs, and look who won.

A lock rests on compare-and-swap: of two changes at once one is done, and the other is told that it
came too late. Heroku's git is likely not like that. So two stores race, round after round: both
create a note, both replace it, one removes it while the other replaces it. Where both are told that
theirs was done, or what stands there is not the winner's, an update was lost.

The names have a moment and a word of chance in them. So two probes at once do not meet, and what a
killed one left is removed by a later one.
"""

from __future__ import annotations

import secrets
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from threading import Barrier
from typing import TYPE_CHECKING

from accelerator.errors import AcceleratorError, LockUnavailable
from accelerator.models import Swap
from accelerator.steps.guard.watch import open_remote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from accelerator.steps.guard.remote import LockRemote
    from accelerator.steps.guard.watch import OpensRemote

ROUNDS = 5
METERED_ROUNDS = 2  # Heroku allows 75 git requests per hour and app; these take half of them
LEFT_SECONDS = 3600.0  # a note of a probe that is so old was left by one that was killed
_PREFIX = "probe/"


class Ended(StrEnum):
    """How a race ended."""

    HELD = "held"
    LOST = "lost"
    UNKNOWN = "unknown"


@dataclass
class Probed:
    """What was seen: races by how they ended, and how often the remote was asked.

    ``is_advisory`` is whether the remote counts as advisory for what it is, whatever was seen.
    """

    is_advisory: bool = False
    ended: Counter[Ended] = field(default_factory=Counter)
    operations: int = 0

    @property
    def races(self) -> int:
        """Return how many races there were."""
        return self.ended.total()

    def demand_worth(self, *, is_named_heroku: bool = False) -> None:
        """Raise `LockUnavailable` where a lock there is not enough for ``--lock required``."""
        lost, unknown = self.ended[Ended.LOST], self.ended[Ended.UNKNOWN]
        if lost:
            raise LockUnavailable(
                f"updates were lost in {lost} of {self.races} races: its locks are advisory",
                "name a repository on the project's own git host with --lock-remote",
            )
        if unknown or not self.races:
            raise LockUnavailable(f"{unknown} of {self.races} races have no known end")
        if self.is_advisory and not is_named_heroku:
            raise LockUnavailable(
                f"compare-and-swap held in {self.races} of {self.races} races, but it is Heroku's "
                "git, which promises none: its locks are advisory",
                'lock_remote = "heroku" says that this is enough; the project\'s own git host is '
                "the better place",
            )


def probe(host: OpensRemote, now: datetime, probed: Probed, rounds: int = ROUNDS) -> None:
    """Race, and write down what was seen; what was made for it is removed, however it ends.

    Raises `LockUnavailable` where the remote cannot be asked, `NoLockRefs` where it takes no such
    refs.
    """
    prefix = f"{_PREFIX}{now:%Y%m%d%H%M%S}-{secrets.token_hex(4)}/"
    with closing(open_remote(host)) as one, closing(open_remote(host)) as other:
        racers = [_Racer(one, probed), _Racer(other, probed)]
        probed.is_advisory = one.is_advisory
        if one.is_metered:
            rounds = min(rounds, METERED_ROUNDS)
        try:
            for number in range(rounds):
                for ended in _race_round(racers, f"{prefix}{number}"):
                    probed.ended[ended] += 1
        finally:
            with suppress(AcceleratorError):
                racers[0].clear(lambda name: name.startswith(prefix) or _is_left(name, now))


@dataclass
class _Racer:
    """One of two that race, each with a connection of its own; counts what it asks."""

    remote: LockRemote
    probed: Probed

    def swap(self, name: str, old: str | None, new: str | None) -> Swap:
        self.probed.operations += 1
        return self.remote.swap(name, old, new)

    def find(self, name: str) -> str | None:
        self.probed.operations += 1
        return self.remote.find().get(name)

    def clear(self, is_ours: Callable[[str], bool]) -> None:
        self.probed.operations += 1
        found = {name: sha for name, sha in self.remote.find().items() if is_ours(name)}
        if found:
            self.probed.operations += 1
            self.remote.remove(found)


def _race_round(racers: list[_Racer], name: str) -> Iterable[Ended]:
    """Race to create a note, to replace it, and to remove it while it is replaced."""
    standing: str | None = None
    for removes in (False, False, True):
        first, second = (racer.remote.write(f"{name} {secrets.token_hex(8)}") for racer in racers)
        ended, standing = _race(racers, name, standing, (None if removes else first, second))
        yield ended
        if ended is not Ended.HELD or standing is None:
            return


def _race(
    racers: list[_Racer], name: str, old: str | None, new: tuple[str | None, str]
) -> tuple[Ended, str | None]:
    """Change a note from `old` in two ways at once; return how it ended and what stands there."""
    start = Barrier(len(racers))

    def change(racer: _Racer, to: str | None) -> Swap:
        start.wait()
        return racer.swap(name, old, to)

    with ThreadPoolExecutor(len(racers)) as pool:
        ends = list(pool.map(change, racers, new))
    standing = racers[0].find(name)
    if Swap.UNKNOWN in ends:
        return Ended.UNKNOWN, standing
    won = [to for to, end in zip(new, ends, strict=True) if end is Swap.DONE]
    # Where both came too late nothing was lost: git may refuse two that get in each other's way.
    return (Ended.HELD if (won or [old]) == [standing] else Ended.LOST), standing


def _is_left(name: str, now: datetime) -> bool:
    """Return whether a note was left by a probe that was killed, a good while ago."""
    moment = name.removeprefix(_PREFIX)[:14]
    if not name.startswith(_PREFIX) or not (moment.isascii() and moment.isdecimal()):
        return False
    with suppress(ValueError):
        made = datetime.strptime(moment, "%Y%m%d%H%M%S").replace(tzinfo=now.tzinfo)
        return (now - made).total_seconds() > LEFT_SECONDS
    return False
