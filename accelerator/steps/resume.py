"""Resume: finish or report a deploy that was cut short, by the note its lock left.

The note is a claim: whoever may write to the lock remote can have put any commit into it. So it is
shown, and deployed only where something else than the note speaks for that commit: somebody names
it, this CI job is about it, or a person confirms it.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from accelerator.errors import LockUnavailable, NotFound, Refused, UsageProblem
from accelerator.foreign import one_line
from accelerator.models import Commit, Refusal, StepName
from accelerator.steps.deploy import deploy
from accelerator.steps.guard.held import look
from accelerator.steps.guard.watch import open_remote
from accelerator.steps.order import DeployOrder, Rules

if TYPE_CHECKING:
    from collections.abc import Callable

    from accelerator.steps.guard.notes import LockNote
    from accelerator.steps.guard.policy import LockPolicy
    from accelerator.steps.report import Report
    from accelerator.steps.run import Run

    Ask = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class ResumeOrder:
    """The app whose deploy is to be finished, under which rules, and what speaks for the commit.

    ``named`` is the sha that somebody named, ``own`` that of the CI job this is.
    ``confirmed`` is the app as somebody named it once more.
    """

    app: str
    rules: Rules
    named: str | None = None
    own: str | None = None
    confirmed: str | None = None


def resume(run: Run, order: ResumeOrder, report: Report, ask: Ask | None = None) -> None:
    """Deploy to the app what the deploy that was cut short there was about.

    What happened already is not done again. `ask` puts a question to a person and returns what was
    typed; None where there is nobody. Raises `UsageProblem` where another app was confirmed,
    `NotFound` where no deploy was cut short, and `Refused`: ``locked`` where one seems to be
    running, ``not_confirmed`` where nothing but the note speaks for the commit.
    """
    if order.confirmed not in {None, order.app}:
        raise UsageProblem(
            f"--confirm names {order.confirmed}, and what is deployed to is {order.app}",
            f"--confirm {order.app}, if that is what you mean",
        )
    try:
        with run.events.brief(StepName.LOCK, order.app):
            note = find_unfinished(run, order.app, order.rules.lock)
        report.ordered(Commit(note.commit))
        known = run.clone.find(note.commit)
        what = describe_commit(note.commit, known)
        run.events.note(f"resuming {order.app}: {what}")
        run.events.note(f"left by {note.describe()}")
        demand_consent(order, note, what, ask)
    except Refused as refusal:
        report.refused(refusal)
        raise
    commit = _with_tree(note.commit, known) if order.rules.same_tree else Commit(note.commit)
    deploy(run, DeployOrder(commit, ((order.app,),), order.rules), report)


def find_unfinished(run: Run, app: str, policy: LockPolicy) -> LockNote:
    """Find the note of a deploy to `app` that was cut short.

    One that an earlier attempt of this very CI job left is one, whatever end it names.
    """
    if run.marks is None:
        raise LockUnavailable("no lock remote is named")
    with closing(open_remote(run.marks)) as remote:
        found = look(remote, app)
    if found is not None and found.note is None:
        raise Refused(
            Refusal.LOCKED,
            f"{app} has a lock that cannot be read: what it was about is not known",
            f"if no deploy is running, remove it with `accelerator unlock {app}`; then run "
            "`accelerator deploy` with the commit",
        )
    if found is None or found.note is None or not found.note.commit:
        raise NotFound(
            f"no deploy to {app} was cut short: the lock remote has no note of one",
            "run `accelerator deploy` again with the commit: it is safe to repeat",
        )
    run.heroku.apps.fetch(app)  # any answer tells the platform's time
    own = replace(found.note, job=policy.job, attempt=policy.attempt)
    if not found.is_free_for(own, run.heroku.moment()):
        raise Refused(
            Refusal.LOCKED,
            f"the deploy to {app} seems to be running: {found.describe(run.heroku.moment())}",
            "a dead one's lock ends by itself within minutes; then run this again",
        )
    return found.note


def describe_commit(sha: str, known: Commit | None) -> str:
    """Return a commit in words, with what the local clone knows of it."""
    if known is None:
        return f"{sha} (not in this clone)"
    return f"{sha} ({one_line(known.subject or 'no subject', 200)}; by {known.author or 'nobody'})"


def demand_consent(order: ResumeOrder, note: LockNote, what: str, ask: Ask | None) -> None:
    """Raise `Refused` unless something else than the note speaks for its commit.

    A job whose own commit it is would ship nothing else by `deploy`. The holder and the link in the
    note prove nothing: anybody can copy them.
    """
    app, sha = order.app, note.commit
    if order.named is not None and order.named != sha:
        raise Refused(
            Refusal.NOT_CONFIRMED,
            f"the note on {app} names {what}, and --commit names {order.named}",
            "nothing was done; `accelerator deploy` ships the commit that you name",
        )
    if sha in {order.named, order.own} or order.confirmed is not None:
        return
    question = f"Deploy {sha[:8]} to {app}? Type the app's name to go on: "
    typed = ask(question).strip() if ask is not None else ""
    if typed == app:
        return
    if typed:
        raise Refused(
            Refusal.NOT_CONFIRMED,
            f"{one_line(typed, 60)!r} was typed, and the app is called {app}: nothing was done",
            f"run `accelerator resume {app}` again and type {app}, if that is what you want",
        )
    raise Refused(
        Refusal.NOT_CONFIRMED,
        f"only a note in the lock remote says that {what} was to be deployed to {app}; it was left "
        f"by {note.describe()}, or by anybody else who may write there",
        f"if that is what you want, run `accelerator resume {app} --commit {sha}` (or --confirm "
        f"{app})",
    )


def _with_tree(sha: str, known: Commit | None) -> Commit:
    if known is None:
        raise NotFound(
            f"commit {sha} is not in this clone, and --same-tree needs its tree",
            f"fetch it (`git fetch origin {sha}`), or use --no-same-tree",
        )
    return known
