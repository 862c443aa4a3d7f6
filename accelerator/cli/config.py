"""`accelerator config`: every setting, where its value came from, and what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from accelerator.cli.helping import command
from accelerator.cli.options import OUTPUT
from accelerator.cli.parts import takes
from accelerator.errors import ConfigurationInvalid, ConfigurationShown, KeyMissing, UsageProblem
from accelerator.settings import FILE_NAME, Problem, endpoint, examine_settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from accelerator.cli.invocation import Invocation
    from accelerator.cli.options import Talk
    from accelerator.cli.session import Session
    from accelerator.errors import ExitCode
    from accelerator.output.config import Configured


@command("config")
@takes(*OUTPUT)
@click.pass_obj
def config(invocation: Invocation, /, talk: Talk) -> ExitCode:
    """Show every setting, its value, and where the value comes from.

    A flag wins over an ACCELERATOR_… variable, a variable over accelerator.toml, and the file over
    the default. What is wrong is marked, and the exit code is 2 then. No key is ever shown, only
    where one was found.

    \b
      accelerator config
      accelerator config --config ci/accelerator.toml --json
    """  # noqa: D301  # click takes the backspace itself as "do not wrap"
    from accelerator.cli.session import Session
    from accelerator.output.config import Configured, config_document, render_config

    session = Session("config", invocation, talk)
    shown = Configured()
    return session.perform(
        lambda: _look(session, shown),
        lambda outcome: config_document(shown, outcome),
        lambda _: render_config(shown),
        tells_always=True,
    )


def _look(session: Session, shown: Configured) -> None:
    """Look at everything, whatever is wrong on the way; raise for all of it at the end."""
    from accelerator.checks import find_unsound  # imports requests

    edge, problems = session.invocation, list[Problem]()
    content, name = _read(session, problems)
    is_named = bool(session.talk.config)
    examined = examine_settings({}, edge.environment, content, name, is_named=is_named)
    problems += [*examined.problems, *find_unsound(examined.settings)]
    for warning in examined.settings.warnings:
        session.events.note(warning, "warning")
    shown.settings = examined.settings
    problems += _find_platform(session, shown)
    shown.problems = tuple(problems)
    if problems:
        raise ConfigurationShown(tuple(problem.text for problem in problems))


def _read(session: Session, problems: list[Problem]) -> tuple[Mapping[str, Any] | None, str]:
    try:
        return session.read_file()
    except ConfigurationInvalid as error:
        problems += [Problem(None, text) for text in error.problems]
        return None, FILE_NAME


def _find_platform(session: Session, shown: Configured) -> Iterator[Problem]:
    """Find where the platform is, and where a key for it; yield what is wrong with either."""
    from accelerator.credentials import find_home, find_key

    environment = session.invocation.environment
    try:
        shown.endpoint = endpoint(environment)
        key_env = shown.settings.key_env if shown.settings else ""
        home = find_home(environment)
        shown.key_source = find_key(key_env, environment, shown.endpoint, home).source
    except KeyMissing as error:
        shown.no_key = error.hint
    except UsageProblem as error:
        yield Problem.of(error)
