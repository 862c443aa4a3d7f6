"""Heroku's JSON turned into our values; pure, and forgiving only where Heroku varies."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from accelerator.models import (
    App,
    Artifact,
    ArtifactKind,
    ArtifactRef,
    Build,
    Coupling,
    Pipeline,
    Promotion,
    PromotionTarget,
    Release,
    SourceBlob,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

Json = Any


def parse_moment(text: str) -> datetime:
    """Read a timestamp; Heroku writes both ``Z`` and ``+00:00``."""
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def parse_app(item: Json) -> App:
    """Read an app, of the plain or of the team shape."""
    stack = item["stack"]["name"]
    return App(
        id=item["id"],
        name=item["name"],
        web_url=item.get("web_url"),
        stack=stack,
        build_stack=_name(item.get("build_stack")) or stack,
        generation=_name(item.get("generation")) or "cedar",
        maintenance=bool(item.get("maintenance")),
    )


def parse_artifact_ref(item: Json) -> ArtifactRef | None:
    """Read which slug or image a release or build holds, wherever this generation has it."""
    if item.get("slug"):
        return ArtifactRef(ArtifactKind.SLUG, item["slug"]["id"])
    if item.get("oci_image"):
        return ArtifactRef(ArtifactKind.OCI_IMAGE, item["oci_image"]["id"])
    for artifact in item.get("artifacts") or ():
        if artifact["type"] in set(ArtifactKind):
            return ArtifactRef(ArtifactKind(artifact["type"]), artifact["id"])
    return None


def parse_release(item: Json) -> Release:
    """Read a release."""
    return Release(
        id=item["id"],
        version=int(item["version"]),
        status=item["status"],
        current=bool(item["current"]),
        app_id=item["app"]["id"],
        app_name=item["app"]["name"],
        description=item.get("description") or "",
        created_at=parse_moment(item["created_at"]),
        artifact=parse_artifact_ref(item),
        output_stream_url=item.get("output_stream_url"),
    )


def parse_slug(item: Json) -> Artifact:
    """Read a slug; its `commit` is free text and may be empty."""
    deleted_at = item.get("deleted_at")
    return Artifact(
        kind=ArtifactKind.SLUG,
        id=item["id"],
        checksum=item.get("checksum"),
        commit=item.get("commit") or None,
        stack=_name(item.get("stack")),
        size=item.get("size"),
        process_types=dict(item.get("process_types") or {}),
        deleted_at=parse_moment(deleted_at) if deleted_at else None,
    )


def parse_build(item: Json, app: str) -> Build:
    """Read a build of the app that was asked for: a build itself names its app by id only."""
    source = item.get("source_blob") or {}
    return Build(
        id=item["id"],
        app_name=app,
        status=item["status"],
        commit=source.get("version") or None,
        artifact=parse_artifact_ref(item),
        release_id=_id(item.get("release")),
        created_at=parse_moment(item["created_at"]),
        output_stream_url=item.get("output_stream_url"),
        updated_at=parse_moment(item["updated_at"]) if item.get("updated_at") else None,
        stack=_name(item.get("stack")),
        buildpacks=tuple(_buildpack(pack) for pack in item.get("buildpacks") or ()),
        checksum=_checksum(source.get("checksum")),
    )


def parse_buildpack_installations(items: Json) -> tuple[str, ...]:
    """Read an app's own list of buildpacks, in order; empty where Heroku is to detect them."""
    ordered = sorted(items, key=lambda item: item["ordinal"])
    return tuple(_buildpack(item["buildpack"]) for item in ordered)


def parse_oci_image(items: Json) -> Artifact:
    """Read an OCI image: asked for by id, Heroku answers with a list of one."""
    item = items[0] if isinstance(items, list) else items
    deleted_at = item.get("deleted_at")
    return Artifact(
        kind=ArtifactKind.OCI_IMAGE,
        id=item["id"],
        checksum=item.get("digest"),
        commit=item.get("commit") or None,
        stack=_name(item.get("stack")),
        process_types={
            name: str(each.get("command") or "") if isinstance(each, dict) else str(each)
            for name, each in (item.get("process_types") or {}).items()
        },
        deleted_at=parse_moment(deleted_at) if deleted_at else None,
    )


def parse_source_blob(item: Json) -> SourceBlob:
    """Read the signed addresses of a source."""
    blob = item["source_blob"]
    return SourceBlob(get_url=blob["get_url"], put_url=blob["put_url"])


def parse_pipeline(item: Json) -> Pipeline:
    """Read a pipeline."""
    return Pipeline(id=item["id"], name=item["name"])


def parse_coupling(item: Json) -> Coupling:
    """Read an app's place in a pipeline."""
    return Coupling(
        id=item["id"],
        app_id=item["app"]["id"],
        pipeline_id=item["pipeline"]["id"],
        stage=item["stage"],
    )


def parse_promotion(item: Json) -> Promotion:
    """Read a promotion as it was created."""
    return Promotion(
        id=item["id"],
        status=item["status"],
        source_release_id=_id(item["source"].get("release")),
    )


def parse_promotion_target(item: Json) -> PromotionTarget:
    """Read what became of a promotion on one app."""
    return PromotionTarget(
        app_id=item["app"]["id"],
        status=item["status"],
        release_id=_id(item.get("release")),
        error_message=item.get("error_message"),
    )


def _id(item: Mapping[str, str] | None) -> str | None:
    return item["id"] if item else None


def _checksum(text: str | None) -> str | None:
    """Write a checksum in one way, whatever its letters: ``SHA256:`` and small digits."""
    algorithm, _, digits = (text or "").rpartition(":")
    return f"{algorithm.upper() or 'SHA256'}:{digits.lower()}" if digits else None


def _buildpack(item: Mapping[str, str]) -> str:
    return item.get("name") or item.get("url") or ""


def _name(item: Mapping[str, str] | str | None) -> str | None:
    return item if isinstance(item, str) or item is None else item["name"]
