"""Locks, freezes and rejections as people place them, and as deploys find them.

Each is a note in the lock remote, with who, when and why. It is read back after it was written.
"""

from __future__ import annotations

import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from accelerator.errors import LockUnavailable, Refused
from accelerator.models import Refusal, Written
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
from accelerator.steps.guard.placing import place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from accelerator.models import Commit
    from accelerator.steps.guard.remote import LockRemote


@dataclass(frozen=True, slots=True)
class MarkOrder:
    """What is to stand for a target, or no longer; a rejection is of one commit."""

    target: str
    by: str
    reason: str | None = None
    commit: str | None = None


@dataclass(frozen=True, slots=True)
class Marked:
    """What stands for a target now; ``changed`` is whether this run changed it.

    ``by``, ``reason`` and ``at`` are those of the note that stands, or that stood until it was
    removed: None where there was none. ``written`` is what became of the note, and None where one
    was to be removed. ``until`` is when a lock ends by itself.
    """

    state: str
    changed: bool
    by: str | None = None
    reason: str | None = None
    at: str | None = None
    written: Written | None = None
    until: str | None = None

    def demand(self) -> None:
        """Raise `LockUnavailable` unless it is certain that the note stands."""
        if self.written is Written.LOST:
            raise LockUnavailable(
                "it was written, and is gone again: other pushes undid it",
                "run it again; --lock-remote names a repository where that cannot happen",
            )
        if self.written is Written.UNKNOWN:
            raise LockUnavailable(
                "it was sent, and whether it stands cannot be told",
                "run it again: it changes nothing where it stands",
            )


@dataclass(frozen=True, slots=True)
class Desk:
    """Where marks are placed by hand: the remote, the moment it is, and how to wait there."""

    remote: LockRemote
    now: datetime
    sleep: Callable[[float], None]


def lock(desk: Desk, order: MarkOrder, seconds: float) -> Marked:
    """Take a target's lock by hand, for `seconds`.

    Raises `Refused` when somebody holds it, and where the note of a deploy cut short stands: the
    next deploy would make once more what that one began.
    """
    now, standing = desk.now, look(desk.remote, order.target)
    if standing is not None and not standing.is_free(now):
        raise _is_locked(order, standing.describe(now))
    if standing is not None and standing.note is not None and standing.note.commit:
        raise _is_unfinished(order, standing.note)
    note = LockNote(
        app=order.target,
        holder=order.by,
        commit="",
        route=order.reason or "by hand",
        expires_at=(now + timedelta(seconds=seconds)).isoformat(timespec="seconds"),
        nonce=secrets.token_hex(8),
        acquired_at=now.isoformat(timespec="seconds"),
    )
    ref, old = lock_ref(order.target), standing.sha if standing else None
    written = place(desk.remote, ref, old, render_note(note), desk.sleep)
    if written is Written.STOOD:
        raise _is_locked(order, "somebody who was quicker")
    is_made = written is Written.MADE
    at, until = note.acquired_at, note.expires_at
    return Marked("locked", is_made, order.by, order.reason, at, written, until)


def _is_locked(order: MarkOrder, holder: str) -> Refused:
    return Refused(
        Refusal.LOCKED,
        f"{order.target} is locked by {holder}",
        f"`accelerator unlock {order.target}` removes it, whoever holds it",
    )


def _is_unfinished(order: MarkOrder, note: LockNote) -> Refused:
    """Return the refusal to put a lock in the place of what the next deploy has to know."""
    return Refused(
        Refusal.LOCKED,
        f"a deploy to {order.target} was cut short, and its note is in the lock's place: "
        f"{note.describe()}",
        f"`accelerator freeze {order.target}` keeps deploys away and leaves the note; `accelerator "
        f"resume {order.target}` finishes it, `accelerator unlock {order.target}` forgets it",
    )


def unlock(desk: Desk, order: MarkOrder) -> Marked:
    """Remove a target's lock, whoever holds it and whatever it looks like."""
    note = None
    with suppress(LockUnavailable):  # who held it is only told; what cannot be read goes as well
        standing = look(desk.remote, order.target)
        note = standing.note if standing else None
    is_gone = _remove(desk.remote, lock_ref(order.target))
    if note is None:
        return Marked("unlocked", is_gone)
    reason = None if note.commit else note.route  # of a lock by hand: it has no route
    return Marked("unlocked", is_gone, note.holder, reason, note.acquired_at)


def freeze(desk: Desk, order: MarkOrder) -> Marked:
    """Keep every deploy from a target until `unfreeze`."""
    return _mark(desk, freeze_ref(order.target), order, "frozen")


def unfreeze(desk: Desk, order: MarkOrder) -> Marked:
    """Let deploys through to a target again."""
    return _lift(desk, freeze_ref(order.target), "open")


def reject(desk: Desk, order: MarkOrder) -> Marked:
    """Keep one commit from a target until `accept`; other commits pass."""
    return _mark(desk, reject_ref(order.target, order.commit or ""), order, "rejected")


def accept(desk: Desk, order: MarkOrder) -> Marked:
    """Let a rejected commit through to a target again."""
    return _lift(desk, reject_ref(order.target, order.commit or ""), "accepted")


def find_marks(
    commit: Commit, apps: Iterable[str], standing: Mapping[str, str], remote: LockRemote
) -> tuple[Finding, ...]:
    """Find freezes, and rejections of this commit, among the refs that stand in the lock remote."""
    findings = []
    for app in apps:
        if (ref := freeze_ref(app)) in standing:
            hint = f"`accelerator unfreeze {app}` allows deploys again"
            said = f"{app} is frozen ({_read_reason(remote, ref)})"
            findings.append(Finding(app, Refusal.FROZEN, said, hint))
        if (ref := reject_ref(app, commit.sha)) in standing:
            hint = f"`accelerator accept {app} --commit {commit.short}` allows it again"
            said = f"{commit.short} was rejected for {app} ({_read_reason(remote, ref)})"
            findings.append(Finding(app, Refusal.REJECTED, said, hint))
    return tuple(findings)


def _read_reason(remote: LockRemote, ref: str) -> str:
    try:
        seen = remote.read(ref)
    except LockUnavailable:  # the mark stands, whatever is written on it
        return "the reason cannot be read"
    if seen is None:
        return "no reason given"
    mark = parse_mark(seen[1])
    return f"{mark.reason}, by {mark.by} at {mark.at}"


def _mark(desk: Desk, ref: str, order: MarkOrder, state: str) -> Marked:
    if standing := desk.remote.read(ref):
        return _as_it_stood(state, standing[1])
    at = desk.now.isoformat(timespec="seconds")
    mark = Mark(order.by, order.reason or "no reason given", at)
    written = place(desk.remote, ref, None, render_note(mark), desk.sleep)
    if written is Written.STOOD:  # somebody was quicker; whatever it says, it stands
        found = desk.remote.read(ref)
        return _as_it_stood(state, found[1] if found else "")
    is_made = written is Written.MADE
    return Marked(state, is_made, order.by, order.reason, at, written)


def _as_it_stood(state: str, text: str) -> Marked:
    found = parse_mark(text)
    return Marked(state, False, found.by, found.reason, found.at, Written.STOOD)


def _lift(desk: Desk, ref: str, state: str) -> Marked:
    """Remove a mark, and tell whose it was; one that cannot be read goes as well."""
    standing = None
    with suppress(LockUnavailable):
        standing = desk.remote.read(ref)
    is_gone = _remove(desk.remote, ref)
    if standing is None:
        return Marked(state, is_gone)
    mark = parse_mark(standing[1])
    return Marked(state, is_gone, mark.by, mark.reason, mark.at)


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
