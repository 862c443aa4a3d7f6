"""Pipelines, couplings and promotions."""

from collections.abc import Callable
from typing import Any

from accelerator.localheroku.state import access, pipelines
from accelerator.localheroku.state.errors import invalid, missing
from accelerator.localheroku.state.objects import App, Build, Coupling, Pipeline, Release
from accelerator.localheroku.web.calls import (
    Answer,
    Call,
    Listing,
    by,
    optional_text,
    text,
)

_KEYS = by("id", "name", "updated_at")
_COUPLING_KEYS = by("id", "created_at")


def create(call: Call) -> Answer:
    """Make a pipeline; its owner is the account unless said otherwise."""
    is_named = call.body.get("owner") is not None  # the schema wants all of it, or nothing
    read = text if is_named else optional_text
    owner = read(call.body, "owner.id") or call.account.id
    kind = read(call.body, "owner.type") or "user"
    if kind not in {"user", "team"}:
        raise invalid("Param owner.type must be user or team.")
    if kind == "team":
        raise missing("team")
    if owner != call.account.id:
        raise invalid("A pipeline is owned by the account that makes it.")
    generation = optional_text(call.body, "generation.name") or "cedar"
    name = text(call.body, "name")
    made = pipelines.create_pipeline(call.state, name, (owner, kind), generation)
    return Answer(call.shapes.pipeline(made), 201)


def listing(call: Call) -> Listing:
    """List pipelines, with `eq[name]` only those of that name."""
    name = call.query.get("eq[name]")
    visible = (each for each in call.state.pipelines if _can_see(call, each))
    return Listing(
        [each for each in visible if name in {None, each.name}], call.shapes.pipeline, _KEYS
    )


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
    return _latest(
        call,
        lambda app: call.state.builds.of(app.id),
        lambda build: _without_generation(call, build),
    )


def _without_generation(call: Call, build: Build) -> Any:
    """Return a build as pipelines show it: without what the versions of the API add."""
    shape = call.shapes.build(build)
    return {key: value for key, value in shape.items() if key not in {"generation", "labs"}}


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
    """Put an app (id or name) into a pipeline (id)."""
    app = call.find_app(text(call.body, "app"), call.allowed)
    pipeline = _seen(call, call.state.pipelines.get(text(call.body, "pipeline")))
    made = pipelines.couple(call.state, app, pipeline, text(call.body, "stage"))
    return Answer(call.shapes.coupling(made), 201)


def couplings(call: Call) -> Listing:
    """List couplings: of one pipeline, or all of the account's apps."""
    state = call.state
    if "pipeline" in call.params:
        found = state.couplings.of(_pipeline(call).id)
    else:
        mine = {app.id for app in access.visible_apps(state, call.account)}
        found = [each for each in state.couplings if each.app_id in mine]
    return Listing(found, call.shapes.coupling, _COUPLING_KEYS)


def coupling(call: Call) -> Answer:
    """Answer with one coupling."""
    return Answer(call.shapes.coupling(_coupling(call)))


def coupling_of_app(call: Call) -> Answer:
    """Answer with the one coupling of an app."""
    found = pipelines.coupling_of(call.state, call.app)
    if found is None:
        raise missing("pipeline_coupling")
    return Answer(call.shapes.coupling(found))


def move_coupling(call: Call) -> Answer:
    """Give an app another stage."""
    moved = pipelines.move_coupling(call.state, _coupling(call), text(call.body, "stage"))
    return Answer(call.shapes.coupling(moved))


def uncouple(call: Call) -> Answer:
    """Take an app out of its pipeline."""
    found = _coupling(call)
    shape = call.shapes.coupling(found)
    call.state.couplings.drop(found)
    return Answer(shape)


def _pipeline(call: Call) -> Pipeline:
    return _seen(call, pipelines.find_pipeline(call.state, call.params["pipeline"]))


def _seen(call: Call, pipeline: Pipeline) -> Pipeline:
    if not _can_see(call, pipeline):
        raise missing("pipeline")
    return pipeline


def _can_see(call: Call, pipeline: Pipeline) -> bool:
    return access.can_see_pipeline(call.state, call.account, pipeline)


def _coupling(call: Call) -> Coupling:
    found = call.state.couplings.get(call.params["coupling"])
    if not _can_see(call, call.state.pipelines.get(found.pipeline_id)):
        raise missing("pipeline_coupling")
    if call.allowed != ("view",):
        call.find_app(found.app_id, call.allowed)
    return found
