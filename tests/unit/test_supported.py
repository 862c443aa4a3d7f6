"""Where the tool does not run, or not all of it: one line that says what to do, and exit code 2."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from accelerator.cli import extras
from accelerator.supported import find_refusal

ROOT = Path(__file__).parents[2]
POSIX_ONLY = ("fcntl", "grp", "pwd", "resource", "termios", "tty", "pty", "syslog")
MAIN = "from accelerator.__main__ import main; main()"


def run(before: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", f"import sys; {before}; {MAIN}", *arguments],
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("arguments", [(), ("--help",), ("deploy", "--json"), ("local",)])
def test_windows_is_refused_in_one_line_before_anything_of_posix_is_missed(
    arguments: tuple[str, ...],
) -> None:
    missing = f"sys.modules.update(dict.fromkeys({POSIX_ONLY!r}))"

    done = run(f"import click; {missing}; sys.platform = 'win32'", *arguments)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert "WSL" in done.stderr


@pytest.mark.parametrize(
    ("platform", "version", "said"),
    [
        pytest.param("linux", (3, 11), "", id="Linux"),
        pytest.param("darwin", (3, 14), "", id="macOS"),
        pytest.param("linux", (3, 10), "needs Python 3.11 or newer, and this is 3.10", id="old"),
        pytest.param("win32", (3, 12), "in WSL", id="Windows"),
    ],
)
def test_what_is_refused_is_named(platform: str, version: tuple[int, int], said: str) -> None:
    assert said in find_refusal(platform, version)
    assert bool(find_refusal(platform, version)) == bool(said)


def old_python() -> str | None:
    """Give an older Python that runs: what a version manager puts on PATH may not."""
    for minor in (10, 9, 8, 7):
        found = shutil.which(f"python3.{minor}")
        if (
            found
            and subprocess.run([found, "-c", ""], capture_output=True, check=False).returncode == 0
        ):
            return found
    return None


@pytest.mark.skipif(old_python() is None, reason="there is no older Python here")
def test_an_old_python_says_so_instead_of_what_it_cannot_read() -> None:
    done = subprocess.run(
        [str(old_python()), "-B", "-m", "accelerator", "deploy"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 2
    assert done.stderr.startswith("error: accelerator needs Python 3.11 or newer")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("package", extras.PLATFORM)
@pytest.mark.parametrize("command", ["local", "demo"])
def test_a_platform_that_is_not_installed_is_one_line_and_how_to_install_it(
    command: str, package: str
) -> None:
    done = run(f"sys.modules[{package!r}] = None", command)

    assert (done.returncode, done.stdout) == (2, "")
    said, hint = done.stderr.splitlines()
    assert said == f"error: {package} is not installed; it belongs to the extra [local]"
    assert f"{sys.executable} -m pip install 'slug-accelerator[local]'" in hint


def test_a_missing_platform_is_told_in_json_too() -> None:
    done = run("sys.modules['uvicorn'] = None", "demo", "--json")

    assert json.loads(done.stdout)["exit_code"] == done.returncode == 2


def test_a_checkout_that_is_not_installed_is_never_looked_up_by_its_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(extras, "OURS", "no-such-distribution")

    assert "install '.[local]'" in (extras.name_missing("uvicorn", "local").hint or "")


def test_without_pip_it_is_uv_that_installs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pip", None)

    hint = extras.name_missing("uvicorn", "local").hint or ""

    assert hint.startswith(f"`uv pip install --python {sys.executable} ")


def fake_git(folder: Path, version: str) -> str:
    git = folder / "git"
    asked = f"case \"$*\" in version) echo 'git version {version}' ;;"
    real = f'*) exec {shutil.which("git")} "$@" ;; esac'
    git.write_text(f"#!/bin/sh\n{asked} {real}\n", encoding="utf-8")
    git.chmod(0o755)
    return str(folder)


@pytest.mark.parametrize(
    ("version", "said"),
    [
        pytest.param(None, "git was not found", id="no git"),
        pytest.param("2.20.1", "2.31 or newer is needed", id="an old git"),
    ],
)
def test_a_missing_or_old_git_is_one_line_and_what_to_do(
    version: str | None, said: str, tmp_path: Path
) -> None:
    path = fake_git(tmp_path, version) if version else str(tmp_path)
    probe = ("lock", "--probe", "--lock-remote", "https://127.0.0.1:9/a.git")

    done = run("pass", *probe, PATH=path, HOME=str(tmp_path), HEROKU_API_KEY="x")

    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
