"""`git http-backend`, spoken to as a web server does."""

from __future__ import annotations

import asyncio
import contextlib
import os
from asyncio.subprocess import DEVNULL, PIPE, Process
from typing import TYPE_CHECKING

from accelerator.localheroku import bodies

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from starlette.requests import Request


class GitFailed(Exception):
    """A git command of the platform failed."""


async def start(environment: Mapping[str, str], held: tuple[int, ...] = ()) -> Process:
    """Start a backend in a process group of its own; it and its hooks inherit `held`."""
    return await asyncio.create_subprocess_exec(
        "git",
        "http-backend",
        stdin=PIPE,
        stdout=PIPE,
        stderr=DEVNULL,
        env=environment,
        start_new_session=True,
        pass_fds=held,
    )


def environment(settings: Sequence[tuple[str, str]] = ()) -> dict[str, str]:
    """Make git's environment, free of this machine's own settings."""
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": "/nonexistent",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_COUNT": str(len(settings)),
    }
    for index, (key, value) in enumerate(settings):
        environment |= {f"GIT_CONFIG_KEY_{index}": key, f"GIT_CONFIG_VALUE_{index}": value}
    return environment


def cgi(request: Request) -> dict[str, str]:
    """Translate a request's head into the variables of CGI."""
    passed = {
        "CONTENT_TYPE": "content-type",
        # Without it the backend reads to the end, as a chunked body wants.
        "CONTENT_LENGTH": "content-length",
        "HTTP_CONTENT_ENCODING": "content-encoding",
        "GIT_PROTOCOL": "git-protocol",
    }
    headers = {
        key: request.headers[name] for key, name in passed.items() if name in request.headers
    }
    return headers | {"REQUEST_METHOD": request.method, "QUERY_STRING": request.url.query}


async def feed(request: Request, backend: Process) -> None:
    """Hand the request's body to the backend; raise `TooLarge` when there is too much of it."""
    sink = backend.stdin
    async for chunk in bodies.blocks(request, bodies.MOST_UPLOAD):
        if sink:
            # A backend that has heard enough stops listening.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                sink.write(chunk)
                await sink.drain()
    if sink:
        sink.close()


async def read_head(backend: Process) -> tuple[int, dict[str, str]]:
    """Read the head of the backend's answer: status and headers."""
    headers: dict[str, str] = {}
    while line := (await output(backend).readline()).decode("latin-1").strip():
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    status = headers.pop("status", "200" if headers else "500")
    return int(status.split()[0]), headers


def output(backend: Process) -> asyncio.StreamReader:
    """Return the stream of the backend's answer."""
    if backend.stdout is None:
        raise GitFailed("the backend has no output")
    return backend.stdout


async def archive(repository: Path, commit: str, objects: Mapping[str, str], to: Path) -> None:
    """Write the tree of `commit` to `to` as a tar, exactly as committed."""
    command = ["git", f"--git-dir={repository}", "archive", "--format=tar", f"--output={to}"]
    git = await asyncio.create_subprocess_exec(
        *command,
        commit,
        env=environment() | dict(objects),
        stderr=asyncio.subprocess.PIPE,
    )
    _, errors = await git.communicate()
    if git.returncode != 0:
        raise GitFailed(errors.decode(errors="replace").strip())


async def is_whole(repository: Path, commit: str, objects: Mapping[str, str]) -> bool:
    """Return whether every ancestor of the pushed commit is here: a shallow clone lacks some."""
    git = await asyncio.create_subprocess_exec(
        *("git", f"--git-dir={repository}", "rev-list", "--quiet", commit, "--not", "--all"),
        env=environment() | dict(objects),
        stderr=asyncio.subprocess.DEVNULL,
    )
    return await git.wait() == 0
