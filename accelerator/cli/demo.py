"""`accelerator demo`: the whole story on this machine."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING

import click

from accelerator.cli.completing import complete_folders
from accelerator.cli.extras import demand_platform
from accelerator.cli.helping import command
from accelerator.cli.options import OUTPUT
from accelerator.cli.parts import option, takes

if TYPE_CHECKING:
    from accelerator.cli.invocation import Invocation
    from accelerator.cli.options import Talk
    from accelerator.errors import ExitCode


@dataclass(frozen=True, slots=True)
class Own:
    """What is shipped in place of the sample: a repository, with what it takes to run."""

    repo: str | None = option(
        "--repo",
        metavar="DIR",
        help="Ship your own repository, as it is committed.  [default: the sample site]",
        shell_complete=complete_folders,
    )
    test: str | None = option(
        "--test", metavar="CMD", help="The test command of your repository. It gets no key."
    )
    smoke: tuple[str, ...] = option(
        "--smoke",
        metavar="CHECK",
        multiple=True,
        default=(),
        help="A smoke check. May be repeated.  [default: /]",
    )
    env: tuple[str, ...] = option(
        "--env",
        metavar="NAME=VALUE",
        multiple=True,
        default=(),
        help="A config var for the apps. {app} stands for the app's name. May be repeated.",
    )


@dataclass(frozen=True, slots=True)
class Longer:
    """By how much builds and tests are made longer; None takes what fits what is shipped."""

    build_seconds: float | None = option(
        "--build-seconds",
        type=click.FloatRange(0, 600),
        default=None,
        metavar="SECONDS",
        help="Make every build take longer.  [default: 9 for the sample, 0 with --repo]",
    )
    test_seconds: float | None = option(
        "--test-seconds",
        type=click.FloatRange(0, 600),
        default=None,
        metavar="SECONDS",
        help="Make the sample's tests take longer.  [default: 10]",
    )


@command("demo")
@takes(
    "What to ship",
    Own,
    "The story",
    Longer,
    click.option("--keep", is_flag=True, help="Leave the sites up until Ctrl-C."),
    *OUTPUT,
)
@click.pass_obj
def demo(invocation: Invocation, /, talk: Talk, own: Own, longer: Longer, keep: bool) -> ExitCode:
    """Watch the whole story on the local platform, without an account or a network.

    Starts a Heroku-compatible platform on this machine, makes a prepare app, staging and
    production in one pipeline, and ships two commits of a real application. Nothing is prepared
    for the first, so it is built. The second goes out both ways: built beside its tests and
    promoted, and built at every stage. A picture shows how far each way is.

    The sample is small. So its builds and tests are made as long as those of an application with
    dependencies. Nothing of your own repository is made longer, and one way goes after the other,
    because real builds would slow each other down.

    \b
      accelerator demo --keep
      accelerator demo --repo . --test 'pytest -q' --smoke /health
    """  # noqa: D301  # click takes the backspace itself as "do not wrap"
    from accelerator.cli.exhibit import Asked, Exhibit

    demand_platform()
    asked = Asked(*astuple(own), *astuple(longer))
    return Exhibit(invocation, talk, asked).run(keep=keep)
