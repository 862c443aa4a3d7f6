"""`accelerator local`: a Heroku-compatible platform on this machine."""

from __future__ import annotations

import gc
import os
import shlex
import signal
import socket
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import click

from accelerator.cli.completing import complete_folders
from accelerator.cli.extras import demand_platform, name_missing
from accelerator.cli.helping import command
from accelerator.cli.parts import takes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from accelerator.cli.invocation import Invocation
    from accelerator.localheroku.server import LocalHeroku
    from accelerator.output.door import Door

DEFAULT_PORT = 5080
VARIABLE = "ACCELERATOR_LOCAL_TOKEN"
ROOT = (
    "warning: running as root: the code of builds and apps may do everything here;",
    "         start it as another user, or in a container",
)
GARBAGE = (700, 10, 10)  # Python's own: our other commands end before it is worth collecting


@dataclass(frozen=True, slots=True)
class Order:
    """What to start; the fields are the platform's own words for it."""

    port: int
    tls_port: int | None
    api_keys: list[str] = field(repr=False)
    token: str | None = field(repr=False)
    data: Path | None
    names: tuple[str, ...]


@command("local")
@takes(
    "Where it answers",
    click.option(
        "--port",
        type=click.IntRange(0, 65535),
        default=DEFAULT_PORT,
        show_default=True,
        metavar="N",
        help="The port of the API and of git on 127.0.0.1. 0 uses a free one.",
    ),
    click.option("--tls", "with_tls", is_flag=True, help="Answer TLS too, on a port of its own."),
    click.option(
        "--tls-port",
        type=click.IntRange(0, 65535),
        default=None,
        metavar="N",
        help="The port for --tls.  [default: a free one]",
    ),
    click.option(
        "--host",
        "hosts",
        multiple=True,
        metavar="NAME",
        help="Answer to this host name too. The certificate of --tls names it. May be repeated.",
    ),
    "What it holds",
    click.option(
        "--api-key",
        envvar="ACCELERATOR_LOCAL_API_KEY",
        metavar="KEY",
        help="The key to accept. Other users of this machine can read a command line, so set "
        "ACCELERATOR_LOCAL_API_KEY instead.  [default: a new one]",
    ),
    click.option(
        "--data",
        type=click.Path(path_type=Path),
        metavar="DIR",
        help="Keep everything in this folder, across restarts.  [default: nothing is kept]",
        shell_complete=complete_folders,
    ),
    "Output",
    click.option("--json", "as_json", is_flag=True, help="Print one JSON line instead of exports."),
)
@click.pass_obj
def local(
    invocation: Invocation,
    /,
    *,
    port: int,
    api_key: str | None,
    with_tls: bool,
    tls_port: int | None,
    data: str | None,
    hosts: tuple[str, ...],
    as_json: bool,
) -> None:
    """Run a Heroku-compatible platform on this machine.

    Once it is ready it prints the `export` lines that point any Heroku client at it, and runs
    until Ctrl-C. Then everything it made is gone, unless --data says where to keep it. A platform
    that is started on that folder again continues where the last one ended, even if that one was
    killed.

    \b
      accelerator local
      accelerator local --port 0 --data ./platform --tls
    """  # noqa: D301  # click takes the backspace itself as "do not wrap"
    from accelerator.localheroku.privacy import keep_private
    from accelerator.output.door import Door

    demand_platform()
    gc.set_threshold(*GARBAGE)
    keep_private()
    if os.geteuid() == 0:
        Door(invocation.stderr).lines(ROOT)
    order = Order(
        port=port,
        tls_port=(tls_port or 0) if with_tls or tls_port is not None else None,
        api_keys=[api_key] if api_key else [],
        token=invocation.environment.get(VARIABLE),
        data=Path(data) if data is not None else None,
        names=hosts,
    )
    with _stop_signals() as stopped:
        platform = _start(order)
        try:
            _tell(Door(invocation.stdout), platform, order.data, as_json=as_json)
            stopped.recv(1)
        finally:
            platform.stop()


