"""Forward only: a deploy ships what contains the code that runs, or says that it does not.

Guards refuse; they never choose another way. A late CI job, a rebased branch and a clone too
shallow to tell are three different answers, and each has a flag of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from accelerator.errors import Refused, Superseded
from accelerator.models import Ancestry, Refusal, Route, StepName
from accelerator.steps.compare.reading import refresh_moved
from accelerator.steps.compare.witness import find_running
from accelerator.steps.guard.findings import Finding, demand

if TYPE_CHECKING:
    from collections.abc import Sequence

    from accelerator.models import Commit
    from accelerator.steps.compare.decision import Decision
    from accelerator.steps.compare.facts import Facts
    from accelerator.steps.compare.witness import Running
    from accelerator.steps.run import Run


class KnowsAncestry(Protocol):
    """The local clone, as far as direction is concerned (`repository.Lineage`)."""

    def ancestry(self, older: str, newer: str) -> Ancestry:
        """Return whether the first commit is an ancestor of the second."""

    def find_same_source(self, newer: str, other: str) -> str | None:
        """Find a commit in the history of the first with the source of the second."""


@dataclass(frozen=True, slots=True)
class Direction:
    """What the user allows beside going forward; `strict` refuses where nobody can tell."""

    allow_older: bool = False
    allow_diverged: bool = False
    strict: bool = False


@dataclass(frozen=True, slots=True)
class Forward:
    """The rule that `commit` goes forward, what the clone knows of that, and what is allowed.

    With ``same_source`` what runs is also contained where its source is: as the clone finds it in
    the history of the commit.
    """

    commit: Commit
    clone: KnowsAncestry
    allowed: Direction
    same_source: bool = False

    def check(self, app: str, running: Running) -> Finding:
        """Check whether shipping the commit where something runs goes forward.

        A first deploy does. Where nobody can tell, as the clone or the platform does not say enough
        for it, that is said aloud, and refused only when `strict`.
        """
        if running.gap is not None:
            return self._check_unknown(app, running.gap, running.hint)
        if running.commit is None:
            return Finding(app)
        return self._check_against(app, running.commit)

    def _check_unknown(self, app: str, gap: str, hint: str | None) -> Finding:
        """Check where it is not known what runs: a hint may refuse, and lets nothing pass."""
        if hint is not None:
            found = self._check_against(app, hint)
            if found.refusal in {Refusal.SUPERSEDED, Refusal.DIVERGED}:
                said = f"{found.text} (by its metadata variable: {gap})"
                return replace(found, text=said)
        return _unnamed(app, self.commit, gap, self.allowed)

    def _check_against(self, app: str, serving: str) -> Finding:
        """Check against the commit that runs.

        A commit that provably does not contain what runs is either older or on another line: not
        being able to tell which lets it through no more than knowing.
        """
        commit, allowed = self.commit, self.allowed
        if serving == commit.sha:
            return Finding(app)
        forward = self.clone.ancestry(serving, commit.sha)
        if forward is Ancestry.YES:
            return Finding(app)
        backward = self.clone.ancestry(commit.sha, serving)
        if backward is Ancestry.YES:
            return _superseded(app, commit, serving, allowed)
        return self._check_aside(app, serving, forward, backward)

    def _check_aside(
        self, app: str, serving: str, forward: Ancestry, backward: Ancestry
    ) -> Finding:
        """Check a commit that is not known to contain what runs, nor to be contained in it."""
        commit, allowed = self.commit, self.allowed
        if contained := self._find_contained(serving):
            return _contained(app, commit, serving, contained)
        if forward is Ancestry.UNKNOWN:
            return _unknown(app, commit, serving, allowed)
        may_be_older = backward is Ancestry.UNKNOWN and allowed.allow_older
        return _diverged(app, commit, serving, allowed.allow_diverged or may_be_older)

    def _find_contained(self, serving: str) -> str | None:
        """Find what runs in the history of our commit, as another commit of the same source.

        One from which `serving` came counts for nothing: what was done since then was undone.
        """
        if not self.same_source:
            return None
        found = self.clone.find_same_source(self.commit.sha, serving)
        is_parallel = found and self.clone.ancestry(found, serving) is Ancestry.NO
        return found if is_parallel else None

    def check_targets(self, facts: Facts) -> tuple[Finding, ...]:
        """Check every target that does not run the commit yet."""
        return tuple(
            self.check(target.app, find_running(facts, target))
            for target in facts.targets
            if not facts.is_live(target, self.commit)
        )


def look_again(run: Run, forward: Forward, decision: Decision, wave: Sequence[str]) -> Decision:
    """Read the targets once more before a later wave; raise `Refused` where one has got ahead.

    Without a lock, or past it, somebody may have shipped there while earlier waves were verified.
    What runs the commit by now is left alone.
    """
    try:
        with run.events.brief(StepName.GUARD):
            facts = refresh_moved(run, decision.commit, decision.facts, wave)
            demand(found for found in forward.check_targets(facts) if found.target in wave)
    except Superseded as late:  # of some targets only: those of the waves before have it
        raise Refused(late.reason, late.message, late.hint, late.apps) from late
    live = [app for app in wave if facts.is_live(facts.target(app), decision.commit)]
    routes = {**decision.routes, **dict.fromkeys(live, Route.LIVE)}
    return replace(decision, facts=facts, routes=routes)


def _contained(target: str, commit: Commit, serving: str, contained: str) -> Finding:
    text = (
        f"{target} runs {serving[:8]}; {commit.short} does not contain that, but {contained[:8]}, "
        "which is the same source"
    )
    return Finding(target, None, text)


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


def _unnamed(target: str, commit: Commit, gap: str, allowed: Direction) -> Finding:
    text = f"whether {commit.short} is newer than what {target} runs cannot be told: {gap}"
    if not allowed.strict:
        return Finding(target, None, text)
    hint = (
        f"`heroku releases -a {target}` shows what runs; let the key's account see its slugs and "
        "builds, or leave out --strict this once: what is then shipped names its commit"
    )
    return Finding(target, Refusal.ANCESTRY_UNKNOWN, text, hint)
