"""Settle the targets of a wave: verify what each carries now, and go back where that fails.

The targets are verified side by side, for each may take minutes until its dynos are up and its
smoke checks pass. What becomes of one is a value, never an exception that would hide the others.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from accelerator.errors import (
    AcceleratorError,
    Inconclusive,
    NotReturned,
    OutcomeUnknown,
    Unreachable,
    VerificationFailed,
)
from accelerator.events import TargetSettled
from accelerator.models import Artifact, Commit, Route, StepName, TargetStatus, Verified
from accelerator.steps.compare.witness import find_released
from accelerator.steps.verify.adjacency import refuse_if_overtaken
from accelerator.steps.verify.going_back import (
    Hindrance,
    NotWentBack,
    WayBack,
    WentBack,
    find_hindrance,
    roll_back,
)
from accelerator.steps.verify.serving import Claim, Proof, verify
from accelerator.steps.verify.settled import Results, Settled, Verification

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from accelerator.steps.compare.decision import Decision
    from accelerator.steps.guard.direction import Forward
    from accelerator.steps.route.landing import Fence, Landing
    from accelerator.steps.run import Run
    from accelerator.steps.verify.smoke import SmokeCheck


@dataclass(frozen=True, slots=True)
class Verifier:
    """Verifies what a decision brought onto its targets, by the rules of the deploy.

    ``fence`` is what a way back has to pass.
    """

    run: Run
    decision: Decision
    rules: Verification
    forward: Forward
    fence: Fence

    def verify_targets(
        self,
        landings: Sequence[Landing],
        on_settled: Callable[[Settled], None],
        on_failed: Callable[[Settled], None] = lambda _: None,
    ) -> tuple[Settled, ...]:
        """Verify every target side by side; each passes, goes back, or says why not.

        `on_settled` is told of each as soon as its end is known: the others may take minutes.
        `on_failed` is told of one before it goes back, which may be cut short.
        """

        def settle(landing: Landing) -> Settled:
            settled = self._settle(landing, on_failed)
            self._emit(settled)
            on_settled(settled)
            return settled

        return self.run.side_by_side(settle, landings) if landings else ()

    def compensate(self, results: Results, on_settled: Callable[[Settled], None]) -> Results:
        """Return every finished target to its own recorded release: all of them, or none.

        None while the outcome of another one is unknown (it may yet succeed), and none when one of
        them has no way back: that is looked at before the first write. A way back that fails after
        all is that target's failure, and the others still go back.
        """
        finished = results.finished
        if unknown := [each.app for each in results.settled if not each.is_known]:
            why = NotWentBack.as_of(Hindrance.OTHERS_OPEN, apps=", ".join(unknown))
            return self.keep(results, why)
        if not finished:
            return results
        with self.run.events.brief(StepName.GUARD):
            looks = self.run.side_by_side(self._look_back, finished)
        if hindered := [each for each in looks if each.went_back is not None]:
            names = ", ".join(each.app for each in hindered)
            other = NotWentBack.as_of(Hindrance.NOT_ALL, apps=names)
            return self._kept(results, looks, other)

        def go_back(settled: Settled) -> Settled:
            gone = self._return(settled)
            on_settled(gone)
            return gone

        return self._merged(results, self.run.side_by_side(go_back, finished))

    def commit_before(self, settled: Settled) -> str | None:
        """Return the commit that a target ran before the deploy, where that is known."""
        before = settled.landing.before
        facts = self.decision.facts
        return find_released(facts, facts.target(settled.app), before).commit if before else None

    def keep(self, results: Results, why: NotWentBack) -> Results:
        """Return none of the finished targets, and say why."""
        return self._kept(results, results.finished, why)

    def _kept(self, results: Results, finished: Sequence[Settled], why: NotWentBack) -> Results:
        self.run.events.note(f"nothing was returned{why.text}", "warning")
        left = [replace(each, went_back=each.went_back or why) for each in finished]
        return self._merged(results, [_without_overtaken(each) for each in left])

    def _merged(self, results: Results, changed: Sequence[Settled]) -> Results:
        for each in changed:
            self._emit(each)
        by_app = {each.app: each for each in changed}
        return Results(tuple(by_app.get(each.app, each) for each in results.settled))

    def _settle(self, landing: Landing, on_failed: Callable[[Settled], None]) -> Settled:
        settled = Settled(landing)
        if landing.error is not None:
            return settled.failed(landing.error)
        try:
            proof = verify(self.run, self._claim(landing))
            self.run.refuse_if_stopping()  # what was cut short proves nothing
            settled = self._proved(landing, proof)
            if proof.outcome is Verified.PASSED and landing.route is not Route.LIVE:
                with self.run.events.brief(StepName.GUARD, landing.app):
                    refuse_if_overtaken(self.run, self.forward, self.decision.facts, proof.release)
        except AcceleratorError as error:
            is_late = isinstance(error, Unreachable) and self.run.deadline.remaining <= 0
            return settled.failed(_out_of_time(landing.app, error.message) if is_late else error)
        if proof.outcome is Verified.INCONCLUSIVE:
            told = _out_of_time if proof.cut_short else _not_told
            return settled.failed(told(landing.app, proof.flaw))
        if proof.outcome is Verified.PASSED:
            return settled
        on_failed(replace(settled, status=TargetStatus.PENDING))
        return self._go_back(settled)

    def _claim(self, landing: Landing) -> Claim:
        facts, ref = self.decision.facts, landing.ref
        if ref is None or landing.release_id is None:
            raise ValueError("a landing without an error has a release and its artifact")
        # What was built from the same source says of itself the commit it was built from.
        own = landing.artifact.commit if isinstance(landing.artifact, Artifact) else None
        built = Commit(own or facts.commit_of(ref) or self.decision.commit.sha)
        app, checks = landing.app, self._checks_of(landing.app)
        had_web, heard = self._had_web(app), landing.is_heard
        return Claim(app, landing.release_id, ref, built, checks, had_web, is_heard=heard)

    def _had_web(self, app: str) -> bool:
        formation = self.decision.facts.target(app).fit.formation or ()
        return any(row.type == "web" and row.quantity > 0 for row in formation)

    def _proved(self, landing: Landing, proof: Proof) -> Settled:
        ref, is_live = landing.ref, landing.route is Route.LIVE
        known = self.decision.facts.artifacts.get(ref.id) if ref else None
        return Settled(
            landing,
            TargetStatus.UNCHANGED if is_live else TargetStatus.SUCCEEDED,
            proof.release,
            known or landing.artifact,
            proof.outcome,
            proof.flaw,
            switch_seconds=proof.switch_seconds,
            saw=proof.saw,
        )

    def _go_back(self, settled: Settled) -> Settled:
        landing, flaw = settled.landing, settled.flaw or ""
        went: WentBack | NotWentBack
        if not self.rules.rolls_back:
            went = NotWentBack.as_of(Hindrance.SWITCHED_OFF)
        elif landing.route is Route.LIVE and not landing.is_adopted:
            went = NotWentBack.as_of(Hindrance.NOTHING_RELEASED)
        else:
            went = roll_back(self.run, self._way_back(settled), self.fence)
        gone = replace(settled, went_back=went)
        if isinstance(went, WentBack):
            return gone.failed(VerificationFailed(settled.app, flaw, went.previous.version))
        unproven, has_way = went.is_unproven, self._has_way_back(landing, went.why)
        return gone.failed(
            VerificationFailed(
                settled.app, flaw, None, went.text, is_unproven=unproven, has_way_back=has_way
            )
        )

    def _has_way_back(self, landing: Landing, why: Hindrance) -> bool:
        """Return whether a person could go back by hand, where this run did not."""
        before = landing.before
        if landing.route is Route.LIVE and not landing.is_adopted:
            before = self.decision.facts.target(landing.app).find_before_current()
        return before is not None and before.artifact is not None and why is not Hindrance.EXPIRED

    def _look_back(self, settled: Settled) -> Settled:
        """Look whether a finished target has a way back; ``went_back`` says where it has none."""
        return replace(settled, went_back=find_hindrance(self.run, self._way_back(settled)))

    def _return(self, settled: Settled) -> Settled:
        """Return a finished target to the release it had, as others failed."""
        went = roll_back(self.run, self._way_back(settled), self.fence)
        gone = replace(settled, went_back=went)
        if isinstance(went, NotWentBack) and went.is_open:
            unknown = f"whether {settled.app} was returned to the release it had is not known"
            return gone.failed(
                OutcomeUnknown(f"{unknown}{went.text}", NotReturned.look(settled.app))
            )
        if isinstance(went, NotWentBack):
            return gone.failed(NotReturned(settled.app, went.text, is_unproven=went.is_unproven))
        return replace(gone, status=TargetStatus.COMPENSATED)

    def _way_back(self, settled: Settled) -> WayBack:
        """Return from which release to which one a target goes back, and how that is checked."""
        before, checks = settled.landing.before, self._checks_of(settled.app)
        # What was shipped under an alias says of itself the commit it was built from.
        built = self.decision.facts.commit_of(before.artifact) if before else None
        seconds = settled.switch_seconds
        had_web = self._had_web(settled.app)
        return WayBack(settled.app, settled.release, before, built, checks, seconds, had_web)

    def _checks_of(self, app: str) -> tuple[SmokeCheck, ...]:
        return self.rules.checks_of(self.decision.facts.target(app).stage)

    def _emit(self, settled: Settled) -> None:
        release, before = settled.release, settled.landing.before
        self.run.events.emit(
            TargetSettled(
                settled.app,
                self.decision.commit.sha,
                settled.landing.route,
                settled.status,
                settled.verified,
                release.version if release else None,
                before.version if before else None,
                settled.rolled_back_to,
                settled.complaint,
            )
        )


def _without_overtaken(settled: Settled) -> Settled:
    """Return a target over which somebody else has released as failed: it has other code now."""
    went = settled.went_back
    if isinstance(went, NotWentBack) and went.why is Hindrance.OVERTAKEN:
        return settled.failed(NotReturned(settled.app, went.text))
    return settled


def _not_told(app: str, flaw: str | None) -> AcceleratorError:
    """Return the error of a verification that came to no verdict."""
    return Inconclusive(
        f"{app} could not be verified: {flaw}",
        "nothing was rolled back; mend that, then run the same command again: it verifies what is "
        "live",
    )


def _out_of_time(app: str, flaw: str | None) -> AcceleratorError:
    """Return the error of a verification that the run's own time was too short for."""
    return OutcomeUnknown(
        f"{app} could not be verified before the run's own time (--timeout) was over: {flaw}",
        f"nothing was rolled back; run the same command again, or `accelerator resume {app}`, with "
        "more time: it verifies what is live",
    )
