"""Dynos and one-off processes, for real: shells, ports, signals and the keeper."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from accelerator.localheroku.building import slugs
from accelerator.localheroku.running.runner import Process, ProcessOrder, Runner

if TYPE_CHECKING:
    from conftest import Builds

SERVER = textwrap.dedent(
    """
    import os, http.server
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200); self.end_headers(); self.wfile.write(b"hello")
        def log_message(self, *_): pass
    print("listening on", os.environ["PORT"], flush=True)
    http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
    """
)


class Stage:
    """A runner with an app's slug, and everything it said."""

    def __init__(self, runner: Runner, directory: Path, slug: Path) -> None:
        self.runner = runner
        self.directory = directory
        self.order = ProcessOrder("web.1", "true", slug, {}, web=False)
        self.lines: list[str] = []
        self.states: list[str] = []

    async def start(self, command: str, **changes: Any) -> Process:
        order = replace(self.order, command=command, **changes)
        return await self.runner.start(
            order, self.lines.append, lambda process: self.states.append(process.state)
        )

    async def run(self, command: str, **changes: Any) -> int:
        return await (await self.start(command, **changes)).wait()


Scene = Callable[[Stage], Awaitable[None]]


@pytest.fixture
def on_stage(builds: Builds, tmp_path: Path) -> Callable[[Scene], None]:
    """Run a scene on a loop with a runner, and see that nothing of it is left."""
    files = {
        "server.py": SERVER,
        ".profile.d/a.sh": "export GREETING=hello\n",
        ".profile": "export OWN=profile\n",
    }
    slugs.pack(builds.write_tree(tmp_path / "tree", files), tmp_path / "slug.tgz")

    async def play(scene: Scene) -> None:
        runner = Runner(tmp_path / "dynos")
        try:
            await scene(Stage(runner, tmp_path / "dynos", tmp_path / "slug.tgz"))
        finally:
            await runner.close()
        assert list((tmp_path / "dynos").iterdir()) == []

    return lambda scene: asyncio.run(play(scene))


def test_a_process_runs_in_its_own_copy_of_the_slug(on_stage: Callable[[Scene], None]) -> None:
    async def scene(stage: Stage) -> None:
        await stage.run("pwd; echo $HOME; touch mine; ls")
        await stage.run("ls")

        first, second = stage.lines[:4], stage.lines[4:]
        assert first == [first[0], first[0], "mine", "server.py"]
        assert second == ["server.py"]
        assert Path(first[0]).parent.parent == stage.directory

    on_stage(scene)


def test_profile_scripts_come_before_the_command(on_stage: Callable[[Scene], None]) -> None:
    async def scene(stage: Stage) -> None:
        await stage.run('echo "$GREETING $OWN" && echo "a  b"; echo \'$x\'')

        assert stage.lines == ["hello profile", "a  b", "$x"]

    on_stage(scene)


