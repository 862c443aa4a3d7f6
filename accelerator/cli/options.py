"""Options that several commands share, spelled once."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])


def common(command: Command) -> Command:
    """Add what every command takes: output, verbosity and the configuration file."""
    return _add(
        command,
        click.option("--json", "json", is_flag=True, help="Print one JSON document on stdout."),
        click.option(
            "--config", metavar="FILE", help="Configuration file.  [default: accelerator.toml]"
        ),
        click.option("-v", "--verbose", count=True, help="Say more; twice: every request."),
        click.option("-q", "--quiet", is_flag=True, help="Only warnings and the result."),
        click.option("--debug", is_flag=True, help="Show the traceback of an expected error too."),
    )


def limits(command: Command) -> Command:
    """Add the overall limit."""
    return _add(
        command,
        click.option("--timeout", metavar="DUR", help="Limit for the whole run (30s, 10m, 1h30m)."),
    )


def commit(command: Command) -> Command:
    """Add the choice of the commit."""
    return _add(
        command,
        click.option(
            "--commit",
            metavar="REV",
            help="What to ship: a sha, branch or tag.  [default: the CI's commit, else HEAD]",
        ),
    )


def targets(command: Command) -> Command:
    """Add source and targets."""
    return _add(
        command,
        click.option(
            "--from",
            "from_",
            metavar="APP",
            multiple=True,
            help="The prepare app.  [default: prepare.apps of the configuration]",
        ),
        click.option(
            "-t",
            "--to",
            metavar="TARGET",
            multiple=True,
            help="An app, or a stage of the pipeline (staging, production). May be repeated.",
        ),
    )


def safety(command: Command) -> Command:
    """Add what happens on a miss and after the release."""
    return _add(
        command,
        click.option(
            "--on-miss",
            type=click.Choice(["build", "fail"]),
            help="What to do when the commit is not prepared.  [default: build]",
        ),
        click.option(
            "--smoke",
            metavar="URL",
            multiple=True,
            help="Must answer after the release: '/health', '/up 204', '/health {commit}' "
            "(path or URL, status, text in the body). May be repeated.",
        ),
        click.option(
            "--rollback/--no-rollback",
            default=None,
            help="Go back to the release before when verification fails.  [default: rollback]",
        ),
    )


def _add(command: Command, *options: Callable[[Command], Command]) -> Command:
    return reduce(lambda wrapped, option: option(wrapped), reversed(options), command)
