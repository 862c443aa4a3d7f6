"""Releases with the real Heroku CLI."""

import json

import pytest

from tests.contract.cli.world import World

pytestmark = pytest.mark.slow
PHASE = "web: python3 -u server.py\nrelease: echo migrating $WORD; exit ${PHASE_STATUS:-0}\n"


def _finished(world: World, app: str) -> None:
    world.eventually(lambda: world.releases(app)[-1]["status"] != "pending")


def test_releases_are_listed_newest_first(either: World) -> None:
    app = either.create_app(text="listed")["name"]
    either.api("PATCH", f"/apps/{app}/config-vars", {"A": "1"})

    shown = either.heroku("releases", "-a", app)
    two = either.heroku("releases", "-a", app, "-n", "2", "--json")

    assert f"=== {app} Releases - Current: v4" in shown.out
    rows = [line.split() for line in shown.out.splitlines() if line.strip().startswith("v")]
    assert [row[0] for row in rows if row[0] != "v"][-4:] == ["v4", "v3", "v2", "v1"]
    assert "Set A config vars" in shown.out
    assert "Deploy aaaaaaaa" in shown.out
    assert [each["version"] for each in json.loads(two.out)] == [4, 3]
    assert shown.journal[0]["range"] == "version ..; max=15, order=desc"


def test_one_release_is_shown_with_its_config_vars(either: World) -> None:
    app = either.create_app(text="shown")["name"]
    either.api("PATCH", f"/apps/{app}/config-vars", {"A": "1"})

    newest = either.heroku("releases:info", "-a", app, "--json")
    older = either.heroku("releases:info", "v3", "-a", app)

    assert json.loads(newest.out)["version"] == 4
    assert "=== Release v3" in older.out
    assert "Deploy aaaaaaaa" in older.out
    assert f"GET /apps/{app}/releases/3/config-vars" in older.calls


def test_the_output_of_a_release_command_is_shown_again(either: World) -> None:
    app = either.create_app(Procfile=PHASE)["name"]
    _finished(either, app)

    shown = either.heroku("releases:output", "-a", app)
    without = either.heroku("releases:output", "v1", "-a", app)

    assert shown.out.strip() == "migrating"
    assert "has no release output available" in without.err


def test_a_rollback_restores_code_and_config_vars(either: World) -> None:
    app = either.create_app(text="old")["name"]
    either.api("PATCH", f"/apps/{app}/config-vars", {"GREETING": " and configured"})
    either.build(app, {"text": "new"})

    previous = either.heroku("releases:rollback", "-a", app)
    slugs = [each["slug"] for each in either.releases(app)]
    named = either.heroku("releases:rollback", "v3", "-a", app)

    assert f"Rolling back {app} to v4... done, v6" in previous.text
    assert slugs[5] == slugs[3] != slugs[4]
    assert f"Rolling back {app} to v3... done, v7" in named.text
    newest = either.releases(app)[-1]
    assert (newest["description"], newest["current"]) == ("Rollback to v3", True)
    assert either.api("GET", f"/apps/{app}/config-vars") == {}


def test_a_release_without_code_cannot_be_rolled_back_to(direct: World) -> None:
    app = direct.create_app(text="code")["name"]

    shown = direct.heroku("releases:rollback", "v1", "-a", app, code=2)

    assert "Error ID: invalid_params" in shown.err
    assert len(direct.releases(app)) == 3


def test_a_failed_release_command_is_retried(either: World) -> None:
    app = either.create_app()["name"]
    either.api("PATCH", f"/apps/{app}/config-vars", {"WORD": "once", "PHASE_STATUS": "1"})
    either.build(app, {"Procfile": PHASE})
    _finished(either, app)
    failed = either.releases(app)[-1]["status"]
    either.build(app, {"Procfile": PHASE.replace("exit", "true exit")})
    _finished(either, app)

    shown = either.heroku("releases:retry", "-a", app)

    assert failed == "failed"
    assert f"Retrying v5 on {app}... done, v6" in shown.text
    assert "Running release command...\n" in shown.out
    # The CLI asks once; before the first output it says so, as it does on Heroku.
    assert "migrating once" in shown.out or "Release command starting." in shown.err
    _finished(either, app)
    newest = either.releases(app)[-1]
    assert newest["description"] == "Retry of v5: Deploy aaaaaaaa"
    assert (newest["status"], newest["current"]) == ("succeeded", True)


def test_an_app_without_a_release_command_cannot_retry(direct: World) -> None:
    app = direct.create_app(text="no phase")["name"]

    shown = direct.heroku("releases:retry", "-a", app, code=2)

    assert "App must have a release-phase command" in shown.err
    assert len(direct.releases(app)) == 3
