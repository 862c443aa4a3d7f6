"""The locks of one deploy: what stands in the lock remote, and holding every target."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Thread
from typing import TYPE_CHECKING

from accelerator.errors import AcceleratorError, LockUnavailable
from accelerator.steps.guard.acquire import take
from accelerator.steps.guard.notes import PREFIX, LockNote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from accelerator.steps.guard.held import Held, Refs
    from accelerator.steps.run import Run

FRESH_SECONDS = 15.0  # what was read of the remote so long ago may have changed


@dataclass(frozen=True, slots=True)
class LockPolicy:
    """How to lock. ``mode``: auto goes on where the remote takes no refs, required does not.

    ``holder`` and ``link`` say who this is, for the next one who has to wait; ``open_refs``
    connects to the lock remote.
    """

    mode: str = "off"
    wait_seconds: float = 600.0
    holder: str = "somebody"
    link: str | None = None
    open_refs: Callable[[], Refs] | None = None


@dataclass
class Locking:
    """The lock remote during one deploy. Reading it starts at once, beside the first API reads.

    ``at_stake`` are the targets on which something was begun whose end is not known: the notes of
    their locks stay when the locks are let go, for the next one to look into.
    """

    run: Run
    policy: LockPolicy
    refs: Refs | None = None
    marks: Mapping[str, str] = field(default_factory=dict)
    at_stake: set[str] = field(default_factory=set)
    _opened: Refs | None = None
    _reader: Thread | None = None
    _read_at: float = 0.0
    _trouble: AcceleratorError | None = None

    def start(self) -> None:
        """Begin to read what stands in the remote."""
        if self.policy.mode == "off" or self.policy.open_refs is None:
            return
        self._reader = Thread(target=self._read, name="lock remote", daemon=True)
        self._reader.start()

    def read(self) -> Mapping[str, str]:
        """Give the refs of ours with their shas; none where there is no lock remote to ask.

        What was read a while ago is read again. Raises `LockUnavailable` under ``required`` only;
        ``auto`` says so and goes on.
        """
        if self._reader is not None:
            self._reader.join()
            self._reader = None
        elif self.refs is not None and self._now() - self._read_at >= FRESH_SECONDS:
            self._read()
        if self._trouble is not None:
            self._forgive(self._trouble)
        return self.marks

    @contextmanager
    def holding(self, notes: tuple[LockNote, ...]) -> Iterator[tuple[Held, ...]]:
        """Hold the targets of all notes, in one order for everybody, so that nobody deadlocks.

        However the block ends, the locks are let go; the notes of those `at_stake` stay.
        """
        held: list[Held] = []
        try:
            for note in sorted(notes, key=lambda note: note.app):
                held += self._take(note)
            yield tuple(held)
        except KeyboardInterrupt:
            self._hurry()
            raise
        finally:
            for lock in held:
                self._let_go(lock)

    def close(self) -> None:
        """Let go of the lock remote."""
        if self._reader is not None:
            self._reader.join(5.0)
        close = getattr(self._opened, "close", None)
        if close is not None:
            close()

    def _take(self, note: LockNote) -> list[Held]:
        if self.refs is None:
            return []
        deadline = self.run.deadline.within(self.policy.wait_seconds)

        def on_wait(holder: str) -> None:
            self.run.events.note(f"{note.app} is locked by {holder}; waiting for it")

        try:
            with self.run.events.step("lock", f"Lock {note.app}"):
                held = take(self.refs, note, self.run.heroku.moment, deadline, on_wait)
        except LockUnavailable as trouble:
            self._forgive(trouble)
            return []
        if held.before is not None:
            # Until somebody has looked at what was cut short there, the next one has to.
            self.at_stake.add(note.app)
        return [held]

    def _hurry(self) -> None:
        hurry = getattr(self._opened, "hurry", None)
        if hurry is not None:
            hurry()

    def _let_go(self, lock: Held) -> None:
        app = lock.note.app
        way = lock.leave_open if app in self.at_stake else lock.give_back
        try:
            try:
                way()
            except KeyboardInterrupt:
                self._hurry()
                way()
                raise
        except AcceleratorError as trouble:
            self.run.events.note(
                f"the lock of {app} could not be given back ({trouble.message}); "
                "it ends by itself within minutes",
                "warning",
            )

    def _read(self) -> None:
        try:
            if self._opened is None and self.policy.open_refs is not None:
                self.refs = self._opened = self.policy.open_refs()
            if self.refs is not None:
                self.marks, self._read_at = self.refs.find(PREFIX), self._now()
        except AcceleratorError as trouble:
            self._trouble = trouble

    def _now(self) -> float:
        return self.run.deadline.clock.now()

    def _forgive(self, trouble: AcceleratorError) -> None:
        if self.policy.mode == "required":
            raise trouble
        self.run.events.note(
            f"going on without a lock: {trouble.message}; the target is read again before the "
            "write and after it",
            "warning",
        )
        self.refs, self.marks, self._trouble = None, {}, None