@contextmanager
def _stop_signals() -> Iterator[socket.socket]:
    """Yield a socket from which a byte can be read once a signal asked to stop.

    The interpreter's own signal handler writes it, at once and in whichever thread; setting an
    event instead can deadlock with the thread that waits for it, and a signal that comes just
    before a wait would be noticed after it only.
    """
    read, write = socket.socketpair()
    with read, write:
        write.setblocking(False)
        signal.set_wakeup_fd(write.fileno())
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: None)
        try:
            yield read
        finally:
            signal.set_wakeup_fd(-1)


def _start(order: Order) -> LocalHeroku:
    from accelerator.localheroku.persistence.problems import DataUnusable

    try:
        platform = _make(order)
        return platform.start()
    except ModuleNotFoundError as problem:
        raise name_missing(problem.name or "a package", "local") from None
    except DataUnusable as problem:
        raise click.ClickException(str(problem)) from None
    except OSError as problem:
        reason = os.strerror(problem.errno) if problem.errno else str(problem)
        given = " or ".join(str(port) for port in (order.port, order.tls_port) if port)
        message = f"port {given} of 127.0.0.1 cannot be used ({reason}); try 0, a free one"
        raise click.ClickException(message) from None


def _make(order: Order) -> LocalHeroku:
    from accelerator.localheroku.server import LocalHeroku

    try:
        return LocalHeroku(**asdict(order))
    except ValueError as problem:
        raise click.UsageError(str(problem)) from None


def _tell(door: Door, platform: LocalHeroku, data: Path | None, *, as_json: bool) -> None:
    from accelerator.output.local import local_document

    if not as_json:
        door.lines(_exports(platform, data))
        return
    authority = None if platform.ca_file is None else str(platform.ca_file)
    told = local_document(
        platform.url,
        platform.api_key,
        platform.token,
        os.getpid(),
        platform.tls_url,
        authority,
    )
    door.document(told, indent=None)


def _exports(platform: LocalHeroku, data: Path | None) -> tuple[str, ...]:
    url = platform.tls_url or platform.url
    host = url.partition("://")[2]
    return (
        f"export HEROKU_HOST={url}",
        f"export HEROKU_API_KEY={shlex.quote(platform.api_key)}",
        f"export {VARIABLE}={shlex.quote(platform.token)}",
        f"export HEROKU_PARTICLEBOARD_URL={platform.url}",
        f"export HEROKU_BUILDPACK_REGISTRY_URL={platform.url}",
        f"export HEROKU_GIT_HOST={host}",
        "export DISABLE_TELEMETRY=true HEROKU_DISABLE_AUTOUPDATE=1",
        *(_plain_git(url, host) if platform.tls_url is None else _trust(platform)),
        *_sites(platform),
        f"# Ctrl-C stops everything{' and keeps it in --data' if data else ' and removes it'}.",
    )


def _plain_git(url: str, host: str) -> tuple[str, ...]:
    return (
        "# git push works over plain HTTP, any user name with the key as password:",
        f"#   git push {url}/APP.git HEAD:main",
        "# for remotes written by the Heroku CLI (or start with --tls):",
        f"#   git config --global url.{url}/.pushInsteadOf https://{host}/",
        f"#   git config --global credential.{url}.helper \\",
        """#     '!echo username=x; echo "password=$HEROKU_API_KEY"; :'""",
    )


def _sites(platform: LocalHeroku) -> tuple[str, ...]:
    if platform.ca_file is None:
        return ()
    return (
        "# apps answer at https:// too, on the same port:",
        f"#   curl --cacert {shlex.quote(str(platform.ca_file))} https://127.0.0.1:PORT/",
    )


def _trust(platform: LocalHeroku) -> tuple[str, ...]:
    names = ("NODE_EXTRA_CA_CERTS", "GIT_SSL_CAINFO", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
    return (
        "# the platform's own certificate authority, for Node, git and everything else; these",
        "# variables replace what git and Python trust otherwise, so keep them in this shell",
        *(f"export {name}={shlex.quote(str(platform.ca_file))}" for name in names),
        "# git remotes written by the Heroku CLI work as they are",
        f"# the same without TLS: {platform.url}",
    )
