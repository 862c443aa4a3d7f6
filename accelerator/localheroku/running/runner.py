"""Run processes from slugs: dynos and one-off commands.

Each has its own unpacked slug, gone when it ends, and its own process group, of which nothing
outlives it. A keeper takes them all down if the platform itself is killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

from accelerator.localheroku.building import archives, slugs
from accelerator.localheroku.building.commands import Lines, follow
from accelerator.localheroku.keeper import Keeper, kill_group, kill_strays
from accelerator.localheroku.privacy import USUAL_MASK

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_T = TypeVar("_T")
State = Literal["starting", "up", "crashed", "down"]

# Below the ephemeral ports: no outgoing connection can take one between choice and use.
_PORTS = range(20000, 32000)
_LOOK_AGAIN_SECONDS = 0.01
_START = """\
shopt -s nullglob
for file in .profile.d/*.sh; do . "$file"; done
shopt -u nullglob
[ ! -f .profile ] || . ./.profile
exec bash -c "$1"
"""


@dataclass(frozen=True)
class ProcessOrder:
    """One process to start: `command` runs through a shell in the root of the `slug`.

    `environment` is all the process gets besides `PATH`, `LANG`, `HOME`, `TMPDIR` and, for a
    `web` process, `PORT`. A web process is up when it accepts connections there.
    """

    name: str
    command: str
    slug: Path
    environment: Mapping[str, str]
    web: bool
    boot_timeout: float = 60.0


class Process:
    """A process of the platform; its attributes are for reading.

    `error` is Heroku's code for what went wrong on the platform's side: `R10` (not bound to
    `PORT` in time), `R12` (had to be killed).
    """

    def __init__(self, order: ProcessOrder, on_state: Callable[[Process], None]) -> None:
        self.name = order.name
        self.state: State = "starting"
        self.port: int | None = None
        self.pid: int | None = None
        self.exit_code: int | None = None
        self.error: Literal["R10", "R12"] | None = None
        self._on_state = on_state
        self._stopping = False
        self._ended = asyncio.Event()

    async def stop(self, grace: float = 30.0) -> None:
        """Ask the process to end, kill it if it has not after `grace` seconds, and wait.

        Safe to repeat. The state is `down` afterwards, or `crashed` if it had ended before.
        """
        self._stopping = True
        self.signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(self._ended.wait(), grace)
        except TimeoutError:
            self.error = "R12"
            self.signal(signal.SIGKILL)
            await self._ended.wait()

    async def wait(self) -> int:
        """Wait for the end and return the exit status, 128 and the signal if one ended it."""
        await self._ended.wait()
        return self.exit_code or 0

    def signal(self, number: int) -> None:
        """Send a signal to the process and all its children."""
        if self.pid is not None and not self._ended.is_set():
            kill_group(self.pid, number)

    def _came_up(self) -> None:
        if self.state == "starting" and not self._stopping:
            self.state = "up"
            self._on_state(self)

    def _has_ended(self, exit_code: int) -> None:
        self.exit_code = exit_code if exit_code >= 0 else 128 - exit_code
        self.state = "down" if self._stopping else "crashed"
        self._ended.set()
        self._on_state(self)


class Runner:
    """Starts processes, each from its own copy of a slug below `directory`."""

    def __init__(self, directory: Path, held: tuple[int, ...] = ()) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory.resolve()
        self._held = held
        self._processes: set[Process] = set()
        self._boots: set[asyncio.Task[None]] = set()
        # Another platform on this machine starts elsewhere.
        self._next_port = secrets.randbelow(len(_PORTS))
        self._closing = False

    @cached_property
    def keeper(self) -> Keeper:
        """The keeper of all process groups; builds may register theirs too."""
        return Keeper(self._directory, self._held)

    async def start(
        self,
        order: ProcessOrder,
        on_line: Callable[[str], None],
        on_state: Callable[[Process], None],
    ) -> Process:
        """Start a process and return it while it is `starting`.

        Both callbacks run on the loop, `on_line` with lines without their ends, `on_state` after
        each change that follows. A slug that cannot be unpacked makes a `crashed` process.
        """
        process = Process(order, on_state)
        loop, keeper = asyncio.get_running_loop(), self.keeper
        try:
            home, child = await asyncio.to_thread(self._spawn, order, process)
        except (OSError, ValueError, archives.UnsafeArchive) as error:
            # A value error: a command or variable that no process can be given.
            loop.call_soon(on_line, f"cannot start: {error}")
            loop.call_soon(process._has_ended, 1)
            return process
        self._processes.add(process)
        follower = _Follower(child, home, keeper, loop, on_line, self._end_of(process))
        threading.Thread(target=follower.run, name=order.name, daemon=True).start()
        if self._closing:
            await process.stop(0)
        elif order.web:
            self._watch_boot(process, order.boot_timeout)
        else:
            loop.call_soon(process._came_up)
        return process

    async def close(self) -> None:
        """Stop everything, at once, and wait until it is gone."""
        self._closing = True
        await asyncio.gather(*(process.stop(0.5) for process in list(self._processes)))
        for boot in self._boots:
            boot.cancel()
        await asyncio.gather(*self._boots, return_exceptions=True)
        if "keeper" in self.__dict__:
            await asyncio.to_thread(self.keeper.close)

    def _spawn(self, order: ProcessOrder, process: Process) -> tuple[Path, subprocess.Popen[bytes]]:
        home = Path(tempfile.mkdtemp(prefix=f"{order.name}-", dir=self._directory))
        try:
            root = slugs.unpack(order.slug, home)
            (home / "tmp").mkdir()
            environment = _environment(order, root)
            if order.web:
                process.port = self._free_port()
                environment["PORT"] = str(process.port)
            child = _popen(order.command, root, environment)
        except BaseException:
            shutil.rmtree(home, ignore_errors=True)
            raise
        process.pid = child.pid
        self.keeper.watch(child.pid)
        return home, child

    def _free_port(self) -> int:
        # Round and round, so that a port rests before it is used again.
        for _ in _PORTS:
            port = _PORTS[self._next_port % len(_PORTS)]
            self._next_port += 1
            with contextlib.suppress(OSError), socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(("127.0.0.1", port))
                return port
        raise OSError("no free port left")

    def _watch_boot(self, process: Process, seconds: float) -> None:
        boot = asyncio.get_running_loop().create_task(_boot(process, seconds))
        self._boots.add(boot)
        boot.add_done_callback(self._boots.discard)

    def _end_of(self, process: Process) -> Callable[[int], None]:
        def ended(exit_code: int) -> None:
            self._processes.discard(process)
            process._has_ended(exit_code)

        return ended


class _Follower:
    """Reads a child's output in a thread, and cleans up after its end."""

    def __init__(
        self,
        child: subprocess.Popen[bytes],
        home: Path,
        keeper: Keeper,
        loop: asyncio.AbstractEventLoop,
        on_line: Callable[[str], None],
        on_end: Callable[[int], None],
    ) -> None:
        self._child, self._home, self._keeper, self._loop = child, home, keeper, loop
        self._on_line, self._on_end = on_line, on_end

    def run(self) -> None:
        """Follow the child to its end and say so on the loop when nothing of it is left."""
        lines = Lines(lambda line: self._tell(self._on_line, line.rstrip("\r\n")))
        with self._child:
            follow(self._child, lines)
            kill_group(self._child.pid)
            kill_strays(self._home)
        lines.close()
        self._keeper.forget(self._child.pid)
        shutil.rmtree(self._home, ignore_errors=True)
        self._tell(self._on_end, self._child.returncode)

    def _tell(self, callback: Callable[[_T], None], value: _T) -> None:
        # The loop is closed when the platform ends without `close`.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(callback, value)


async def _boot(process: Process, seconds: float) -> None:
    """Wait until the process accepts connections; kill it if it does not in time."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while process.exit_code is None and not _accepts(process.port):
                await asyncio.sleep(_LOOK_AGAIN_SECONDS)
            if process.exit_code is None:
                process._came_up()
            return
    process.error = "R10"
    process.signal(signal.SIGKILL)


def _accepts(port: int | None) -> bool:
    with socket.socket() as probe:
        # On loopback the answer is there at once, except from a full backlog.
        probe.settimeout(0.1)
        return port is not None and probe.connect_ex(("127.0.0.1", port)) == 0


def _popen(command: str, root: Path, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        ["bash", "-c", _START, "bash", command],
        cwd=root,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        umask=USUAL_MASK,
    )


def _environment(order: ProcessOrder, root: Path) -> dict[str, str]:
    """Make a dyno's environment, in which nothing is the platform's own.

    The interpreter behind ours comes last on the `PATH`, as a stack image has one too.
    """
    base = Path(getattr(sys, "_base_executable", None) or sys.executable).resolve().parent
    return {
        "PATH": f"/usr/local/bin:/usr/bin:/bin:{base}",
        "LANG": "C.UTF-8",
        "TMPDIR": str(root.parent / "tmp"),
        **order.environment,
        # What a process leaves behind is found by its home.
        "HOME": str(root),
    }
