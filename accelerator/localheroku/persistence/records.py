"""Objects of the state as text and back, by the types of their fields alone."""

import dataclasses
import json
from datetime import datetime
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from accelerator.localheroku.state import objects

_PLAIN = (str, int, float, bool, NoneType)


class Unreadable(Exception):
    """A text is not one that `dump` has written for the fields of today."""


def dump(thing: Any) -> str:
    """Write an object down; its type must be one of `state.objects`."""
    name = type(thing).__name__
    if getattr(objects, name, None) is not type(thing):
        raise TypeError(f"{name} is not defined in state/objects.py and could not be read again")
    return json.dumps([name, thing], default=_plain, ensure_ascii=False, separators=(",", ":"))


def restore(text: str) -> Any:
    """Return the object that was written down; fields it did not have yet get their default."""
    try:
        name, fields = json.loads(text)
        kind = getattr(objects, name)
        return _typed(kind, _checked(fields, dataclasses.is_dataclass(kind)))
    except (ValueError, TypeError, KeyError, AttributeError) as problem:
        raise Unreadable(f"{text[:60]}: {problem}") from None


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, set | frozenset):
        return sorted(value)
    return {each.name: getattr(value, each.name) for each in dataclasses.fields(value)}


@cache
def _fields(kind: type) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {each.name: hints[each.name] for each in dataclasses.fields(kind)}


def _typed(kind: Any, value: Any) -> Any:
    if kind is Any:
        return value
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        known = _fields(kind)
        return kind(**{name: _typed(known[name], each) for name, each in value.items()})
    if kind is datetime:
        return datetime.fromisoformat(value)
    if kind in _PLAIN:
        return _checked(value, isinstance(value, kind) or (kind is float and type(value) is int))
    return _composed(get_origin(kind), get_args(kind), value)


def _composed(origin: Any, parts: tuple[Any, ...], value: Any) -> Any:
    if origin in {Union, UnionType}:
        return _one_of(parts, value)
    if origin is Literal:
        return _checked(value, value in parts)
    if origin is dict:
        return {_typed(parts[0], key): _typed(parts[1], each) for key, each in value.items()}
    if origin is tuple and parts[1:] != (Ellipsis,):
        return tuple(_typed(part, each) for part, each in zip(parts, value, strict=True))
    if origin in {list, tuple, set, frozenset}:
        return origin(_typed(parts[0], each) for each in value)
    raise TypeError(f"no way to read a {origin}")


def _one_of(kinds: tuple[Any, ...], value: Any) -> Any:
    for kind in sorted(kinds, key=lambda each: each is not NoneType):
        try:
            return _typed(kind, value)
        except (ValueError, TypeError, KeyError, AttributeError):
            continue
    raise TypeError(f"{value!r} is none of {kinds}")


def _checked(value: Any, is_right: bool) -> Any:
    if not is_right:
        raise TypeError(f"{value!r} has another type")
    return value
