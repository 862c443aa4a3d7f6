"""The built-in Node.js buildpack, with the real npm and without any network."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest

from accelerator.localheroku.building import packs
from tests.ports import free_port

if TYPE_CHECKING:
    from pathlib import Path

    from tests.contract.localheroku.conftest import Builds

needs_npm = pytest.mark.skipif(
    shutil.which("npm") is None, reason="npm is not installed on this machine"
)
SERVER = """\
const http = require("http");
const said = () => `${process.env.NODE_ENV} ${require("./words").said}`;
http.createServer((_, answer) => answer.end(said())).listen(process.env.PORT, "127.0.0.1");
"""
WORDS = 'exports.said = "plain";\n'


def _package(**more: Any) -> str:
    return json.dumps({"name": "shop", "version": "1.0.0", **more})


def _app(**more: Any) -> dict[str, str]:
    package = _package(**{"scripts": {"start": "node server.js"}, **more})
    return {"package.json": package, "server.js": SERVER, "words.js": WORDS}


def _with_library(**more: Any) -> dict[str, str]:
    return {
        **_app(dependencies={"words": "file:./lib/words"}, **more),
        "words.js": 'module.exports = require("words");\n',
        "lib/words/package.json": json.dumps({"name": "words", "version": "1.0.0"}),
        "lib/words/index.js": 'exports.said = "from the library";\n',
    }


def _serve(builds: Builds, command: str) -> str:
    """Run the slug as a dyno would, with a bare environment, and return what it answers."""
    root = builds.slug()
    port = free_port()
    script = f'for f in .profile.d/*.sh; do . "$f"; done; exec {command}'
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(root), "PORT": str(port)}
    with subprocess.Popen(
        ["bash", "-c", script], cwd=root, env=environment, start_new_session=True
    ) as process:
        try:
            return _answer(port)
        finally:
            os.killpg(process.pid, 15)


def _answer(port: int) -> str:
    deadline = time.monotonic() + 30
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
                return str(answer.read().decode())
        except OSError:
            assert time.monotonic() < deadline, "the app does not answer"
            time.sleep(0.05)


@needs_npm
def test_an_app_without_dependencies_builds_and_runs_with_npm_start(builds: Builds) -> None:
    result = builds.build(_app())

    assert result.succeeded, builds.text
    assert (result.language, result.buildpacks) == ("Node.js", ("heroku/nodejs",))
    assert result.process_types == {"web": "npm start"}
    assert _serve(builds, result.process_types["web"]) == "production plain"


@needs_npm
@pytest.mark.parametrize("has_lock", [False, True], ids=["npm install", "npm ci"])
def test_a_dependency_within_the_app_is_installed_without_a_network(
    builds: Builds, has_lock: bool
) -> None:
    files = _with_library()
    if has_lock:
        files["package-lock.json"] = _lock(builds, files)

    result = builds.build(files)

    assert result.succeeded, builds.text
    assert ("package.json + package-lock.json" in builds.text) is has_lock
    assert _serve(builds, "node server.js") == "production from the library"


def _lock(builds: Builds, files: dict[str, str]) -> str:
    tree = builds.write_tree(builds.directory / "locking", files)
    command = ["npm", "install", "--package-lock-only", "--offline", "--no-audit", "--no-fund"]
    subprocess.run(command, cwd=tree, check=True, capture_output=True)
    return (tree / "package-lock.json").read_text()


@needs_npm
def test_a_second_build_starts_with_the_modules_of_the_first(builds: Builds) -> None:
    builds.build(_with_library())
    assert "Cached directories were not found" in builds.text

    result = builds.build(_with_library())

    assert result.succeeded
    assert "-----> Restoring cache\n       - node_modules" in builds.text


@needs_npm
@pytest.mark.parametrize(
    ("scripts", "said"),
    [
        pytest.param({"build": "node make.js built"}, "built", id="build"),
        pytest.param(
            {"build": "node make.js built", "heroku-postbuild": "node make.js postbuilt"},
            "postbuilt",
            id="heroku-postbuild wins over build",
        ),
    ],
)
def test_the_build_script_runs_with_the_config_vars(
    builds: Builds, scripts: dict[str, str], said: str
) -> None:
    make = (
        'const text = `exports.said = "${process.argv[2]} ${process.env.GREETING}";`;\n'
        'require("fs").writeFileSync("words.js", text);\n'
    )
    files = {**_app(scripts={"start": "node server.js", **scripts}), "make.js": make}

    result = builds.build(files, environment={"GREETING": "hello"})

    assert result.succeeded, builds.text
    assert _serve(builds, "node server.js") == f"production {said} hello"


@needs_npm
@pytest.mark.parametrize(
    ("environment", "is_kept"),
    [
        pytest.param({}, False, id="removed"),
        pytest.param({"NPM_CONFIG_PRODUCTION": "false"}, True, id="kept on demand"),
    ],
)
def test_what_only_development_needs_serves_the_build_and_is_removed(
    builds: Builds, environment: dict[str, str], is_kept: bool
) -> None:
    files = _with_library(
        devDependencies={"tool": "file:./lib/tool"},
        scripts={"build": "node -e \"require('tool')\""},
    )
    files["lib/tool/package.json"] = json.dumps({"name": "tool", "version": "1.0.0"})
    files["lib/tool/index.js"] = ""

    result = builds.build(files, environment=environment)

    assert result.succeeded, builds.text
    modules = builds.slug() / "node_modules"
    assert (modules / "tool").exists() is is_kept
    assert (modules / "words").exists()


@needs_npm
@pytest.mark.parametrize(
    ("files", "reason"),
    [
        pytest.param({"package.json": "{"}, "Unable to parse package.json", id="broken package"),
        pytest.param(
            _app(scripts={"build": "exit 3"}), 'The "build" script', id="failing build script"
        ),
        pytest.param(
            {**_app(), "yarn.lock": "", "package-lock.json": "{}"},
            "conflicting lock files: package-lock.json and yarn.lock",
            id="two locks",
        ),
        pytest.param(
            _app(dependencies={"gone": "file:./gone.tgz"}), "Installing the dep", id="no dependency"
        ),
    ],
)
def test_a_build_that_fails_says_why(builds: Builds, files: dict[str, str], reason: str) -> None:
    result = builds.build(files)

    assert not result.succeeded
    assert reason in builds.text
    assert " !     Push rejected, failed to compile Node.js app." in builds.text


def test_a_machine_without_node_says_what_is_missing(
    builds: Builds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("sh", "env", "bash", "git"):
        (tools / name).symlink_to(str(shutil.which(name)))
    monkeypatch.setenv("PATH", str(tools))

    result = builds.build(_app())

    assert not result.succeeded
    assert " !     Build failed: node was not found." in builds.text


@needs_npm
def test_node_is_detected_before_python(builds: Builds) -> None:
    result = builds.build({**_app(), "requirements.txt": ""})

    assert result.buildpacks == ("heroku/nodejs",)


@pytest.mark.parametrize(
    ("address", "name"),
    [
        pytest.param("heroku/nodejs", "heroku/nodejs", id="name"),
        pytest.param("urn:buildpack:heroku/python", "heroku/python", id="urn"),
        pytest.param(
            "https://github.com/heroku/heroku-buildpack-nodejs.git", "heroku/nodejs", id="GitHub"
        ),
        pytest.param(
            "https://github.com/heroku/heroku-buildpack-python#v200", "heroku/python", id="version"
        ),
        pytest.param(
            "https://buildpack-registry.s3.amazonaws.com/buildpacks/heroku/nodejs.tgz",
            "heroku/nodejs",
            id="registry",
        ),
        pytest.param("https://github.com/heroku/heroku-buildpack-php", None, id="not built in"),
        pytest.param("https://github.com/other/heroku-buildpack-nodejs", None, id="a fork"),
    ],
)
def test_herokus_addresses_mean_the_built_in_buildpacks(address: str, name: str | None) -> None:
    assert packs.find_built_in(address) == name
