"""Leave a target alone that runs the commit already."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelerator.models import Route
from accelerator.steps.compare.before import find_before
from accelerator.steps.route.landing import Landing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from accelerator.steps.compare.decision import Decision
    from accelerator.steps.compare.states import TargetState
    from accelerator.steps.route.landing import Fence, Write
    from accelerator.steps.run import Run


def writes(_decision: Decision, _targets: Sequence[TargetState]) -> tuple[Write, ...]:
    """Return no write: nothing is done."""
    return ()


def take(
    _run: Run, decision: Decision, targets: Sequence[TargetState], _fence: Fence
) -> tuple[Landing, ...]:
    """Return what each target runs.

    A release of this commit that a deploy cut short had made is taken for our own: the way back
    then leads to the release that deploy had recorded.
    """
    landings = []
    for target in targets:
        current = target.current
        if current is None or current.artifact is None:
            continue
        before = find_before(decision.facts, target, decision.commit)
        landings.append(
            Landing(
                target.app,
                Route.LIVE,
                before,
                current.artifact,
                current.id,
                current,
                is_adopted=before != current,
            )
        )
    return tuple(landings)
