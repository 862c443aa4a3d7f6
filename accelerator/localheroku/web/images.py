"""The shape of OCI images, which apps of generation `fir` have in place of slugs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelerator.localheroku.web.constants import Shape, named, short_time

if TYPE_CHECKING:
    from accelerator.localheroku.state.objects import Slug

_BASE = "heroku/heroku:24-cnb"
_BASE_LAYER = f"sha256:{'0' * 64}"


def image(made: Slug, is_sdk: bool) -> Shape:
    """Return an OCI image."""
    deleted = short_time(made.deleted_at) if made.deleted_at else None
    return {
        "id": made.id,
        "base_image_name": made.image.get("base_image_name", _BASE),
        "base_top_layer": made.image.get("base_top_layer", _BASE_LAYER),
        "commit": made.commit or "",
        "commit_description": made.commit_description or "",
        "image_repo": made.image.get("image_repo", f"{made.app_id}/builds"),
        "digest": made.digest,
        "stack": named("stack", made.stack),
        "process_types": {
            name: _process_type(name, command) for name, command in made.process_types.items()
        },
        "buildpacks": made.image.get("buildpacks", []),
        "created_at": short_time(made.created_at),
        "updated_at": short_time(made.updated_at),
        "architecture": made.image.get("architecture", "amd64"),
        **({} if is_sdk else {"deleted_at": deleted}),
    }


def _process_type(name: str, command: str) -> Shape:
    return {
        "name": name,
        "display_cmd": command,
        "command": f"/cnb/process/{name}",
        "working_dir": "/workspace",
        "default": name == "web",
    }
