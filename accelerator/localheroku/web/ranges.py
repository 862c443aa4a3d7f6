"""Heroku's pages: the `Range` header of lists, in every spelling clients send."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from accelerator.localheroku.state.errors import Refused

Key = Callable[[Any], Any]
DEFAULT_MAX = 200
MOST = 1000
_HEAD = re.compile(r"(?P<field>[a-z_]+)\s+(?P<open>[\[\]]?)(?P<first>\S*?)\.\.(?P<last>\S*)")


@dataclass(frozen=True)
class Range:
    """A parsed `Range` header."""

    field: str
    first: str = ""
    is_exclusive: bool = False
    last: str = ""
    max: int = DEFAULT_MAX
    is_descending: bool = False


@dataclass(frozen=True)
class Page:
    """What a list answers: the items, whether it is partial, and the range headers."""

    items: list[Any]
    status: int
    headers: dict[str, str] = field(default_factory=dict)


def parse_range(header: str, default: str) -> Range:
    """Parse a `Range` header; an empty one, or one about bytes, asks for the default page."""
    text = header.strip()
    if not text or text.startswith("bytes"):
        return Range(default)
    head, *rest = re.split(r"[;,]", text)
    match = _HEAD.fullmatch(head.strip())
    if match is None:
        raise unsatisfiable(f"{head.strip()!r} is not a range.")
    options = _options(rest)
    return Range(
        field=match["field"],
        first=match["first"],
        is_exclusive=match["open"] == "]",
        last=match["last"],
        max=_max(options.get("max")),
        is_descending=_is_descending(options.get("order")),
    )


def unsatisfiable(message: str) -> Refused:
    """Return the refusal of a range that cannot be given."""
    return Refused(416, "requested_range_not_satisfiable", message)


def take_page(things: Sequence[Any], keys: Mapping[str, Key], header: str, default: str) -> Page:
    """Sort and cut a list as the `Range` header asks."""
    wanted = parse_range(header, default)
    key = keys.get(wanted.field)
    if key is None:
        raise unsatisfiable(f"{wanted.field!r} is not one of {', '.join(keys)}.")
    within = _within(things, key, wanted)
    ordered = sorted(within, key=key, reverse=wanted.is_descending)
    items = ordered[: wanted.max]
    headers = {"Accept-Ranges": ", ".join(keys)}
    if items:
        ends = f"{_render(key(items[0]))}..{_render(key(items[-1]))}"
        headers["Content-Range"] = f"{wanted.field} {ends}"
    if len(ordered) == len(items):
        return Page(items, 200, headers)
    headers["Next-Range"] = _next_range(wanted, key(items[-1]))
    return Page(items, 206, headers)


def _options(parts: Sequence[str]) -> dict[str, str]:
    found = {}
    for part in parts:
        name, equals, value = part.strip().partition("=")
        if equals:
            found[name.strip()] = value.strip()
        elif name:
            raise unsatisfiable(f"{name!r} is not a range option.")
    return found


def _max(text: str | None) -> int:
    if text is None:
        return DEFAULT_MAX
    if not text.isascii() or not text.isdigit() or len(text) > 9 or int(text) < 1:
        raise unsatisfiable(f"max={text} is not a number of items.")
    return min(int(text), MOST)


def _is_descending(text: str | None) -> bool:
    if text not in {None, "asc", "desc"}:
        raise unsatisfiable(f"order={text} is neither asc nor desc.")
    return text == "desc"


def _within(things: Sequence[Any], key: Key, wanted: Range) -> list[Any]:
    """Keep what lies between the bounds, which stand in the direction of the order."""
    kept = list(things)
    if not kept:
        return kept
    like = key(kept[0])
    sign = -1 if wanted.is_descending else 1
    first = _parse(wanted.first, like) if wanted.first else None
    last = _parse(wanted.last, like) if wanted.last else None
    if first is not None and last is not None and sign * _compare(first, last) > 0:
        first, last = last, first
    if first is not None:
        least = 1 if wanted.is_exclusive else 0
        kept = [each for each in kept if sign * _compare(key(each), first) >= least]
    if last is not None:
        kept = [each for each in kept if sign * _compare(key(each), last) <= 0]
    return kept


def _compare(one: Any, other: Any) -> int:
    return int(one > other) - int(one < other)


def _parse(text: str, like: Any) -> Any:
    try:
        if isinstance(like, datetime):
            moment = datetime.fromisoformat(text)
            return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return int(text) if isinstance(like, int) else text
    except ValueError:
        raise unsatisfiable(f"{text!r} is not a value of this range.") from None


def _render(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat(timespec="microseconds").replace("+00:00", "Z")
    return str(value)


def _next_range(wanted: Range, last: Any) -> str:
    text = f"{wanted.field} ]{_render(last)}..{wanted.last}; max={wanted.max}"
    return f"{text}, order=desc" if wanted.is_descending else text
