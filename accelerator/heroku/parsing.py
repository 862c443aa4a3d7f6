"""Heroku's JSON turned into our values; pure, and forgiving only where Heroku varies.

A value of another type than Heroku's raises `ValueError`: nothing wrong-typed gets further in.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, TypeVar

from accelerator import foreign
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
from accelerator.web.sessions import split

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

Json = Any
Value = TypeVar("Value")

_WORD = re.compile(r"[!-~]{1,400}")  # ids, names, statuses: they go into paths, and are compared
_HALVES = re.compile("[\ud800-\udfff]")  # of letters: JSON can hold them, nothing can write them
_LARGEST = 10**15


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
        return foreign.parse_moment(f"{_text(text)}+00:00")


def parse_app(item: Json) -> App:
    """Read an app, of the plain or of the team shape."""
    app = _object(item)
    stack = _word(_object(app.get("stack")).get("name"))
    return App(
        id=_word(app.get("id")),
        name=_word(app.get("name")),
        web_url=_maybe(_web_address, app.get("web_url")),
        stack=stack,
        build_stack=_name(app.get("build_stack")) or stack,
        generation=_name(app.get("generation")) or "cedar",
        maintenance=bool(_maybe(_flag, app.get("maintenance"))),
    )


def parse_artifact_ref(item: Json) -> ArtifactRef | None:
    """Read which slug or image a release or build holds, wherever this generation has it."""
    holder = _object(item)
    if slug := _id(holder.get("slug")):
        return ArtifactRef(ArtifactKind.SLUG, slug)
    if image := _id(holder.get("oci_image")):
        return ArtifactRef(ArtifactKind.OCI_IMAGE, image)
    for artifact in parse_list(holder.get("artifacts") or [], _object):
        if (kind := _word(artifact.get("type"))) in set(ArtifactKind):
            return ArtifactRef(ArtifactKind(kind), _word(artifact.get("id")))
    return None


def parse_release(item: Json) -> Release:
    """Read a release."""
    release, app = _object(item), _object(_object(item).get("app"))
    return Release(
        id=_word(release.get("id")),
        version=_number(release.get("version")),
        status=_word(release.get("status")),
        current=_flag(release.get("current")),
        app_id=_word(app.get("id")),
        app_name=_word(app.get("name")),
        description=_maybe(_text, release.get("description")) or "",
        created_at=parse_moment(release.get("created_at")),
        artifact=parse_artifact_ref(release),
        output_stream_url=_maybe(_text, release.get("output_stream_url")),
    )


def parse_slug(item: Json) -> Artifact:
    """Read a slug; its `commit` is free text and may be empty."""
    slug = _object(item)
    return Artifact(
        kind=ArtifactKind.SLUG,
        id=_word(slug.get("id")),
        checksum=_maybe(_text, slug.get("checksum")),
        commit=_maybe(_text, slug.get("commit")) or None,
        stack=_name(slug.get("stack")),
        size=_maybe(_number, slug.get("size")),
        process_types=_texts(slug.get("process_types") or {}, _text),
        deleted_at=_maybe(parse_moment, slug.get("deleted_at") or None),
    )


def parse_build(item: Json, app: str) -> Build:
    """Read a build of the app that was asked for: a build itself names its app by id only."""
    build = _object(item)
    return Build(
        id=_word(build.get("id")),
        app_name=app,
        status=_word(build.get("status")),
        commit=_maybe(_text, _object(build.get("source_blob") or {}).get("version")) or None,
        artifact=parse_artifact_ref(build),
        release_id=_id(build.get("release")),
        created_at=parse_moment(build.get("created_at")),
        output_stream_url=_maybe(_text, build.get("output_stream_url")),
        updated_at=_maybe(parse_moment, build.get("updated_at") or None),
        stack=_name(build.get("stack")),
        buildpacks=parse_list(build.get("buildpacks") or [], _buildpack),
    )


def parse_buildpack_installations(items: Json) -> tuple[str, ...]:
    """Read an app's own list of buildpacks, in order; empty where Heroku is to detect them."""
    found = parse_list(items, _object)
    ordered = sorted(found, key=lambda item: _number(item.get("ordinal")))
    return tuple(_buildpack(item.get("buildpack")) for item in ordered)


