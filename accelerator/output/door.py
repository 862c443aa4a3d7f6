r"""The one way to what people read: foreign text is made harmless here, and nobody else writes.

Output may go to the reader of a CI system, terminal or not: some give their jobs one. It takes
some lines for commands: they set variables of later steps, mask words, end the log. What a build,
a commit or a note says must never be one. So `break_commands` puts a backslash into each of them:

- GitHub's runner takes ``::name`` at the start of a line, blanks before it aside, and ``##[name]``
  anywhere in a line (actions/runner, ActionCommand.cs).
- Azure's agent takes ``##vso[name]`` anywhere (azure-pipelines-agent, Command.cs), and TeamCity
  ``##teamcity[name]``.
- GitLab takes ``section_start:`` and ``section_end:``, Travis ``travis_fold:`` and
  ``travis_time:``.
- Buildkite takes lines that begin with ``---``, ``+++``, ``~~~`` or ``^^^`` as headings.

A command of our own, such as a fold, will need a method of its own here: `line` breaks it too.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from click import style

from accelerator.foreign import LINE_LETTERS, one_line, visible

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, TextIO

# Colours, weights and underlines (ECMA-48, SGR). Not what hides text or blinks.
_CODE = (
    "(?:0?[0-4]|0?[79]|2[1-9]|[34][0-79]|9[0-7]|10[0-7]|[34]8;5;[0-9]{1,3}"
    "|[34]8;2;[0-9]{1,3};[0-9]{1,3};[0-9]{1,3})"
)
_COLOUR = re.compile(f"(\x1b\\[(?:{_CODE}(?:;{_CODE}){{0,7}})?m)")
_RESET = "\x1b[0m"

# Each matches the place for the backslash. The blanks are those that .NET trims, and a few more.
_COMMANDS = re.compile(
    r"(?<=#)(?=#[a-z]*\[)"
    r"|(?:(?<=section_start)|(?<=section_end)|(?<=travis_fold)|(?<=travis_time))(?=:)",
    re.IGNORECASE,
)
_AT_START = re.compile(r"^([\s\u180e\u200b\ufeff]*:)(?=:)|^(?=(?:---|\+\+\+|~~~|\^\^\^)(?:\s|$))")


def break_commands(line: str) -> str:
    r"""Return a line that no CI system takes for a command: ``:\:error``, ``#\#[error]``."""
    return _COMMANDS.sub(r"\\", _AT_START.sub(r"\1\\", line))


def harmless(text: str) -> str:
    """Return a text without colours that neither a terminal nor a CI system obeys."""
    return break_commands(visible(_COLOUR.sub("", _raw(text))))[:LINE_LETTERS]


@dataclass(frozen=True, slots=True)
class Painted:
    """Words of ours that are painted where there are colours.

    At the end of a line that is cut to a width, words that are ``kept`` stay whole.
    """

    text: str
    fg: str | None = None
    bold: bool = False
    dim: bool = False
    kept: bool = False


ERROR, HINT = Painted("error: ", fg="red", bold=True), Painted("hint:  ", bold=True)
CONTINUED = " " * 7  # as wide as those two: what follows stands below their text


class Door:
    """A stream that people read, and the only writer to it.

    ``color`` is for terminals. A line that would be a command goes there without colours, too.
    """

    def __init__(self, stream: TextIO, *, color: bool = False) -> None:
        self._stream, self._color = stream, color

    def line(self, *parts: str | Painted) -> None:
        """Write one line, whatever its parts hold: no more than `LINE_LETTERS`, and harmless."""
        plain = visible(_COLOUR.sub("", "".join(map(_raw, parts))))
        harmless = break_commands(plain)
        is_coloured = self._color and harmless == plain
        shown = self._coloured(parts) if is_coloured else _cut(harmless, LINE_LETTERS)
        self._stream.write(shown + "\n")
        self._stream.flush()

    def lines(self, texts: Iterable[str]) -> None:
        """Write several lines."""
        for text in texts:
            self.line(text)

    def text(self, text: str) -> None:
        """Write a text of several lines, such as a traceback."""
        self.lines(text.removesuffix("\n").split("\n"))

    def error(self, message: str, hint: str | None, more: Iterable[str] = ()) -> None:
        """Write a failure: what happened, more about it line by line, then what to do."""
        self.line(ERROR, one_line(message))
        for text in more:
            self.line(CONTINUED, one_line(text))
        if hint:
            self.line(HINT, one_line(hint))

    def question(self, text: str) -> None:
        """Write a question; its answer is typed on the same line."""
        self._stream.write(break_commands(one_line(text)) + " ")
        self._stream.flush()

    def document(self, document: Any, indent: int | None = 2) -> None:
        """Write JSON, for programs. It is ASCII, and a reader of CI commands finds none in it."""
        # Two of these signs stand in strings only, and a string may have one of them written so.
        text = json.dumps(document, indent=indent).replace("##", r"#\u0023")
        self.script(text)

    def script(self, text: str) -> None:
        """Write what is not for people to read, as it is. It must hold no foreign text."""
        self._stream.write(text + "\n")
        self._stream.flush()

    def picture(self, text: str) -> None:
        """Write what moves the cursor, as it is. All text in it is `harmless` already."""
        self._stream.write(text)
        self._stream.flush()

    def _coloured(self, parts: Iterable[str | Painted]) -> str:
        shown, left = "", LINE_LETTERS
        for part in parts:
            pieces = _COLOUR.split(_raw(part))  # texts, and the colours between them
            is_ours = isinstance(part, Painted)
            painted = ""
            for text, colour in zip(pieces[::2], [*pieces[1::2], ""], strict=True):
                letters = _cut(visible(text), left)
                painted += letters + ("" if is_ours else colour)
                left -= len(letters)
            if isinstance(part, Painted):
                painted = style(painted, fg=part.fg, bold=part.bold or None, dim=part.dim or None)
            shown += painted + (_RESET if len(pieces) > 1 and not is_ours else "")
        return shown


def _raw(part: str | Painted) -> str:
    """Return the text of a part, without what would be cut off anyway."""
    text = part.text if isinstance(part, Painted) else part
    return text if len(text) <= 4 * LINE_LETTERS else text[: 4 * LINE_LETTERS] + "…"


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: max(most - 1, 0)] + "…"[: max(most, 0)]
