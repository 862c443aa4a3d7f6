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


def subdir(command: Command) -> Command:
    """Add the folder that is built."""
    return _add(
        command,
        click.option(
            "--subdir", metavar="DIR", help="Build only this folder of the commit (monorepo)."
        ),
    )


def safety(command: Command) -> Command:
    """Add what happens on a miss and after the release."""
    return _add(
        command,
        click.option(
            "--on-miss",
            type=click.Choice(["build", "wait", "fail"]),
            help="When the commit is not prepared: build it here, wait for its build to appear "
            "(--wait), or fail.  [default: build]",
        ),
        click.option(
            "--wait", metavar="DUR", help="How long --on-miss wait waits.  [default: 10m]"
        ),
        click.option(
            "--same-tree/--no-same-tree",
            default=None,
            help="Also take what was built from another commit with the same tree.",
        ),
        click.option(
            "--smoke",
            metavar="URL",
            multiple=True,
            help="Must answer after the release: '/health', '/up 204', '/health {commit}' "
            "(path or URL, status, text in the body; 'header NAME: TEXT' looks there), or a "
            "command. May be repeated.",
        ),
        click.option(
            "--rollback/--no-rollback",
            default=None,
            help="Go back to the release before when verification fails.  [default: rollback]",
        ),
    )


def lock_remote(command: Command) -> Command:
    """Add where the locks are kept."""
    return _add(
        command,
        click.option(
            "--from",
            "from_",
            metavar="APP",
            multiple=True,
            help="The prepare app, whose git repository holds the locks.",
        ),
        click.option(
            "--lock-remote",
            metavar="URL",
            help="Another git repository that holds the locks.",
        ),
    )


def guards(command: Command) -> Command:
    """Add what may be shipped over what, and who may ship at the same time."""
    return _add(
        command,
        click.option(
            "--allow-older", is_flag=True, help="Ship a commit the target has left behind already."
        ),
        click.option(
            "--allow-diverged",
            is_flag=True,
            help="Ship a commit on another line of history.",
        ),
        click.option(
            "--on-superseded",
            type=click.Choice(["fail", "ok"]),
            help="When the target runs a newer commit already: fail, or do nothing and succeed.  "
            "[default: fail]",
        ),
        click.option(
            "--strict/--no-strict",
            default=None,
            help="Refuse where this clone cannot tell which commit is newer.",
        ),
        click.option(
            "--lock",
            type=click.Choice(["auto", "required", "off"]),
            help="One deploy per target at a time: auto goes on where the remote takes no lock.  "
            "[default: auto]",
        ),
        click.option(
            "--lock-wait",
            metavar="DUR",
            help="How long to wait for another deploy to end.  [default: 10m]",
        ),
        click.option(
            "--lock-remote",
            metavar="URL",
            help="The git repository that holds the locks.  [default: the prepare app's]",
        ),
    )


def waves(command: Command) -> Command:
    """Add the order among several targets."""
    return _add(
        command,
        click.option(
            "--then",
            metavar="TARGET",
            multiple=True,
            help="A further wave: only when all before it are verified. May be repeated.",
        ),
        click.option(
            "--on-failure",
            type=click.Choice(["stop", "continue", "compensate"]),
            default="stop",
            show_default=True,
            help="When a target fails: start no further wave, go on, or return the finished "
            "targets to the release each had.",
        ),
    )


def _add(command: Command, *options: Callable[[Command], Command]) -> Command:
    return reduce(lambda wrapped, option: option(wrapped), reversed(options), command)
