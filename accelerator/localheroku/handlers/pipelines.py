"""Pipelines, couplings and promotions."""

from collections.abc import Callable
from typing import Any

from accelerator.localheroku.calls import (
    Answer,
    Call,
    Listing,
    by,
    objects,
    optional_text,
    text,
)
from accelerator.localheroku.state import pipelines
from accelerator.localheroku.state.errors import invalid, missing
from accelerator.localheroku.state.objects import App, Pipeline, Release

_KEYS = by("id", "name", "updated_at")
_COUPLING_KEYS = by("id", "created_at")


def create(call: Call) -> Answer:
    """Make a pipeline; its owner is the account unless said otherwise."""
    owner = optional_text(call.body, "owner.id") or call.state.account.id
    kind = optional_text(call.body, "owner.type") or "user"
    if kind not in {"user", "team"}:
        raise invalid("Param owner.type must be user or team.")
    if optional_text(call.body, "generation.name") not in {None, "cedar"}:
        raise invalid("Only pipelines of generation cedar are supported.")
    made = pipelines.create_pipeline(call.state, text(call.body, "name"), (owner, kind))
    return Answer(call.shapes.pipeline(made), 201)


def listing(call: Call) -> Listing:
    """List pipelines, with `eq[name]` only those of that name."""
    name = call.query.get("eq[name]")
    found = [each for each in call.state.pipelines if name in {None, each.name}]
    return Listing(found, call.shapes.pipeline, _KEYS)


def info(call: Call) -> Answer:
    """Answer with one pipeline by id or name."""
    return Answer(call.shapes.pipeline(_pipeline(call)))


def update(call: Call) -> Answer:
    """Rename a pipeline."""
    pipeline = _pipeline(call)
    name = optional_text(call.body, "name")
    changed = pipelines.rename_pipeline(call.state, pipeline, name or pipeline.name)
    return Answer(call.shapes.pipeline(changed))


def destroy(call: Call) -> Answer:
    """Delete a pipeline; its apps stay."""
    pipeline = _pipeline(call)
    pipelines.delete_pipeline(call.state, pipeline)
    return Answer(call.shapes.pipeline(pipeline))


def latest_releases(call: Call) -> Listing:
    """List the newest release of each app."""
    return _latest(call, lambda app: call.state.releases.of(app.id), call.shapes.release)


def latest_deployments(call: Call) -> Listing:
    """List each app's newest release that changed its slug."""
    return _latest(call, lambda app: _deployments(call, app), call.shapes.release)


def latest_builds(call: Call) -> Listing:
    """List the newest build of each app."""
    return _latest(call, lambda app: call.state.builds.of(app.id), call.shapes.build)


def _latest(call: Call, things: Callable[[App], list[Any]], shape: Callable[[Any], Any]) -> Listing:
    couplings = call.state.couplings.of(_pipeline(call).id)
    of_apps = [things(call.state.apps.get(each.app_id)) for each in couplings]
    return Listing([each[-1] for each in of_apps if each], shape, by("id"))


def _deployments(call: Call, app: App) -> list[Release]:
    found: list[Release] = []
    slug_id: str | None = None
    for release in call.state.releases.of(app.id):
        if release.slug_id != slug_id:
            found.append(release)
            slug_id = release.slug_id
    return found


def couple(call: Call) -> Answer:
    """Put an app (id or name) into a pipeline (id or name)."""
    app = call.state.app(text(call.body, "app"))
    pipeline = pipelines.find_pipeline(call.state, text(call.body, "pipeline"))
    made = pipelines.couple(call.state, app, pipeline, text(call.body, "stage"))
    return Answer(call.shapes.coupling(made), 201)


def couplings(call: Call) -> Listing:
    """List couplings: of one pipeline, or all of the account."""
    state = call.state
    found = (
        state.couplings.of(_pipeline(call).id)
        if "pipeline" in call.params
        else list(state.couplings)
    )
    return Listing(found, call.shapes.coupling, _COUPLING_KEYS)


def coupling(call: Call) -> Answer:
    """Answer with one coupling."""
    return Answer(call.shapes.coupling(call.state.couplings.get(call.params["coupling"])))


def coupling_of_app(call: Call) -> Answer:
    """Answer with the one coupling of an app."""
    found = pipelines.coupling_of(call.state, call.app)
    if found is None:
        raise missing("pipeline_coupling")
    return Answer(call.shapes.coupling(found))


def move_coupling(call: Call) -> Answer:
    """Give an app another stage."""
    found = call.state.couplings.get(call.params["coupling"])
    moved = pipelines.move_coupling(call.state, found, text(call.body, "stage"))
    return Answer(call.shapes.coupling(moved))


def uncouple(call: Call) -> Answer:
    """Take an app out of its pipeline."""
    found = call.state.couplings.get(call.params["coupling"])
    shape = call.shapes.coupling(found)
    call.state.couplings.drop(found)
    return Answer(shape)


def promote(call: Call) -> Answer:
    """Start a promotion of the pinned release, else of the source's current one."""
    pipeline = call.state.pipelines.get(text(call.body, "pipeline.id"))
    source = call.state.apps.get(text(call.body, "source.app.id"))
    targets = [call.state.apps.get(text(each, "app.id")) for each in objects(call.body, "targets")]
    pipelines.check_targets(call.state, pipeline, source, targets)
    pinned = optional_text(call.body, "source.release.id")
    release = pipelines.promotable(call.state, source, pinned)
    promotion = call.engine.promoting.promote(pipeline, release, targets)
    # Heroku answers before it has done anything, however fast it is.
    return Answer({**call.shapes.promotion(promotion), "status": "pending"}, 201)


def promotion(call: Call) -> Answer:
    """Answer with one promotion."""
    return Answer(call.shapes.promotion(call.state.promotions.get(call.params["promotion"])))


def targets(call: Call) -> Listing:
    """List the targets of a promotion."""
    found = call.state.promotions.get(call.params["promotion"])
    return Listing(call.state.targets.of(found.id), call.shapes.target, by("id"))


def _pipeline(call: Call) -> Pipeline:
    return pipelines.find_pipeline(call.state, call.params["pipeline"])
