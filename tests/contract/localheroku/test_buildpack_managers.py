"""The built-in Node.js buildpack with other locks than npm's, and other versions of Node.js."""

from __future__ import annotations

import base64
import gzip
import hashlib
import importlib.util
import io
import json
import shutil
import sys
import tarfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest

from accelerator.localheroku.building import packs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    from tests.contract.localheroku.conftest import Builds

needs_npm = pytest.mark.skipif(
    shutil.which("npm") is None, reason="npm is not installed on this machine"
)
TOOL = """\
#!/usr/bin/env node
console.log("%s %s got", ...process.argv.slice(2));
"""
PACKAGES = {
    "yarn": ("1.22.22", "1.1.1"),
    "pnpm": ("10.1.0", "8.9.2"),
    "@yarnpkg/cli-dist": ("4.5.0",),
}


def _tarball(name: str, version: str) -> bytes:
    tool = "yarn" if "yarn" in name else name
    package = {"name": name, "version": version, "bin": {tool: "tool.js"}}
    files = {"package.json": json.dumps(package), "tool.js": TOOL % (tool, version)}
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for path, text in files.items():
            member = tarfile.TarInfo(f"package/{path}")
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text.encode()))
    # Without the time of day, as the integrity must be that of the bytes sent a second later.
    return gzip.compress(packed.getvalue(), mtime=0)


