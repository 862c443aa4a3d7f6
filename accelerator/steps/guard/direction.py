"""Guards: forward only, freezes and rejections. They refuse; they never choose another way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from accelerator.errors import LockUnavailable, Refused, Superseded
from accelerator.models import Ancestry, Refusal
from accelerator.steps.guard.notes import freeze_ref, lock_ref, parse_mark, reject_ref

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    # Says whether the first commit is an ancestor of the second.
    AskAncestry = Callable[[str, str], Ancestry]

    from accelerator.models import Commit
    from accelerator.steps.compare.facts import Facts, TargetState
    from accelerator.steps.guard.held import Refs


@dataclass(frozen=True, slots=True)
class Direction:
    """What the user allows beside going forward; `strict` refuses where nobody can tell."""

    allow_older: bool = False
    allow_diverged: bool = False
    strict: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """What a guard found for one target: fine, worth saying, or a refusal."""

    target: str
    refusal: Refusal | None = None
    text: str = ""
    hint: str = ""


def check_direction(
    target: str, commit: Commit, serving: str | None, ask: AskAncestry, allowed: Direction
) -> Finding:
    """Say whether shipping `commit` where `serving` runs goes forward.

    A first deploy does. What cannot be told from the local clone is said aloud, and refused only
    when `strict`. A commit that provably does not contain what runs is either older or on another
    line: not being able to tell which lets it through no more than knowing.
    """
    if serving is None or serving == commit.sha:
        return Finding(target)
    forward = ask(serving, commit.sha)
    if forward is Ancestry.YES:
        return Finding(target)
    backward = ask(commit.sha, serving)
    if backward is Ancestry.YES:
        return _superseded(target, commit, serving, allowed)
    if forward is Ancestry.UNKNOWN:
        return _unknown(target, commit, serving, allowed)
    may_be_older = backward is Ancestry.UNKNOWN and allowed.allow_older
    return _diverged(target, commit, serving, allowed.allow_diverged or may_be_older)


def demand(findings: Iterable[Finding]) -> tuple[str, ...]:
    """Raise `Refused` for the first refusal; gives what is only worth saying.

    Raises `Superseded` when every target has left the commit behind: then a late job is no failure
    for those who say so (``--on-superseded ok``).
    """
    findings = tuple(findings)
    refused = [finding for finding in findings if finding.refusal is not None]
    if not refused:
        return tuple(finding.text for finding in findings if finding.text)
    late = [finding for finding in refused if finding.refusal is Refusal.SUPERSEDED]
    # A target that is merely behind still wants the commit: that job may not pass as done.
    first = next((finding for finding in refused if finding not in late), refused[0])
    kind = Superseded if len(late) == len(findings) else Refused
    raise kind(str(first.refusal), first.text, first.hint)


def check_directions(
    commit: Commit, facts: Facts, ask: AskAncestry, allowed: Direction
) -> tuple[Finding, ...]:
    """Check every target that does not run the commit yet."""
    return tuple(
        check_direction(target.app, commit, facts.serves(target), ask, allowed)
        for target in facts.targets
        if not facts.is_live(target, commit)
    )


def check_marks(
    commit: Commit, targets: Iterable[TargetState], marks: Mapping[str, str], refs: Refs
) -> tuple[Finding, ...]:
    """Check freezes and rejections among the refs that stand in the lock remote."""
    findings = []
    for target in targets:
        if (ref := freeze_ref(target.app)) in marks:
            why = _reason(refs, ref)
            hint = f"`accelerator unfreeze {target.app}` lets deploys through again"
            said = f"{target.app} is frozen ({why})"
            findings.append(Finding(target.app, Refusal.FROZEN, said, hint))
        if (ref := reject_ref(target.app, commit.sha)) in marks:
            why = _reason(refs, ref)
            hint = f"`accelerator accept {target.app} --commit {commit.short}` lets it through"
            said = f"{commit.short} was rejected for {target.app} ({why})"
            findings.append(Finding(target.app, Refusal.REJECTED, said, hint))
    return tuple(findings)


def has_lock(app: str, marks: Mapping[str, str]) -> bool:
    """Say whether a lock stands for a target."""
    return lock_ref(app) in marks


def _reason(refs: Refs, ref: str) -> str:
    try:
        seen = refs.read(ref)
    except LockUnavailable:  # the mark stands, whatever is written on it
        return "the reason cannot be read"
    if seen is None:
        return "no reason given"
    mark = parse_mark(seen[1])
    return f"{mark.reason}, by {mark.by} at {mark.at}"


def _superseded(target: str, commit: Commit, serving: str, allowed: Direction) -> Finding:
    text = f"{target} runs {serving[:8]} already, which contains {commit.short}"
    if allowed.allow_older:
        return Finding(target, None, text)
    hint = "nothing to do: newer code is there; --on-superseded ok makes such a job succeed, "
    return Finding(target, Refusal.SUPERSEDED, text, hint + "--allow-older really goes back")


def _diverged(target: str, commit: Commit, serving: str, is_allowed: bool) -> Finding:
    text = f"{target} runs {serving[:8]}, which {commit.short} does not contain"
    if is_allowed:
        return Finding(target, None, text)
    hint = "rebase or merge, so that the new commit contains what runs there; or --allow-diverged"
    return Finding(target, Refusal.DIVERGED, text, hint)


def _unknown(target: str, commit: Commit, serving: str, allowed: Direction) -> Finding:
    text = (
        f"whether {commit.short} is newer than {serving[:8]}, which runs on {target}, cannot be "
        "told from this clone"
    )
    if not allowed.strict:
        return Finding(target, None, text)
    hint = "fetch more history (GIT_DEPTH: 0, fetch-depth: 0), or leave out --strict"
    return Finding(target, Refusal.ANCESTRY_UNKNOWN, text, hint)
