"""Resume: finish or report a deploy that was cut short, by the note its lock left."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from accelerator.errors import LockUnavailable, NotFound, Refused
from accelerator.models import Commit, Refusal
from accelerator.steps.deploy import deploy
from accelerator.steps.guard.held import look
from accelerator.steps.order import DeployOrder

if TYPE_CHECKING:
    from accelerator.steps.guard.notes import LockNote
    from accelerator.steps.order import Rules
    from accelerator.steps.report import Report
    from accelerator.steps.run import Run


def resume(run: Run, app: str, rules: Rules, report: Report) -> None:
    """Deploy to `app` what the deploy that was cut short there was about.

    What happened already is not done again. Raises `NotFound` where no deploy was cut short, and
    `Refused` (``locked``) where one seems to be running.
    """
    note = find_unfinished(run, app)
    report.ordered(Commit(note.commit))
    run.events.note(f"resuming: {note.describe()}")
    commit = run.clone.resolve(note.commit) if rules.same_tree else Commit(note.commit)
    deploy(run, DeployOrder(commit, ((app,),), rules), report)


def find_unfinished(run: Run, app: str) -> LockNote:
    """Find the note of a deploy to `app` that was cut short."""
    if run.marks is None:
        raise LockUnavailable("no lock remote is named")
    with closing(run.marks.open()) as remote:
        found = look(remote, app)
    if found is None or found.note is None or not found.note.commit:
        raise NotFound(
            f"no deploy to {app} was cut short: the lock remote has no note of one",
            "run `accelerator deploy` again with the commit: it is safe to repeat",
        )
    run.heroku.apps.fetch(app)  # any answer tells the platform's time
    if not found.note.is_free(run.heroku.moment()):
        raise Refused(
            Refusal.LOCKED,
            f"the deploy to {app} seems to be running: {found.note.describe()}",
            "a dead one's lock ends by itself within minutes; then run this again",
        )
    return found.note
