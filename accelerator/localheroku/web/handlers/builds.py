"""Sources, builds and slugs."""

from typing import Any

from accelerator.localheroku.state import apps, artifacts, builds
from accelerator.localheroku.state.errors import invalid
from accelerator.localheroku.state.objects import Build, SourceBlob
from accelerator.localheroku.state.store import new_id
from accelerator.localheroku.web.calls import (
    Answer,
    Call,
    Listing,
    by,
    objects,
    only,
    optional_text,
    text,
)


def create_source(call: Call) -> Answer:
    """Make room for a source and answer with the signed URLs to write and read it."""
    if "app" in call.params:
        _ = call.app
    signer, name = call.services.signer, new_id()
    urls = {
        "get_url": signer.url("sources", name, "GET"),
        "put_url": signer.url("sources", name, "PUT"),
    }
    return Answer({"source_blob": urls}, 201)


def create(call: Call) -> Answer:
    """Start a build of a source blob."""
    app = call.app
    url = text(call.body, "source_blob.url")
    only(call.body["source_blob"], "url", "version", "version_description", "checksum")
    blob = SourceBlob(
        url=url,
        version=optional_text(call.body, "source_blob.version"),
        version_description=optional_text(call.body, "source_blob.version_description"),
        checksum=optional_text(call.body, "source_blob.checksum"),
    )
    if app.build_stack == "container":
        raise invalid("Apps on the container stack cannot be built here.")
    chosen = objects(call.body, "buildpacks") if call.body.get("buildpacks") else []
    if chosen and app.generation == "fir":
        raise invalid("Builds of apps of generation fir take no buildpacks: use project.toml.")
    packs = tuple(_buildpack(each) for each in chosen)
    made = call.services.building.start(app, blob, packs, call.account.id)
    return Answer(call.shapes.build(made), 201)


def listing(call: Call) -> Listing:
    """List the app's builds."""
    keys = {**by("id", "created_at"), "started_at": lambda build: build.created_at}
    return Listing(call.state.builds.of(call.app.id), call.shapes.build, keys, "created_at")


def info(call: Call) -> Answer:
    """Answer with one build."""
    return Answer(call.shapes.build(_build(call)))


def cancel(call: Call) -> Answer:
    """Cancel a pending build."""
    build = _build(call)
    call.services.building.cancel(build)
    return Answer(call.shapes.build(build))


async def clear_cache(call: Call) -> Answer:
    """Empty the build cache."""
    await call.services.building.clear_cache(call.app)
    return Answer({}, 202)


def slug(call: Call) -> Answer:
    """Answer with a slug that was made or released on the app."""
    found = artifacts.find_artifact(call.state, call.app, call.params["slug"])
    return Answer(call.shapes.slug(found))


def create_slug(call: Call) -> Answer:
    """Announce a slug and answer with the URL to upload it to."""
    app = call.app
    types = call.body.get("process_types")
    if not isinstance(types, dict) or not all(isinstance(each, str) for each in types.values()):
        raise invalid("Param process_types must be an object of commands.")
    stack = optional_text(call.body, "stack")
    chosen = apps.check_stack(stack) if stack else app.build_stack
    made = builds.create_slug(call.state, app, types, chosen)
    made.commit = optional_text(call.body, "commit")
    made.commit_description = optional_text(call.body, "commit_description")
    made.checksum = optional_text(call.body, "checksum")
    made.buildpack_provided_description = optional_text(call.body, "buildpack_provided_description")
    call.state.slugs.save(made)
    return Answer(call.shapes.slug(made, "put"), 201)


def _build(call: Call) -> Build:
    return builds.find_build(call.state, call.app, call.params["build"])


def _buildpack(given: Any) -> str:
    name = optional_text(given, "name")
    return (name or text(given, "url")).removeprefix("urn:buildpack:")
