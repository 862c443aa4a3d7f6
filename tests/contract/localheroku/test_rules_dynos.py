"""Dynos between two releases, beside them, and crashing: preboot, rolling, one-off, H10."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.localheroku.platform_fixture import (
    Client,
    eventually,
    heroku,
    judges,
    own,
    platform,
)
from tests.contract.localheroku.rules import SERVE, release, serving, slug

__all__ = ["heroku", "judges", "own", "platform"]


def _log(client: Client, app: Any) -> str:
    return client.log(app)


def _dynos(client: Client, app: Any) -> list[tuple[str, str, int]]:
    found = client.get(f"/apps/{app['id']}/dynos")
    return [(each["name"], each["state"], each["release"]["version"]) for each in found]


def _says(client: Client, app: Any) -> str:
    return str(client.session.get(app["web_url"], timeout=60).text)


class TestPreboot:
    @pytest.fixture
    def app(self, heroku: Client) -> Any:
        """An app with preboot whose first release serves."""
        app = heroku.post("/apps")
        heroku.patch(f"/apps/{app['id']}/features/preboot", {"enabled": True})
        heroku.control("PUT", f"/apps/{app['id']}/durations", {"preboot_seconds": 600})
        release(heroku, app["id"], "old")
        serving(heroku, app, "old")
        return app

    def test_the_old_dynos_serve_on_while_only_the_new_ones_are_listed(
        self, heroku: Client, app: Any
    ) -> None:
        release(heroku, app["id"], "new")

        eventually(lambda: _dynos(heroku, app) == [("web.1", "up", 4)])

        assert {_says(heroku, app) for _ in range(5)} == {"old"}

    def test_after_the_delay_requests_reach_the_new_ones_and_the_old_ones_stop(
        self, heroku: Client, app: Any
    ) -> None:
        heroku.control("PUT", f"/apps/{app['id']}/durations", {"preboot_seconds": 0.2})

        release(heroku, app["id"], "new")

        serving(heroku, app, "new")
        assert "Preboot: routing to the new dynos" in _log(heroku, app)

    def test_a_further_release_replaces_the_dynos_that_do_not_serve_yet(
        self, heroku: Client, app: Any
    ) -> None:
        release(heroku, app["id"], "skipped")
        heroku.control("PUT", f"/apps/{app['id']}/durations", {"preboot_seconds": 0.5})

        release(heroku, app["id"], "newest")

        assert _says(heroku, app) == "old"
        serving(heroku, app, "newest")

    def test_scaling_to_nothing_ends_it(self, heroku: Client, app: Any) -> None:
        release(heroku, app["id"], "new")
        heroku.patch(f"/apps/{app['id']}/formation/web", {"quantity": 0})

        answer = heroku.session.get(app["web_url"], timeout=60)

        assert answer.status_code == 503
        assert "code=H14" in _log(heroku, app)

    def test_without_it_the_old_dynos_go_at_once(self, heroku: Client) -> None:
        app = heroku.post("/apps")
        heroku.control("PUT", f"/apps/{app['id']}/durations", {"preboot_seconds": 600})
        release(heroku, app["id"], "old")
        serving(heroku, app, "old")

        release(heroku, app["id"], "new")

        # A request that comes now waits for the new dyno.
        assert _says(heroku, app) == "new"


class TestRolling:
    @pytest.fixture
    def app(self, heroku: Client) -> Any:
        """An app in a space that serves its first release with four dynos."""
        app = heroku.post("/apps")
        heroku.control("PUT", f"/apps/{app['id']}/space", {"space": "quiet-space"})
        heroku.control("PUT", f"/apps/{app['id']}/durations", {"rolling_seconds": 600})
        release(heroku, app["id"], "old")
        heroku.patch(f"/apps/{app['id']}/formation/web", {"quantity": 4})
        eventually(lambda: [state for _, state, _ in _dynos(heroku, app)] == ["up"] * 4)
        return app

    def test_the_space_is_shown(self, heroku: Client, app: Any) -> None:
        assert heroku.get(f"/apps/{app['id']}")["space"]["name"] == "quiet-space"

    def test_the_old_dynos_are_listed_and_serve_until_their_turn_comes(
        self, heroku: Client, app: Any
    ) -> None:
        before = _dynos(heroku, app)

        release(heroku, app["id"], "new")

        assert _dynos(heroku, app) == before
        assert {_says(heroku, app) for _ in range(5)} == {"old"}

    def test_old_and_new_serve_side_by_side_a_quarter_at_a_time(
        self, heroku: Client, app: Any
    ) -> None:
        heroku.control("PUT", f"/apps/{app['id']}/durations", {"rolling_seconds": 4})

        release(heroku, app["id"], "new")

        # The server of these tests ends at SIGTERM, and with it the request that it has: H13.
        eventually(lambda: {"old", "new"} <= {_says(heroku, app) for _ in range(8)})
        serving(heroku, app, "new")
        eventually(lambda: {version for _, _, version in _dynos(heroku, app)} == {4})

    def test_a_further_release_is_the_one_that_all_end_on(self, heroku: Client, app: Any) -> None:
        release(heroku, app["id"], "skipped")
        heroku.control("PUT", f"/apps/{app['id']}/durations", {"rolling_seconds": 0.2})

        release(heroku, app["id"], "newest")

        eventually(lambda: {version for _, _, version in _dynos(heroku, app)} == {5})
        serving(heroku, app, "newest")

    def test_outside_of_a_space_all_are_replaced_at_once(self, heroku: Client, app: Any) -> None:
        heroku.control("PUT", f"/apps/{app['id']}/space", {"space": None})

        release(heroku, app["id"], "new")

        assert {version for _, _, version in _dynos(heroku, app)} == {4}


@pytest.mark.parametrize("kind", ["scheduler", "run", "clock", "web"])
def test_a_one_off_dyno_of_any_type_outlives_a_release_on_its_own_version(
    heroku: Client, kind: str
) -> None:
    app = heroku.post("/apps")
    release(heroku, app["id"])
    body = {"command": "sleep 600", "type": kind}
    made = heroku.post(f"/apps/{app['id']}/dynos", body)

    release(heroku, app["id"], "new")

    serving(heroku, app, "new")
    assert made["name"].startswith(f"{kind}.")
    assert (made["name"], 3) in {(name, version) for name, _, version in _dynos(heroku, app)}
    assert ("web.1", "up", 4) in _dynos(heroku, app)


class TestCrashes:
    def test_a_dyno_that_keeps_crashing_is_started_again_and_again(self, heroku: Client) -> None:
        app = heroku.post("/apps")
        release(heroku, app["id"], process_types={"web": "echo oh no; exit 3"})

        eventually(lambda: _log(heroku, app).count("Process exited with status 3") >= 2)

        states = ("crashed", "starting")
        assert [name for name, state, _ in _dynos(heroku, app) if state in states] == ["web.1"]
        assert "State changed from starting to crashed" in _log(heroku, app)
        assert "State changed from crashed to starting" in _log(heroku, app)

    def test_a_request_to_a_crashed_app_gets_h10(self, heroku: Client) -> None:
        app = heroku.post("/apps")
        release(heroku, app["id"], process_types={"web": "exit 3"})

        eventually(lambda: _dynos(heroku, app)[0][1] == "crashed")
        answer = heroku.session.get(app["web_url"], timeout=60)

        assert answer.status_code == 503
        assert "Application error" in answer.text
        assert 'at=error code=H10 desc="App crashed"' in _log(heroku, app)

    def test_a_good_release_ends_the_crashing(self, heroku: Client) -> None:
        app = heroku.post("/apps")
        release(heroku, app["id"], process_types={"web": "exit 3"})

        release(heroku, app["id"], "well")

        serving(heroku, app, "well")
        assert [(state, version) for _, state, version in _dynos(heroku, app)] == [("up", 4)]


def test_a_boot_can_be_made_to_take_its_time(heroku: Client) -> None:
    app = heroku.post("/apps")
    heroku.control("PUT", f"/apps/{app['id']}/durations", {"boot_seconds": 600})

    release(heroku, app["id"])

    eventually(lambda: "Starting process" in _log(heroku, app))
    assert [state for _, state, _ in _dynos(heroku, app)] == ["starting"]


def test_maintenance_is_answered_although_dynos_run(heroku: Client) -> None:
    app = heroku.post("/apps")
    release(heroku, app["id"])
    serving(heroku, app, "hello")
    heroku.patch(f"/apps/{app['id']}", {"maintenance": True})
    closed = heroku.session.get(app["web_url"], timeout=60)

    heroku.patch(f"/apps/{app['id']}", {"maintenance": False})

    assert closed.status_code == 503
    assert "Offline for Maintenance" in closed.text
    assert _says(heroku, app) == "hello"


@pytest.mark.parametrize("path", ["", "health", "a/b?c=d"])
def test_maintenance_is_a_page_for_every_path_and_said_of_the_app(
    heroku: Client, path: str
) -> None:
    app = heroku.post("/apps")
    release(heroku, app["id"])
    serving(heroku, app, "hello")

    heroku.patch(f"/apps/{app['id']}", {"maintenance": True})

    closed = heroku.session.get(app["web_url"] + path, timeout=60)
    assert closed.status_code == 503
    assert closed.headers["Content-Type"] == "text/html; charset=utf-8"
    assert heroku.get(f"/apps/{app['id']}")["maintenance"] is True


def test_preboot_can_be_read(heroku: Client) -> None:
    app = heroku.post("/apps")
    before = heroku.get(f"/apps/{app['id']}/features/preboot")["enabled"]

    heroku.patch(f"/apps/{app['id']}/features/preboot", {"enabled": True})

    after = heroku.get(f"/apps/{app['id']}/features/preboot")["enabled"]
    assert (before, after) == (False, True)


def test_a_release_without_web_leaves_nothing_to_route_to(heroku: Client) -> None:
    app = heroku.post("/apps")
    release(heroku, app["id"], process_types={"web": SERVE})
    serving(heroku, app, "hello")
    made = slug(heroku, app["id"], process_types={"worker": "sleep 600"})

    heroku.post(f"/apps/{app['id']}/releases", {"slug": made["id"]})

    assert heroku.session.get(app["web_url"], timeout=60).status_code == 503
    assert [row["type"] for row in heroku.get(f"/apps/{app['id']}/formation")] == ["worker"]
