"""Heroku's JSON turned into our values; pure, and forgiving only where Heroku varies.

A value of another type than Heroku's raises `ValueError`: nothing wrong-typed gets further in.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from accelerator import foreign
from accelerator.heroku.values import (
    Json,
    Value,
    as_flag,
    as_number,
    as_object,
    as_text,
    as_texts,
    as_web_address,
    as_word,
    maybe,
)
from accelerator.models import (
    App,
    Artifact,
    ArtifactKind,
    ArtifactRef,
    Build,
    Coupling,
    Dyno,
    Formation,
    Pipeline,
    Promotion,
    PromotionTarget,
    Release,
    SourceBlob,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime


def parse_list(items: Json, parse: Callable[[Json], Value]) -> tuple[Value, ...]:
    """Read a list, item by item."""
    if not isinstance(items, list):
        raise ValueError("no list")
    return tuple(parse(item) for item in items)


def parse_moment(text: Json) -> datetime:
    """Read a timestamp; Heroku writes both ``Z`` and ``+00:00``. Without a zone it is UTC."""
    try:
        return foreign.parse_moment(text)
    except ValueError:
        return foreign.parse_moment(f"{as_text(text)}+00:00")


def parse_app(item: Json) -> App:
    """Read an app, of the plain or of the team shape."""
    app = as_object(item)
    stack = as_word(as_object(app.get("stack")).get("name"))
    return App(
        id=as_word(app.get("id")),
        name=as_word(app.get("name")),
        web_url=maybe(as_web_address, app.get("web_url")),
        stack=stack,
        build_stack=_name(app.get("build_stack")) or stack,
        generation=_name(app.get("generation")) or "cedar",
        maintenance=bool(maybe(as_flag, app.get("maintenance"))),
        in_space=maybe(as_object, app.get("space")) is not None,
    )


def parse_artifact_ref(item: Json) -> ArtifactRef | None:
    """Read which slug or image a release or build holds, wherever this generation has it."""
    holder = as_object(item)
    if slug := _id(holder.get("slug")):
        return ArtifactRef(ArtifactKind.SLUG, slug)
    if image := _id(holder.get("oci_image")):
        return ArtifactRef(ArtifactKind.OCI_IMAGE, image)
    for artifact in parse_list(holder.get("artifacts") or [], as_object):
        if (kind := as_word(artifact.get("type"))) in set(ArtifactKind):
            return ArtifactRef(ArtifactKind(kind), as_word(artifact.get("id")))
    return None


def parse_release(item: Json) -> Release:
    """Read a release."""
    release, app = as_object(item), as_object(as_object(item).get("app"))
    return Release(
        id=as_word(release.get("id")),
        version=as_number(release.get("version")),
        status=as_word(release.get("status")),
        current=as_flag(release.get("current")),
        app_id=as_word(app.get("id")),
        app_name=as_word(app.get("name")),
        description=maybe(as_text, release.get("description")) or "",
        created_at=parse_moment(release.get("created_at")),
        artifact=parse_artifact_ref(release),
        output_stream_url=maybe(as_text, release.get("output_stream_url")),
    )


def parse_slug(item: Json) -> Artifact:
    """Read a slug; its `commit` is free text and may be empty."""
    slug = as_object(item)
    return Artifact(
        kind=ArtifactKind.SLUG,
        id=as_word(slug.get("id")),
        checksum=maybe(as_text, slug.get("checksum")),
        commit=maybe(as_text, slug.get("commit")) or None,
        stack=_name(slug.get("stack")),
        size=maybe(as_number, slug.get("size")),
        process_types=maybe(partial(as_texts, read=as_text), slug.get("process_types")),
        deleted_at=maybe(parse_moment, slug.get("deleted_at") or None),
    )


def parse_build(item: Json, app: str) -> Build:
    """Read a build of the app that was asked for: a build itself names its app by id only."""
    build = as_object(item)
    source = as_object(build.get("source_blob") or {})
    return Build(
        id=as_word(build.get("id")),
        app_name=app,
        status=as_word(build.get("status")),
        commit=maybe(as_text, source.get("version")) or None,
        artifact=parse_artifact_ref(build),
        release_id=_id(build.get("release")),
        created_at=parse_moment(build.get("created_at")),
        output_stream_url=maybe(as_text, build.get("output_stream_url")),
        updated_at=maybe(parse_moment, build.get("updated_at") or None),
        stack=_name(build.get("stack")),
        buildpacks=parse_list(build.get("buildpacks") or [], _buildpack),
        checksum=maybe(_checksum, source.get("checksum")),
    )


def parse_buildpack_installations(items: Json) -> tuple[str, ...]:
    """Read an app's own list of buildpacks, in order; empty where Heroku is to detect them."""
    found = parse_list(items, as_object)
    ordered = sorted(found, key=lambda item: as_number(item.get("ordinal")))
    return tuple(_buildpack(item.get("buildpack")) for item in ordered)


