"""The locks of one deploy: what stands in the lock remote, and holding every target."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Thread
from typing import TYPE_CHECKING

from accelerator.errors import AcceleratorError, LockUnavailable, OutcomeUnknown
from accelerator.steps.lock import Held, Refs, take
from accelerator.steps.notes import PREFIX, LockNote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from accelerator.steps.run import Run


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
    """The lock remote during one deploy. Reading it starts at once, beside the first API reads."""

    run: Run
    policy: LockPolicy
    refs: Refs | None = None
    marks: Mapping[str, str] = field(default_factory=dict)
    _reader: Thread | None = None
    _trouble: AcceleratorError | None = None

    def start(self) -> None:
        """Begin to read what stands in the remote."""
        if self.policy.mode == "off" or self.policy.open_refs is None:
            return
        self._reader = Thread(target=self._read, name="lock remote", daemon=True)
        self._reader.start()

    def read(self) -> Mapping[str, str]:
        """Give the refs of ours with their shas; none where there is no lock remote to ask.

        Raises `LockUnavailable` under ``required`` only; ``auto`` says so and goes on.
        """
        if self._reader is not None:
            self._reader.join()
            self._reader = None
            if self._trouble is not None:
                self._forgive(self._trouble)
        return self.marks

    @contextmanager
    def holding(self, notes: tuple[LockNote, ...]) -> Iterator[tuple[Held, ...]]:
        """Hold the targets of all notes, in one order for everybody, so that nobody deadlocks.

        When the block ends with its outcome open (a lost reply, an interrupt), the locks are let go
        but their notes stay, for the next one to look into.
        """
        held: list[Held] = []
        try:
            for note in sorted(notes, key=lambda note: note.app):
                held += self._take(note)
            yield tuple(held)
        except (OutcomeUnknown, KeyboardInterrupt):
            self._let_go(held, Held.leave_open)
            raise
        except BaseException:
            self._let_go(held, Held.give_back)
            raise
        else:
            self._let_go(held, Held.give_back)

    def close(self) -> None:
        """Let go of the lock remote."""
        if self._reader is not None:
            self._reader.join(5.0)
        close = getattr(self.refs, "close", None)
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
                return [take(self.refs, note, self.run.heroku.moment, deadline, on_wait)]
        except LockUnavailable as trouble:
            self._forgive(trouble)
            return []

    def _let_go(self, held: list[Held], how: Callable[[Held], None]) -> None:
        for lock in held:
            try:
                how(lock)
            except AcceleratorError as trouble:
                self.run.events.note(
                    f"the lock of {lock.note.app} could not be given back ({trouble.message}); "
                    "it ends by itself within minutes",
                    "warning",
                )

    def _read(self) -> None:
        try:
            assert self.policy.open_refs is not None  # noqa: S101  # see start
            self.refs = self.policy.open_refs()
            self.marks = self.refs.find(PREFIX)
        except AcceleratorError as trouble:
            self._trouble = trouble

    def _forgive(self, trouble: AcceleratorError) -> None:
        if self.policy.mode == "required":
            raise trouble
        self.run.events.note(
            f"going on without a lock: {trouble.message}; the target is read again before the "
            "write and after it",
            "warning",
        )
        self.refs, self.marks, self._trouble = None, {}, None
