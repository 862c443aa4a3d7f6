"""What the platform's process keeps to itself: its environment, its files, its rights."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace

import pytest
import requests

from accelerator.cli.local import ROOT
from accelerator.localheroku.persistence.problems import DataUnusable
from accelerator.localheroku.server import LocalHeroku
from tests.contract.localheroku.platform_fixture import Client, web_app

COMMAND = [sys.executable, "-m", "accelerator", "local"]
SECRETS = {"HEROKU_API_KEY": "HRKU-the-real-one", "ACCELERATOR_LOCAL_TOKEN": "the-very-token"}
BEING_ROOT = "import os; os.geteuid = lambda: {}; from accelerator.__main__ import main; main()"


@contextmanager
def started(*options: str) -> Iterator[tuple[Client, int]]:
    """Start a platform with secrets in its environment; yield a client and its process's id."""
    with (
        subprocess.Popen(
            [*COMMAND, "--port", "0", "--json", *options],
            env={**os.environ, **SECRETS},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            umask=0o022,
        ) as process,
        requests.Session() as session,
    ):
        try:
            assert process.stdout is not None
            told = json.loads(process.stdout.readline())
            where = SimpleNamespace(
                url=told["url"], api_key=told["api_key"], token=told["control_token"]
            )
            session.trust_env = False
            yield Client(where, session), process.pid  # type: ignore[arg-type] # all that it asks for
        finally:
            process.terminate()


def environments_of_children(pid: int) -> Iterator[bytes]:
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # others come and go
            if f"PPid:\t{pid}\n" in (entry / "status").read_text():
                yield (entry / "environ").read_bytes()


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="there is no /proc")
def test_nothing_that_the_platform_starts_inherits_its_secrets_or_its_mask() -> None:
    tell = "env; umask; tr '\\0' '\\n' < /proc/$PPID/environ || true"
    program = web_app(
        **{
            "bin/compile": f"#!/bin/sh\n( {tell} ) > $1/seen-by-build\n",
            "Procfile": f"web: ({tell}) > text; cat seen-by-build >> text; python3 -u server.py\n",
        }
    )
    with started() as (client, pid):
        app = client.post("/apps", {})
        client.build(app["id"], program)
        seen = client.page(app)
        owner = Path(f"/proc/{pid}/environ").stat().st_uid
        children = list(environments_of_children(pid))

    assert children
    assert b"the-real-one" not in b"".join(children)
    assert b"the-very-token" not in b"".join(children)
    lines = seen.splitlines()
    assert [line for line in lines if line.startswith("SOURCE_VERSION=")]
    assert lines.count("0022") == 2
    if os.geteuid() != 0:  # root may read everything
        assert "the-very-token" not in seen
        assert owner == 0


@pytest.mark.skipif(sys.platform != "linux", reason="Linux has this, other systems have no /proc")
def test_the_process_cannot_be_looked_into_by_those_of_the_same_user() -> None:
    program = (
        "import ctypes; from accelerator.localheroku.privacy import keep_private;"
        "keep_private(); print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)

    assert done.stdout == b"0\n"


@pytest.mark.parametrize(("user", "is_warned"), [(0, True), (1000, False)])
def test_it_does_not_start_as_root_without_saying_what_that_means(
    user: int, is_warned: bool
) -> None:
    program = BEING_ROOT.format(user)
    with subprocess.Popen(
        [sys.executable, "-c", program, "local", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.terminate()
        _, stderr = process.communicate(timeout=60)

    assert stderr == ("".join(f"{line}\n" for line in ROOT) if is_warned else "")


@pytest.mark.parametrize(
    ("option", "environment", "reason"),
    [
        (("--host", "a b"), {}, "'a b' is neither the name of a host nor an IP address"),
        ((), {"ACCELERATOR_LOCAL_TOKEN": "a b"}, "a token has letters, digits and the signs"),
    ],
)
def test_a_name_or_token_that_cannot_be_one_is_refused(
    option: tuple[str, ...], environment: dict[str, str], reason: str
) -> None:
    done = subprocess.run(
        [*COMMAND, "--port", "0", *option],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout) == (2, "")
    assert reason in done.stderr


class TestData:
    def test_everything_it_writes_is_for_its_owner_only(self, tmp_path: Path) -> None:
        data = tmp_path / "data"
        data.mkdir(mode=0o777)
        data.chmod(0o777)

        with started("--data", str(data), "--tls") as (client, _):
            app = client.post("/apps", {})
            client.build(app["id"], web_app())
            files = [data, *data.iterdir(), *(data / "blobs").rglob("*")]
            modes = {path.name: path.stat().st_mode & 0o077 for path in files if path.exists()}

        assert {"state.sqlite3", "state.sqlite3-wal", "lock", "slugs"} <= set(modes)
        assert {name for name, mode in modes.items() if mode} == set()

    def test_what_an_older_one_left_readable_is_made_private(self, tmp_path: Path) -> None:
        data = tmp_path / "data"
        with LocalHeroku(data=data):
            pass
        data.chmod(0o755)
        database = data / "state.sqlite3"
        database.chmod(0o644)

        with LocalHeroku(data=data):
            assert [path.stat().st_mode & 0o777 for path in (data, database)] == [0o700, 0o600]

    def test_a_new_one_is_private_whatever_the_mask(self, tmp_path: Path) -> None:
        before = os.umask(0)
        try:
            with LocalHeroku(data=tmp_path / "data"):
                modes = [
                    path.stat().st_mode & 0o777
                    for path in (tmp_path / "data", tmp_path / "data" / "state.sqlite3")
                ]
        finally:
            os.umask(before)

        assert modes == [0o700, 0o600]

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
    @pytest.mark.parametrize("name", [".", "state.sqlite3"])
    def test_what_belongs_to_somebody_else_is_refused(self, tmp_path: Path, name: str) -> None:
        data = tmp_path / "data"
        data.mkdir()
        (data / "state.sqlite3").touch()
        os.chown(data / name, 12345, 12345)

        with pytest.raises(DataUnusable, match=r"belongs to another user \(12345\)"):
            LocalHeroku(data=data).start()

    def test_a_link_in_it_is_refused(self, tmp_path: Path) -> None:
        data = tmp_path / "data"
        data.mkdir()
        (tmp_path / "elsewhere").touch(mode=0o644)
        (data / "state.sqlite3").symlink_to(tmp_path / "elsewhere")

        with pytest.raises(DataUnusable, match=r"state\.sqlite3 is a link"):
            LocalHeroku(data=data).start()

        assert (tmp_path / "elsewhere").read_bytes() == b""

    def test_a_foreign_directory_is_refused_and_left_as_it_is(self, tmp_path: Path) -> None:
        data = tmp_path / "data"
        data.mkdir()
        (data / "thesis.txt").touch()
        data.chmod(0o755)

        with pytest.raises(DataUnusable, match=r"thesis\.txt"):
            LocalHeroku(data=data).start()

        assert data.stat().st_mode & 0o777 == 0o755
