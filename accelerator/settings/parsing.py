"""Turn what a flag, a variable or the file says into a value, or say what is wrong with it.

Every parser takes anything and raises `ValueError` with the end of a sentence ("must be …").
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, time
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from accelerator.remotes import FORMS, is_remote_name, parse_remote

if TYPE_CHECKING:
    from collections.abc import Iterable
    from enum import StrEnum

    from accelerator.remotes import Remote

_DURATION = re.compile(
    r"(?:(?P<d>\d+)d)?(?:(?P<h>\d+)h)?(?:(?P<m>\d+)m)?(?:(?P<s>\d+(?:\.\d+)?)s)?", re.ASCII
)
_NUMBER = re.compile(r"\d+(?:\.\d+)?", re.ASCII)
_SECONDS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_KEY = re.compile(r"(?i)HRKU[-_].*|[0-9a-f]{32,}")
_COMMAND = re.compile(r"(?:[1-9]\d?x\s+)?\$")
_REMOTES = f'"heroku", the name of a remote of the clone, or {FORMS}'
_YES = ("true", "yes", "on", "1")
_NO = ("false", "no", "off", "0")


def nearest(word: str, known: Iterable[str]) -> str:
    """Return ``; did you mean "…"?`` for the nearest known word, or nothing."""
    close = get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f'; did you mean "{close[0]}"?' if close else ""


def spell(value: Any) -> str:
    """Write a value as a file has it: TOML says ``true`` where Python says ``True``."""
    match value:
        case bool():
            return str(value).lower()
        case list() | tuple():
            return f"[{', '.join(map(spell, value))}]"
        case dict():
            return "a table"
        case date() | time():
            return value.isoformat()
        case _:
            return repr(value)


def parse_text(value: Any) -> str:
    """Read a text that is not empty."""
    if isinstance(value, str) and value.strip():
        return value.strip()
    raise ValueError("must be a text that is not empty")


def parse_lock_remote(value: Any) -> str:
    """Read where a git repository is that git may be told to read and write.

    That is an address, the name of a remote of the clone, or ``heroku``: the prepare app's own.
    """
    text = value.strip() if isinstance(value, str) else ""
    if not is_remote_name(text):
        _parse_address(text)
    return text


def parse_lock_remote_in_file(value: Any) -> str:
    """Read the same from the file, which comes with the code: it names nothing of this machine."""
    text = value.strip() if isinstance(value, str) else ""
    if not is_remote_name(text) and _parse_address(text).transport not in ("https", "ssh"):
        raise ValueError(
            "may be no folder and no http:// address, because the file comes with the code: write "
            '"heroku", the name of a remote of the clone such as "origin", or an https:// or '
            "ssh:// address; set anything else with --lock-remote or ACCELERATOR_LOCK_REMOTE"
        )
    return text


def _parse_address(text: str) -> Remote:
    try:
        return parse_remote(text)
    except ValueError as problem:
        raise ValueError(str(problem).replace(FORMS, _REMOTES)) from None


def parse_boolean(value: Any) -> bool:
    """Read true or false; in the environment also yes/no, on/off and 1/0."""
    if isinstance(value, bool):
        return value
    word = value.strip().lower() if isinstance(value, str) else ""
    if word not in _YES + _NO:
        raise ValueError("must be true or false")
    return word in _YES


def parse_duration(value: Any) -> float:
    """Read seconds from ``90``, ``30s``, ``10m``, ``1h30m`` or ``1d``."""
    text = str(value).strip() if isinstance(value, str | int | float) else ""
    found = _DURATION.fullmatch(text)
    if isinstance(value, bool) or not text or not (found or _NUMBER.fullmatch(text)):
        raise ValueError('must be a duration such as "90", "30s", "10m" or "1h30m"')
    if not found:
        return float(text)
    return sum(float(n) * _SECONDS[unit] for unit, n in found.groupdict().items() if n)


def parse_deadline(value: Any) -> float:
    """Read a duration that is not zero: a wait without any patience never ends well."""
    seconds = parse_duration(value)
    if seconds <= 0:
        raise ValueError("must be longer than nothing")
    return seconds


def parse_strings(value: Any) -> tuple[str, ...]:
    """Read a list of texts; one text is separated at its line ends, or else at its commas.

    So commands with commas in them need the file, or a line each in the environment.
    """
    if isinstance(value, str):
        parts = value.splitlines() if "\n" in value.strip() else value.split(",")
        return tuple(part.strip() for part in parts if part.strip())
    if not isinstance(value, list | tuple) or not all(
        isinstance(item, str) and item.strip() for item in value
    ):
        raise ValueError("must be a list of texts")
    return tuple(item.strip() for item in value)


def parse_items(value: Any) -> tuple[str, ...]:
    """Read a list from the file, where a single text is one item whatever it contains."""
    return parse_strings([value] if isinstance(value, str) else value)


def parse_checks(value: Any) -> tuple[str, ...]:
    """Read smoke checks from the file: texts, and tables that run a command.

    A table becomes the text that flags and variables have for it: ``3x $ ./smoke.sh``.
    """
    items = value if isinstance(value, list | tuple) else [value]
    if not all(
        isinstance(item, dict) or (isinstance(item, str) and item.strip()) for item in items
    ):
        raise ValueError("must be a list of texts, or of tables with a command to run")
    return tuple(_command(item) if isinstance(item, dict) else item.strip() for item in items)


def is_command(check: str) -> bool:
    """Return whether a smoke check is a command: ``$ ./smoke.sh``, ``3x $ ./smoke.sh``."""
    return _COMMAND.match(check.strip()) is not None


def _command(table: dict[str, Any]) -> str:
    run, times = table.get("run"), table.get("times", 1)
    if set(table) - {"run", "times"} or not isinstance(run, str) or not run.strip():
        raise ValueError('has a table that is not like { run = "./smoke.sh", times = 3 }')
    if isinstance(times, bool) or not isinstance(times, int) or times not in range(1, 100):
        raise ValueError("has a table whose times is no whole number from 1 to 99")
    return f"{times}x $ {run.strip()}" if times > 1 else f"$ {run.strip()}"


def parse_variable_name(value: Any) -> str:
    """Read the name of an environment variable; never repeats the value, which may be a key."""
    if not isinstance(value, str) or not value:
        raise ValueError("must be the name of an environment variable")
    if _KEY.fullmatch(value.replace("-", "")) or _KEY.fullmatch(value):
        raise ValueError(
            "looks like an API key itself (not repeated here); "
            "it must be the name of the variable that holds the key"
        )
    if not _VARIABLE.fullmatch(value):
        raise ValueError("must be the name of an environment variable (letters, digits and _)")
    return value


@dataclass(frozen=True, slots=True)
class OneOf:
    """A parser that takes one of the words of an enum; who declares an option asks for them."""

    words: type[StrEnum]

    def __call__(self, value: Any) -> StrEnum:
        """Read one of the words."""
        known = [word.value for word in self.words]
        if isinstance(value, str) and value.strip() in known:
            return self.words(value.strip())
        hint = nearest(value, known) if isinstance(value, str) else ""
        raise ValueError(f"must be one of {', '.join(known)}, not {spell(value)}{hint}")
