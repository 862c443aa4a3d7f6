"""Locks, freezes and rejections as people place them, and as deploys find them.

Each is a note in the lock remote, with who, when and why. A deploy writes one of them by itself: a
commit that had to be taken back is rejected for that target.
"""

from __future__ import annotations

import secrets
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from accelerator.errors import AcceleratorError, LockUnavailable, Refused
from accelerator.models import LockMode, Refusal, Swap
from accelerator.steps.guard.findings import Finding
from accelerator.steps.guard.held import look
from accelerator.steps.guard.notes import (
    LockNote,
    Mark,
    freeze_ref,
    lock_ref,
    parse_mark,
    reject_ref,
    render_note,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from accelerator.models import Commit
    from accelerator.steps.guard.held import LockRemote
    from accelerator.steps.guard.policy import LockPolicy
    from accelerator.steps.run import Run


@dataclass(frozen=True, slots=True)
class MarkOrder:
    """What is to stand for a target, or no longer; a rejection is of one commit."""

    target: str
    by: str
    reason: str | None = None
    commit: str | None = None


@dataclass(frozen=True, slots=True)
class Marked:
    """What stands for a target now; ``changed`` is whether this run changed it."""

    state: str
    changed: bool
    by: str | None = None
    reason: str | None = None
    at: str | None = None


def lock(remote: LockRemote, order: MarkOrder, now: datetime, seconds: float) -> Marked:
    """Take a target's lock by hand, for `seconds`; raises `Refused` when somebody holds it."""
    standing = look(remote, order.target)
    if standing is not None and not standing.is_free(now):
        raise Refused(
            Refusal.LOCKED,
            f"{order.target} is locked by {standing.describe(now)}",
            f"`accelerator unlock {order.target}` removes it, whoever holds it",
        )
    note = LockNote(
        app=order.target,
        holder=order.by,
        commit="",
        route=order.reason or "by hand",
        expires_at=(now + timedelta(seconds=seconds)).isoformat(timespec="seconds"),
        nonce=secrets.token_hex(8),
        acquired_at=now.isoformat(timespec="seconds"),
    )
    _put(remote, lock_ref(order.target), standing.sha if standing else None, render_note(note))
    return Marked("locked", True, order.by, order.reason, note.acquired_at)


def unlock(remote: LockRemote, order: MarkOrder) -> Marked:
    """Remove a target's lock, whoever holds it and whatever it looks like."""
    note = None
    with suppress(LockUnavailable):  # who held it is only told; what cannot be read goes as well
        standing = look(remote, order.target)
        note = standing.note if standing else None
    is_gone = _remove(remote, lock_ref(order.target))
    if note is None:
        return Marked("unlocked", is_gone, order.by)
    return Marked("unlocked", is_gone, note.holder, at=note.acquired_at)


def freeze(remote: LockRemote, order: MarkOrder, now: datetime) -> Marked:
    """Keep every deploy from a target until `unfreeze`."""
    return _mark(remote, freeze_ref(order.target), order, now, "frozen")


def unfreeze(remote: LockRemote, order: MarkOrder) -> Marked:
    """Let deploys through to a target again."""
    return Marked("open", _remove(remote, freeze_ref(order.target)), order.by)


def reject(remote: LockRemote, order: MarkOrder, now: datetime) -> Marked:
    """Keep one commit from a target until `accept`; other commits pass."""
    return _mark(remote, reject_ref(order.target, order.commit or ""), order, now, "rejected")


def accept(remote: LockRemote, order: MarkOrder) -> Marked:
    """Let a rejected commit through to a target again."""
    gone = _remove(remote, reject_ref(order.target, order.commit or ""))
    return Marked("accepted", gone, order.by)


def find_marks(
    commit: Commit, apps: Iterable[str], standing: Mapping[str, str], remote: LockRemote
) -> tuple[Finding, ...]:
    """Find freezes, and rejections of this commit, among the refs that stand in the lock remote."""
    findings = []
    for app in apps:
        if (ref := freeze_ref(app)) in standing:
            hint = f"`accelerator unfreeze {app}` lets deploys through again"
            said = f"{app} is frozen ({_read_reason(remote, ref)})"
            findings.append(Finding(app, Refusal.FROZEN, said, hint))
        if (ref := reject_ref(app, commit.sha)) in standing:
            hint = f"`accelerator accept {app} --commit {commit.short}` lets it through"
            said = f"{commit.short} was rejected for {app} ({_read_reason(remote, ref)})"
            findings.append(Finding(app, Refusal.REJECTED, said, hint))
    return tuple(findings)


def reject_after_rollback(run: Run, policy: LockPolicy, app: str, commit: Commit, why: str) -> None:
    """Keep a commit from a target that has just gone back from it; say so where that fails."""
    if policy.mode is LockMode.OFF or run.marks is None:
        return
    try:
        with closing(run.marks.open()) as remote:
            at = run.events.clock.moment().isoformat(timespec="seconds")
            note = remote.write(render_note(Mark(policy.holder, why, at)))
            remote.swap(reject_ref(app, commit.sha), None, note)
        run.events.note(
            f"{commit.short} is rejected for {app} until `accelerator accept {app}`", "warning"
        )
    except AcceleratorError as trouble:
        run.events.note(f"the rejection for {app} could not be kept: {trouble.message}", "warning")


def _read_reason(remote: LockRemote, ref: str) -> str:
    try:
        seen = remote.read(ref)
    except LockUnavailable:  # the mark stands, whatever is written on it
        return "the reason cannot be read"
    if seen is None:
        return "no reason given"
    mark = parse_mark(seen[1])
    return f"{mark.reason}, by {mark.by} at {mark.at}"


def _mark(remote: LockRemote, ref: str, order: MarkOrder, now: datetime, state: str) -> Marked:
    standing = remote.read(ref)
    if standing is not None:
        found = parse_mark(standing[1])
        return Marked(state, False, found.by, found.reason, found.at)
    mark = Mark(order.by, order.reason or "no reason given", now.isoformat(timespec="seconds"))
    _put(remote, ref, None, render_note(mark))
    return Marked(state, True, order.by, order.reason, mark.at)


def _remove(remote: LockRemote, ref: str) -> bool:
    """Remove a ref, if there is one; return whether there was.

    So are refs below and above it, which are none of ours and keep git from making the ref itself.
    """
    found = {
        one: sha
        for one, sha in remote.find().items()
        if f"{one}/".startswith(f"{ref}/") or f"{ref}/".startswith(f"{one}/")
    }
    if not found:
        return False
    remote.remove(found)
    if left := found.keys() & remote.find().keys():
        some = ", ".join(sorted(left)[:3])
        raise LockUnavailable(f"{some} cannot be removed, or somebody wrote it anew; look again")
    return True


def _put(remote: LockRemote, ref: str, old: str | None, text: str) -> None:
    sha = remote.write(text)
    end = remote.swap(ref, old, sha)
    if end is Swap.LOST or (end is Swap.UNKNOWN and remote.find().get(ref) != sha):
        raise LockUnavailable("somebody changed it at the same moment; look again")
