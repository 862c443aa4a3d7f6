"""OCI images of apps of generation `fir`."""

import re
from typing import Any

from accelerator.localheroku.state import artifacts
from accelerator.localheroku.state.errors import Refused, invalid
from accelerator.localheroku.web.calls import Answer, Call, objects, optional_text, text
from accelerator.localheroku.web.images import image

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_TEXTS = ("architecture", "base_image_name", "base_top_layer", "image_repo")


def info(call: Call) -> Answer:
    """Answer with an array: the image of this id or digest, or nothing."""
    app = call.app
    try:
        found = [artifacts.find_artifact(call.state, app, call.params["image"])]
    except Refused:
        found = []
    return Answer([image(each, call.is_sdk) for each in found if each.digest is not None])


def create(call: Call) -> Answer:
    """Announce an image; it can be released when an image of its digest was built here."""
    app = call.app
    if app.generation != "fir":
        raise invalid("OCI images are for apps of generation fir.")
    digest = text(call.body, "digest")
    if not _DIGEST.fullmatch(digest):
        raise invalid("Param digest must be sha256: and 64 hex digits.")
    about = {name: value for name in _TEXTS if (value := optional_text(call.body, name))}
    buildpacks = objects(call.body, "buildpacks") if "buildpacks" in call.body else []
    made = artifacts.create_image(
        call.state,
        app,
        {
            "digest": digest,
            "commit": optional_text(call.body, "commit"),
            "commit_description": optional_text(call.body, "commit_description"),
            "process_types": _process_types(call.body.get("process_types") or {}),
            "image": {**about, "buildpacks": [_buildpack(each) for each in buildpacks]},
        },
    )
    return Answer(image(made, call.is_sdk), 201)


def _process_types(given: Any) -> dict[str, str]:
    if not isinstance(given, dict) or not all(isinstance(each, dict) for each in given.values()):
        raise invalid("Param process_types must be an object of process types.")
    return {
        name: optional_text(each, "display_cmd") or text(each, "command")
        for name, each in given.items()
    }


def _buildpack(given: Any) -> dict[str, str]:
    names = ("id", "version", "homepage")
    return {name: value for name in names if (value := optional_text(given, name))}
