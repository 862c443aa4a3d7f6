"""What the locks of a deploy say of it: what is about to be done, and where the way back leads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelerator.steps.compare.before import find_before
from accelerator.steps.guard.notes import LockNote

if TYPE_CHECKING:
    from accelerator.steps.compare.decision import Decision
    from accelerator.steps.order import DeployOrder


def lock_notes(order: DeployOrder, decision: Decision) -> tuple[LockNote, ...]:
    """Write down what is about to be done; targets that run the commit are locked as well.

    Where a deploy cut short had made what runs there, the release before that one is handed on.
    """
    facts = decision.facts
    before = {target.app: find_before(facts, target, order.commit) for target in facts.targets}
    artifact = decision.candidate.artifact.id if decision.candidate else None
    prepare_apps = [source.app for source in order.rules.sources if source.is_prepare]
    return tuple(
        LockNote(
            app=target.app,
            holder=order.rules.lock.holder,
            commit=order.commit.sha,
            route=decision.routes[target.app],
            expires_at="",
            nonce="",
            link=order.rules.lock.link,
            artifact=artifact,
            previous_release=release.version if (release := before[target.app]) else None,
            extra={"from": prepare_apps},
            job=order.rules.lock.job,
            attempt=order.rules.lock.attempt,
        )
        for target in decision.facts.targets
    )
