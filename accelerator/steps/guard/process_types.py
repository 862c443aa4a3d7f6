"""No process type that runs is lost by a slip: a Procfile without `web` takes the site away.

An artifact names its process types, so what is promoted or released is judged by them. What is
built on the target itself is released by Heroku as soon as it is built. There the Procfile of the
commit is compared with that of the commit that runs, before anything is written; a type that
neither declares may come from the buildpack. What cannot be judged stops nobody, and is said.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from accelerator.models import Artifact, Refusal, Route
from accelerator.steps.compare.fit import find_lost
from accelerator.steps.compare.witness import NO_CODE, find_running
from accelerator.steps.guard.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from accelerator.models import ArtifactRef
    from accelerator.steps.compare.decision import Decision
    from accelerator.steps.compare.states import TargetState

HINT = (
    "repair the Procfile and ship that commit; --allow-missing-processes ships this one, and ends "
    "those dynos"
)


class KnowsProcessTypes(Protocol):
    """The local clone, as far as process types are concerned (`repository.Lineage`)."""

    def process_types(self, sha: str) -> frozenset[str] | None:
        """Return what a commit declares in its Procfile; None where that cannot be told."""


def check_process_types(
    decision: Decision, clone: KnowsProcessTypes, *, is_allowed: bool
) -> tuple[Finding, ...]:
    """Refuse for every target that is written to and would lose a process type that runs there.

    Where that cannot be judged it is worth saying, unless it is allowed.
    """
    return tuple(_check(decision, clone, is_allowed=is_allowed))


def check_artifact(
    target: TargetState, artifact: Artifact | ArtifactRef | None, *, is_allowed: bool
) -> Finding:
    """Refuse an artifact without a process type that runs on the target, where it was read.

    Where no code was before, one without any process type is refused: nothing would run there.
    """
    types = artifact.process_types if isinstance(artifact, Artifact) else None
    lost = find_lost(types, target.fit)
    if types is not None and not types and not target.has_code:
        said = f"nothing would run on {target.app}: what is to be released has no process type"
        return _told(target.app, said, is_allowed)
    if not lost or types is None:
        return _formation_read(target, is_allowed)
    return _lost(target.app, lost, f"what is to be released has {_list(types)}", is_allowed)


def _check(decision: Decision, clone: KnowsProcessTypes, *, is_allowed: bool) -> Iterator[Finding]:
    facts, candidate = decision.facts, decision.candidate
    written = decision.writes_to(decision.routes)
    for target in facts.targets:
        if target.app not in written:
            continue
        if decision.routes[target.app] is Route.BUILD:
            yield _check_build(decision, target, clone, is_allowed=is_allowed)
        elif candidate is not None:
            held = facts.known(candidate.artifact)
            yield check_artifact(target, held, is_allowed=is_allowed)
        else:  # judged when it is built
            yield _formation_read(target, is_allowed)


def _check_build(
    decision: Decision, target: TargetState, clone: KnowsProcessTypes, *, is_allowed: bool
) -> Finding:
    running, sha = find_running(decision.facts, target), decision.commit.sha
    if not _may_lose(target) or running == NO_CODE:
        return _formation_read(target, is_allowed)
    if running.commit is None:
        return _not_judged(target, running.gap or "", is_allowed)
    ours, theirs = clone.process_types(sha), clone.process_types(running.commit)
    if ours is None or theirs is None:
        unread = decision.commit.short if ours is None else running.commit[:8]
        said = f"what {unread} declares cannot be read in this clone"
        return _not_judged(target, said, is_allowed)
    lost = [each for each in find_lost(ours, target.fit) if each in theirs]
    said = f"the Procfile of {decision.commit.short} declares {_list(ours)}"
    return _lost(target.app, lost, said, is_allowed) if lost else Finding(target.app)


def _may_lose(target: TargetState) -> bool:
    """Return whether a process type is known to run there."""
    return bool(find_lost(frozenset(), target.fit))


def _formation_read(target: TargetState, is_allowed: bool) -> Finding:
    """Return nothing against a target, but where it has code and nobody knows what of it runs."""
    if target.fit.formation is None and any(each.artifact for each in target.releases):
        return _not_judged(target, "its formation cannot be read", is_allowed)
    return Finding(target.app)


def _not_judged(target: TargetState, why: str, is_allowed: bool) -> Finding:
    said = f"whether {target.app} loses a process type was not judged: {why}"
    return Finding(target.app, None, "" if is_allowed else said)


def _lost(app: str, lost: Iterable[str], said: str, is_allowed: bool) -> Finding:
    return _told(app, f"{app} runs {', '.join(lost)}, which would be gone: {said}", is_allowed)


def _told(app: str, text: str, is_allowed: bool) -> Finding:
    if is_allowed:
        return Finding(app, None, text)
    return Finding(app, Refusal.PROCESSES_MISSING, text, HINT)


def _list(types: Iterable[str]) -> str:
    return ", ".join(sorted(types)) or "no process type"
