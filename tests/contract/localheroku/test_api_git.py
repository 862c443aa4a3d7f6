"""`git push` with the build inside it, and the whole way from commit to a promoted site."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.contract.localheroku.platform_fixture import (
    Client,
    eventually,
    heroku,
    judges,
    platform,
    web_app,
)

__all__ = ["heroku", "judges", "platform"]
pytestmark = pytest.mark.git
Result = subprocess.CompletedProcess[str]
PHASE = "web: python3 -u server.py\nrelease: echo migrating; exit ${PHASE_STATUS:-0}\n"


class Repository:
    """A real repository that pushes with real git to an app of the platform."""

    def __init__(self, directory: Path, git: Callable[..., Result]) -> None:
        self.directory = directory
        self._git = git
        directory.mkdir()
        self.run("init", "-q", "-b", "main")

    def run(self, *arguments: str) -> Result:
        return self._git(*arguments, cwd=self.directory)

    def commit(self, **changes: str) -> str:
        for name, text in web_app(**changes).items():
            path = self.directory / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
            path.chmod(0o755 if name.startswith("bin/") else 0o644)
        self.run("add", "-A")
        self.run("commit", "-q", "--allow-empty", "-m", "Change the site")
        return self.run("rev-parse", "HEAD").stdout.strip()

    def push(self, client: Client, app: Any, ref: str = "HEAD:refs/heads/main") -> Result:
        url = app["git_url"].replace("://", f"://heroku:{client.platform.api_key}@")
        return self.run("push", url, ref)


@pytest.fixture
def repository(tmp_path: Path, git: Callable[..., Result]) -> Repository:
    return Repository(tmp_path / "site", git)


def _remote(result: Result) -> str:
    lines = [line for line in result.stderr.splitlines() if line.startswith("remote:")]
    return "\n".join(line.removeprefix("remote:").strip() for line in lines)


def _serving(client: Client, app: Any, text: str) -> bool:
    answer = client.session.get(app["web_url"], timeout=60)
    return answer.status_code == 200 and answer.text == text


def test_a_push_builds_releases_and_serves(heroku: Client, repository: Repository) -> None:
    app = heroku.post("/apps")
    commit = repository.commit(text="pushed")

    result = repository.push(heroku, app)

    assert result.returncode == 0, result.stderr
    output = _remote(result)
    for line in (
        "Compressing source files... done.",
        "Building source:",
        "-----> Own app detected",
        "-----> Launching...",
        "Released v3",
        f"{app['web_url']} deployed to Heroku",
        "Verifying deploy... done.",
    ):
        assert line in output
    (build,) = heroku.get(f"/apps/{app['id']}/builds")
    assert build["source_blob"]["version"] == commit
    assert build["status"] == "succeeded"
    slug = heroku.get(f"/apps/{app['id']}/slugs/{build['slug']['id']}")
    assert slug["commit"] == commit
    assert heroku.page(app) == "pushed"


def test_pushing_the_same_commit_again_does_nothing(heroku: Client, repository: Repository) -> None:
    app = heroku.post("/apps")
    repository.commit()
    repository.push(heroku, app)

    again = repository.push(heroku, app)

    assert again.returncode == 0
    assert "Everything up-to-date" in again.stderr
    assert len(heroku.get(f"/apps/{app['id']}/builds")) == 1


def test_a_failed_build_leaves_the_ref_so_that_the_push_can_be_repeated(
    heroku: Client, repository: Repository
) -> None:
    app = heroku.post("/apps")
    repository.commit(**{"bin/compile": "#!/bin/sh\n[ -e $3/WORKS ]\n"})

    refused = repository.push(heroku, app)
    heroku.patch(f"/apps/{app['id']}/config-vars", {"WORKS": "1"})
    accepted = repository.push(heroku, app)

    assert refused.returncode == 1
    assert "pre-receive hook declined" in refused.stderr
    assert f"Push rejected to {app['name']}." in _remote(refused)
    assert accepted.returncode == 0
    builds = heroku.get(f"/apps/{app['id']}/builds")
    assert [each["status"] for each in builds] == ["failed", "succeeded"]


def test_a_failed_release_command_moves_the_ref_and_the_push_succeeds(
    heroku: Client, repository: Repository
) -> None:
    app = heroku.post("/apps")
    heroku.patch(f"/apps/{app['id']}/config-vars", {"PHASE_STATUS": "1"})
    repository.commit(Procfile=PHASE)

    result = repository.push(heroku, app)

    assert result.returncode == 0
    assert "Release command declared" in _remote(result)
    assert "migrating" in _remote(result)
    (build,) = heroku.get(f"/apps/{app['id']}/builds")
    assert build["status"] == "succeeded"
    release = heroku.get(f"/apps/{app['id']}/releases/{build['release']['id']}")
    assert (release["status"], release["current"]) == ("failed", False)
    assert "Everything up-to-date" in repository.push(heroku, app).stderr


def test_another_branch_is_stored_and_not_built(heroku: Client, repository: Repository) -> None:
    app = heroku.post("/apps")
    repository.commit()

    result = repository.push(heroku, app, "HEAD:refs/heads/topic")

    assert result.returncode == 0
    assert "skipping build" in _remote(result)
    assert heroku.get(f"/apps/{app['id']}/builds") == []


@pytest.mark.parametrize(
    ("key", "name", "words"),
    [
        pytest.param("wrong", None, "Authentication failed", id="wrong key"),
        pytest.param(None, "no-such-app", "not found", id="unknown app"),
    ],
)
def test_a_push_that_is_not_allowed_says_why(
    heroku: Client, repository: Repository, key: str | None, name: str | None, words: str
) -> None:
    app = heroku.post("/apps")
    repository.commit()
    address = heroku.platform.url.replace("://", f"://_:{key or heroku.platform.api_key}@")

    result = repository.run("push", f"{address}/{name or app['name']}.git", "HEAD:main")

    assert result.returncode == 128
    assert words in result.stderr
    if key:
        assert "Do not authenticate with username and password using git." in _remote(result)


def test_from_a_pushed_commit_to_the_promoted_site(heroku: Client, repository: Repository) -> None:
    prepare, staging, production = (heroku.post("/apps") for _ in range(3))
    pipeline = heroku.post("/pipelines", {"name": "site"})["id"]
    for app, stage in (
        (prepare, "development"),
        (staging, "staging"),
        (production, "production"),
    ):
        body = {"app": app["id"], "pipeline": pipeline, "stage": stage}
        heroku.post("/pipeline-couplings", body)
    heroku.patch(f"/apps/{production['id']}/config-vars", {"GREETING": " in production"})
    wanted = repository.commit(text="wanted", Procfile=PHASE)
    repository.push(heroku, prepare)
    repository.commit(text="later", Procfile=PHASE)
    repository.push(heroku, prepare)
    releases = heroku.get(f"/apps/{prepare['id']}/releases", Range="version ..; order=desc")
    pinned = next(
        each
        for each in releases
        if each["slug"]
        and heroku.get(f"/apps/{prepare['id']}/slugs/{each['slug']['id']}")["commit"] == wanted
    )

    body = {
        "pipeline": {"id": pipeline},
        "source": {"app": {"id": prepare["id"]}, "release": {"id": pinned["id"]}},
        "targets": [{"app": {"id": each["id"]}} for each in (staging, production)],
    }
    promotion = heroku.post("/pipeline-promotions", body)
    path = f"/pipeline-promotions/{promotion['id']}/promotion-targets"
    eventually(lambda: all(each["status"] == "succeeded" for each in heroku.get(path)))

    eventually(lambda: _serving(heroku, production, "wanted in production"))
    assert heroku.page(staging) == "wanted"
    assert heroku.page(prepare) == "later"
    for app in (staging, production):
        assert heroku.get(f"/apps/{app['id']}/builds") == []
        current = heroku.get(f"/apps/{app['id']}/releases")[-1]
        assert (current["slug"], current["current"]) == (pinned["slug"], True)
