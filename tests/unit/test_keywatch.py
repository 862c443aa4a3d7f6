from __future__ import annotations

import base64
import os
import shutil
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tests.keywatch import NEEDED, Keys, Looker

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")

LIMIT_SECONDS = 30
KEY = f"LOOK-{'k' * 43}"  # of another form than those that the whole run is searched for
BASIC = base64.b64encode(f":{KEY}".encode()).decode()
OURS = """\
import os, subprocess, sys
program, variable, value, *more = sys.argv[1:]
subprocess.run([program, "60", *more], env={**os.environ, variable: value})
"""


def look_at(folder: Path, program: str, variable: str, value: str, *more: str) -> set[str]:
    """Look at what passes for a command of ours and starts `program`, until there is a find."""
    script, looker = folder / "accelerator", Looker(os.getpid(), Keys(b"LOOK-"))
    script.write_text(OURS)
    sleep = shutil.which("sleep")
    assert sleep is not None
    (folder / program).symlink_to(sleep)
    command = [sys.executable, script, folder / program, variable, value, *more]
    with subprocess.Popen(command, start_new_session=True) as process:
        try:
            deadline = time.monotonic() + LIMIT_SECONDS
            while not looker.found and time.monotonic() < deadline:
                looker.look()
        finally:
            os.killpg(process.pid, 9)
    return set(looker.found)


@pytest.mark.parametrize("value", [f"https://x:{KEY}@git.heroku.com/", f"Basic {BASIC}"])
def test_a_key_among_the_arguments_of_ours_is_found_and_not_repeated(
    value: str, tmp_path: Path
) -> None:
    found = look_at(tmp_path, "pause", "LEVEL", value)

    assert found
    assert all(each.startswith("in an argument: ") for each in found)
    assert not any("LOOK-" in each for each in found)


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        pytest.param("pause", "in COPY of: ", id="a program that needs none"),
        pytest.param("git", "in COPY of: ", id="git, which needs it in Base64 only"),
    ],
)
def test_a_key_in_the_environment_of_what_ours_starts_is_found(
    program: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COPY", KEY)

    (found,) = look_at(tmp_path, program, "LEVEL", "high")

    assert found.startswith(expected)
    assert "LOOK-" not in found


def test_git_may_have_the_key_as_it_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CONFIG_VALUE_1", f"Authorization: Basic {BASIC}")

    assert look_at(tmp_path, "git", "LEVEL", "high") == {NEEDED}
