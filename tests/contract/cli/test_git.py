"""Git remotes, pushes and the bash function around them, with the real Heroku CLI."""

from pathlib import Path
from typing import Any

import pytest

from tests.contract.cli.world import Shown, World
from tests.contract.localheroku.platform_fixture import web_app

pytestmark = [pytest.mark.slow, pytest.mark.git]

# What teams write around the Heroku CLI: promote what was prepared, else deploy normally.
FUNCTION = """
set -eu
deploy() {
  heroku git:remote --remote prepare --app "$1" > /dev/null
  if [ "$COMMIT" = "$(heroku config:get HEROKU_SLUG_COMMIT -r prepare)" ]; then
    echo "promoting $COMMIT"
    heroku pipelines:promote --app "$1" --to "$2"
  else
    echo "building $COMMIT"
    heroku git:remote --remote target --app "$2" > /dev/null
    git push --force target "$COMMIT:refs/heads/main"
  fi
}
deploy "$PREPARE" "$TARGET"
"""


class Site:
    """A repository of a small web app."""

    def __init__(self, world: World, directory: Path) -> None:
        self.world, self.directory = world, directory
        directory.mkdir()
        self.git("init", "-q", "-b", "main")

    def git(self, *arguments: str) -> Shown:
        """Run git, which has to succeed."""
        shown = self.world.run("git", *arguments, cwd=self.directory, **self.world.pushing)
        assert shown.code == 0, shown
        return shown

    def commit(self, **files: str) -> str:
        """Commit a change and return its id."""
        for name, text in web_app(**files).items():
            path = self.directory / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
            path.chmod(0o755 if name.startswith("bin/") else 0o644)
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "Change the site")
        return self.git("rev-parse", "HEAD").out.strip()


@pytest.fixture
def site(either: World, tmp_path: Path) -> Site:
    return Site(either, tmp_path / "site")


def test_a_remote_is_written_and_found_again(site: Site) -> None:
    world, app = site.world, site.world.create_app()["name"]
    world.api("PATCH", f"/apps/{app}/config-vars", {"WHO": "found"})

    written = world.heroku("git:remote", "-r", "prepare", "-a", app, cwd=site.directory)
    found = world.heroku("config:get", "WHO", "-r", "prepare", cwd=site.directory)

    host = world.url.partition("://")[2]
    assert f"https://{host}/{app}.git" in written.text
    assert site.git("remote", "get-url", "prepare").out.strip() == f"https://{host}/{app}.git"
    assert found.out == "found\n"


def test_a_push_and_a_clone_use_the_cli_s_own_credential_helper(
    secure: World, tmp_path: Path
) -> None:
    site = Site(secure, tmp_path / "site")
    commit = site.commit(text="pushed")
    app = secure.create_app()
    secure.heroku("git:remote", "-a", app["name"], cwd=site.directory)

    pushed = site.git("push", "heroku", "HEAD:refs/heads/main")
    again = site.git("push", "heroku", "HEAD:refs/heads/main")
    secure.heroku("git:clone", "-a", app["name"], str(tmp_path / "clone"), cwd=tmp_path)

    helper = (secure.home / ".gitconfig").read_text()
    assert "helper = !heroku git:credentials" in helper
    assert "remote: Verifying deploy... done." in pushed.err
    assert "Everything up-to-date" in again.err
    build = secure.api("GET", f"/apps/{app['name']}/builds")[0]
    slug = secure.api("GET", f"/apps/{app['name']}/slugs/{build['slug']['id']}")
    assert slug["commit"] == commit
    secure.eventually(lambda: secure.fetch("GET", app["web_url"])["text"] == "pushed")
    assert (tmp_path / "clone" / "text").read_text() == "pushed"
    assert secure.api_key not in helper
    assert secure.api_key not in (site.directory / ".git" / "config").read_text()


def _prepared(site: Site, commit: str) -> tuple[Any, Any]:
    world = site.world
    prepare, target = world.create_app(), world.create_app()
    feature = f"/apps/{prepare['name']}/features/runtime-dyno-metadata"
    world.api("PATCH", feature, {"enabled": True})
    world.build(prepare["name"], {"text": "prepared"}, commit)
    pipeline = world.api("POST", "/pipelines", {"name": "bash", "owner": None})["id"]
    for app, stage in ((prepare, "development"), (target, "production")):
        wanted = {"app": app["id"], "pipeline": pipeline, "stage": stage}
        world.api("POST", "/pipeline-couplings", wanted)
    return prepare, target


def _run(site: Site, commit: str, prepare: Any, target: Any) -> Shown:
    return site.world.run(
        "sh",
        "-c",
        FUNCTION,
        cwd=site.directory,
        COMMIT=commit,
        PREPARE=prepare["name"],
        TARGET=target["name"],
        **site.world.pushing,
    )


def test_the_bash_function_promotes_what_was_prepared(site: Site) -> None:
    commit = site.commit(text="prepared")
    prepare, target = _prepared(site, commit)

    shown = _run(site, commit, prepare, target)

    assert shown.code == 0, shown
    assert f"promoting {commit}" in shown.out
    assert "Promotion successful" in shown.out
    assert len(shown.calls) == 8
    world = site.world
    assert world.releases(target["name"])[-1]["slug"] == world.releases(prepare["name"])[-1]["slug"]
    assert world.api("GET", f"/apps/{target['name']}/builds") == []


def test_the_bash_function_builds_what_was_not_prepared(site: Site) -> None:
    commit = site.commit(text="built")
    prepare, target = _prepared(site, "b" * 40)

    shown = _run(site, commit, prepare, target)

    assert shown.code == 0, shown
    assert f"building {commit}" in shown.out
    assert "remote: Verifying deploy... done." in shown.err
    assert "POST /pipeline-promotions" not in shown.calls
    world = site.world
    assert world.api("GET", f"/apps/{target['name']}/builds")[0]["status"] == "succeeded"
    world.eventually(lambda: world.fetch("GET", target["web_url"])["text"] == "built")
