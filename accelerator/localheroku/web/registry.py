"""The buildpack registry as the Heroku CLI asks it: no key, no versioned Accept header.

On Heroku it is a host of its own; here `HEROKU_BUILDPACK_REGISTRY_URL` points the CLI at the
platform. It knows the built-in buildpacks and answers with Heroku's addresses for them.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response

from accelerator.localheroku.building import packs
from accelerator.localheroku.state.errors import missing
from accelerator.localheroku.state.names import fixed_id

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

REGISTRY_PATH = "/buildpacks"
_BLOBS = "https://buildpack-registry.s3.amazonaws.com/buildpacks"
_SINCE = "2024-01-01T00:00:00Z"


def is_registry_path(path: str) -> bool:
    """Return whether a path belongs to the registry."""
    return path == REGISTRY_PATH or path.startswith(f"{REGISTRY_PATH}/")


def answer(request: Request) -> Response:
    """Answer one request: a search, a buildpack, its revisions or its readme."""
    namespace, _, rest = request.url.path.removeprefix(REGISTRY_PATH).strip("/").partition("/")
    if request.method != "GET":
        return _not_found()
    if not namespace:
        return JSONResponse([_buildpack(name) for name in packs.NAMES if _fits(name, request)])
    # The CLI writes the name's own slash as %2F, which has been decoded by now.
    name, _, part = rest.partition("/")
    full = f"{namespace}/{name}"
    shapes = {"": _buildpack, "revisions": _revisions, "readme": _readme}
    if full not in packs.NAMES or part not in shapes:
        return _not_found()
    return JSONResponse(shapes[part](full))


def _buildpack(full: str) -> Mapping[str, Any]:
    namespace, _, name = full.partition("/")
    return {
        "blob_url": f"{_BLOBS}/{full}.tgz",
        "category": "languages",
        "created_at": _SINCE,
        "description": _description(full),
        "id": fixed_id("buildpack", full),
        "name": name,
        "namespace": namespace,
        "source": {"owner": namespace, "repo": name, "type": "built-in"},
        "support": {"address": "", "method": "unsupported"},
        "two_factor_authentication": False,
        "updated_at": _SINCE,
    }


def _description(full: str) -> str:
    return f"{full}, built into this platform"


def _revisions(full: str) -> list[Mapping[str, Any]]:
    return [
        {
            "created_at": _SINCE,
            "id": fixed_id("buildpack-revision", full),
            "license": "MIT",
            "release": 1,
            "status": "published",
            "updated_at": _SINCE,
        }
    ]


def _readme(full: str) -> Mapping[str, Any]:
    text = f"{_description(full)}.\n".encode()
    return {"content": base64.b64encode(text).decode(), "encoding": "base64"}


def _fits(full: str, request: Request) -> bool:
    namespace, _, name = full.partition("/")
    asked = request.query_params
    namespaces, names = asked.getlist("in[namespace][]"), asked.getlist("in[name][]")
    return (
        (not namespaces or namespace in namespaces)
        and (not names or name in names)
        and asked.get("like[description]", "").lower() in _description(full).lower()
    )


def _not_found() -> Response:
    return JSONResponse(missing("buildpack").body, 404)
