"""`accelerator config`: every setting and where its value came from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from accelerator.cli.helping import command
from accelerator.cli.options import OUTPUT
from accelerator.cli.parts import takes
from accelerator.settings import endpoint

if TYPE_CHECKING:
    from accelerator.cli.invocation import Invocation
    from accelerator.cli.options import Talk
    from accelerator.errors import ExitCode


@command("config")
@takes(*OUTPUT)
@click.pass_obj
def config(invocation: Invocation, /, talk: Talk) -> ExitCode:
    """Show every setting, its value, and where the value comes from.

    A flag wins over an ACCELERATOR_… variable, a variable over accelerator.toml, and the file over
    the default. No key is ever shown.

    \b
      accelerator config
      accelerator config --config ci/accelerator.toml --json
    """  # noqa: D301  # click takes the backspace itself as "do not wrap"
    from accelerator.cli.session import Session
    from accelerator.output.config import config_document, render_config

    session = Session("config", invocation, talk)
    environment = invocation.environment
    return session.perform(
        lambda: (session.settings, endpoint(environment)),
        lambda outcome: config_document(
            session.settings.rows() if outcome.error is None else (), outcome
        ),
        lambda _: render_config(session.settings.rows(), endpoint(environment).api_url),
    )
