"""Locks, freezes and rejections as people place them, and as deploys find them.

Each is a note in the lock remote, with who, when and why. A deploy writes one of them by itself: a
commit that had to be taken back is rejected for that target.
"""

from __future__ import annotations

import secrets
from contextlib import closing
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


def lock(remote: LockRemote, report: MarkReport, now: datetime, seconds: float) -> MarkReport:
    """Take a target's lock by hand, for `seconds`; raises `Refused` when somebody holds it."""
    standing = look(remote, report.target)
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
    _put(remote, lock_ref(report.target), standing.sha if standing else None, render_note(note))
    report.state, report.changed, report.at = "locked", True, note.acquired_at
    return report


def unlock(remote: LockRemote, report: MarkReport) -> MarkReport:
    """Remove a target's lock, whoever holds it and whatever it looks like."""
    standing = look(remote, report.target)
    if standing is not None and standing.note is not None:
        report.by, report.at = standing.note.holder, standing.note.acquired_at
    return _remove(remote, lock_ref(report.target), report, "unlocked")


def freeze(remote: LockRemote, report: MarkReport, now: datetime) -> MarkReport:
    """Keep every deploy from a target until `unfreeze`."""
    return _mark(remote, freeze_ref(report.target), report, now, "frozen")


def unfreeze(remote: LockRemote, report: MarkReport) -> MarkReport:
    """Let deploys through to a target again."""
    return _remove(remote, freeze_ref(report.target), report, "open")


def reject(remote: LockRemote, report: MarkReport, now: datetime) -> MarkReport:
    """Keep one commit from a target until `accept`; other commits pass."""
    return _mark(remote, reject_ref(report.target, report.commit or ""), report, now, "rejected")


def accept(remote: LockRemote, report: MarkReport) -> MarkReport:
    """Let a rejected commit through to a target again."""
    return _remove(remote, reject_ref(report.target, report.commit or ""), report, "accepted")


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
        run.events.note(f"the rejection could not be kept: {trouble.message}", "warning")


def _read_reason(remote: LockRemote, ref: str) -> str:
    try:
        seen = remote.read(ref)
    except LockUnavailable:  # the mark stands, whatever is written on it
        return "the reason cannot be read"
    if seen is None:
        return "no reason given"
    mark = parse_mark(seen[1])
    return f"{mark.reason}, by {mark.by} at {mark.at}"


def _mark(
    remote: LockRemote, ref: str, report: MarkReport, now: datetime, state: str
) -> MarkReport:
    report.state = state
    standing = remote.read(ref)
    if standing is not None:
        found = parse_mark(standing[1])
        report.by, report.reason, report.at = found.by, found.reason, found.at
        return report
    report.at = now.isoformat(timespec="seconds")
    mark = Mark(report.by or "somebody", report.reason or "no reason given", report.at)
    _put(remote, ref, None, render_note(mark))
    report.changed = True
    return report


def _remove(remote: LockRemote, ref: str, report: MarkReport, state: str) -> MarkReport:
    report.state = state
    standing = remote.find(ref).get(ref)
    if standing is None:
        return report
    end = remote.swap(ref, standing, None)
    if end is Swap.LOST or (end is Swap.UNKNOWN and ref in remote.find(ref)):
        raise LockUnavailable("somebody changed it at the same moment; look again")
    report.changed = True
    return report


def _put(remote: LockRemote, ref: str, old: str | None, text: str) -> None:
    sha = remote.write(text)
    end = remote.swap(ref, old, sha)
    if end is Swap.LOST or (end is Swap.UNKNOWN and remote.find(ref).get(ref) != sha):
        raise LockUnavailable("somebody changed it at the same moment; look again")
