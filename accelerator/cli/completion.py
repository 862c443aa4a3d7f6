"""`accelerator completion`: what a shell needs to complete our commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from accelerator.cli.helping import Positional, command
from accelerator.cli.parts import takes

if TYPE_CHECKING:
    from accelerator.cli.invocation import Invocation

SHELLS = ("bash", "zsh", "fish")
VARIABLE = "_ACCELERATOR_COMPLETE"  # ``__main__`` looks at it, too


@command("completion")
@takes(
    click.argument(
        "shell",
        cls=Positional,
        metavar="SHELL",
        type=click.Choice(SHELLS),
        meaning="bash (4.4 or newer), zsh or fish.",
    )
)
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the completion script of a shell. Add the line of your shell to its start file.

    It completes commands, options and their words, stages, the apps of your key, and recent
    commits, branches and tags. Names of apps are kept for a minute in ~/.cache/accelerator.

    \b
      echo 'eval "$(accelerator completion bash)"' >> ~/.bashrc
      echo 'eval "$(accelerator completion zsh)"' >> ~/.zshrc      # after compinit
      accelerator completion fish > ~/.config/fish/completions/accelerator.fish
    """  # noqa: D301  # click takes the backspace itself as "do not wrap"
    from click.shell_completion import get_completion_class

    from accelerator.output.door import Door

    kind = get_completion_class(shell)
    if kind is None:
        raise click.ClickException(f"no completion for {shell}")
    root = context.find_root().command
    script = kind(root, {}, "accelerator", VARIABLE).source()
    invocation: Invocation = context.obj
    Door(invocation.stdout).script(script)
