"""Promotions and their targets."""

from accelerator.localheroku.state import access, artifacts, pipelines
from accelerator.localheroku.state.errors import forbidden, missing
from accelerator.localheroku.state.objects import App, Promotion
from accelerator.localheroku.web.calls import (
    Answer,
    Call,
    Listing,
    by,
    objects,
    optional_text,
    text,
)


def promote(call: Call) -> Answer:
    """Start a promotion of the pinned release, else of the source's current one.

    A target that the account may not deploy to fails alone, the others are promoted to.
    """
    state = call.state
    pipeline = state.pipelines.get(text(call.body, "pipeline.id"))
    if not access.can_see_pipeline(state, call.account, pipeline):
        raise missing("pipeline")
    source = call.find_app(state.apps.get(text(call.body, "source.app.id")).id, ("view",))
    targets = [state.apps.get(text(each, "app.id")) for each in objects(call.body, "targets")]
    pipelines.check_targets(state, pipeline, source, targets)
    release = pipelines.promotable(state, source, optional_text(call.body, "source.release.id"))
    for app in targets:
        if _may_deploy(call, app):
            artifacts.check_runs_on(app, state.slugs.get(release.slug_id or ""))
    ids = [app.id for app in targets]
    made = call.services.promoting.promote(pipeline, release, ids, call.account.id)
    # Heroku answers before it has done anything, however fast it is.
    return Answer({**call.shapes.promotion(made), "status": "pending"}, 201)


def info(call: Call) -> Answer:
    """Answer with one promotion."""
    return Answer(call.shapes.promotion(_promotion(call)))


def targets(call: Call) -> Listing:
    """List the targets of a promotion."""
    found = call.state.targets.of(_promotion(call).id)
    return Listing(found, call.shapes.target, by("id"))


def _may_deploy(call: Call, app: App) -> bool:
    return "deploy" in access.permissions(call.state, call.account, app)


def _promotion(call: Call) -> Promotion:
    found = call.state.promotions.get(call.params["promotion"])
    pipeline = call.state.pipelines.find(found.pipeline_id)
    is_own = found.user_id == call.account.id
    if not is_own and not (
        pipeline and access.can_see_pipeline(call.state, call.account, pipeline)
    ):
        raise missing("pipeline_promotion")
    if not is_own and call.services.conditions.own_promotions_only:
        raise forbidden("You do not have access to that pipeline promotion.")
    return found
