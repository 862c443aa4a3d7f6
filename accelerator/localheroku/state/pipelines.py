"""Rules for pipelines, couplings and promotions."""

import re

from accelerator.localheroku.state.errors import invalid, missing
from accelerator.localheroku.state.objects import (
    GENERATIONS,
    App,
    Coupling,
    Pipeline,
    Promotion,
    Release,
    Target,
)
from accelerator.localheroku.state.releases import current_release
from accelerator.localheroku.state.store import State, new_id

STAGES = ("test", "review", "development", "staging", "production")
_NAME = re.compile(r"[a-z][a-z0-9-]{2,29}")


def check_name(name: str) -> str:
    """Return `name` if a pipeline may have it; several may share one."""
    if not _NAME.fullmatch(name):
        raise invalid(
            "Name must start with a letter, be 3 to 30 characters long and can only contain "
            "lowercase letters, digits, and dashes."
        )
    return name


def create_pipeline(
    state: State, name: str, owner: tuple[str, str], generation: str = "cedar"
) -> Pipeline:
    """Make a pipeline owned by `owner`, an id and a type, for apps of one generation."""
    if generation not in GENERATIONS:
        raise invalid(f"Generation must be one of {', '.join(GENERATIONS)}")
    now = state.clock.now()
    return state.pipelines.save(
        Pipeline(new_id(), check_name(name), owner[0], owner[1], now, now, generation)
    )


def find_pipeline(state: State, identity: str) -> Pipeline:
    """Return a pipeline by id, else the oldest one of that name."""
    by_id = state.pipelines.find(identity)
    found = by_id or next((each for each in state.pipelines if each.name == identity), None)
    if found is None:
        raise missing("pipeline")
    return found


def rename_pipeline(state: State, pipeline: Pipeline, name: str) -> Pipeline:
    """Give a pipeline another name."""
    pipeline.name = check_name(name)
    pipeline.updated_at = state.clock.now()
    return state.pipelines.save(pipeline)


def delete_pipeline(state: State, pipeline: Pipeline) -> None:
    """Forget a pipeline and its couplings; its apps stay."""
    state.couplings.drop_all(state.couplings.of(pipeline.id))
    state.pipelines.drop(pipeline)


def check_stage(stage: str) -> str:
    """Return `stage` if Heroku has such a stage."""
    if stage not in STAGES:
        raise invalid(f"Stage must be one of {', '.join(STAGES)}")
    return stage


def coupling_of(state: State, app: App) -> Coupling | None:
    """Return the one coupling of an app, if it is in a pipeline."""
    return next((each for each in state.couplings if each.app_id == app.id), None)


def couple(state: State, app: App, pipeline: Pipeline, stage: str) -> Coupling:
    """Put an app into a pipeline of its generation; an app is in at most one."""
    check_stage(stage)
    if app.generation != pipeline.generation:
        raise invalid(
            f"App {app.name} is of generation {app.generation},"
            f" but pipeline {pipeline.name} holds apps of generation {pipeline.generation}."
        )
    if coupling_of(state, app) is not None:
        raise invalid(f"App {app.name} is already in a pipeline.")
    now = state.clock.now()
    return state.couplings.save(Coupling(new_id(), app.id, pipeline.id, stage, now, now))


def move_coupling(state: State, coupling: Coupling, stage: str) -> Coupling:
    """Give an app another stage of its pipeline."""
    coupling.stage = check_stage(stage)
    coupling.updated_at = state.clock.now()
    return state.couplings.save(coupling)


def promotable(state: State, app: App, release_id: str | None) -> Release:
    """Return the release to promote: the pinned one, else the source's current one."""
    release = state.releases.find(release_id) if release_id else current_release(state, app)
    if release is None and release_id:
        raise missing("release")
    if app.build_stack == "container":
        raise invalid(
            "Pipeline promotions are not supported on apps pushed via Heroku Container Registry."
        )
    if release is None or release.slug_id is None:
        raise invalid(f"App {app.name} has no release that can be promoted.")
    if release.app_id != app.id:
        raise invalid(f"The release does not belong to {app.name}.")
    status = release.status
    if status == "expired":
        raise invalid(f"Release v{release.version} of {app.name} has expired.")
    if status != "succeeded":
        raise invalid(f"Release v{release.version} of {app.name} is {status}.")
    return release


def check_targets(state: State, pipeline: Pipeline, source: App, targets: list[App]) -> None:
    """Refuse targets that are not other apps of the pipeline."""
    if not targets:
        raise invalid("At least one target is required.")
    if len({app.id for app in targets}) != len(targets):
        raise invalid("A target can be given only once.")
    members = {each.app_id for each in state.couplings.of(pipeline.id)}
    for app in [source, *targets]:
        if app.id not in members:
            raise invalid(f"App {app.name} is not in pipeline {pipeline.name}.")
    if source.id in {app.id for app in targets}:
        raise invalid("Cannot promote an app to itself.")


def create_promotion(
    state: State, pipeline: Pipeline, release: Release, targets: list[str], user_id: str
) -> Promotion:
    """Record a promotion that has not done anything yet."""
    now = state.clock.now()
    promotion = Promotion(
        new_id(), pipeline.id, release.app_id, release.id, now, now, user_id=user_id
    )
    state.promotions.save(promotion)
    for app_id in targets:
        state.targets.save(Target(new_id(), promotion.id, app_id))
    return promotion


def settle_target(state: State, target: Target, error: str | None) -> None:
    """Record how one target ended; the promotion is completed with its last target."""
    target.status = "failed" if error else "succeeded"
    target.error_message = error
    state.targets.save(target)
    promotion = state.promotions.get(target.promotion_id)
    if all(each.status != "pending" for each in state.targets.of(promotion.id)):
        promotion.status = "completed"
        promotion.updated_at = state.clock.now()
        state.promotions.save(promotion)
