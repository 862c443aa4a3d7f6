"""What real git says in each case, through the platform's own door with its keys.

`test_api_git.py` holds the pushes that succeed or fail to build, wrong keys and unknown apps.
"""

from __future__ import annotations

import base64
import contextlib
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.localheroku.platform_fixture import (
    Client,
    eventually,
    heroku,
    judges,
    own,
    platform,
    web_app,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["heroku", "judges", "own", "platform"]
pytestmark = pytest.mark.git
Result = subprocess.CompletedProcess[str]
Git = Callable[..., Result]
SHALLOW = "source repository is a shallow clone"


@dataclass
class Clone:
    """A clone that pushes to one app."""

    directory: Path
    git: Git
    remote: str

    def run(self, *arguments: str) -> Result:
        return self.git(*arguments, cwd=self.directory)

    def must(self, *arguments: str) -> str:
        result = self.run(*arguments)
        assert result.returncode == 0, result.stderr
        return result.stdout.strip()

    def commit(self, text: str) -> str:
        for name, content in web_app(text).items():
            path = self.directory / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(content)
            path.chmod(0o755 if name.startswith("bin/") else 0o644)
        self.must("add", "-A")
        self.must("commit", "-q", "-m", text)
        return self.must("rev-parse", "HEAD")

    def push(self, *arguments: str, ref: str = "HEAD:refs/heads/main") -> Result:
        return self.run("push", *arguments, self.remote, ref)

    def shallow(self, to: Path, depth: int = 1) -> Clone:
        """Clone this clone without its older history."""
        self.must("clone", "-q", f"--depth={depth}", f"file://{self.directory}", str(to))
        return Clone(to, self.git, self.remote)


@pytest.fixture
def app(heroku: Client) -> Any:
    return heroku.post("/apps")


@pytest.fixture
def clone(tmp_path: Path, git: Git, heroku: Client, app: Mapping[str, Any]) -> Clone:
    directory = tmp_path / "clone"
    directory.mkdir()
    remote = app["git_url"].replace("://", f"://_:{heroku.platform.api_key}@")
    made = Clone(directory, git, remote)
    made.must("init", "-q", "-b", "main")
    made.commit("one")
    return made


def _builds(heroku: Client, app: Mapping[str, Any]) -> list[str]:
    """Return the commits that were built, oldest first."""
    builds = heroku.get(f"/apps/{app['id']}/builds")
    return [each["source_blob"]["version"] for each in builds]


def _git_requests(heroku: Client, app: Mapping[str, Any]) -> list[tuple[str, str]]:
    journal = heroku.control("GET", "/journal")
    prefix = f"/{app['name']}.git/"
    return [
        (each["method"], each["path"].removeprefix(prefix))
        for each in journal
        if each["path"].startswith(prefix)
    ]


def test_what_is_already_there_takes_no_pack(heroku: Client, clone: Clone, app: Any) -> None:
    assert clone.push().returncode == 0
    heroku.control("DELETE", "/journal")

    again = clone.push("--porcelain")

    assert again.returncode == 0
    assert "=\tHEAD:refs/heads/main\t[up to date]" in again.stdout
    assert {method for method, _ in _git_requests(heroku, app)} == {"GET"}


def test_without_credentials_git_may_not_ask(clone: Clone, app: Any) -> None:
    clone.remote = app["git_url"]

    result = clone.push()

    assert result.returncode == 128
    assert "could not read Username for" in result.stderr
    assert "terminal prompts disabled" in result.stderr


@pytest.mark.parametrize("status", [403, 429, 503])
def test_a_refusal_names_its_status(own: Client, tmp_path: Path, git: Git, status: int) -> None:
    app = own.post("/apps")
    own.control("POST", "/faults", {"method": "GET", "path": r"\.git/", "status": status})
    remote = app["git_url"].replace("://", f"://_:{own.platform.api_key}@")

    result = git("ls-remote", remote, cwd=tmp_path)

    assert result.returncode == 128
    assert f"The requested URL returned error: {status}" in result.stderr


@pytest.mark.parametrize("knows_the_tip", [True, False], ids=["tip known", "tip unknown"])
def test_what_is_not_a_fast_forward_is_rejected_before_any_pack(
    heroku: Client, clone: Clone, app: Any, tmp_path: Path, knows_the_tip: bool
) -> None:
    first = clone.must("rev-parse", "HEAD")
    other = Clone(tmp_path / "other", clone.git, clone.remote)
    clone.must("clone", "-q", str(clone.directory), str(other.directory))
    newest = clone.commit("two")
    clone.push()
    other.commit("three")
    if knows_the_tip:
        other.must("fetch", "-q", str(clone.directory))
    heroku.control("DELETE", "/journal")

    result = other.push()

    assert result.returncode == 1
    assert ("(non-fast-forward)" if knows_the_tip else "(fetch first)") in result.stderr
    assert {method for method, _ in _git_requests(heroku, app)} == {"GET"}
    assert first not in _builds(heroku, app)
    assert _builds(heroku, app) == [newest]


def test_force_overcomes_a_diverged_history(heroku: Client, clone: Clone, app: Any) -> None:
    old = clone.must("rev-parse", "HEAD")
    clone.push()
    clone.must("commit", "-q", "--amend", "-m", "another one")
    new = clone.must("rev-parse", "HEAD")

    plain, forced = clone.push(), clone.push("--force")

    assert (plain.returncode, forced.returncode) == (1, 0)
    assert "forced update" in forced.stderr
    assert _builds(heroku, app) == [old, new]


def test_an_unknown_source_ref_makes_no_request(heroku: Client, clone: Clone, app: Any) -> None:
    result = clone.push(ref="nowhere:refs/heads/main")

    assert result.returncode == 1
    assert "src refspec nowhere does not match any" in result.stderr
    assert "POST" not in {method for method, _ in _git_requests(heroku, app)}


@pytest.mark.parametrize("force", [(), ("--force",)], ids=["plain", "forced"])
def test_a_shallow_clone_cannot_push_to_an_empty_app(
    heroku: Client, clone: Clone, app: Any, tmp_path: Path, force: tuple[str, ...]
) -> None:
    clone.commit("two")
    shallow = clone.shallow(tmp_path / "shallow")

    result = shallow.push(*force)

    assert result.returncode == 1
    assert SHALLOW in result.stderr
    assert "! [remote rejected] HEAD -> main (shallow update not allowed)" in result.stderr
    assert _builds(heroku, app) == []


def test_a_shallow_clone_cannot_push_over_the_older_history_either(
    heroku: Client, clone: Clone, app: Any, tmp_path: Path
) -> None:
    first = clone.must("rev-parse", "HEAD")
    clone.push()
    clone.commit("two")
    clone.commit("three")
    shallow = clone.shallow(tmp_path / "shallow")

    plain, forced = shallow.push(), shallow.push("--force")

    assert (plain.returncode, forced.returncode) == (1, 1)
    assert "(fetch first)" in plain.stderr
    assert "(shallow update not allowed)" in forced.stderr
    assert _builds(heroku, app) == [first]


def test_a_shallow_clone_of_what_is_there_is_up_to_date_and_pushes_on(
    heroku: Client, clone: Clone, app: Any, tmp_path: Path
) -> None:
    clone.commit("two")
    first = clone.must("rev-parse", "HEAD")
    clone.push()
    shallow = clone.shallow(tmp_path / "shallow")

    same = shallow.push()
    second = shallow.commit("three")
    further = shallow.push()

    assert "Everything up-to-date" in same.stderr
    assert further.returncode == 0, further.stderr
    assert _builds(heroku, app) == [first, second]


def test_an_unshallowed_clone_pushes(
    heroku: Client, clone: Clone, app: Any, tmp_path: Path
) -> None:
    newest = clone.commit("two")
    shallow = clone.shallow(tmp_path / "shallow")

    refused = shallow.push()
    shallow.must("fetch", "-q", "--unshallow")
    accepted = shallow.push()

    assert (refused.returncode, accepted.returncode) == (1, 0)
    assert _builds(heroku, app) == [newest]


def test_a_failed_build_is_a_declined_hook(clone: Clone) -> None:
    (clone.directory / "bin" / "compile").write_text("#!/bin/sh\nexit 1\n")
    clone.must("commit", "-q", "-a", "-m", "broken")

    result = clone.push()

    assert result.returncode == 1
    assert "! [remote rejected] HEAD -> main (pre-receive hook declined)" in result.stderr
    assert clone.must("ls-remote", clone.remote) == ""


def test_an_extra_header_saves_the_refused_first_request(
    heroku: Client, clone: Clone, app: Any
) -> None:
    secret = base64.b64encode(f"_:{heroku.platform.api_key}".encode()).decode()
    setting = f"http.{heroku.platform.url}/.extraHeader=Authorization: Basic {secret}"
    heroku.control("DELETE", "/journal")

    result = clone.run("-c", setting, "push", app["git_url"], "HEAD:refs/heads/main")

    assert result.returncode == 0, result.stderr
    assert 401 not in [each["status"] for each in heroku.control("GET", "/journal")]
    assert len(_builds(heroku, app)) == 1


@dataclass
class Slow:
    """Commits whose builds end when the test says so."""

    clone: Clone
    gates: Path

    def commit(self, name: str) -> str:
        """Commit what waits in its build for `gates/name`."""
        compile = f"#!/bin/sh\nwhile [ ! -e {self.gates / name} ]; do sleep 0.05; done\n"
        (self.clone.directory / "bin" / "compile").write_text(compile)
        self.clone.must("commit", "-q", "-a", "-m", name)
        return self.clone.must("rev-parse", "HEAD")

    @contextlib.contextmanager
    def pushing(self, commit: str, *options: str) -> Iterator[subprocess.Popen[str]]:
        """Push a commit to main beside everything else."""
        command = ["git", "push", *options, self.clone.remote, f"{commit}:refs/heads/main"]
        with subprocess.Popen(
            command, cwd=self.clone.directory, stderr=subprocess.PIPE, text=True
        ) as process:
            yield process


@pytest.fixture
def slow(clone: Clone, tmp_path: Path) -> Slow:
    gates = tmp_path / "gates"
    gates.mkdir()
    return Slow(clone, gates)


def _said(process: subprocess.Popen[str]) -> str:
    return process.communicate(timeout=60)[1]


def test_of_two_pushes_at_once_both_deploy_in_the_order_in_which_they_end(
    heroku: Client, slow: Slow, app: Any
) -> None:
    older, newer = slow.commit("older"), slow.commit("newer")

    with slow.pushing(older) as first, slow.pushing(newer) as second:
        eventually(lambda: len(_builds(heroku, app)) == 2)
        (slow.gates / "newer").touch()
        said = _said(second)
        (slow.gates / "older").touch()
        said += _said(first)

    assert (first.returncode, second.returncode) == (0, 0), said
    releases = heroku.get(f"/apps/{app['id']}/releases")[2:]
    slugs = [heroku.get(f"/apps/{app['id']}/slugs/{each['slug']['id']}") for each in releases]
    assert [each["commit"] for each in slugs] == [newer, older]
    assert slow.clone.must("ls-remote", slow.clone.remote, "main").split()[0] == older


def test_two_pushes_of_one_commit_at_once_make_two_builds_and_two_releases(
    heroku: Client, slow: Slow, app: Any
) -> None:
    commit = slow.commit("one")

    with slow.pushing(commit) as first, slow.pushing(commit) as second:
        eventually(lambda: len(_builds(heroku, app)) == 2)
        (slow.gates / "one").touch()
        said = _said(first) + _said(second)

    assert (first.returncode, second.returncode) == (0, 0), said
    builds = heroku.get(f"/apps/{app['id']}/builds")
    assert len({each["release"]["id"] for each in builds}) == 2


def test_a_note_vanishes_when_a_push_that_began_before_it_ends(
    heroku: Client, slow: Slow, app: Any
) -> None:
    # A freeze, say: its push succeeds, it can be read, and later it is not there.
    note = "refs/heads/accelerator/freeze/shop"
    commit = slow.commit("one")

    with slow.pushing(commit) as process:
        eventually(lambda: _builds(heroku, app))
        pushed = slow.clone.push(f"--force-with-lease={note}:", ref=f"HEAD:{note}")
        between = slow.clone.must("ls-remote", slow.clone.remote, note)
        (slow.gates / "one").touch()
        _said(process)

    assert pushed.returncode == 0
    assert note in between
    assert slow.clone.must("ls-remote", slow.clone.remote, note) == ""
