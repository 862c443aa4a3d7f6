"""Find what must be read itself before a decision may be acted on; pure.

A page of builds says which artifact holds which commit, but a build's commit is what its caller
claimed. So the one artifact that is chosen is read, and no other: never one request per candidate.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelerator.models import Route
from accelerator.steps.compare.candidates import list_candidates
from accelerator.steps.compare.decision import compare
from accelerator.steps.compare.fit import stack_of

if TYPE_CHECKING:
    from accelerator.models import ArtifactRef, Commit
    from accelerator.steps.compare.decision import Decision
    from accelerator.steps.compare.facts import Facts
    from accelerator.steps.compare.states import SourceState, TargetState


def find_unconfirmed(commit: Commit, facts: Facts) -> frozenset[tuple[str, ArtifactRef]]:
    """Return the artifacts (with an app to read them from) that must be read before deciding.

    At most one candidate, one current artifact per source and one per target: never one per
    release.
    """
    wanted = set()
    candidate = compare(commit, facts).candidate
    if candidate is not None:
        wanted.add((candidate.source.app, candidate.artifact))
    states: tuple[SourceState | TargetState, ...] = (*facts.sources, *facts.targets)
    for state in states:
        held = state.current.artifact if state.current else None
        if held is not None and facts.commit_of(held) is None:
            wanted.add((state.app, held))
    return frozenset(pair for pair in wanted if pair[1].id not in facts.artifacts)


def find_unread_apps(commit: Commit, facts: Facts) -> frozenset[str]:
    """Return the targets whose own stack must be read: it is not known, or seems to differ."""
    unread = set()
    for target in facts.targets:
        if target.fit.stacks is not None or facts.is_live(target, commit):
            continue
        stacks = facts.fit_of(target).stacks
        for candidate in list_candidates(commit, facts):
            ref = candidate.artifact
            stack = stack_of(facts.artifacts.get(ref.id), facts.build_of(ref))
            is_strange = stack is not None and stacks is not None and stack not in stacks
            if stacks is None or is_strange or _differ_in_kind(ref, target):
                unread.add(target.app)
    return frozenset(unread)


def is_confirmed(decision: Decision) -> bool:
    """Return whether all that a decision rests on was read itself, and no build's word is left."""
    unread = find_unconfirmed(decision.commit, decision.facts)
    return not unread and not find_unread_apps(decision.commit, decision.facts)


def rests_on_a_build(decision: Decision) -> bool:
    """Return whether an artifact is to be shipped and reading it is all that is left to be read."""
    candidate = decision.candidate
    if candidate is None or decision.route not in {Route.PROMOTE, Route.RELEASE}:
        return False
    unread = {ref.id for _, ref in find_unconfirmed(decision.commit, decision.facts)}
    is_all = not find_unread_apps(decision.commit, decision.facts)
    return unread <= {candidate.artifact.id} and is_all


def _differ_in_kind(ref: ArtifactRef, target: TargetState) -> bool:
    held = target.current.artifact if target.current else None
    return held is not None and held.kind is not ref.kind
