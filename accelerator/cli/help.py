"""`accelerator help`: what `--help` says, for those who type it the other way round."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import click

from accelerator.cli.helping import Positional, command
from accelerator.cli.parts import takes

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from accelerator.cli.invocation import Invocation


def _complete(
    context: click.Context, _parameter: click.Parameter, begun: str
) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem

    commands = _root(context).list_commands(context)
    return [CompletionItem(name) for name in commands if name.startswith(begun)]


@command("help")
@takes(
    click.argument(
        "command",
        cls=Positional,
        metavar="[COMMAND]",
        required=False,
        meaning="The command to explain. Without one, all commands are listed.",
        shell_complete=_complete,
    )
)
@click.pass_context
def help_(context: click.Context, command: str | None) -> None:
    """Show the help of a command, as `accelerator COMMAND --help` does.

    \b
      accelerator help
      accelerator help deploy
    """  # noqa: D301  # click takes the backspace itself as "do not wrap"
    from accelerator.output.door import Door

    shown = context.find_root()
    if command is not None:
        name, found, _ = _root(context).resolve_command(shown, [command])
        if found is not None:
            shown = found.context_class(found, info_name=name, parent=shown, obj=context.obj)
    invocation: Invocation = context.obj
    Door(invocation.stdout).script(shown.get_help())


def _root(context: click.Context) -> click.Group:
    return cast("click.Group", context.find_root().command)
