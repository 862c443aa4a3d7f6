"""Lock, freeze and reject by hand: notes in the lock remote, with who, when and why."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from accelerator.errors import LockUnavailable, Refused
from accelerator.models import Refusal, Swap
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
    from datetime import datetime

    from accelerator.steps.guard.held import Refs


@dataclass
class MarkReport:
    """What stands for a target now; `changed` says whether this run changed it."""

    target: str
    kind: str
    state: str = "unknown"
    changed: bool = False
    commit: str | None = None
    by: str | None = None
    reason: str | None = None
    at: str | None = None


def lock(refs: Refs, report: MarkReport, now: datetime, seconds: float) -> MarkReport:
    """Take a target's lock by hand, for `seconds`; raises `Refused` when somebody holds it."""
    standing = look(refs, report.target)
    if standing is not None and (standing.note is None or not standing.note.is_free(now)):
        said = standing.note.describe() if standing.note else "a lock that cannot be read"
        raise Refused(
            Refusal.LOCKED,
            f"{report.target} is locked by {said}",
            f"`accelerator unlock {report.target}` removes it, whoever holds it",
        )
    note = LockNote(
        app=report.target,
        holder=report.by or "somebody",
        commit="",
        route=report.reason or "by hand",
        expires_at=(now + timedelta(seconds=seconds)).isoformat(timespec="seconds"),
        nonce=secrets.token_hex(8),
        acquired_at=now.isoformat(timespec="seconds"),
    )
    _put(refs, lock_ref(report.target), standing.sha if standing else None, render_note(note))
    report.state, report.changed, report.at = "locked", True, note.acquired_at
    return report


def unlock(refs: Refs, report: MarkReport) -> MarkReport:
    """Remove a target's lock, whoever holds it and whatever it looks like."""
    standing = look(refs, report.target)
    if standing is not None and standing.note is not None:
        report.by, report.at = standing.note.holder, standing.note.acquired_at
    return _remove(refs, lock_ref(report.target), report, "unlocked")


def freeze(refs: Refs, report: MarkReport, now: datetime) -> MarkReport:
    """Keep every deploy from a target until `unfreeze`."""
    return _mark(refs, freeze_ref(report.target), report, now, "frozen")


def unfreeze(refs: Refs, report: MarkReport) -> MarkReport:
    """Let deploys through to a target again."""
    return _remove(refs, freeze_ref(report.target), report, "open")


def reject(refs: Refs, report: MarkReport, now: datetime) -> MarkReport:
    """Keep one commit from a target until `accept`; other commits pass."""
    return _mark(refs, reject_ref(report.target, report.commit or ""), report, now, "rejected")


def accept(refs: Refs, report: MarkReport) -> MarkReport:
    """Let a rejected commit through to a target again."""
    return _remove(refs, reject_ref(report.target, report.commit or ""), report, "accepted")


def _mark(refs: Refs, ref: str, report: MarkReport, now: datetime, state: str) -> MarkReport:
    report.state = state
    standing = refs.read(ref)
    if standing is not None:
        found = parse_mark(standing[1])
        report.by, report.reason, report.at = found.by, found.reason, found.at
        return report
    report.at = now.isoformat(timespec="seconds")
    mark = Mark(report.by or "somebody", report.reason or "no reason given", report.at)
    _put(refs, ref, None, render_note(mark))
    report.changed = True
    return report


def _remove(refs: Refs, ref: str, report: MarkReport, state: str) -> MarkReport:
    report.state = state
    standing = refs.find(ref).get(ref)
    if standing is None:
        return report
    end = refs.swap(ref, standing, None)
    if end is Swap.LOST or (end is Swap.UNKNOWN and ref in refs.find(ref)):
        raise LockUnavailable("somebody changed it at the same moment; look again")
    report.changed = True
    return report


def _put(refs: Refs, ref: str, old: str | None, text: str) -> None:
    sha = refs.write(text)
    end = refs.swap(ref, old, sha)
    if end is Swap.LOST or (end is Swap.UNKNOWN and refs.find(ref).get(ref) != sha):
        raise LockUnavailable("somebody changed it at the same moment; look again")
