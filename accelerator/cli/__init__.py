"""The commands: parse, call, render; nothing else.

Each command's module is imported when that command runs, so that ``accelerator --help`` stays
light: it needs no git, no HTTP client and no server.
"""

from __future__ import annotations

from importlib import import_module

import click

from accelerator import __version__, planned
from accelerator.cli.helping import HELP_FLAGS, TaughtContext

COMMANDS = {
    "prepare": ("accelerator.cli.prepare:prepare", "Build a commit ahead, while its tests run."),
    "deploy": ("accelerator.cli.deploy:deploy", "Ship a commit the fastest safe way."),
    "ship": ("accelerator.cli.ship:ship", "Test and prepare together, then deploy each stage."),
    "resume": ("accelerator.cli.resume:resume", "Finish a deploy that was cut short."),
    "lock": ("accelerator.cli.marks:lock", "Make deploys to a target wait."),
    "unlock": ("accelerator.cli.marks:unlock", "Remove a target's lock."),
    "freeze": ("accelerator.cli.marks:freeze", "Block all deploys to a target."),
    "unfreeze": ("accelerator.cli.marks:unfreeze", "Allow deploys to a target again."),
    "reject": ("accelerator.cli.marks:reject", "Block one commit from a target."),
    "accept": ("accelerator.cli.marks:accept", "Allow a rejected commit again."),
    "config": ("accelerator.cli.config:config", "Show every setting and where it comes from."),
    "completion": ("accelerator.cli.completion:completion", "Print a completion script."),
    "help": ("accelerator.cli.help:help_", "Show the help of a command."),
    "local": ("accelerator.cli.local:local", "Run a Heroku-compatible platform on this machine."),
    "demo": ("accelerator.cli.demo:demo", "Watch the whole story on the local platform."),
}

GROUPS = {
    "Ship": ("prepare", "deploy", "ship", "resume"),
    "Guard": ("lock", "unlock", "freeze", "unfreeze", "reject", "accept"),
    "Inspect": ("config",),
    "Set up": ("completion", "help"),
    "Try": ("local", "demo"),
}

START = (
    ("accelerator prepare --app foo-prepare", "beside the tests"),
    ("accelerator deploy --from foo-prepare --to foo-production", "after the tests"),
)
SURROUNDINGS = (
    ("HEROKU_API_KEY", "The API key. Without it, the login of the Heroku CLI is used."),
    ("HEROKU_HOST", "Another platform, such as the one of `accelerator local`."),
    ("ACCELERATOR_…", "Any setting. `accelerator config` lists them."),
)


class LazyGroup(click.Group):
    """A group that knows its commands by name and one line of help, and imports them late."""

    context_class = TaughtContext

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        """Return the commands in the order of the story."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import one command."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, and name the nearest one when there is none."""
        from difflib import get_close_matches  # only for the error

        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            if args[0] in planned.COMMANDS:
                raise click.UsageError(f"{planned.tell_planned(args[0])}.", ctx) from None
            near = get_close_matches(args[0], COMMANDS, 1)
            hint = f" Did you mean `{near[0]}`?" if near else ""
            raise click.UsageError(error.message.rstrip(".") + "." + hint, ctx) from None

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write how to start, the commands by purpose without importing any, and the options."""
        with formatter.section("Start"):
            formatter.write_dl(START, col_max=60)
        width = max(map(len, COMMANDS))
        for purpose, names in GROUPS.items():
            with formatter.section(purpose):
                formatter.write_dl([(name.ljust(width), COMMANDS[name][1]) for name in names])
        with formatter.section("Environment"):
            formatter.write_dl(SURROUNDINGS)
        click.Command.format_options(self, ctx, formatter)


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": [*HELP_FLAGS], "max_content_width": 100},
    epilog="`accelerator help COMMAND` shows a command's options, its examples and its exit codes. "
    "0 means done, 2 that the command line or the configuration is wrong.",
)
@click.version_option(__version__, prog_name="accelerator")
def main() -> None:
    """From commit to production on Heroku: build once, then promote exactly that."""


def split_command(arguments: list[str]) -> tuple[str | None, list[str]]:
    """Return the command that the arguments name, if there is one, and the arguments it gets.

    No option before the command has a value, so the first word that is no option names it.
    """
    place = next((at for at, word in enumerate(arguments) if word[:1] != "-"), len(arguments))
    name = arguments[place] if place < len(arguments) else ""
    return (name, arguments[place + 1 :]) if name in COMMANDS else (None, arguments)


def asks_for_json(arguments: list[str]) -> bool:
    """Return whether ``--json`` is among the options of arguments that may be wrong otherwise.

    A word ``--json`` that is the value of another option, or stands after ``--``, is none. Before
    the command, or where there is no command, it was surely meant.
    """
    name, own = split_command(arguments)
    if "--json" not in own:
        return "--json" in arguments
    command = main.get_command(click.Context(main), name) if name else None
    option = (
        next((one for one in command.params if "--json" in one.opts), None) if command else None
    )
    if command is None or option is None:
        return True
    # Click's own parser, told to pass over what is wrong, as it is for shell completion.
    context = command.make_context(
        name, list(own), resilient_parsing=True, ignore_unknown_options=True, allow_extra_args=True
    )
    return bool(context.params.get(option.name or ""))
