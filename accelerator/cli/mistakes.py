"""What was typed wrong, in the voice of all other errors: what it is, then what to do."""

from __future__ import annotations

import re

import click

from accelerator import planned
from accelerator.errors import UsageProblem

_SUGGESTION = re.compile(r"\s*\(?(Did you mean .*\?)\)?\s*$", re.DOTALL)


def describe_mistake(error: click.ClickException, command: str | None) -> UsageProblem:
    """Return what click says of a command line as an error of ours, with the help to look at."""
    if isinstance(error, click.NoSuchOption) and error.option_name in planned.FLAGS:
        return UsageProblem(planned.tell_planned(error.option_name))
    said, suggestion = " ".join(error.format_message().split()), ""
    if found := _SUGGESTION.search(said):
        said, suggestion = said[: found.start()], f"{_uncapitalised(found[1])} "
    shown = (
        f"`accelerator {command} --help` shows the options"
        if command not in {None, "help"}  # who asks for the help of a command wants their names
        else "`accelerator --help` lists the commands"
    )
    return UsageProblem(_uncapitalised(said).rstrip("."), suggestion + shown)


def _uncapitalised(text: str) -> str:
    """Return a sentence as it stands after a colon; what is a name, or all capitals, stays."""
    return text[:1].lower() + text[1:] if text[1:2].islower() or text[1:2] == " " else text