class Registry(BaseHTTPRequestHandler):
    """Answers as npm's registry does, of a few packages."""

    def do_GET(self) -> None:
        path = self.path.removeprefix("/").replace("%2f", "/")
        name, is_file, version = path.partition("/-/")
        if name not in PACKAGES:
            self.send_error(404)
            return
        self._send(
            _tarball(name, version) if is_file else json.dumps(self._document(name)).encode()
        )

    def _document(self, name: str) -> dict[str, Any]:
        host = self.headers["Host"]
        return {
            "name": name,
            "dist-tags": {"latest": PACKAGES[name][0]},
            "versions": {
                version: {
                    "name": name,
                    "version": version,
                    "bin": {"yarn" if "yarn" in name else name: "tool.js"},
                    "dist": {
                        "tarball": f"http://{host}/{name}/-/{version}",
                        "integrity": _integrity(_tarball(name, version)),
                    },
                }
                for version in PACKAGES[name]
            },
        }

    def _send(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Keep the test's output clean."""


def _integrity(body: bytes) -> str:
    return f"sha512-{base64.b64encode(hashlib.sha512(body).digest()).decode()}"


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Put a registry of our own in the place of npm's."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Registry) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        address = f"http://127.0.0.1:{server.server_address[1]}/"
        monkeypatch.setenv("npm_config_registry", address)
        yield
        server.shutdown()
        thread.join()


def _app(**more: Any) -> dict[str, str]:
    package = {"name": "shop", "version": "1.0.0", "dependencies": {"left": "1"}, **more}
    return {"package.json": json.dumps(package)}


@needs_npm
@pytest.mark.usefixtures("registry")
@pytest.mark.parametrize(
    ("files", "lines"),
    [
        pytest.param(
            {**_app(devDependencies={"right": "1"}), "yarn.lock": "# yarn lockfile v1\n"},
            [
                "yarn 1.22.22 got install --production=false --frozen-lockfile",
                "yarn 1.22.22 got install --production=true --ignore-scripts --frozen-lockfile",
            ],
            id="Yarn 1",
        ),
        pytest.param(
            {**_app(engines={"yarn": "1.1.1"}), "yarn.lock": ""},
            ["yarn 1.1.1 got install --production=false"],
            id="the Yarn that engines name",
        ),
        pytest.param(
            {**_app(packageManager="yarn@4.5.0+sha512.abc"), "yarn.lock": "__metadata:\n"},
            ["yarn 4.5.0 got install --immutable"],
            id="the Yarn that packageManager names",
        ),
        pytest.param(
            {
                **_app(scripts={"build": "x"}, devDependencies={"right": "1"}),
                "pnpm-lock.yaml": "lockfileVersion: '9.0'\n",
            },
            [
                "pnpm 10.1.0 got install --prod=false --frozen-lockfile",
                "pnpm 10.1.0 got run build",
                "pnpm 10.1.0 got prune --prod --ignore-scripts",
            ],
            id="pnpm",
        ),
        pytest.param(
            {**_app(), "pnpm-lock.yaml": "lockfileVersion: '6.0'\n"},
            ["pnpm 8.9.2 got install --prod=false --frozen-lockfile"],
            id="the pnpm that wrote an older lock",
        ),
    ],
)
def test_a_lock_is_installed_from_by_its_own_manager(
    builds: Builds, files: dict[str, str], lines: list[str]
) -> None:
    assert builds.build(files).succeeded

    assert [line for line in lines if f"       {line}" not in builds.text] == []
    tool = lines[0].partition(" ")[0]
    slug = builds.slug()
    assert (slug / ".heroku" / tool / "bin" / tool).exists()
    assert f"$HOME/.heroku/{tool}/bin:" in (slug / ".profile.d/nodejs.sh").read_text()


@needs_npm
def test_an_older_node_of_this_machine_is_used_where_it_is_asked_for(
    builds: Builds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / ".nvm/versions/node/v12.1.0/bin"
    kept.mkdir(parents=True)
    for name in ("node", "npm"):
        (kept / name).write_text(f"#!/bin/sh\necho this is {name} 12\n")
        (kept / name).chmod(0o755)
    monkeypatch.setenv("HOME", str(tmp_path))

    assert builds.build(_app(engines={"node": "12.x"}, dependencies={})).succeeded

    assert "       Using node 12.1.0, as installed on this machine\n" in builds.text
    assert (builds.slug() / ".heroku/node/bin/node").resolve() == kept / "node"


@needs_npm
def test_a_node_that_is_not_here_is_named_in_one_line(builds: Builds) -> None:
    assert builds.build(_app(engines={"node": "0.10.x"}, dependencies={})).succeeded

    warning = " !     package.json asks for Node.js 0.10.x, which this machine lacks.\n"
    assert warning in builds.text


@pytest.fixture(scope="module")
def nodes() -> Iterator[ModuleType]:
    """The buildpack's module that reads ranges; it finds its log by the path."""
    root = Path(packs.__file__).parent / "buildpacks"
    spec = importlib.util.spec_from_file_location("nodes", root / "nodejs/lib/nodes.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(root / "common"))
    sys.modules["nodes"] = module
    try:
        spec.loader.exec_module(module)
        yield module
    finally:
        sys.path.remove(str(root / "common"))
        for name in ("nodes", "log"):
            sys.modules.pop(name, None)


@pytest.mark.parametrize(
    ("wanted", "taken", "refused"),
    [
        pytest.param("20", (20, 9, 0), (21, 0, 0), id="a major"),
        pytest.param("20.x", (20, 0, 0), (19, 9, 9), id="an x"),
        pytest.param("20.9.0", (20, 9, 0), (20, 9, 1), id="an exact one"),
        pytest.param("v20.9.0", (20, 9, 0), (20, 9, 1), id="with a v"),
        pytest.param("^20.9.0", (20, 11, 0), (20, 8, 0), id="a caret"),
        pytest.param("^20.9.0", (20, 9, 0), (21, 0, 0), id="a caret ends at the next major"),
        pytest.param("^0.10.2", (0, 10, 9), (0, 11, 0), id="a caret before 1.0"),
        pytest.param("~20.9.1", (20, 9, 4), (20, 10, 0), id="a tilde"),
        pytest.param("~20", (20, 10, 0), (21, 0, 0), id="a tilde before a major"),
        pytest.param(">=18", (22, 1, 0), (17, 9, 9), id="at least"),
        pytest.param(">= 18 < 21", (20, 1, 0), (21, 0, 0), id="between, with blanks"),
        pytest.param(">18", (19, 0, 0), (18, 9, 0), id="above all of a major"),
        pytest.param("<=18", (18, 9, 0), (19, 0, 0), id="up to the end of a major"),
        pytest.param("18 - 20", (20, 5, 0), (21, 0, 0), id="a hyphen"),
        pytest.param("18 || 20", (20, 5, 0), (19, 0, 0), id="one or the other"),
        pytest.param("*", (99, 0, 0), None, id="any"),
        pytest.param("next", None, (20, 0, 0), id="no range"),
    ],
)
def test_ranges_mean_what_npm_means_by_them(
    nodes: ModuleType,
    wanted: str,
    taken: tuple[int, int, int] | None,
    refused: tuple[int, int, int] | None,
) -> None:
    assert taken is None or nodes.allows(wanted, taken)
    assert refused is None or not nodes.allows(wanted, refused)
