"""How targets are to be verified, and how each one ended: the values of this room."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from accelerator.errors import ExitCode, NotReturned, OutcomeUnknown, Refused
from accelerator.models import TargetStatus, Verified
from accelerator.steps.route.landing import is_open
from accelerator.steps.verify.going_back import Hindrance, NotWentBack, WentBack
from accelerator.steps.verify.smoke import is_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from accelerator.errors import AcceleratorError
    from accelerator.models import Artifact, ArtifactRef, Release
    from accelerator.steps.route.landing import Landing
    from accelerator.steps.verify.saw import Saw
    from accelerator.steps.verify.smoke import SmokeCheck

DONE = frozenset({TargetStatus.SUCCEEDED, TargetStatus.UNCHANGED})


@dataclass(frozen=True, slots=True)
class Verification:
    """How targets are verified: smoke checks by stage, and whether one that fails goes back.

    ``everywhere`` holds for a target whose stage has none of its own, or that is in no pipeline.
    """

    everywhere: tuple[SmokeCheck, ...] = ()
    by_stage: Mapping[str, tuple[SmokeCheck, ...]] = field(default_factory=dict)
    rolls_back: bool = True

    @property
    def asks_addresses(self) -> bool:
        """True when a check of any stage is a path on the app's own address."""
        every = (self.everywhere, *self.by_stage.values())
        return any(is_path(check) for checks in every for check in checks)

    def checks_of(self, stage: str | None) -> tuple[SmokeCheck, ...]:
        """Return the smoke checks of a stage."""
        return self.by_stage.get(stage or "", self.everywhere)


@dataclass(frozen=True, slots=True)
class Settled:
    """The end of one target: what was verified, and whether it went back.

    ``artifact`` is what its release carries. ``went_back`` is set where going back was wanted. For
    ``switch_seconds`` after a release old code may still answer there. ``saw`` is what was seen of
    it, None where nobody looked.
    """

    landing: Landing
    status: TargetStatus = TargetStatus.PENDING
    release: Release | None = None
    artifact: Artifact | ArtifactRef | None = None
    verified: Verified = Verified.NOT_RUN
    flaw: str | None = None
    went_back: WentBack | NotWentBack | None = None
    switch_seconds: float = 0.0
    error: AcceleratorError | None = None
    saw: Saw | None = None

    @property
    def app(self) -> str:
        """Return the target."""
        return self.landing.app

    @property
    def is_known(self) -> bool:
        """True unless we were cut off from it, so that what becomes of it is open."""
        return not is_open(self.error)

    @property
    def is_over(self) -> bool:
        """True when nothing that was begun there may still happen, the way back included.

        A way back that this run had no time for is left to the next one.
        """
        went = self.went_back
        if not self.is_known or not isinstance(went, NotWentBack):
            return self.is_known
        return not went.is_open and not (went.is_to_be_done and self.verified is Verified.FAILED)

    @property
    def is_refuted(self) -> bool:
        """True when it was proved not to serve, and the code of before is live again."""
        went = self.went_back
        is_back = isinstance(went, WentBack) or (
            isinstance(went, NotWentBack) and went.why is Hindrance.UNPROVEN
        )
        return is_back and self.verified is Verified.FAILED

    @property
    def is_done(self) -> bool:
        """True when the target has the commit, verified."""
        return self.status in DONE

    @property
    def was_not_returned(self) -> bool:
        """True when it still has the commit, verified, although it was to go back."""
        went = self.went_back
        if not isinstance(went, NotWentBack) or went.is_open:
            return False
        is_gone = went.is_unproven or went.why is Hindrance.OVERTAKEN
        return self.verified is Verified.PASSED and not is_gone

    @property
    def is_stranded(self) -> bool:
        """True when nobody can tell yet whether it went back, as others failed."""
        went = self.went_back
        is_open_way = isinstance(went, NotWentBack) and went.is_open
        return self.verified is Verified.PASSED and is_open_way

    @property
    def rolled_back_to(self) -> int | None:
        """Return the version whose code serves again, if it went back."""
        return self.went_back.previous.version if isinstance(self.went_back, WentBack) else None

    @property
    def complaint(self) -> str | None:
        """Return what is to be said against it: its failure, or why it was not returned."""
        if self.error is not None:
            return self.error.message
        if self.was_not_returned and isinstance(self.went_back, NotWentBack):
            return f"not returned{self.went_back.text}"
        return None

    def failed(self, error: AcceleratorError) -> Settled:
        """Return the same with a failure; one that leaves the end open is pending."""
        settled = replace(self, error=error)
        status = TargetStatus.FAILED if settled.is_known else TargetStatus.PENDING
        status = TargetStatus.REFUSED if isinstance(error, Refused) else status
        return replace(settled, status=status)


@dataclass(frozen=True, slots=True)
class Results:
    """How the targets of a deploy have ended so far, in the order of its waves."""

    settled: tuple[Settled, ...] = ()

    def plus(self, more: Iterable[Settled]) -> Results:
        """Return these and those of one more wave."""
        return Results((*self.settled, *more))

    @property
    def failed(self) -> tuple[Settled, ...]:
        """Return the targets that something went wrong with."""
        return tuple(each for each in self.settled if each.error is not None)

    @property
    def finished(self) -> tuple[Settled, ...]:
        """Return the targets that got the commit by this run, verified.

        Or by one that was cut short: what it had released there is ours to take back.
        """
        return tuple(
            each
            for each in self.settled
            if each.status is TargetStatus.SUCCEEDED
            or (each.status is TargetStatus.UNCHANGED and each.landing.is_adopted)
        )

    @property
    def has_unknown(self) -> bool:
        """True when nobody can tell yet how a target ends: its write, its checks, its way back."""
        return any(not each.is_over for each in self.settled)

    @property
    def apps_with_commit(self) -> frozenset[str]:
        """Return the targets that have the commit, also those that could not be returned."""
        has_it = (each for each in self.settled if each.is_done or each.was_not_returned)
        return frozenset(each.app for each in has_it)

    @property
    def lost(self) -> OutcomeUnknown | None:
        """Return the error of a write that nobody knows the end of, forward or on the way back."""
        open_ends = (each for each in self.failed if each.landing.is_unknown or each.is_stranded)
        errors = (each.error for each in open_ends)
        return next((error for error in errors if isinstance(error, OutcomeUnknown)), None)

    @property
    def cause(self) -> AcceleratorError | None:
        """Return the first failure, and not what became of others because of it."""
        causes = (each.error for each in self.failed if not isinstance(each.error, NotReturned))
        return next(causes, None)

    @property
    def worst(self) -> AcceleratorError | None:
        """Return the failure to be told where no target has the commit.

        A target that could not be returned comes first, then one that serves bad code: both are
        worse than what went back.
        """
        errors = [each.error for each in self.failed if each.error is not None]
        return min(errors, key=_gravity, default=None)


def _gravity(error: AcceleratorError) -> int:
    if isinstance(error, NotReturned):
        return 0
    return 1 if error.exit_code is ExitCode.NOT_ROLLED_BACK else 2
