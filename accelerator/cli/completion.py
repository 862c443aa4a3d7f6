"""`accelerator completion`: what a shell needs to complete our commands."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from accelerator.output.door import Door

SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the completion script of a shell, to be sourced by it.

    \b
      bash:  eval "$(accelerator completion bash)"
      zsh:   eval "$(accelerator completion zsh)"
      fish:  accelerator completion fish | source
    """  # noqa: D301  # click takes the backspace itself as "do not wrap"
    kind = get_completion_class(shell)
    if kind is None:
        raise click.ClickException(f"no completion for {shell}")
    root = context.find_root().command
    script = kind(root, {}, "accelerator", "_ACCELERATOR_COMPLETE").source()
    Door(context.obj.stdout).script(script)
