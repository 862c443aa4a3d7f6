"""Reject a commit that had to be taken back: it is kept from that target until `accept`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from accelerator.errors import AcceleratorError
from accelerator.models import Written
from accelerator.steps.guard.notes import Mark, reject_ref, render_note
from accelerator.steps.guard.placing import place

if TYPE_CHECKING:
    from accelerator.models import Commit
    from accelerator.steps.guard.fence import Fence
    from accelerator.steps.guard.watch import SteadyRemote
    from accelerator.steps.run import Run


@dataclass(frozen=True, slots=True)
class Rejection:
    """Which commit is to be kept from which target, by whom and why."""

    app: str
    commit: Commit
    by: str
    why: str


def reject_after_rollback(run: Run, fence: Fence, rejection: Rejection) -> Written | None:
    """Keep a commit from a target that has just gone back from it; return what became of that.

    Never raises an expected error: the failure that led here is what is told. None where no lock
    remote is known.
    """
    remote, app = fence.locks.watch.remote, rejection.app
    if remote is None:
        return None
    try:
        fence.demand([app])
        written = _place(run, remote, rejection)
    except AcceleratorError as trouble:
        run.events.note(f"the rejection for {app} could not be kept: {trouble.message}", "warning")
        return Written.LOST
    run.events.note(_describe(rejection, written), "warning")
    return written


def _place(run: Run, remote: SteadyRemote, rejection: Rejection) -> Written:
    at = run.events.clock.moment().isoformat(timespec="seconds")
    text = render_note(Mark(rejection.by, rejection.why, at))
    ref = reject_ref(rejection.app, rejection.commit.sha)
    return place(remote, ref, None, text, run.deadline.clock.sleep)


def _describe(rejection: Rejection, written: Written) -> str:
    app, short = rejection.app, rejection.commit.short
    if written in {Written.MADE, Written.STOOD}:
        return f"{short} is rejected for {app} until `accelerator accept {app} --commit {short}`"
    how = f"`accelerator reject {app} --commit {short} --reason …` makes it"
    if written is Written.LOST:
        return f"the rejection for {app} could not be kept, as other pushes undid it; {how}"
    return f"whether the rejection for {app} stands cannot be told; {how}, or says that it does"
