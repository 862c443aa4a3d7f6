"""What holds without an option: the values in force here, for help and completion.

Both are asked by people who may have a wrong file, and neither may fail because of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelerator.environment import find_commit
from accelerator.errors import AcceleratorError
from accelerator.foreign import one_line
from accelerator.settings import load_settings, read_nearest

if TYPE_CHECKING:
    import click

    from accelerator.cli.invocation import Invocation
    from accelerator.settings import Row, Settings

VALUE_LETTERS = 40
COMMIT_LETTERS = 12
_ROWS = "accelerator.rows"
_FOUND = "accelerator.settings"  # in click's context: whether they were looked for, and what was


def find_settings(context: click.Context) -> Settings | None:
    """Return the settings in force here; None where they are wrong, or nobody is asking."""
    if _FOUND not in context.meta:
        invocation: Invocation | None = context.obj
        context.meta[_FOUND] = None
        if invocation is not None:
            context.meta[_FOUND] = _load(invocation, context.params.get("config"))
    found: Settings | AcceleratorError | None = context.meta[_FOUND]
    return None if isinstance(found, AcceleratorError) else found


def is_wrong(context: click.Context) -> bool:
    """Return whether the settings were looked for and cannot be used."""
    return find_settings(context) is None and context.meta[_FOUND] is not None


def find_value(context: click.Context, name: str) -> str:
    """Return the value of a setting and where it was set; empty where the default holds."""
    if _ROWS not in context.meta:
        settings = find_settings(context)
        context.meta[_ROWS] = {row.name: row for row in settings.rows()} if settings else {}
    row: Row | None = context.meta[_ROWS].get(name)
    if row is None or row.source == "default":
        return ""
    source, _, _ = row.source.partition(": ")
    return f"now: {one_line(row.value, VALUE_LETTERS)}, from {one_line(source, VALUE_LETTERS)}"


def find_own_commit(context: click.Context) -> str:
    """Return the commit of this CI job and its variable; empty where there is none."""
    invocation: Invocation | None = context.obj
    found = find_commit(invocation.environment) if invocation is not None else None
    return f"now: {one_line(found[1], COMMIT_LETTERS)}, from {found[0]}" if found else ""


def _load(invocation: Invocation, named: str | None) -> Settings | AcceleratorError:
    try:
        content, name = read_nearest(named, invocation.directory)
        return load_settings({}, invocation.environment, content, name, is_named=bool(named))
    except AcceleratorError as problem:
        return problem
