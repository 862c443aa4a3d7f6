"""Values that the fields of control requests may have; each parser raises `ValueError`."""

import math
import re
from collections.abc import Callable
from typing import Any


class BadField(Exception):
    """Name the field of a control request that makes no sense."""


def seconds(value: Any) -> float:
    """Return a duration that is not negative."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("must be a number of seconds")
    if not math.isfinite(value) or value < 0:
        raise ValueError("must not be negative")
    return float(value)


def number(value: Any) -> int:
    """Return a whole number that is not negative."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError("must be a whole number, not negative")
    return value


def flag(value: Any) -> bool:
    """Return true or false."""
    if not isinstance(value, bool):
        raise ValueError("must be true or false")
    return value


def probability(value: Any) -> float:
    """Return a probability above 0, as what never happens need not be set."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 1:
        raise ValueError("must be a number above 0 and at most 1")
    return float(value)


def text(value: Any) -> str:
    """Return a string that is not empty."""
    if not isinstance(value, str) or not value:
        raise ValueError("must be a string that is not empty")
    return value


def maybe_text(value: Any) -> str | None:
    """Return a string, or null to switch something off."""
    return None if value is None else text(value)


def email(value: Any) -> str:
    """Return an email address."""
    if not re.fullmatch(r"[^@\s]+@[^@\s]+", text(value)):
        raise ValueError("must be an email address")
    return str(value)


def pattern(value: Any) -> str:
    """Return a regular expression."""
    try:
        re.compile(text(value))
    except re.error as problem:
        raise ValueError(f"is not a regular expression: {problem}") from None
    return str(value)


def one_of(*words: str) -> Callable[[Any], str]:
    """Return a parser that takes these words only."""

    def parse(value: Any) -> str:
        if value not in words:
            raise ValueError(f"must be one of {', '.join(words)}")
        return str(value)

    return parse


def objects_of(parse: Callable[[Any], Any]) -> Callable[[Any], list[Any]]:
    """Return a parser of lists, each of whose members `parse` accepts."""

    def parse_all(value: Any) -> list[Any]:
        if not isinstance(value, list):
            raise ValueError("must be a list")
        return [parse(each) for each in value]

    return parse_all


def changes(value: Any) -> dict[str, Any]:
    """Return an object whose keys are not empty."""
    if not isinstance(value, dict):
        raise ValueError("must be an object")
    return {text(name): each for name, each in value.items()}


def texts(value: Any) -> tuple[str, ...]:
    """Return a list of strings."""
    return tuple(objects_of(text)(value))
