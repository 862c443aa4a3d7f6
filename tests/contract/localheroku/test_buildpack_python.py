"""The built-in Python buildpack: which Python, and which lock, without any network."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.contract.localheroku.test_builder import PYTHON_APP, run_in_slug, write_wheel

if TYPE_CHECKING:
    from pathlib import Path

    from tests.contract.localheroku.conftest import Builds

OWN = ".".join(map(str, sys.version_info[:3]))
MINOR = OWN.rpartition(".")[0]
APP = {"Procfile": "web: python app.py\n", "app.py": "import greeter; greeter.main()\n"}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without interpreters, on a PATH without any."""
    home = tmp_path / "home"
    programs = home / "bin"
    programs.mkdir(parents=True)
    for name in ("bash", "sh", "env", "dirname", "cat"):
        (programs / name).symlink_to(str(shutil.which(name)))
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("PATH", str(programs))
    return home


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of wheels in the place of PyPI."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    return wheels


def _program(path: Path, script: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def _python(path: Path, version: str, *, runs: bool = True) -> None:
    """Put an interpreter there that says it is of another version than it is."""
    say = f'[ "$1" != -c ] || {{ echo {version} {path}; exit 0; }}\n' if runs else "exit 127\n"
    _program(path, f'{say}exec {sys.executable} "$@"')


@pytest.mark.parametrize(
    ("file", "text", "line"),
    [
        pytest.param(
            ".python-version",
            f"# The version to use.\n\n{MINOR}\n",
            f"-----> Using Python {OWN} specified in .python-version\n",
            id="a comment, and a minor version",
        ),
        pytest.param(
            ".python-version",
            f"  {OWN}  \n",
            f"-----> Using Python {OWN} specified in .python-version\n",
            id="an exact version",
        ),
        pytest.param(
            "runtime.txt",
            f"python-{OWN}\n",
            f"-----> Using Python {OWN} specified in runtime.txt\n",
            id="the old form in the old file",
        ),
        pytest.param(
            "app.json", "{}", f"-----> Using Python {OWN}, this platform's own", id="no wish"
        ),
    ],
)
def test_the_version_an_app_asks_for_is_read_as_heroku_reads_it(
    builds: Builds, home: Path, file: str, text: str, line: str
) -> None:
    assert home.is_dir()

    assert builds.build(PYTHON_APP | {file: text}).succeeded

    assert line in builds.text
    assert ("which this machine lacks" in builds.text) is False


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        pytest.param(".python-version", "python-3.12\n", "Invalid Python version", id="a prefix"),
        pytest.param(".python-version", "3\n", "Invalid Python version", id="too short"),
        pytest.param(".python-version", "3.12\n3.13\n", "Multiple Python versions", id="two"),
        pytest.param(".python-version", "# none yet\n", "No Python version found", id="none"),
        pytest.param("runtime.txt", "3.12\n", "Invalid Python version in runtime.txt", id="old"),
    ],
)
def test_a_version_that_heroku_refuses_is_refused(
    builds: Builds, file: str, text: str, words: str
) -> None:
    assert not builds.build(PYTHON_APP | {file: text}).succeeded

    assert words in builds.text


@pytest.mark.parametrize(
    ("place", "version"),
    [
        pytest.param(".pyenv/versions/3.99.1/bin/python", "3.99.1", id="pyenv"),
        pytest.param("bin/python3.99", "3.99.7", id="on the PATH"),
        pytest.param(
            ".local/share/uv/python/cpython-3.99.2-linux-x86_64-gnu/bin/python", "3.99.2", id="uv"
        ),
    ],
)
def test_an_interpreter_of_this_machine_is_used_where_it_is_the_one_asked_for(
    builds: Builds, home: Path, place: str, version: str
) -> None:
    _python(home / place, version)

    assert builds.build(PYTHON_APP | {".python-version": "3.99\n"}).succeeded

    assert f"-----> Using Python {version} specified in .python-version\n" in builds.text


def test_one_that_does_not_run_is_passed_over_for_the_nearest_that_does(
    builds: Builds, home: Path
) -> None:
    _python(home / "bin" / "python3.99", "3.99.0", runs=False)
    _python(home / ".pyenv/versions/3.97.0/bin/python", "3.97.0")

    assert builds.build(PYTHON_APP | {".python-version": "3.99\n"}).succeeded

    assert " !     .python-version asks for Python 3.99, which this machine lacks.\n" in builds.text
    assert "-----> Using Python 3.97.0, the nearest there is\n" in builds.text


def test_one_older_than_heroku_has_is_left_alone(builds: Builds, home: Path) -> None:
    _python(home / ".pyenv/versions/3.6.15/bin/python", "3.6.15")

    assert builds.build(PYTHON_APP | {"runtime.txt": "python-3.6.15\n"}).succeeded

    assert " !     runtime.txt asks for Python 3.6.15, which this machine lacks.\n" in builds.text
    assert f"-----> Using Python {OWN}, the nearest there is\n" in builds.text


def test_two_package_managers_are_one_too_many_as_on_heroku(builds: Builds) -> None:
    assert not builds.build(PYTHON_APP | {"uv.lock": "", "pyproject.toml": ""}).succeeded

    assert "Multiple Python package manager files were found." in builds.text
    assert "requirements.txt (pip)\n !     uv.lock (uv)\n" in builds.text


