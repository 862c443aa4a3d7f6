"""A server of the platform's git alone, with one repository, and a developer's clone."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.routing import Route

from accelerator.localheroku.gitserver.bridge import GitBridge
from accelerator.localheroku.gitserver.receiving import Push, Receiving
from accelerator.localheroku.gitserver.repositories import Repositories

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.requests import Request
    from starlette.responses import Response

Git = Callable[..., subprocess.CompletedProcess[str]]


@dataclass
class Site:
    """A server with one repository, whose builds a test may replace."""

    url: str
    repositories: Repositories
    receiving: Receiving
    bridge: GitBridge
    built: list[Push] = field(default_factory=list)
    released: list[Push] = field(default_factory=list)
    build: Callable[[Push], Awaitable[bool]] | None = None
    release: Callable[[Push], Awaitable[None]] | None = None
    transfer: Callable[[], Awaitable[None]] | None = None

    @property
    def repository(self) -> Path:
        return self.repositories.of("app-1")

    def heads(self) -> dict[str, str]:
        shown = subprocess.run(
            ["git", "for-each-ref", "--format=%(refname) %(objectname)"],
            cwd=self.repository,
            capture_output=True,
            text=True,
            check=True,
        )
        return dict(line.split() for line in shown.stdout.splitlines())


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen(64)
    site = _make_site(tmp_path, f"http://127.0.0.1:{listener.getsockname()[1]}/shop.git")

    async def answer(request: Request) -> Response:
        return await site.bridge.handle(request, "app-1", request.path_params["path"])

    app = Starlette(routes=[Route("/shop.git/{path:path}", answer, methods=["GET", "POST"])])
    config = uvicorn.Config(app, log_config=None, lifespan="off", timeout_graceful_shutdown=5)
    server = uvicorn.Server(config)

    async def serve() -> None:
        await server.serve(sockets=[listener])
        await site.bridge.close()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    yield site
    server.should_exit = True
    thread.join()
    listener.close()


def _make_site(directory: Path, url: str) -> Site:
    async def on_build(push: Push) -> bool:
        site.built.append(push)
        return await site.build(push) if site.build else True

    async def on_release(push: Push) -> None:
        site.released.append(push)
        if site.release:
            await site.release(push)

    async def on_transfer(_: str) -> None:
        if site.transfer:
            await site.transfer()

    repositories = Repositories(directory / "repositories", on_transfer)
    receiving = Receiving(repositories, on_build, on_release)
    repositories.create("app-1")
    site = Site(url, repositories, receiving, GitBridge(repositories, receiving))
    return site


@dataclass
class Clone:
    """A developer's repository."""

    git: Git
    directory: Path

    def __call__(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return self.git(*arguments, cwd=self.directory)

    def commit(self, content: str = "x", to: str = "file") -> str:
        (self.directory / to).parent.mkdir(parents=True, exist_ok=True)
        (self.directory / to).write_text(content)
        self("add", ".")
        self("commit", "-m", f"write {to}")
        return self("rev-parse", "HEAD").stdout.strip()

    def remote_lines(self, pushed: subprocess.CompletedProcess[str]) -> list[str]:
        lines = pushed.stderr.splitlines()
        return [line[8:].rstrip() for line in lines if line.startswith("remote: ")]


@pytest.fixture
def clone(git: Git, tmp_path: Path) -> Clone:
    directory = tmp_path / "work"
    directory.mkdir()
    git("init", "-b", "main", cwd=directory)
    return Clone(git, directory)


@contextlib.contextmanager
def pushing(
    clone: Clone, site: Site, spec: str = "main", *options: str
) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        ["git", "push", *options, site.url, spec],
        cwd=clone.directory,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        yield process


def loop_of(push: Push) -> asyncio.AbstractEventLoop:
    """Find the loop a push lives on, through what its `write` carries."""
    cells = push.write.__closure__ or ()
    loops = [cell.cell_contents for cell in cells]
    return next(loop for loop in loops if isinstance(loop, asyncio.AbstractEventLoop))
