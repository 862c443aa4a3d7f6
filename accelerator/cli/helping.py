"""How the help of a command looks: arguments, examples, options by what they are about, endings."""

from __future__ import annotations

from collections.abc import Callable
from inspect import cleandoc
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import click

from accelerator.cli.endings import ENDINGS, epilog

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

Function = Callable[..., Any]

HEADINGS = "__headings__"  # of a function: the heading of each of its options, by the option's name
HELP_FLAGS = ("-h", "--help")
_JOINED = "\N{NON-BREAKING HYPHEN}"
OTHERS = "Options"
ARGUMENTS = "Arguments"
LAST = "Configuration and output"
WIDEST_NAME = 30
WRONG = (
    "The configuration has a problem, so only built-in defaults are shown. "
    "`accelerator config` names it."
)


class Positional(click.Argument):
    """An argument with a line of help, which older versions of click have none of."""

    def __init__(self, *arguments: Any, meaning: str, **attributes: Any) -> None:
        super().__init__(*arguments, **attributes)
        self.meaning = meaning

    def get_help_record(self, ctx: click.Context) -> tuple[str, str]:  # noqa: ARG002  # click's
        """Return its name and its help."""
        return self.human_readable_name.strip("[]"), self.meaning


class WholeWords(click.HelpFormatter):
    """A formatter that breaks no word at a hyphen: names of apps and options are pasted."""

    def write(self, string: str) -> None:
        """Write with hyphens again."""
        super().write(string.replace(_JOINED, "-"))

    def write_text(self, text: str) -> None:
        """Write a text that is wrapped at blanks only."""
        super().write_text(text.replace("-", _JOINED))

    def write_dl(
        self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2
    ) -> None:
        """Write rows whose texts are wrapped at blanks only."""
        joined = [(name, text.replace("-", _JOINED)) for name, text in rows]
        super().write_dl(joined, col_max, col_spacing)


class TaughtContext(click.Context):
    """A context whose help is written so."""

    formatter_class = WholeWords


class TaughtCommand(click.Command):
    """A command whose help has examples, groups of options, and its exit codes.

    Paragraphs of the docstring that click is told not to wrap are the examples.
    """

    context_class = TaughtContext

    def get_help_option_names(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's
        """Return the same wherever it stands: click asks the first context only, and keeps that."""
        return list(HELP_FLAGS)

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002  # click's
        """Write the text, and the examples in a section of their own."""
        text, examples = _split_examples(cleandoc(self.help or ""))
        formatter.write_paragraph()
        with formatter.indentation():
            formatter.write_text(text)
        if examples:
            with formatter.section("Examples"):
                for line in examples:
                    formatter.write(f"{'':>{formatter.current_indent}}{line}\n")

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the arguments and options under their headings, all in the same columns."""
        sections = {
            heading: [record for one in members if (record := one.get_help_record(ctx))]
            for heading, members in find_sections(self, self.get_help_option(ctx)).items()
        }
        names = [name for rows in sections.values() for name, _ in rows]
        width = min(max(map(len, names)), WIDEST_NAME)
        for heading, rows in sections.items():
            with formatter.section(heading):
                formatter.write_dl([(name.ljust(width), text) for name, text in rows])
        from accelerator.cli.inforce import is_wrong

        if is_wrong(ctx):
            formatter.write_paragraph()
            formatter.write_text(WRONG)

    def format_arguments(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write nothing: they stand before the options (newer versions of click ask for this)."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the exit codes in columns."""
        codes = [f"{code:>3}  {code.meaning}" for code in sorted(ENDINGS.get(self.name or "", ()))]
        if not codes:
            super().format_epilog(ctx, formatter)
            return
        with formatter.section("Exit codes"):
            for line in _in_columns(codes, formatter.width - formatter.current_indent):
                formatter.write(f"{'':>{formatter.current_indent}}{line}\n")


def command(name: str) -> Callable[[Function], click.Command]:
    """Make a command of a function, with everything its help teaches."""
    codes = epilog(name) if name in ENDINGS else None
    return click.command(name, cls=TaughtCommand, epilog=codes)


def find_sections(
    command: click.Command, help_option: click.Parameter | None = None
) -> dict[str, list[click.Parameter]]:
    """Return the arguments and options of a command under their headings, in their order."""
    headings: dict[str, str] = getattr(command.callback, HEADINGS, {})
    last = headings[next(iter(headings))] if headings else OTHERS  # the first added is the last
    sections: dict[str, list[click.Parameter]] = {}
    for one in command.params:
        heading = headings.get(one.name or "", last)
        sections.setdefault(ARGUMENTS if isinstance(one, click.Argument) else heading, []).append(
            one
        )
    if help_option is not None:
        sections.setdefault(OTHERS if last == ARGUMENTS else last, []).append(help_option)
    return sections


def added_last(function: Function) -> str:
    """Return the name of the option that was added to a function last."""
    params: list[click.Parameter] = function.__click_params__  # type: ignore[attr-defined]
    return params[-1].name or ""


def _split_examples(text: str) -> tuple[str, list[str]]:
    paragraphs = text.split("\n\n")
    examples = [each for each in paragraphs if each.startswith("\b")]
    told = "\n\n".join(each for each in paragraphs if each not in examples)
    lines = (line.strip() for each in examples for line in each.splitlines()[1:])
    return told, [line for line in lines if line]


def _in_columns(texts: Sequence[str], width: int) -> Iterator[str]:
    """Yield lines that read down each column; there are as many columns as fit."""
    tried = [_split_columns(texts, height) for height in range(1, len(texts) + 1)]
    columns, sizes = next((each for each in tried if sum(each[1]) <= width), tried[-1])
    for row in zip_longest(*columns, fillvalue=""):
        yield "".join(text.ljust(size) for text, size in zip(row, sizes, strict=True)).rstrip()


def _split_columns(texts: Sequence[str], height: int) -> tuple[list[Sequence[str]], list[int]]:
    columns = [texts[at : at + height] for at in range(0, len(texts), height)]
    return columns, [max(map(len, column)) + 2 for column in columns]
