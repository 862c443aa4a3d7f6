"""Refuse texts on the command line that nobody can have meant.

An unset variable leaves ``--commit ""`` behind. Taken for "not given" it would ship another commit
than the one that was meant. Names of apps and stages have no comma in them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from click.core import ParameterSource

from accelerator.errors import UsageProblem
from accelerator.foreign import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    import click

NAMES = frozenset({"APP", "TARGET"})  # what is named by such a value: an app, or a stage


def demand_texts(context: click.Context) -> None:
    """Raise `UsageProblem` for an empty text, and for several names in one, as they were typed."""
    for declared, text in _list_typed(context):
        demand_text(declared, text)
        if "," in text and _metavar(declared) in NAMES:
            raise _several(declared, _spelling(declared), text)


def demand_text(declared: click.Parameter, text: str) -> None:
    """Raise `UsageProblem` for an empty text; for options that are read as they are parsed."""
    if not text.strip():
        spelling = _spelling(declared)
        way = "" if declared.required else f", or leave out {spelling}"
        raise UsageProblem(
            f"{spelling} is empty (an unset variable?)", f"give {spelling} a value{way}"
        )


def _several(declared: click.Parameter, spelling: str, text: str) -> UsageProblem:
    names = [one_line(name.strip(), 100) for name in text.split(",") if name.strip()]
    shown = one_line(text, 100)
    if not declared.multiple:
        return UsageProblem(f"{spelling} takes one name, not {shown}", "name one of them")
    spelled = " ".join(f"{spelling} {name}" for name in names)
    return UsageProblem(
        f"{spelling} takes one name, not {shown}",
        f"name each with its own {spelling}: {spelled}",
    )


def _list_typed(context: click.Context) -> Iterator[tuple[click.Parameter, str]]:
    for declared in context.command.params:
        name = declared.name or ""
        if context.get_parameter_source(name) is not ParameterSource.COMMANDLINE:
            continue
        value: Any = context.params.get(name)
        values = value if isinstance(value, tuple) else (value,)
        yield from ((declared, each) for each in values if isinstance(each, str))


def _spelling(declared: click.Parameter) -> str:
    """Return the name a person knows it by: ``--to``, ``TARGET``."""
    long = (spelling for spelling in declared.opts if spelling.startswith("--"))
    return next(long, declared.human_readable_name)


def _metavar(declared: click.Parameter) -> str:
    return declared.metavar or declared.human_readable_name.upper()
