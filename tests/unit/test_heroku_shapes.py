"""Readers of JSON, given any shape: a value of ours, well-typed, or the one error."""

from __future__ import annotations

import dataclasses
import typing
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelerator.heroku import parsing
from accelerator.models import ArtifactKind
from tests.unit.test_heroku_parsing import APP, BUILD, RELEASE

if TYPE_CHECKING:
    from collections.abc import Callable

TEXTS = st.text(st.characters(exclude_categories=()), max_size=60)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | TEXTS
SHAPES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4)
)
ID = {"id": "x-1"}
COUPLING = {"id": "c", "app": ID, "pipeline": ID, "stage": "staging"}
IMAGE = {
    "id": "i-1",
    "digest": "d",
    "process_types": {"web": {"command": "./serve"}},
    "stack": {"name": "cnb"},
}
SLUG = {"id": "s-1", "commit": "c", "checksum": "SHA256:1", "size": 1, "process_types": {"web": ""}}
DYNO = {"name": "web.1", "type": "web", "state": "up", "release": {"version": 7}}
EXAMPLES: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "app": (parsing.parse_app, APP),
    "release": (parsing.parse_release, RELEASE),
    "build": (partial(parsing.parse_build, app="shop"), BUILD),
    "slug": (parsing.parse_slug, SLUG),
    "oci image": (parsing.parse_oci_image, [IMAGE]),
    "buildpacks": (
        parsing.parse_buildpack_installations,
        [{"ordinal": 0, "buildpack": {"name": "p", "url": "u"}}],
    ),
    "source": (parsing.parse_source_blob, {"source_blob": {"get_url": "g", "put_url": "p"}}),
    "pipeline": (parsing.parse_pipeline, {"id": "p", "name": "foo"}),
    "coupling": (parsing.parse_coupling, COUPLING),
    "promotion": (parsing.parse_promotion, {**ID, "status": "pending", "source": {"release": ID}}),
    "target": (
        parsing.parse_promotion_target,
        {"app": ID, "status": "pending", "release": ID, "error_message": None},
    ),
    "dyno": (parsing.parse_dyno, DYNO),
    "formation": (parsing.parse_formation, {"type": "web", "quantity": 1, "size": "Basic"}),
    "config vars": (parsing.parse_config_vars, {"A": "x"}),
    "name": (parsing.parse_name, {"name": "shop"}),
    "moment": (parsing.parse_moment, "2026-01-01T00:00:00Z"),
    "artifact": (parsing.parse_artifact_ref, {"slug": None, "artifacts": [{"type": "slug", **ID}]}),
    "list": (lambda items: parsing.parse_list(items, parsing.parse_name), []),
}


def paths_in(item: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the way to every value inside of an example."""
    pairs = (
        item.items()
        if isinstance(item, dict)
        else enumerate(item)
        if isinstance(item, list)
        else ()
    )
    return [path, *(inner for key, value in pairs for inner in paths_in(value, (*path, key)))]


def changed(item: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    copy = dict(item) if isinstance(item, dict) else list(item)
    copy[path[0]] = changed(copy[path[0]], path[1:], value)
    return copy


def well_typed(value: Any, kind: Any) -> bool:
    """Return whether a value is what its annotation says, through and through."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if dataclasses.is_dataclass(value):
        hints = typing.get_type_hints(type(value), NAMES, NAMES)
        return all(well_typed(getattr(value, name), hint) for name, hint in hints.items())
    if isinstance(value, dict):
        return all(type(each) is str for pair in value.items() for each in pair)
    if isinstance(value, tuple):
        return all(well_typed(each, inner[0] if inner else None) for each in value)
    if origin is not None:
        return any(well_typed(value, each) for each in inner)
    return type(value) is kind or isinstance(value, ArtifactKind)


NAMES = {**vars(typing), **vars(parsing), "datetime": datetime}


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_read_and_is_well_typed(name: str) -> None:
    parse, example = EXAMPLES[name]

    value = parse(example)

    assert not dataclasses.is_dataclass(value) or well_typed(value, type(value))


@pytest.mark.parametrize("name", EXAMPLES)
@settings(max_examples=40)
@given(st.data())
def test_whatever_stands_anywhere_in_an_answer_it_is_read_as_ours_or_refused(
    name: str, data: st.DataObject
) -> None:
    parse, example = EXAMPLES[name]
    path = data.draw(st.sampled_from(paths_in(example)))
    item = changed(example, path, data.draw(SHAPES))

    try:
        value = parse(item)
    except ValueError:
        return

    assert not dataclasses.is_dataclass(value) or well_typed(value, type(value))
    repr(value).encode()


@pytest.mark.parametrize(
    ("name", "path", "value"),
    [
        pytest.param("release", ("version",), True, id="a version that is a flag"),
        pytest.param("release", ("version",), "42", id="a version that is a text"),
        pytest.param("release", ("current",), "false", id="a flag that is a text"),
        pytest.param("release", ("app",), "shop", id="an app that is a text"),
        pytest.param("release", ("id",), "a\nb", id="an id of two lines"),
        pytest.param("release", ("id",), "", id="an id of nothing"),
        pytest.param("release", ("created_at",), "9999-12-31T23:59:59Z", id="the year 9999"),
        pytest.param("release", ("created_at",), "0001-01-01T00:00:00+01:00", id="the year 1"),
        pytest.param("release", ("slug",), "s-1", id="a slug that is a text"),
        pytest.param("build", ("status",), 7, id="a status that is a number"),
        pytest.param("build", ("buildpacks",), {"name": "x"}, id="an object for a list"),
        pytest.param("app", ("web_url",), "http://[x]/", id="a web_url that is no address"),
        pytest.param("app", ("web_url",), "javascript:x", id="a web_url not of the web"),
        pytest.param("config vars", ("A",), 1, id="a config var that is a number"),
    ],
)
def test_a_value_of_another_type_is_refused(name: str, path: tuple[Any, ...], value: Any) -> None:
    parse, example = EXAMPLES[name]

    with pytest.raises(ValueError, match=r"no |neither |Invalid "):
        parse({**example, path[0]: value})


def test_half_letters_are_replaced_where_text_is_free() -> None:
    release = parsing.parse_release({**RELEASE, "description": "a\ud800b"})

    assert release.description == "a\ufffdb"
