"""Read what the decision needs: independent reads at once, and never one a candidate."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from accelerator.errors import KeyRefused, NotFound, UsageProblem
from accelerator.models import ArtifactKind
from accelerator.steps.compare import find_unconfirmed
from accelerator.steps.known import Facts, SourceState, TargetState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from accelerator.heroku import Heroku
    from accelerator.models import Artifact, ArtifactRef, Commit, Coupling, Release
    from accelerator.steps.run import Run

STAGES = ("review", "development", "staging", "production")
WITNESSES = ("HEROKU_BUILD_COMMIT", "HEROKU_SLUG_COMMIT")


@dataclass(frozen=True, slots=True)
class Place:
    """An app to look for the commit on; only promotions from prepare apps are offered."""

    app: str
    is_prepare: bool = True


def fetch_facts(
    run: Run, commit: Commit, places: tuple[Place, ...], targets: tuple[str, ...]
) -> Facts:
    """Read sources and targets in one round of parallel requests, single artifacts in a second.

    Raises `NotFound` when an app does not exist.
    """
    heroku = run.heroku
    reads = [read for place in places for read in _source_reads(heroku, place)]
    reads += [read for target in targets for read in _target_reads(heroku, target)]
    answers = iter(heroku.together(*reads))
    facts = Facts(
        tuple(_source_state(place, answers) for place in places),
        tuple(_target_state(heroku, target, answers) for target in targets),
    )
    return confirm(run, commit, facts)


def confirm(run: Run, commit: Commit, facts: Facts) -> Facts:
    """Read the artifacts the decision rests on: one round, and one more for each unusable one.

    What the decision names at the end has been read itself; a build's word is not enough.
    """
    while missing := sorted(find_unconfirmed(commit, facts), key=lambda pair: pair[1].id):
        reads = [partial(_find_artifact, run.heroku, app, ref) for app, ref in missing]
        found: dict[str, Artifact | None] = {}
        for (_, ref), artifact in zip(missing, run.heroku.together(*reads), strict=True):
            # Two apps may hold one artifact, and the key may read only one of them.
            found[ref.id] = artifact or found.get(ref.id)
        facts = replace(facts, artifacts={**facts.artifacts, **found})
    return facts


def resolve_targets(run: Run, source: str, targets: tuple[str, ...]) -> tuple[str, ...]:
    """Turn stage names into the names of the apps at that stage of the source's pipeline.

    App names pass through without a request. Raises `NotFound` for a stage without an app, and
    `UsageProblem` for a target that is the source itself.
    """
    names: list[str] = []
    apps_at: dict[str, list[str]] | None = None
    for target in targets:
        if target not in STAGES:
            names.append(target)
            continue
        apps_at = apps_at if apps_at is not None else _fetch_stages(run.heroku, source)
        if not apps_at.get(target):
            raise NotFound(
                f"the pipeline of {source} has no app at stage {target}",
                f"add one with `heroku pipelines:add`, or name the app: --to {source}-{target}",
            )
        names += apps_at[target]
    if source in names:
        raise UsageProblem(
            f"{source} is both the source and a target", "name another app with --to"
        )
    return tuple(dict.fromkeys(names))


def _fetch_stages(heroku: Heroku, source: str) -> dict[str, list[str]]:
    coupling = heroku.couplings.find_of_app(source)
    if coupling is None:
        raise NotFound(
            f"{source} is in no pipeline, so stage names mean nothing for it",
            "name the target apps with --to, or add the app to a pipeline",
        )
    couplings = heroku.couplings.fetch_of_pipeline(coupling.pipeline_id)
    names = {app.id: app.name for app in heroku.couplings.fetch_apps([c.app_id for c in couplings])}
    stages: dict[str, list[str]] = {}
    for other in couplings:
        if other.app_id in names and other.app_id != coupling.app_id:
            stages.setdefault(other.stage, []).append(names[other.app_id])
    return {stage: sorted(apps) for stage, apps in stages.items()}


def _source_reads(heroku: Heroku, place: Place) -> tuple[Callable[[], Any], ...]:
    app = place.app
    return (
        lambda: heroku.releases.fetch_newest(app),
        lambda: heroku.builds.fetch_newest(app),
        lambda: heroku.couplings.find_of_app(app),
        *([lambda: _find_witness(heroku, app)] if place.is_prepare else []),
    )


def _source_state(place: Place, answers: Iterator[Any]) -> SourceState:
    releases, builds, coupling = next(answers), next(answers), next(answers)
    witness, readable = next(answers) if place.is_prepare else (None, False)
    return SourceState(place.app, releases, builds, coupling, place.is_prepare, witness, readable)


def _target_reads(heroku: Heroku, target: str) -> tuple[Callable[[], Any], ...]:
    return (
        lambda: heroku.releases.fetch_newest(target),
        lambda: heroku.couplings.find_of_app(target),
    )


def _target_state(heroku: Heroku, target: str, answers: Iterator[Any]) -> TargetState:
    releases: tuple[Release, ...] = next(answers)
    coupling: Coupling | None = next(answers)
    if coupling is not None:
        app_id = coupling.app_id
    else:
        app_id = releases[0].app_id if releases else heroku.apps.fetch(target).id
    return TargetState(target, app_id, releases, coupling)


def _find_witness(heroku: Heroku, app: str) -> tuple[str | None, bool]:
    """Read the metadata variable if the key may; of the secrets beside it nothing is kept."""
    try:
        values = heroku.config_vars.fetch(app)
    except (KeyRefused, NotFound):
        return None, False
    return next((values[name] for name in WITNESSES if values.get(name)), None), True


def _find_artifact(heroku: Heroku, app: str, ref: ArtifactRef) -> Artifact | None:
    if ref.kind is not ArtifactKind.SLUG:
        return None
    try:
        return heroku.slugs.fetch(app, ref.id)
    except (NotFound, KeyRefused):
        return None