def parse_oci_image(items: Json) -> Artifact:
    """Read an OCI image: asked for by id, Heroku answers with a list of one."""
    image = _object(items[0] if isinstance(items, list) and items else items)
    return Artifact(
        kind=ArtifactKind.OCI_IMAGE,
        id=_word(image.get("id")),
        checksum=_maybe(_text, image.get("digest")),
        commit=_maybe(_text, image.get("commit")) or None,
        stack=_name(image.get("stack")),
        process_types=_texts(image.get("process_types") or {}, _command),
        deleted_at=_maybe(parse_moment, image.get("deleted_at") or None),
    )


def parse_source_blob(item: Json) -> SourceBlob:
    """Read the signed addresses of a source."""
    blob = _object(_object(item).get("source_blob"))
    return SourceBlob(get_url=_text(blob.get("get_url")), put_url=_text(blob.get("put_url")))


def parse_pipeline(item: Json) -> Pipeline:
    """Read a pipeline; its name is free text."""
    pipeline = _object(item)
    return Pipeline(id=_word(pipeline.get("id")), name=_text(pipeline.get("name")))


def parse_coupling(item: Json) -> Coupling:
    """Read an app's place in a pipeline."""
    coupling = _object(item)
    return Coupling(
        id=_word(coupling.get("id")),
        app_id=_word(_object(coupling.get("app")).get("id")),
        pipeline_id=_word(_object(coupling.get("pipeline")).get("id")),
        stage=_word(coupling.get("stage")),
    )


def parse_promotion(item: Json) -> Promotion:
    """Read a promotion as it was created."""
    promotion = _object(item)
    return Promotion(
        id=_word(promotion.get("id")),
        status=_word(promotion.get("status")),
        source_release_id=_id(_object(promotion.get("source")).get("release")),
    )


def parse_promotion_target(item: Json) -> PromotionTarget:
    """Read what became of a promotion on one app."""
    target = _object(item)
    return PromotionTarget(
        app_id=_word(_object(target.get("app")).get("id")),
        status=_word(target.get("status")),
        release_id=_id(target.get("release")),
        error_message=_maybe(_text, target.get("error_message")),
    )


def parse_dyno(item: Json) -> Dyno:
    """Read a dyno."""
    dyno = _object(item)
    release = _maybe(_object, dyno.get("release") or None)
    return Dyno(
        name=_word(dyno.get("name")),
        type=_word(dyno.get("type")),
        state=_word(dyno.get("state")),
        release_version=_maybe(_number, release.get("version")) if release else None,
    )


def parse_formation(item: Json) -> Formation:
    """Read how many dynos run one process type."""
    formation = _object(item)
    return Formation(
        type=_word(formation.get("type")),
        quantity=_number(formation.get("quantity")),
        size=_text(formation.get("size")),
    )


def parse_config_vars(item: Json) -> dict[str, str]:
    """Read config vars."""
    return _texts(item, _text)


def parse_email(item: Json) -> str:
    """Read the address of an account."""
    return _text(_object(item).get("email"))


def _object(item: Json) -> Mapping[str, Json]:
    if not isinstance(item, dict):
        raise ValueError("no object")
    return item


def _text(value: Json) -> str:
    if not isinstance(value, str):
        raise ValueError("no text")
    return _HALVES.sub("\ufffd", value)


def _word(value: Json) -> str:
    if not isinstance(value, str) or not _WORD.fullmatch(value):
        raise ValueError("no word")
    return value


def _number(value: Json) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < _LARGEST:
        raise ValueError("no number")
    return value


def _flag(value: Json) -> bool:
    if not isinstance(value, bool):
        raise ValueError("neither true nor false")
    return value


def _web_address(value: Json) -> str:
    parts = split(_text(value))
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("no address of the web")
    return _text(value)


def _maybe(read: Callable[[Json], Value], value: Json) -> Value | None:
    return None if value is None else read(value)


def _texts(item: Json, read: Callable[[Json], str]) -> dict[str, str]:
    return {_text(name): read(value) for name, value in _object(item).items()}


def _command(value: Json) -> str:
    return _text(value.get("command") or "" if isinstance(value, dict) else value)


def _id(item: Json) -> str | None:
    return _word(_object(item).get("id")) if item else None


def _buildpack(item: Json) -> str:
    pack = _object(item)
    return _text(pack.get("name") or pack.get("url") or "")


def _name(item: Json) -> str | None:
    if item is None or isinstance(item, str):
        return _maybe(_word, item)
    return _word(_object(item).get("name"))
