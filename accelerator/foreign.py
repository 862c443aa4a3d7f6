"""What strangers wrote, read within limits: text made fit to show, JSON, moments, counts.

A stranger is whoever is not this tool: a platform behind a proxy, a site under test, a build, a
lock remote, a repository under review. Readers here raise `ValueError` and nothing else.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any, NoReturn

LINE_LETTERS = 4096
_YEARS = range(1970, 3000)  # beyond them nothing is meant, and arithmetic with moments overflows
_COUNT = re.compile(r"[0-9]{1,12}", re.ASCII)

# C0 but the tab, DEL and C1, which move the cursor or end lines; line and paragraph separators;
# what turns the direction of text (Unicode, UAX 9); and halves of letters, which cannot be written.
_HIDDEN = re.compile(
    "[\x00-\x08\x0a-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069"
    "\ud800-\udfff]"
)

# User info ends at the last @ before the path: what comes before it may hold an @ itself.
_USER_INFO = re.compile(r"(?:(?<=:)|\A)//[^/?#]*@")
# What stands where a port would, and is none, is the password of an address nobody encoded.
_RAW_PASSWORD = re.compile(r"//[^/?#@:\[\]]*:(?!\d{0,5}(?:[/?#]|\Z))[^/?#@]*[/?#]")
_OPENING, _CLOSING = "'\"(<=", "'\">)].,:;"  # what stands around an address in a text
_WORD = re.compile(r"\S+")


def visible(text: str) -> str:
    r"""Return the text with every control character written out: ``\x1b``, ``\u202e``.

    The tab stays. Line ends are control characters too: a text of several lines becomes one.
    """
    return _HIDDEN.sub(_written_out, text)


def one_line(text: str, most: int = LINE_LETTERS) -> str:
    """Return the text as one visible line of at most `most` letters, blanks and ends of lines one.

    A longer one ends with an ellipsis.
    """
    # Cut before anything is done with it: what is cut off may be endless.
    is_long = len(text) > 4 * most
    line = visible(" ".join(text[: 4 * most].split()))
    return line if len(line) <= most and not is_long else line[: most - 1] + "…"


def hide_credentials(text: str, *, hide_query: bool = False) -> str:
    """Return the text with the user info of every address in it masked; the queries if wanted.

    ``name:password@host`` is masked without a scheme too, and ``name@host`` is not: people and
    machines are named so. A value that is known to be an address is given with ``//`` before it.
    """
    if "@" in text:
        text = _WORD.sub(_without_user_info, text)
    return _WORD.sub(_without_query, text) if hide_query and "?" in text else text


def parse_json(text: bytes | str, most: int) -> Any:
    """Read JSON of at most `most` bytes or letters; `ValueError` for all that is none.

    Too deep for Python's parser is none, and so are ``NaN`` and ``Infinity`` (RFC 8259, section 6).
    """
    if len(text) > most:
        raise ValueError(f"longer than {most} bytes")
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError("nested too deep") from None


def parse_moment(text: object) -> datetime:
    """Read a moment with its zone (ISO 8601) as UTC; `ValueError` before 1970 or after 2999."""
    if not isinstance(text, str):
        raise ValueError("no moment")
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None or moment.year not in _YEARS:
        raise ValueError("no moment of ours")
    return moment.astimezone(UTC)


def parse_count(text: object) -> int | None:
    """Read a count from a header; None for what is none, or longer than twelve digits."""
    return int(text.strip()) if isinstance(text, str) and _COUNT.fullmatch(text.strip()) else None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _without_user_info(found: re.Match[str]) -> str:
    word, last = found[0], found[0].rfind("@")
    if "//" not in word:
        name, colon, _ = word[: max(last, 0)].partition(":")
        start = max(name.rfind(letter) for letter in _OPENING) + 1
        is_name = colon and name[start:] and not {"/", "@"} & set(name)
        return f"{name[:start]}***{word[last:]}" if is_name else word
    raw = _RAW_PASSWORD.search(word)
    if raw and raw.end() <= last:
        return f"{_USER_INFO.sub('//***@', word[: raw.start()])}//***{word[last:]}"
    return _USER_INFO.sub("//***@", word)


def _without_query(found: re.Match[str]) -> str:
    path, _, query = found[0].partition("?")
    said = query.rstrip(_CLOSING)
    return f"{path}?***{query[len(said) :]}" if said and "/" in path else found[0]


def _written_out(found: re.Match[str]) -> str:
    number = ord(found[0])
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"
