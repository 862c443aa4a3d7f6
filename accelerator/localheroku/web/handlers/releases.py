"""Releases: list, look up, create from a slug, roll back."""

from collections.abc import Mapping
from typing import Any

from accelerator.localheroku.state import artifacts, releases
from accelerator.localheroku.state.objects import Release
from accelerator.localheroku.web.calls import Answer, Call, Listing, by, optional_text, text


def listing(call: Call) -> Listing:
    """List the app's releases, oldest first unless asked otherwise."""
    things = call.state.releases.of(call.app.id)
    return Listing(things, call.shapes.release, by("version", "id"), "version")


def info(call: Call) -> Answer:
    """Answer with one release by id or version."""
    release = _release(call)
    shape = call.shapes.release(release)
    if call.services.conditions.lagging.hides_end(release):
        shape |= {"status": "pending", "current": False}
    return Answer(shape)


def config(call: Call) -> Answer:
    """Answer with the config vars of one release."""
    release = _release(call)
    return Answer({**release.metadata, **release.config})


def create(call: Call) -> Answer:
    """Release a slug (or, in version 3.sdk, an OCI image, by id or digest), or roll back."""
    app = call.app
    if call.body.get("release") is not None:
        made = call.services.releasing.roll_back(app, _identity(call.body), call.account.id)
    else:
        slug = artifacts.artifact_to_release(call.state, call.account, app, _artifact(call))
        description = optional_text(call.body, "description")
        description = description or releases.deploy_description(slug)
        wanted = releases.Wanted(description, slug, call.account.id)
        made = call.services.releasing.release(app, wanted)
    return Answer(call.shapes.release(made), 201)


def _artifact(call: Call) -> str:
    """Return what is to be released: under version `3` Heroku's schema requires a slug."""
    image = optional_text(call.body, "oci_image") if call.is_sdk else None
    return image or text(call.body, "slug")


def _identity(body: Mapping[str, Any]) -> str:
    """Read which release is meant; heroku3 sends version numbers too."""
    given = body["release"]
    return str(given) if type(given) is int else text(body, "release")


def _release(call: Call) -> Release:
    return releases.find_release(call.state, call.app, call.params["release"])
