"""The locks of one deploy: whether there are any, and holding every target.

Reading the remote starts in a thread at once, beside the first requests to the platform. Targets
are locked in one order for everybody, so that no two deploys wait for each other. However a deploy
ends its locks are let go; of targets on which something was begun whose end is not known the note
stays, marked as interrupted, for the next one to look into.

Without a lock a deploy goes on only where that was asked for (``off``), or where the remote takes
no such refs (``auto``). Freezes and rejections are read all the same: where nobody can tell whether
there is one, nothing is shipped.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from accelerator.errors import AcceleratorError, LockUnavailable, NoLockRefs, Refused
from accelerator.models import LockKind, LockMode, StepName
from accelerator.steps.guard.acquire import take
from accelerator.steps.guard.holding import HeldLocks
from accelerator.steps.guard.home import find_home
from accelerator.steps.guard.keeper import Keeper
from accelerator.steps.guard.marks import find_marks
from accelerator.steps.guard.notes import lock_ref
from accelerator.steps.guard.watch import CannotTell, NotAsked, Standing, TakesNoRefs, Watch

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from accelerator.models import Commit
    from accelerator.steps.compare.decision import Decision
    from accelerator.steps.compare.facts import Facts
    from accelerator.steps.guard.findings import Finding
    from accelerator.steps.guard.held import HeldLock
    from accelerator.steps.guard.notes import LockNote
    from accelerator.steps.guard.policy import LockPolicy
    from accelerator.steps.guard.remote import LockRemote
    from accelerator.steps.run import Run
    from accelerator.waiting import Clock

NO_REMOTE = "name one by --lock-remote, or a prepare app by --from; --lock auto does without"
FRESH_SECONDS = 15.0  # what was read of the remote so long ago may have changed


@dataclass
class TargetLocks:
    """The lock remote during one deploy, and the locks that are held in it.

    ``held`` are the locks of ours; none before `hold`, and none where nothing is locked.
    """

    run: Run
    policy: LockPolicy
    held: HeldLocks = field(default_factory=HeldLocks)
    watch: Watch = field(init=False)
    _is_unlocked: bool = False
    _is_told: bool = False
    _is_at_home: bool = False
    _is_loss_told: bool = False
    _keeper: Keeper | None = None

    def __post_init__(self) -> None:
        self.watch = Watch(self.run.marks, self._clock)
        self._is_unlocked = self.policy.mode is LockMode.OFF

    @classmethod
    @contextmanager
    def opened(cls, run: Run, policy: LockPolicy) -> Iterator[TargetLocks]:
        """Begin to read what stands in the remote, and let go of it in the end."""
        locks = cls(run, policy)
        locks.watch.begin()
        try:
            yield locks
        finally:
            with run.events.brief(StepName.UNLOCK):
                locks.watch.close()

    @property
    def _clock(self) -> Clock:
        return self.run.deadline.clock

    @property
    def kind(self) -> LockKind:
        """Return how good the locks are that are held now."""
        if not self.held.locks:
            return LockKind.NONE
        return LockKind.ADVISORY if self.are_advisory else LockKind.HELD

    @property
    def are_advisory(self) -> bool:
        """True where two deploys can have the same lock, for all that is known of the remote."""
        return self.watch.remote is not None and self.watch.remote.is_advisory

    @property
    def are_wanted(self) -> bool:
        """True where targets are to be locked, and there is a remote that takes locks."""
        return not self._is_unlocked and self.watch.remote is not None

    def settle_home(self, facts: Facts) -> None:
        """See to it that the remote is the one that the pipeline of the targets tells, once.

        What is looked at from the start is a guess, where no setting says which it is.
        """
        guess = self.run.guess
        if guess is None or self._is_at_home:
            return
        targets = {each.app: each.coupling for each in facts.targets}
        coupled = {**{each.app: each.coupling for each in facts.sources}, **targets}
        names = {at.app_id: app for app, at in coupled.items() if at is not None}
        home = find_home(self.run.heroku, targets, names, guess.app)
        if home is not None and home != guess.app:
            self.run.events.note(f"locks and freezes are kept in the git of {home}", "detail")
            guessed, self.watch = self.watch, Watch(guess.place_at(home), self._clock)
            self.watch.begin()
            guessed.close()
        self._is_at_home = True

    def read(self, seconds: float = FRESH_SECONDS) -> Standing | None:
        """Return what stands in the remote, as of so many seconds ago at most.

        None where there is certainly nothing to heed, and the policy allows to go on then. Raises
        where nobody can tell, whatever the policy is.
        """
        view = self.watch.look(seconds)
        if isinstance(view, CannotTell):
            raise view.why
        if isinstance(view, NotAsked):
            if self.policy.mode is not LockMode.OFF:
                self._do_without(LockUnavailable("no lock remote is named", NO_REMOTE))
            return None
        if isinstance(view, TakesNoRefs):
            self._do_without(view.why)
            return None
        return view

    def find_marks(
        self, commit: Commit, apps: Iterable[str], standing: Standing | None
    ) -> tuple[Finding, ...]:
        """Find freezes and rejections that keep the commit from these targets, in what stands."""
        if standing is None or self.watch.remote is None:
            return ()
        return find_marks(commit, apps, standing.refs, self.watch.remote)

    def stand_on(self, apps: Iterable[str]) -> bool:
        """Return whether somebody is busy on one of these targets, as far as was read."""
        standing = self.read()
        return standing is not None and any(lock_ref(app) in standing.refs for app in apps)

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
            self.watch.forget()
            self._tell_if_advisory()
            yield held
        except KeyboardInterrupt:
            self._hurry()
            raise
        except Refused:
            self._is_loss_told = True  # it says so, where that is why
            raise
        finally:
            with self.run.events.brief(StepName.UNLOCK):
                self._let_go_of_all()

    def tell_soon(self) -> None:
        """Have the notes written soon: what they have to say may be asked for by the next run."""
        if self._keeper is not None:
            self._keeper.renew_soon()

    def _take(self, note: LockNote) -> None:
        remote = self.watch.remote
        if self._is_unlocked or remote is None:
            return
        seconds = self.policy.wait_seconds
        deadline = self.run.deadline.within(seconds)

        def on_wait(holder: str) -> None:
            self.watch.has_seen = True
            self.run.events.note(f"{note.app} is locked by {holder}; waiting for it")

        try:
            title = f"Lock {note.app}"
            with self.run.events.step(StepName.LOCK, title, note.app, seconds) as step:
                lock = take(self._open_keeper(remote), note, deadline, on_wait, step.tell)
                step.detail = "advisory" if remote.is_advisory else ""
        except NoLockRefs as absence:
            self._do_without(absence)
            return
        self.watch.has_seen = True
        if lock.before is not None and lock.before.note is not None and lock.before.note.commit:
            # Until somebody has looked at what was cut short there, the next one has to.
            self.held.inherited[note.app] = lock.before.note.commit
        self.held.locks.append(lock)

    def _open_keeper(self, remote: LockRemote) -> Keeper:
        if self._keeper is None:
            self._keeper = Keeper(remote, self.run.heroku.moment)
        return self._keeper

    def _hurry(self) -> None:
        if self._keeper is not None:
            self._keeper.hurry()
        self.watch.hurry()

    def _do_without(self, absence: LockUnavailable) -> None:
        """Go on without a lock, where nothing else was asked for; that is said once."""
        if self.policy.mode is LockMode.REQUIRED:
            raise absence
        if self.watch.has_seen:  # it took such refs a moment ago: something else is wrong
            raise LockUnavailable(
                "it had refs of ours, and now it is said to take none"
            ) from absence
        if self._is_told:
            return
        self._is_told = self._is_unlocked = True
        self.run.events.note(
            f"going on without a lock: {absence.message}; the target is read again before the "
            "write and after it",
            "warning",
        )

    def _tell_if_advisory(self) -> None:
        if self.kind is LockKind.ADVISORY:
            self.run.events.note(
                "the lock is advisory: Heroku's git is probably not compare-and-swap, so two "
                'deploys can both hold it. lock_remote = "origin" keeps locks in the project\'s '
                "own git host",
                "detail",
            )

    def _let_go_of_all(self) -> None:
        """Let go of every lock, also when somebody loses patience meanwhile."""
        if self._keeper is not None:
            self._keeper.close()
        interrupt = None
        while self.held.locks:
            try:
                self._let_go(self.held.locks.pop(0))
            except KeyboardInterrupt as stop:
                interrupt = stop
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
        if lock.is_lost and not self._is_loss_told:
            self.run.events.note(
                f"the lock of {app} ran out or was taken away while this deploy went on: somebody "
                f"else may have released there meanwhile, as `heroku releases -a {app}` shows",
                "warning",
            )