def test_a_process_sees_its_own_environment_and_nothing_of_the_platforms(
    on_stage: Callable[[Scene], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEROKU_API_KEY", "secret")

    async def scene(stage: Stage) -> None:
        await stage.run("env", environment={"COLOUR": "red", "HOME": "/elsewhere"})

        seen = dict(line.split("=", 1) for line in stage.lines)
        own = {"PATH", "LANG", "HOME", "TMPDIR", "COLOUR"}
        shells = {"PWD", "SHLVL", "_", "OLDPWD", "GREETING", "OWN"}
        assert own <= set(seen) <= own | shells
        assert seen["COLOUR"] == "red"
        assert Path(seen["HOME"]).is_relative_to(stage.directory)

    on_stage(scene)


@pytest.mark.parametrize(
    ("command", "code"),
    [
        pytest.param("true", 0, id="well"),
        pytest.param("exit 7", 7, id="badly"),
        pytest.param("kill -KILL $$", 137, id="by a signal"),
        pytest.param("no-such-program", 127, id="before it began"),
    ],
)
def test_a_process_that_ends_has_crashed(
    on_stage: Callable[[Scene], None], command: str, code: int
) -> None:
    async def scene(stage: Stage) -> None:
        process = await stage.start(command)

        assert await process.wait() == code
        assert (process.state, process.exit_code, process.error) == ("crashed", code, None)
        assert stage.states[-1] == "crashed"

    on_stage(scene)


def test_lines_come_as_they_are_printed_the_last_without_its_end(
    on_stage: Callable[[Scene], None],
) -> None:
    async def scene(stage: Stage) -> None:
        await stage.run("echo out; echo err >&2; printf 'caf\\303\\251\\r\\nrest'")

        assert stage.lines == ["out", "err", "café", "rest"]

    on_stage(scene)


def test_a_web_process_is_up_when_it_accepts_connections(on_stage: Callable[[Scene], None]) -> None:
    async def scene(stage: Stage) -> None:
        process = await stage.start("python3 server.py", web=True)
        before = process.state

        await _until(lambda: process.state != before)

        assert [before, *stage.states] == ["starting", "up"]
        reader, writer = await asyncio.open_connection("127.0.0.1", process.port)
        writer.write(b"GET / HTTP/1.0\r\n\r\n")
        assert (await reader.read()).endswith(b"hello")
        writer.close()
        assert stage.lines == [f"listening on {process.port}"]

    on_stage(scene)


def test_web_processes_have_ports_of_their_own(on_stage: Callable[[Scene], None]) -> None:
    async def scene(stage: Stage) -> None:
        start = stage.start("python3 server.py", web=True)
        again = stage.start("python3 server.py", web=True)

        first, second = await asyncio.gather(start, again)
        await _until(lambda: stage.states == ["up", "up"])

        assert first.port != second.port

    on_stage(scene)


def test_a_web_process_that_never_binds_is_killed_with_r10(
    on_stage: Callable[[Scene], None],
) -> None:
    async def scene(stage: Stage) -> None:
        process = await stage.start("sleep 60", web=True, boot_timeout=0.2)

        assert await process.wait() == 137
        assert (process.state, process.error) == ("crashed", "R10")
        assert stage.states == ["crashed"]

    on_stage(scene)


def test_a_stopped_process_may_say_goodbye(on_stage: Callable[[Scene], None]) -> None:
    async def scene(stage: Stage) -> None:
        process = await stage.start("trap 'echo bye; exit 3' TERM; echo ready; sleep 60 & wait")
        await _until(lambda: stage.lines == ["ready"])

        await process.stop()

        assert stage.lines == ["ready", "bye"]
        assert (process.state, process.exit_code, process.error) == ("down", 3, None)
        assert stage.states == ["up", "down"]

    on_stage(scene)


def test_a_process_that_does_not_stop_is_killed(on_stage: Callable[[Scene], None]) -> None:
    async def scene(stage: Stage) -> None:
        process = await stage.start("trap '' TERM; echo ready; while :; do sleep 0.05; done")
        await _until(lambda: stage.lines == ["ready"])

        await asyncio.gather(process.stop(grace=0.2), process.stop(grace=0.2))

        assert (process.state, process.exit_code, process.error) == ("down", 137, "R12")

    on_stage(scene)


def test_nothing_outlives_a_process_not_even_a_daemon(on_stage: Callable[[Scene], None]) -> None:
    async def scene(stage: Stage) -> None:
        daemon = "setsid sh -c 'echo $$; touch begun; exec sleep 62'"
        command = f"sleep 61 & echo $!; {daemon} & until [ -e begun ]; do sleep 0.01; done"

        await stage.run(command)

        assert len(stage.lines) == 2
        assert [pid for pid in stage.lines if _lives(pid)] == []

    on_stage(scene)


def test_a_slug_that_is_none_makes_a_crashed_process(
    on_stage: Callable[[Scene], None], tmp_path: Path
) -> None:
    (tmp_path / "broken.tgz").write_bytes(b"no archive")

    async def scene(stage: Stage) -> None:
        process = await stage.start("true", slug=tmp_path / "broken.tgz")

        assert await process.wait() == 1
        assert process.state == "crashed"
        assert "cannot start: not a tar" in stage.lines[0]

    on_stage(scene)


def test_closing_stops_everything(on_stage: Callable[[Scene], None]) -> None:
    processes: list[Process] = []

    async def scene(stage: Stage) -> None:
        processes.append(await stage.start("python3 server.py", web=True))
        processes.append(await stage.start("sleep 60"))

    on_stage(scene)

    assert [process.state for process in processes] == ["down", "down"]


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="sees processes in /proc")
def test_everything_dies_with_a_killed_platform(builds: Builds, tmp_path: Path) -> None:
    slugs.pack(builds.write_tree(tmp_path / "tree", {"x": ""}), tmp_path / "slug.tgz")
    platform = f"""
import asyncio
from pathlib import Path
from accelerator.localheroku.running.runner import ProcessOrder, Runner

async def main():
    runner = Runner(Path({str(tmp_path / "dynos")!r}))
    command = "setsid sh -c 'echo $$; exec sleep 63' & sleep 64 & echo $! $$; wait"
    order = ProcessOrder("web.1", command, Path({str(tmp_path / "slug.tgz")!r}), {{}}, False)
    await runner.start(order, lambda line: print(line, flush=True), lambda _: None)
    print(runner.keeper._process.pid, flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""
    with subprocess.Popen(
        [sys.executable, "-c", platform], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        pids = [pid for _ in range(3) for pid in process.stdout.readline().split()]

        os.kill(process.pid, signal.SIGKILL)

    assert len(pids) == 4
    deadline = time.monotonic() + 20
    while any(_lives(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert [pid for pid in pids if _lives(pid)] == []


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


def _lives(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except OSError:
        return False
