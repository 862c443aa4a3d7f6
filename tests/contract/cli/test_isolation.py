"""The namespace leads nowhere: what the CLI was not told about, it cannot have reached."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.contract.cli.world import CLI_VERSION, World

pytestmark = pytest.mark.slow


def test_the_cli_is_the_pinned_version_unchanged(direct: World) -> None:
    manifest = direct.cli.resolve().parents[1] / "package.json"

    found = json.loads(manifest.read_text())

    assert (found["name"], found["version"]) == ("heroku", CLI_VERSION)


def test_nothing_but_loopback_can_be_reached(direct: World) -> None:
    routes = direct.run("ip", "-json", "route")
    links = direct.run("ip", "-json", "link")

    assert routes.out.strip() in {"", "[]"}
    assert [link["ifname"] for link in json.loads(links.out)] == ["lo"]
    with pytest.raises(AssertionError, match="unreachable"):
        direct.fetch("GET", "http://192.0.2.1/")


def test_the_platform_listens_inside_the_namespace_only(direct: World) -> None:
    pid = direct.control("GET", "")["pid"]

    seen = subprocess.run(["ss", "-Hltnp"], capture_output=True, text=True, check=True)

    # By process, not by port: out here somebody else may listen on a port of the same number.
    assert Path(f"/proc/{pid}/ns/net").readlink() != Path("/proc/self/ns/net").readlink()
    assert f"pid={pid}," not in seen.stdout
