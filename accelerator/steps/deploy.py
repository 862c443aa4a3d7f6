"""Deploy: compare, guard, take the route, verify each target, go back where that fails."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from accelerator.errors import Refused, Superseded
from accelerator.models import ArtifactRef, Refusal, Route
from accelerator.steps.compare.decide import Deciding
from accelerator.steps.compare.facts import Candidate, SourceState
from accelerator.steps.guard.direction import check_directions, check_marks, demand, has_lock
from accelerator.steps.guard.locks import Locking
from accelerator.steps.guard.notes import LockNote
from accelerator.steps.plan import make_plan
from accelerator.steps.route.lost_replies import wait_out
from accelerator.steps.route.take import Ends, move
from accelerator.steps.verify.targets import Errors, compensate, conclude, is_open, settle

if TYPE_CHECKING:
    from accelerator.steps.compare.decision import Decision
    from accelerator.steps.compare.facts import Facts
    from accelerator.steps.guard.held import Held
    from accelerator.steps.order import DeployOrder
    from accelerator.steps.report import Report
    from accelerator.steps.run import Run


def deploy(run: Run, order: DeployOrder, report: Report) -> Report:
    """Ship `order.commit` to every target, each ending on a release read back from the platform.

    Running it again is safe: a target that runs the commit is left alone. Raises the error of a
    failed target, or `PartlyDone` when others succeeded; `report` tells about each either way.
    """
    report.commit = order.commit
    locking = Locking(run, order.lock)
    locking.start()
    try:
        _deploy(run, order, report, locking)
    except Refused as refusal:
        report.reason = Refusal(refusal.reason)
        if not isinstance(refusal, Superseded) or order.on_superseded != "ok":
            raise
        run.events.note(f"{refusal.message}: nothing to do")
        for entry in report.targets:
            entry.status = "unchanged"
    except KeyboardInterrupt:
        for app in sorted(locking.at_stake):
            run.events.note(
                f"what was begun on {app} is not known to have ended: `accelerator resume {app} "
                f"--from {order.places[0].app}` finishes or reports it",
                "warning",
            )
        raise
    finally:
        locking.close()
    return report


def _deploy(run: Run, order: DeployOrder, report: Report, locking: Locking) -> None:
    deciding = Deciding(run, order, report)
    facts, decision = deciding.decide(for_now=True)
    said = _guard(run, order, facts, locking)
    _refuse_misses(order, decision)
    if order.plan:
        marks = None if locking.refs is None else locking.marks
        report.plan = make_plan(order, facts, decision, marks)
        return
    locks: tuple[Held, ...] = ()
    if decision.route is Route.LIVE and not _is_locked(facts, locking):
        _go(run, order, facts, decision, report, (locking, locks))
        return
    with locking.holding(_notes(order, facts, decision)) as locks:
        cut_short = _wait_out(run, locks)
        facts, decision = deciding.look_again(facts, decision, cut_short)
        _guard(run, order, facts, locking, said)
        _refuse_misses(order, decision)
        _adopt(order, facts, locks, report)
        _go(run, order, facts, decision, report, (locking, locks))


def _go(
    run: Run,
    order: DeployOrder,
    facts: Facts,
    decision: Decision,
    report: Report,
    held: tuple[Locking, tuple[Held, ...]],
) -> None:
    """Move and settle, wave by wave; what was begun is at stake until its end is known."""
    locking, locks = held
    errors: Errors = {}
    for wave in order.waves or (order.targets,):
        part = replace(facts, targets=tuple(t for t in facts.targets if t.app in wave))
        for lock in locks:
            lock.demand()
        locking.at_stake |= {a for a in wave if decision.routes[a] is not Route.LIVE}
        ends = move(run, order, part, decision, report, partial(_write_down, locks))
        errors |= settle(run, order, part, ends, report)
        locking.at_stake -= {app for app in wave if not is_open(errors.get(app))}
        decision = _with_built(decision, ends)
        if errors and (order.on_failure != "continue" or decision.candidate is None):
            break
    if errors and order.on_failure == "compensate":
        compensate(run, order, facts, report, errors)
    conclude(report, errors)


def _write_down(locks: tuple[Held, ...], apps: tuple[str, ...], promotion: str) -> None:
    """Let the notes of the locks name a promotion: nothing else on Heroku leads to it."""
    for lock in locks:
        if lock.note.app in apps:
            lock.remember(promotion)


def _with_built(decision: Decision, ends: Ends) -> Decision:
    """After a build let the later waves have what it left."""
    built = ((app, end) for app, end in ends.items() if decision.routes[app] is Route.BUILD)
    app, artifact = next(built, ("", None))
    if not isinstance(artifact, ArtifactRef):
        return decision
    routes = {a: Route.RELEASE if r is Route.BUILD else r for a, r in decision.routes.items()}
    candidate = Candidate(SourceState(app, is_prepare=False), artifact, None)
    return replace(decision, candidate=candidate, routes=routes)


def _guard(
    run: Run, order: DeployOrder, facts: Facts, locking: Locking, known: tuple[str, ...] = ()
) -> tuple[str, ...]:
    """Refuse what is frozen, rejected or not forward; asked again under the lock.

    Gives what was worth saying; of that, what is `known` is not said again.
    """
    marks = locking.read()
    if locking.refs is not None:
        demand(check_marks(order.commit, facts.targets, marks, locking.refs))
    said = demand(check_directions(order.commit, facts, order.ancestry, order.direction))
    for text in said:
        if text not in known:
            run.events.note(text, "warning")
    return said


def _refuse_misses(order: DeployOrder, decision: Decision) -> None:
    if decision.route is not Route.BUILD or order.on_miss == "build":
        return
    raise Refused(
        Refusal.MISS_REFUSED,
        f"{order.commit.short} is not prepared ({decision.reason}), and --on-miss {order.on_miss} "
        "forbids to build it",
        f"run `accelerator prepare -a {order.places[0].app}` first, or use --on-miss build",
    )


def _is_locked(facts: Facts, locking: Locking) -> bool:
    """Say whether somebody is busy on a target that runs the commit: it may yet be rolled back."""
    return any(has_lock(target.app, locking.marks) for target in facts.targets)


def _wait_out(run: Run, locks: tuple[Held, ...]) -> tuple[str, ...]:
    """Let what earlier deploys left unfinished show itself; gives the targets it was on."""
    cut_short = []
    for lock in locks:
        note = lock.before.note if lock.before else None
        if note is not None and note.commit:  # locked by hand it was no deploy
            if note.promotion is not None:
                lock.remember(note.promotion)  # as long as we do not know its end ourselves
            wait_out(run, note)
            cut_short.append(lock.note.app)
    return tuple(cut_short)


def _adopt(order: DeployOrder, facts: Facts, locks: tuple[Held, ...], report: Report) -> None:
    """Take a release of this commit that a deploy cut short had made for our own.

    The way back then leads to the release that deploy had recorded.
    """
    found = {lock.note.app: lock.before.note for lock in locks if lock.before}
    for target in facts.targets:
        note, current = found.get(target.app), target.current
        if note is None or current is None or note.commit != order.commit.sha:
            continue
        recorded = (r for r in target.releases if r.version == note.previous_release)
        previous = next(recorded, None)
        if previous is not None and facts.is_live(target, order.commit) and previous != current:
            entry = report.target(target.app)
            entry.previous_release, entry.is_adopted = previous, True


def _notes(order: DeployOrder, facts: Facts, decision: Decision) -> tuple[LockNote, ...]:
    """Write down what is about to be done; targets that run the commit are locked as well."""
    artifact = decision.candidate.artifact.id if decision.candidate else None
    return tuple(
        LockNote(
            app=target.app,
            holder=order.lock.holder,
            commit=order.commit.sha,
            route=decision.routes[target.app],
            expires_at="",
            nonce="",
            link=order.lock.link,
            artifact=artifact,
            previous_release=target.current.version if target.current else None,
            extra={"from": [place.app for place in order.places if place.is_prepare]},
        )
        for target in facts.targets
    )
