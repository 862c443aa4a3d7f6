"""The locks of one deploy: what stands in the lock remote, and holding every target.

Reading the remote starts in a thread at once, beside the first requests to the platform. Targets
are locked in one order for everybody, so that no two deploys wait for each other. However a deploy
ends its locks are let go; of targets on which something was begun whose end is not known the note
stays, marked as interrupted, for the next one to look into.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Thread
from typing import TYPE_CHECKING

from accelerator.errors import AcceleratorError, LockUnavailable, RepositoryProblem, UsageProblem
from accelerator.models import LockMode, StepName
from accelerator.steps.guard.acquire import take
from accelerator.steps.guard.keeper import Keeper
from accelerator.steps.guard.marks import find_marks
from accelerator.steps.guard.notes import LockNote, lock_ref

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from accelerator.models import Commit
    from accelerator.steps.compare.decision import Decision
    from accelerator.steps.guard.findings import Finding
    from accelerator.steps.guard.held import HeldLock, LockRemote
    from accelerator.steps.guard.policy import LockPolicy
    from accelerator.steps.run import Run

FRESH_SECONDS = 15.0  # what was read of the remote so long ago may have changed


@dataclass
class HeldLocks:
    """The locks of all targets, while they are held; none where nothing is locked.

    ``at_stake`` are the targets on which something was begun whose end is not known; ``inherited``
    those on which a deploy before this one was cut short, and nothing was begun by us so far.
    """

    locks: list[HeldLock] = field(default_factory=list)
    at_stake: set[str] = field(default_factory=set)
    inherited: set[str] = field(default_factory=set)

    def demand(self) -> None:
        """Raise `Refused` when a lock was lost; to be called right before each write."""
        for lock in self.locks:
            lock.demand()

    def begin(self, apps: Iterable[str]) -> None:
        """Note that something is begun on these targets, whose end is not known from now on."""
        self.at_stake |= set(apps)
        self.inherited -= set(apps)

    def ended(self, apps: Iterable[str]) -> None:
        """Note that what was begun on these targets is known to have ended."""
        self.at_stake -= set(apps)
        self.inherited -= set(apps)

    def turn_back(self, apps: Mapping[str, str | None]) -> None:
        """Let the notes say that these targets go back, each to the commit it had before."""
        for lock in self.locks:
            if lock.note.app in apps:
                lock.turn_back(apps[lock.note.app])

    def remember(self, apps: Iterable[str], promotion: str) -> None:
        """Let the notes of the locks name a promotion: nothing else on Heroku leads to it."""
        named = set(apps)
        for lock in self.locks:
            if lock.note.app in named:
                lock.remember(promotion)


@dataclass
class TargetLocks:
    """The lock remote during one deploy, and what stands in it: ``standing``, refs to shas.

    ``held`` are the locks of ours; none before `hold`, and none where nothing is locked.
    """

    run: Run
    policy: LockPolicy
    held: HeldLocks = field(default_factory=HeldLocks)
    remote: LockRemote | None = None
    standing: Mapping[str, str] = field(default_factory=dict)
    _opened: LockRemote | None = None
    _reader: Thread | None = None
    _read_at: float = 0.0
    _trouble: AcceleratorError | None = None
    _keeper: Keeper | None = None

    @classmethod
    @contextmanager
    def opened(cls, run: Run, policy: LockPolicy) -> Iterator[TargetLocks]:
        """Begin to read what stands in the remote, and let go of it in the end."""
        locks = cls(run, policy)
        locks.start()
        try:
            yield locks
        finally:
            locks.close()

    def start(self) -> None:
        """Begin to read what stands in the remote."""
        if self.policy.mode is LockMode.OFF or self.run.marks is None:
            return
        self._reader = Thread(target=self._read, name="lock remote", daemon=True)
        self._reader.start()

    def read(self) -> Mapping[str, str]:
        """Return the refs of ours with their shas; none where there is no lock remote to ask.

        What was read a while ago is read again. Raises `LockUnavailable` under ``required`` only;
        ``auto`` says so and goes on.
        """
        if self._reader is not None:
            self._reader.join()
            self._reader = None
        elif self.remote is not None and self._now() - self._read_at >= FRESH_SECONDS:
            self._read()
        if self._trouble is not None:
            self._forgive(self._trouble)
        return self.standing

    def find_marks(self, commit: Commit, apps: Iterable[str]) -> tuple[Finding, ...]:
        """Find freezes and rejections that keep the commit from these targets."""
        standing = self.read()
        return () if self.remote is None else find_marks(commit, apps, standing, self.remote)

    def stand_on(self, apps: Iterable[str]) -> bool:
        """Return whether somebody is busy on one of these targets, as far as was read."""
        return any(lock_ref(app) in self.standing for app in apps)

    def are_needed(self, decision: Decision) -> bool:
        """Return whether a deploy locks its targets: all of them, or none.

        None where nothing is to be written, unless somebody is busy on one of them: what runs
        there now may yet be rolled back.
        """
        return not decision.is_live or self.stand_on(decision.routes)

    @contextmanager
    def hold(self, notes: tuple[LockNote, ...]) -> Iterator[HeldLocks]:
        """Hold the targets of all notes, in one order for everybody, so that nobody deadlocks.

        However the block ends, the locks are let go; the notes of those at stake stay.
        """
        held = self.held
        try:
            for note in sorted(notes, key=lambda note: note.app):
                self._take(note)
            yield held
        except KeyboardInterrupt:
            self._hurry()
            raise
        finally:
            self._let_go_of_all()

    def close(self) -> None:
        """Let go of the lock remote."""
        if self._reader is not None:
            self._reader.join(5.0)
        if self._opened is not None:
            self._opened.close()

    def _take(self, note: LockNote) -> None:
        if self.remote is None:
            return
        deadline = self.run.deadline.within(self.policy.wait_seconds)

        def on_wait(holder: str) -> None:
            self.run.events.note(f"{note.app} is locked by {holder}; waiting for it")

        try:
            with self.run.events.step(StepName.LOCK, f"Lock {note.app}", note.app):
                lock = take(self._open_keeper(self.remote), note, deadline, on_wait)
        except LockUnavailable as trouble:
            self._forgive(trouble)
            return
        if lock.before is not None and lock.before.note is not None and lock.before.note.commit:
            # Until somebody has looked at what was cut short there, the next one has to.
            self.held.inherited.add(note.app)
        self.held.locks.append(lock)

    def _open_keeper(self, remote: LockRemote) -> Keeper:
        if self._keeper is None:
            self._keeper = Keeper(remote, self.run.heroku.moment)
        return self._keeper

    def _hurry(self) -> None:
        if self._keeper is not None:
            self._keeper.hurry()
        if self._opened is not None:
            self._opened.hurry()

    def _let_go_of_all(self) -> None:
        """Let go of every lock, also when somebody loses patience meanwhile."""
        interrupt = None
        while self.held.locks:
            try:
                self._let_go(self.held.locks.pop(0))
            except KeyboardInterrupt as stop:
                interrupt = stop
        if self._keeper is not None:
            self._keeper.close()
        if interrupt is not None:
            raise interrupt

    def _let_go(self, lock: HeldLock) -> None:
        app = lock.note.app
        if app in self.held.at_stake:
            let_go = lock.leave_open
        elif app in self.held.inherited:
            let_go = lock.hand_on
        else:
            let_go = lock.give_back
        try:
            try:
                let_go()
            except KeyboardInterrupt:
                self._hurry()
                let_go()
                raise
        except AcceleratorError as trouble:
            self.run.events.note(
                f"the lock of {lock.note.app} could not be given back ({trouble.message}); "
                "it ends by itself within minutes",
                "warning",
            )

    def _read(self) -> None:
        try:
            if self._opened is None and self.run.marks is not None:
                self.remote = self._opened = self.run.marks.open()
            if self.remote is not None:
                self.standing, self._read_at = self.remote.find(), self._now()
        except AcceleratorError as trouble:
            self._trouble = trouble

    def _now(self) -> float:
        return self.run.deadline.clock.now()

    def _forgive(self, trouble: AcceleratorError) -> None:
        # What the caller has to mend is no trouble of the remote: freezes would go unseen with it.
        is_ours = isinstance(trouble, UsageProblem) and not isinstance(trouble, RepositoryProblem)
        if self.policy.mode is LockMode.REQUIRED or is_ours:
            raise trouble
        self.run.events.note(
            f"going on without a lock: {trouble.message}; the target is read again before the "
            "write and after it",
            "warning",
        )
        self.remote, self.standing, self._trouble = None, {}, None