def parse_oci_image(items: Json) -> Artifact:
    """Read an OCI image: asked for by id, Heroku answers with a list of one."""
    image = as_object(items[0] if isinstance(items, list) and items else items)
    return Artifact(
        kind=ArtifactKind.OCI_IMAGE,
        id=as_word(image.get("id")),
        checksum=maybe(as_text, image.get("digest")),
        commit=maybe(as_text, image.get("commit")) or None,
        stack=_name(image.get("stack")),
        process_types=maybe(partial(as_texts, read=_command), image.get("process_types")),
        deleted_at=maybe(parse_moment, image.get("deleted_at") or None),
    )


def parse_log_address(item: Json) -> str:
    """Read where a log session is read: a signed address."""
    return as_text(as_object(item).get("logplex_url"))


def parse_source_blob(item: Json) -> SourceBlob:
    """Read the signed addresses of a source."""
    blob = as_object(as_object(item).get("source_blob"))
    return SourceBlob(get_url=as_text(blob.get("get_url")), put_url=as_text(blob.get("put_url")))


def parse_pipeline(item: Json) -> Pipeline:
    """Read a pipeline; its name is free text."""
    pipeline = as_object(item)
    return Pipeline(id=as_word(pipeline.get("id")), name=as_text(pipeline.get("name")))


def parse_coupling(item: Json) -> Coupling:
    """Read an app's place in a pipeline."""
    coupling = as_object(item)
    return Coupling(
        id=as_word(coupling.get("id")),
        app_id=as_word(as_object(coupling.get("app")).get("id")),
        pipeline_id=as_word(as_object(coupling.get("pipeline")).get("id")),
        stage=as_word(coupling.get("stage")),
        created_at=maybe(parse_moment, coupling.get("created_at")),
    )


def parse_promotion(item: Json) -> Promotion:
    """Read a promotion as it was created."""
    promotion = as_object(item)
    return Promotion(
        id=as_word(promotion.get("id")),
        status=as_word(promotion.get("status")),
        source_release_id=_id(as_object(promotion.get("source")).get("release")),
    )


def parse_promotion_target(item: Json) -> PromotionTarget:
    """Read what became of a promotion on one app."""
    target = as_object(item)
    return PromotionTarget(
        app_id=as_word(as_object(target.get("app")).get("id")),
        status=as_word(target.get("status")),
        release_id=_id(target.get("release")),
        error_message=maybe(as_text, target.get("error_message")),
    )


def parse_dyno(item: Json) -> Dyno:
    """Read a dyno."""
    dyno = as_object(item)
    release = maybe(as_object, dyno.get("release") or None)
    return Dyno(
        name=as_word(dyno.get("name")),
        type=as_word(dyno.get("type")),
        state=as_word(dyno.get("state")),
        release_version=maybe(as_number, release.get("version")) if release else None,
        changed_at=maybe(parse_moment, dyno.get("updated_at") or None),
    )


def parse_feature(item: Json) -> bool:
    """Read whether a feature of an app is switched on."""
    return as_flag(as_object(item).get("enabled"))


def parse_formation(item: Json) -> Formation:
    """Read how many dynos run one process type."""
    formation = as_object(item)
    return Formation(
        type=as_word(formation.get("type")),
        quantity=as_number(formation.get("quantity")),
        size=as_text(formation.get("size")),
    )


def _checksum(value: Json) -> str | None:
    """Write a checksum in one way, whatever its letters: ``SHA256:`` and small digits."""
    algorithm, _, digits = as_text(value).rpartition(":")
    return f"{algorithm.upper() or 'SHA256'}:{digits.lower()}" if digits else None


def parse_config_vars(item: Json) -> dict[str, str]:
    """Read config vars."""
    return as_texts(item, as_text)


def parse_name(item: Json) -> str:
    """Read the name of an app, and nothing else of it."""
    return as_word(as_object(item).get("name"))


def _command(value: Json) -> str:
    return as_text(value.get("command") or "" if isinstance(value, dict) else value)


def _id(item: Json) -> str | None:
    return as_word(as_object(item).get("id")) if item else None


def _buildpack(item: Json) -> str:
    pack = as_object(item)
    return as_text(pack.get("name") or pack.get("url") or "")


def _name(item: Json) -> str | None:
    if item is None or isinstance(item, str):
        return maybe(as_word, item)
    return as_word(as_object(item).get("name"))