@pytest.mark.parametrize(
    ("files", "words"),
    [
        pytest.param({"Pipfile": ""}, "No 'Pipfile.lock' found!", id="a Pipfile alone"),
        pytest.param({"uv.lock": ""}, "no pyproject.toml that it belongs to", id="a lock alone"),
        pytest.param(
            {"pyproject.toml": "[tool.ruff]\n"}, "have either a requirements.txt", id="no project"
        ),
        pytest.param({"Pipfile.lock": "{"}, "Pipfile.lock cannot be read", id="half a lock"),
    ],
)
def test_what_cannot_be_installed_from_is_refused(
    builds: Builds, files: dict[str, str], words: str
) -> None:
    assert not builds.build(APP | files).succeeded

    assert words in builds.text


def _pipfile_lock(**greeter: object) -> str:
    source = {"name": "pypi", "url": "https://pypi.org/simple", "verify_ssl": True}
    meta = {"hash": {}, "requires": {"python_version": MINOR}, "sources": [source]}
    return json.dumps({"_meta": meta, "default": {"greeter": greeter}, "develop": {}})


def test_a_lock_of_pipenv_is_installed_from_with_its_hashes(builds: Builds, wheels: Path) -> None:
    file = wheels / write_wheel(wheels, "greeter", "1.0")
    write_wheel(wheels, "greeter", "2.0")
    known = subprocess.run(["sha256sum", file], capture_output=True, text=True, check=True)
    digest = f"sha256:{known.stdout.split()[0]}"
    lock = _pipfile_lock(version="==1.0", hashes=[digest], markers="python_version >= '3'")

    assert builds.build(APP | {"Pipfile": "", "Pipfile.lock": lock}).succeeded

    assert run_in_slug(builds, "python app.py") == "greeter 1.0\n"
    assert f"Using Python {OWN} specified in Pipfile.lock" in builds.text
    assert "       Installed greeter 1.0\n" in builds.text


def test_a_package_of_another_hash_than_the_locked_one_is_not_installed(
    builds: Builds, wheels: Path
) -> None:
    write_wheel(wheels, "greeter", "1.0")
    lock = _pipfile_lock(version="==1.0", hashes=[f"sha256:{'0' * 64}"])

    assert not builds.build(APP | {"Pipfile": "", "Pipfile.lock": lock}).succeeded

    assert "Unable to install dependencies using pip" in builds.text


INSTALL = """\
import os, pathlib, sys
def main():
    print("installing with", *sys.argv[1:])
    where = os.environ.get("UV_PROJECT_ENVIRONMENT") or os.environ["VIRTUAL_ENV"]
    (site,) = pathlib.Path(where).glob("lib/python*/site-packages")
    (site / "greeter.py").write_text("def main(): print('hello from the lock')")
    (site / "editable.pth").write_text(os.getcwd() + "/src\\n")
    script = pathlib.Path(where) / "bin" / "greet"
    head = f"#!/bin/sh\\n'''exec' '{where}/bin/python' \\"$0\\" \\"$@\\"\\n' '''\\n"
    script.write_text(head + "import shop\\n")
    script.chmod(0o755)
"""


@pytest.mark.parametrize(
    ("lock", "tool", "command"),
    [
        pytest.param(
            "uv.lock",
            "uv==0.12.5",
            "sync --locked --no-default-groups --no-progress --quiet",
            id="uv",
        ),
        pytest.param(
            "poetry.lock",
            "poetry==2.4.1",
            "sync --only main --no-ansi --no-interaction --quiet",
            id="Poetry",
        ),
    ],
)
def test_a_lock_is_installed_from_by_its_own_tool_and_the_result_moves_with_the_slug(
    builds: Builds, wheels: Path, home: Path, lock: str, tool: str, command: str
) -> None:
    assert home.is_dir()
    name, _, version = tool.partition("==")
    write_wheel(wheels, name, version, f"{INSTALL}\nif __name__ == '__main__':\n    main()\n")
    app = APP | {lock: "", "pyproject.toml": "", "src/shop.py": "print('found')\n"}

    assert builds.build(app).succeeded

    assert f"-----> Installing {name} {version}\n" in builds.text
    assert f"       installing with {command}\n" in builds.text
    assert run_in_slug(builds, "python app.py; greet") == "hello from the lock\nfound\n"

    assert builds.build(app | {lock: "other"}).succeeded

    assert f"-----> Installing {name}" not in builds.text


def test_the_uv_of_this_machine_is_used_where_there_is_one(builds: Builds, home: Path) -> None:
    _program(home / "bin" / "uv", 'echo "this is uv, asked to $1"')

    assert builds.build(APP | {"uv.lock": "", "pyproject.toml": ""}).succeeded

    assert "       this is uv, asked to sync\n" in builds.text


def test_what_pip_says_is_kept_to_a_line(builds: Builds, wheels: Path) -> None:
    for number in range(15):
        write_wheel(wheels, f"part{number:02}", "1.0")
    requirements = "".join(f"part{number:02}\n" for number in range(15))

    assert builds.build(PYTHON_APP | {"requirements.txt": requirements}).succeeded

    told = builds.text.partition("pip install -r requirements.txt'\n")[2].partition("----->")[0]
    assert len(told.splitlines()) == 1
    assert "part11 1.0 and 3 more" in told
