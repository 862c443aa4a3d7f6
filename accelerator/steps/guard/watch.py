"""What stands in the lock remote, as one run sees it: asked beside everything else, and again.

Four answers are four values. Only one of them says that there is nothing to heed: that no lock
remote is known. Anything that goes wrong on the way, whatever it is, is `CannotTell`, and with that
nobody may go on: behind it may be a freeze.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import RLock, Thread
from typing import TYPE_CHECKING, Protocol

from accelerator.errors import AcceleratorError, LockUnavailable, NoLockRefs
from accelerator.foreign import hide_credentials, one_line
from accelerator.steps.guard.leases import LOOK_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from accelerator.models import Swap
    from accelerator.steps.guard.remote import LockRemote
    from accelerator.waiting import Clock

CLOSE_SECONDS = 5.0
TRIES = 3  # looks, until one of them is quick enough
_LONG_AGO = float("-inf")


class OpensRemote(Protocol):
    """Where locks, freezes and rejections are kept (`repository.LockHost`)."""

    def open(self) -> LockRemote:
        """Connect to the lock remote."""


@dataclass(frozen=True, slots=True)
class NotAsked:
    """No lock remote is known, so nobody was asked."""


@dataclass(frozen=True, slots=True)
class TakesNoRefs:
    """The remote was asked, and takes no such refs: no freeze can be there."""

    why: NoLockRefs


@dataclass(frozen=True, slots=True)
class CannotTell:
    """The remote was asked, and nothing is known of what stands there."""

    why: AcceleratorError


@dataclass(frozen=True, slots=True)
class Standing:
    """What stands there: refs of ours, by their names, with their shas."""

    refs: Mapping[str, str]


View = NotAsked | TakesNoRefs | CannotTell | Standing


def open_remote(host: OpensRemote) -> SteadyRemote:
    """Open the lock remote; whatever keeps it from being opened is an expected error."""
    with _expected():
        return SteadyRemote(host.open())


@dataclass(frozen=True, slots=True)
class SteadyRemote:
    """A lock remote whose every failure is an expected error.

    A full disk, a killed git or a mistake of ours would else end a thread without a word, or a run
    as a bug. All of these mean that nobody can tell what stands there.
    """

    remote: LockRemote

    @property
    def is_metered(self) -> bool:
        """Return whether it allows only so many requests per hour."""
        return self.remote.is_metered

    @property
    def is_advisory(self) -> bool:
        """Return whether its refs are perhaps not changed by compare-and-swap."""
        return self.remote.is_advisory

    def find(self) -> dict[str, str]:
        """List the refs of ours, with their shas."""
        with _expected():
            return self.remote.find()

    def read(self, ref: str) -> tuple[str, str] | None:
        """Read a note's sha and text."""
        with _expected():
            return self.remote.read(ref)

    def write(self, text: str) -> str:
        """Make a note; return its sha."""
        with _expected():
            return self.remote.write(text)

    def swap(self, ref: str, old: str | None, new: str | None) -> Swap:
        """Change a ref where it still is `old`."""
        with _expected():
            return self.remote.swap(ref, old, new)

    def swap_all(self, changes: Mapping[str, tuple[str, str]]) -> dict[str, Swap]:
        """Change several refs with one request, each where it still is as given first."""
        with _expected():
            return self.remote.swap_all(changes)

    def remove(self, refs: Mapping[str, str]) -> None:
        """Remove refs where they still are as given."""
        with _expected():
            self.remote.remove(refs)

    def hurry(self) -> None:
        """Wait for answers a moment only, from now on."""
        self.remote.hurry()

    def close(self) -> None:
        """Let go of the remote; a folder that cannot be removed changes no result."""
        with suppress(Exception):
            self.remote.close()


class Watch:
    """The lock remote of one run, and the last look at it; usable from several threads.

    ``has_seen`` turns true with the first ref of ours that was seen: a remote that had one takes
    such refs, whatever it says later.
    """

    def __init__(self, host: OpensRemote | None, clock: Clock) -> None:
        self.remote: SteadyRemote | None = None
        self.has_seen = False
        self._host, self._clock = host, clock
        self._view: View = NotAsked()
        self._begun_at = _LONG_AGO
        self._under_way: Thread | None = None
        self._guard = RLock()

    def begin(self) -> None:
        """Begin to look, beside whatever else is done; `look` waits for the end of it."""
        if self._host is None:
            return
        with self._guard:
            self._under_way = Thread(target=self._ask, name="lock remote", daemon=True)
            self._under_way.start()

    def look(self, seconds: float) -> View:
        """Return what stands there, as of so many seconds ago at most.

        A look that itself took longer tells of a past that is over: it is repeated, and when the
        remote stays so slow nobody can tell.
        """
        with self._guard:
            if self._under_way is not None:
                self._under_way.join()
                self._under_way = None
            if self._host is None:
                return self._view
            if self._age < seconds:
                return self._view
            slowest = max(seconds, LOOK_SECONDS)
            for _ in range(TRIES):
                self._ask()
                if isinstance(self._view, CannotTell) or self._age < slowest:
                    return self._view
            slow = f"it takes longer than {slowest:.0f} s to tell what stands there"
            return CannotTell(LockUnavailable(slow))

    @property
    def _age(self) -> float:
        return self._clock.now() - self._begun_at

    def forget(self) -> None:
        """Have the next look ask again: what was seen is from before a change of ours."""
        self._begun_at = _LONG_AGO

    def hurry(self) -> None:
        """Wait for the remote a moment only, from now on."""
        if self.remote is not None:
            self.remote.hurry()

    def close(self) -> None:
        """Let go of the lock remote."""
        if self._under_way is not None:
            self._under_way.join(CLOSE_SECONDS)
        if self.remote is not None:
            self.remote.close()

    def _ask(self) -> None:
        # A look is as old as its beginning, and knows nothing before its end.
        self._begun_at = self._clock.now()
        self._view = CannotTell(LockUnavailable("it has not answered"))
        self._view = self._find()

    def _find(self) -> View:
        try:
            if self.remote is None and self._host is not None:
                self.remote = open_remote(self._host)
            refs = self.remote.find() if self.remote is not None else {}
        except NoLockRefs as absence:
            return TakesNoRefs(absence)
        except AcceleratorError as trouble:
            return CannotTell(trouble)
        self.has_seen = self.has_seen or bool(refs)
        return Standing(refs)


@contextmanager
def _expected() -> Iterator[None]:
    """Turn what nobody expected into `LockUnavailable`."""
    try:
        yield
    except AcceleratorError:
        raise
    except Exception as error:
        said = one_line(hide_credentials(f"{type(error).__name__}: {error}"), 300)
        raise LockUnavailable(said) from error
