"""`accelerator config`: every setting and where its value came from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from accelerator.cli.options import Talk, takes
from accelerator.cli.session import Session
from accelerator.output.config import config_document, render_config
from accelerator.settings import endpoint

if TYPE_CHECKING:
    from accelerator.cli.invocation import Invocation
    from accelerator.errors import ExitCode


@click.command()
@takes(Talk)
@click.pass_obj
def config(invocation: Invocation, /, talk: Talk) -> ExitCode:
    """Show every setting, its value, and where the value came from.

    Flags come before ACCELERATOR_… variables, these before accelerator.toml, that before the
    defaults. No key is ever shown.
    """
    session = Session("config", invocation, talk)
    environment = invocation.environment
    return session.perform(
        lambda: (session.settings, endpoint(environment)),
        lambda outcome: config_document(
            session.settings.rows() if outcome.error is None else (), outcome
        ),
        lambda _: render_config(session.settings.rows(), endpoint(environment).api_url),
    )
