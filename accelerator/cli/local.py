"""`accelerator local`: a Heroku-compatible platform on this machine."""

from __future__ import annotations

import json
import os
import signal
import threading
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from accelerator.localheroku.server import LocalHeroku

DEFAULT_PORT = 5080


@click.command()
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=DEFAULT_PORT,
    show_default=True,
    metavar="N",
    help="Port of the API and of git on 127.0.0.1; 0 takes a free one.",
)
@click.option(
    "--api-key",
    envvar="ACCELERATOR_LOCAL_API_KEY",
    metavar="KEY",
    help="Key to accept; by default a new one is made. Better given by the environment.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON line instead of exports.")
def local(port: int, api_key: str | None, as_json: bool) -> None:
    """Run a Heroku-compatible platform on this machine.

    Prints the `export` lines that point any Heroku client at it once it is ready, and runs until
    Ctrl-C. Everything it made is gone afterwards.
    """
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    platform = _start(port, api_key)
    try:
        click.echo(_json(platform) if as_json else _exports(platform))
        while not stopped.wait(3600):
            pass
    finally:
        platform.stop()


def _start(port: int, api_key: str | None) -> LocalHeroku:
    try:
        from accelerator.localheroku.server import LocalHeroku  # noqa: PLC0415 - heavy, and an extra
    except ModuleNotFoundError as problem:
        message = f"{problem.name} is missing: install slug-accelerator[local]"
        raise click.ClickException(message) from None
    try:
        return LocalHeroku(port, [api_key] if api_key else []).start()
    except OSError as problem:
        reason = os.strerror(problem.errno) if problem.errno else str(problem)
        message = f"port {port} of 127.0.0.1 cannot be used ({reason}); try --port 0"
        raise click.ClickException(message) from None


def _json(platform: LocalHeroku) -> str:
    document: dict[str, Any] = {
        "schema": "accelerator.local/1",
        "url": platform.url,
        "api_key": platform.api_key,
        "git_url": platform.url,
        "pid": os.getpid(),
    }
    return json.dumps(document)


def _exports(platform: LocalHeroku) -> str:
    url = platform.url
    host = url.removeprefix("http://")
    return "\n".join(
        (
            f"export HEROKU_HOST={url}",
            f"export HEROKU_API_KEY={platform.api_key}",
            f"export HEROKU_PARTICLEBOARD_URL={url}",
            f"export HEROKU_GIT_HOST={host}",
            "# git push works over plain HTTP, any user name with the key as password:",
            f"#   git push {url}/APP.git HEAD:main",
            "# for remotes written by the Heroku CLI:",
            f"#   git config --global url.{url}/.pushInsteadOf https://{host}/",
            "# Ctrl-C stops everything and removes it.",
        )
    )
