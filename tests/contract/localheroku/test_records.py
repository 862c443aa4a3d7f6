"""Writing the state down: whatever an object holds comes back."""

import dataclasses
import typing
from datetime import UTC, datetime, timedelta, timezone
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelerator.localheroku.persistence import records
from accelerator.localheroku.state import objects

KINDS = [
    kind
    for kind in vars(objects).values()
    if isinstance(kind, type) and dataclasses.is_dataclass(kind)
]
TEXT = st.text(max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
SIMPLE: dict[Any, st.SearchStrategy[Any]] = {
    str: TEXT,
    int: st.integers(),
    bool: st.booleans(),
    float: st.floats(allow_nan=False),
    NoneType: st.none(),
    datetime: st.datetimes(timezones=st.just(UTC)),
    Any: JSON,
}


def values(kind: Any) -> st.SearchStrategy[Any]:
    """Return a strategy for everything a field of this type may hold."""
    if kind in SIMPLE:
        return SIMPLE[kind]
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        hints = typing.get_type_hints(kind)
        names = [each.name for each in dataclasses.fields(kind)]
        return st.builds(kind, **{name: values(hints[name]) for name in names})
    return composed(get_origin(kind), get_args(kind))


def composed(origin: Any, parts: tuple[Any, ...]) -> st.SearchStrategy[Any]:
    if origin in {Union, UnionType}:
        return st.one_of([values(part) for part in parts])
    if origin is dict:
        return st.dictionaries(values(parts[0]), values(parts[1]), max_size=3)
    if origin is tuple and parts[1:] != (Ellipsis,):
        return st.tuples(*(values(part) for part in parts))
    assert origin in {list, tuple}, f"no values for {origin}"
    return st.lists(values(parts[0]), max_size=3).map(origin)


def test_there_are_kinds_to_write_down() -> None:
    assert {objects.App, objects.Release, objects.Target} <= set(KINDS)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_every_object_comes_back_as_it_was(kind: type, data: st.DataObject) -> None:
    thing = data.draw(values(kind))

    again = records.restore(records.dump(thing))

    assert again == thing
    assert type(again) is kind


def test_a_moment_of_another_time_zone_stays_that_moment() -> None:
    moment = datetime(2026, 3, 1, 12, tzinfo=timezone(timedelta(hours=5)))
    target = objects.Coupling("1", "2", "3", "staging", moment, moment)

    assert records.restore(records.dump(target)) == target


def test_fields_that_were_added_later_get_their_default() -> None:
    text = '["Target",{"id":"1","promotion_id":"2","app_id":"3"}]'

    assert records.restore(text) == objects.Target("1", "2", "3")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('["Target",{"id":"1","promotion_id":"2"}]', id="a field without default"),
        pytest.param(
            '["Target",{"id":"1","promotion_id":"2","app_id":"3","new":1}]', id="an unknown field"
        ),
        pytest.param('["Target",{"id":1,"promotion_id":"2","app_id":"3"}]', id="another type"),
        pytest.param('["Nothing",{}]', id="an unknown kind"),
        pytest.param('["Any",{}]', id="a name that is no kind"),
        pytest.param('["Target",[]]', id="no fields"),
        pytest.param("[]", id="nothing"),
        pytest.param("{", id="no JSON"),
    ],
)
def test_what_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(records.Unreadable):
        records.restore(text)


def test_only_objects_that_can_be_read_again_are_written() -> None:
    @dataclasses.dataclass
    class Elsewhere:
        id: str

    with pytest.raises(TypeError, match="Elsewhere"):
        records.dump(Elsewhere("1"))
