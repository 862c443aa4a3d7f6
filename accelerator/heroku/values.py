"""Single values of Heroku's JSON, each of the type it must have: `ValueError` for any other."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, TypeVar

from accelerator.web.sessions import split

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Json = Any
Value = TypeVar("Value")

_WORD = re.compile(r"[!-~]{1,400}")  # ids, names, statuses: they go into paths, and are compared
_HALVES = re.compile("[\ud800-\udfff]")  # of letters: JSON can hold them, nothing can write them
_LARGEST = 10**15


def as_object(item: Json) -> Mapping[str, Json]:
    """Return an object of names and values."""
    if not isinstance(item, dict):
        raise ValueError("no object")
    return item


def as_text(value: Json) -> str:
    """Return a text, with halves of letters replaced."""
    if not isinstance(value, str):
        raise ValueError("no text")
    return _HALVES.sub("\ufffd", value)


def as_word(value: Json) -> str:
    """Return a text that may go into paths: one word of ASCII."""
    if not isinstance(value, str) or not _WORD.fullmatch(value):
        raise ValueError("no word")
    return value


def as_number(value: Json) -> int:
    """Return a whole number that nobody has to wonder about."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < _LARGEST:
        raise ValueError("no number")
    return value


def as_flag(value: Json) -> bool:
    """Return a truth value."""
    if not isinstance(value, bool):
        raise ValueError("neither true nor false")
    return value


def as_web_address(value: Json) -> str:
    """Return an address that may be visited."""
    parts = split(as_text(value))
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("no address of the web")
    return as_text(value)


def maybe(read: Callable[[Json], Value], value: Json) -> Value | None:
    """Return what `read` makes of a value, and None of none."""
    return None if value is None else read(value)


def as_texts(item: Json, read: Callable[[Json], str]) -> dict[str, str]:
    """Return an object whose values `read` makes texts of."""
    return {as_text(name): read(value) for name, value in as_object(item).items()}
