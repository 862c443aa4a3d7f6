"""Release an artifact that exists already, by its id: no build, no promotion, the same bytes."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from accelerator.errors import AcceleratorError, OutcomeUnknown, WrongArtifact
from accelerator.events import say_nothing
from accelerator.models import ArtifactKind, Route, StepName
from accelerator.steps.compare.descriptions import describe_release
from accelerator.steps.follow.builds_and_releases import demand_success, follow_release
from accelerator.steps.route.landing import Landing, Write, pass_again
from accelerator.steps.route.lost_replies import find_release, trace_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from accelerator.events import Tell
    from accelerator.models import ArtifactRef, Release
    from accelerator.steps.compare.decision import Decision
    from accelerator.steps.compare.states import Candidate, TargetState
    from accelerator.steps.route.landing import Fence
    from accelerator.steps.run import Run


def writes(decision: Decision, targets: Sequence[TargetState]) -> tuple[Write, ...]:
    """Return one release per target."""
    candidate, said = decision.candidate, "release that too"
    if candidate is not None:
        kind = "slug" if candidate.artifact.kind is ArtifactKind.SLUG else "image"
        said = f"release {kind} {candidate.artifact.id[:8]} of {candidate.source.app}"
    return tuple(Write("POST", f"/apps/{target.app}/releases", said) for target in targets)


def take(
    run: Run, decision: Decision, targets: Sequence[TargetState], fence: Fence
) -> tuple[Landing, ...]:
    """Release the candidate's artifact on each target, side by side.

    A target's failure is part of its landing: the others may have succeeded.
    """
    candidate = decision.candidate
    if candidate is None:
        raise ValueError("only an artifact can be released")
    return run.side_by_side(partial(_land, run, decision, candidate, fence), targets)


def _land(
    run: Run, decision: Decision, candidate: Candidate, fence: Fence, target: TargetState
) -> Landing:
    app, artifact = target.app, candidate.artifact
    held = decision.facts.known(artifact)
    description = describe_release(decision.commit, decision.facts.commit_of(artifact))
    try:
        fence.admit(target, held)
        title, limit = f"Release {artifact.id[:8]} on {app}", run.waits.release_phase
        with run.events.step(StepName.RELEASE, title, app, limit) as step:
            made = release(run, target, artifact, description, fence, step.tell)
    except AcceleratorError as error:
        return Landing(app, Route.RELEASE, target.current, error=error)
    return Landing(app, Route.RELEASE, target.current, held, made.id)


def release(
    run: Run,
    target: TargetState,
    artifact: ArtifactRef,
    description: str,
    fence: Fence,
    tell: Tell = say_nothing,
) -> Release:
    """Create a release of `artifact` on a target and follow its release command.

    A lost reply is settled by looking for the release. Raises `ReleaseFailed` when the release
    command fails (the old release serves on), `OutcomeUnknown` when nobody can tell.
    """
    app = target.app
    run.refuse_if_stopping()
    fence.demand([app])
    again = pass_again(run, fence, [app])
    try:
        with run.under_way.lasting(f"a release on {app}"):
            created = run.heroku.releases.create(app, artifact, description, again)
    except OutcomeUnknown:
        made = find_release(run, trace_of(target, artifact))
        if made is None:
            raise
        created = made
    if created.artifact != artifact:
        found = created.artifact.id if created.artifact else None
        raise WrongArtifact(app, f"artifact {artifact.id}", found)
    return demand_success(follow_release(run, created, tell, is_new=True))
