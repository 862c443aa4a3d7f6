"""See out what a deploy before this one left unfinished, before anything is decided.

A deploy that was killed or cut off leaves its lock with a note. Its promotion may still be pending,
its build may still run, and a write of its last moment may not show yet. Heroku lists no promotions
and has no idempotency keys, so all of that is waited out: only then the platform's lists tell the
truth, and nothing is asked for twice.

The note is a claim: whoever may write to the lock remote can have made it up. So it never chooses
what is shipped or gone back to; at most it makes us wait, for as long as our own limits allow.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from accelerator.errors import BuildFailed, KeyRefused, NotFound, OutcomeUnknown, RequestInvalid
from accelerator.models import Route, StepName
from accelerator.steps.compare.before import find_doubted
from accelerator.steps.compare.states import CutShort
from accelerator.steps.follow.builds_and_releases import find_release_of_build, follow_build
from accelerator.steps.guard.leases import SKEW_SECONDS
from accelerator.waiting import StillPending, wait_for

if TYPE_CHECKING:
    from accelerator.models import Commit
    from accelerator.steps.compare.facts import Facts
    from accelerator.steps.guard.holding import HeldLocks
    from accelerator.steps.guard.notes import LockNote
    from accelerator.steps.run import Run
    from accelerator.waiting import Deadline

_RELEASING = {Route.PROMOTE, Route.RELEASE}  # by which one release is made, of a known artifact


def see_predecessors_out(run: Run, held: HeldLocks) -> tuple[CutShort, ...]:
    """Let what earlier deploys left unfinished come to its end; return what they were about."""
    left = []
    for lock in held.locks:
        note = lock.before.note if lock.before else None
        if note is None or not note.commit:  # locked by hand it was no deploy
            continue
        if note.promotion is not None:
            lock.remember(note.promotion)  # as long as we do not know its end ourselves
        with run.under_way.lasting(f"what the deploy before this one began on {note.app}"):
            wait_out(run, note, lock.taken_at)
        left += [CutShort(note.app, each.commit, each.previous_release) for each in note.claims]
    for app in dict.fromkeys(each.app for each in left):
        let_builds_end(run, app)
    return tuple(left)


def wait_out(run: Run, note: LockNote, taken_at: datetime) -> None:
    """Give the last holder's unfinished write the time it may need to show itself.

    Called with the lock in hand, taken at that moment, before the target is read again: what was
    begun by a job that was killed or cut off must be visible before anything is decided. It may
    have been begun in the holder's last moment. Once it is seen there is nothing more to wait for.
    """
    run.events.note(f"the deploy before this one was cut short: {note.describe()}", "warning")
    if _follow_promotion(run, note):
        return
    if note.route == Route.BUILD:
        let_builds_end(run, note.app)
    since = (run.heroku.moment() - note.last_write_at(taken_at)).total_seconds()
    left = run.waits.traces - since
    if left > 0:
        _let_traces_show(run, note, run.deadline.within(left))


def _let_traces_show(run: Run, note: LockNote, limit: Deadline) -> None:
    title = f"Let what was begun on {note.app} show itself"
    with run.events.step(StepName.RECONCILE, title, note.app) as step:
        try:
            wait_for(lambda: _has_shown(run, note), bool, limit, run.heroku.pace)
            step.detail = "a release of it is there"
        except StillPending:
            run.deadline.clock.sleep(limit.remaining)
            step.detail = "no more of it to be seen"


def _has_shown(run: Run, note: LockNote) -> bool:
    """Look whether the one release shows that the last holder was about to make.

    It makes another one only on the way back, and says so in its note before.
    """
    if note.route == Route.BUILD:
        return _has_built(run, note)
    version, artifact = note.previous_release, note.artifact
    if version is None or artifact is None or note.route not in _RELEASING:
        return False
    newer = (r for r in run.heroku.releases.fetch_newest(note.app, 20) if r.version > version)
    return any(r.artifact is not None and r.artifact.id == artifact for r in newer)


def _has_built(run: Run, note: LockNote) -> bool:
    """Look whether the one build has ended that the last holder began; it makes no other one."""
    if not note.acquired_at:
        return False
    begun = datetime.fromisoformat(note.acquired_at) - timedelta(seconds=SKEW_SECONDS)
    ended = (b for b in run.heroku.builds.fetch_newest(note.app, 20) if b.status != "pending")
    return any(build.commit == note.commit and build.created_at >= begun for build in ended)


def say_what_is_doubted(run: Run, facts: Facts, commit: Commit) -> None:
    """Say where a note names another release before it than the target's own list shows."""
    for target in facts.targets:
        left = find_doubted(facts, target, commit)
        if left is not None:
            run.events.note(
                f"v{left.previous_version} of {target.app}, which the note of a deploy cut short "
                "names as the release before it, is not used: the releases of the app do not show "
                "that its code ran until this commit came",
                "warning",
            )


def let_builds_end(run: Run, app: str) -> None:
    """Follow what still builds on a target after a deploy there was cut short.

    It releases when it is done, over whatever was released meanwhile: so nothing is, until then.
    """
    with run.events.brief(StepName.RECONCILE, app):
        page = run.heroku.builds.fetch_newest(app, 20)
    for build in page:
        if build.status != "pending":
            continue
        title = f"Let the build that runs on {app} end"
        with run.events.step(StepName.RECONCILE, title, app, run.waits.build) as step:
            step.detail = (build.commit or "")[:8]
            with suppress(BuildFailed):
                find_release_of_build(run, follow_build(run, build, step.tell), step.tell)


def _follow_promotion(run: Run, note: LockNote) -> bool:
    """Wait for the end of the promotion that was begun; raises `OutcomeUnknown` at the deadline.

    Return whether it has ended on the target, and nothing else can follow but what a note says.
    """
    promotion = note.promotion
    if promotion is None:
        return False
    title, limit = f"Let the promotion to {note.app} end", run.waits.promotion
    with (
        suppress(NotFound, RequestInvalid, KeyRefused),  # it is none of ours
        run.events.step(StepName.RECONCILE, title, note.app, limit) as step,
    ):
        try:
            step.tell("promotion pending")
            ends = wait_for(
                lambda: run.heroku.promotions.fetch_targets(promotion),
                lambda seen: bool(seen) and all(end.status != "pending" for end in seen),
                run.deadline.within(run.waits.promotion),
                run.heroku.pace,
            )
        except StillPending:
            raise OutcomeUnknown(
                f"promotion {promotion} to {note.app}, begun by an earlier run, is still pending",
                "run the same command again later: it is not asked for twice",
            ) from None
        step.detail = ", ".join(sorted({end.status for end in ends}))
        if run.heroku.apps.fetch(note.app).id in {end.app_id for end in ends}:
            return note.route == Route.PROMOTE
        run.events.note(f"promotion {promotion} is none to {note.app}", "warning")
    return False
