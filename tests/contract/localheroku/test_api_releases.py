"""Releases: the release phase, rollback, expiry."""

from typing import Any

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

__all__ = ["heroku", "judges", "own", "platform"]
WITH_PHASE = "web: python3 -u server.py\nrelease: echo migrating $DYNO; exit ${PHASE_STATUS:-0}\n"
SLOW_PHASE = "web: python3 -u server.py\nrelease: echo begun; sleep ${PHASE_SECONDS:-600}\n"


@pytest.fixture
def app(heroku: Client) -> Any:
    return heroku.post("/apps")


class TestReleasePhase:
    def test_a_successful_command_lets_the_release_become_current(
        self, heroku: Client, app: Any
    ) -> None:
        build = heroku.build(app["id"], web_app(Procfile=WITH_PHASE))

        release = heroku.release(app["id"], build["release"]["id"])

        assert (release["status"], release["current"]) == ("succeeded", True)
        output = heroku.session.get(release["output_stream_url"], timeout=60).text
        assert output.startswith("migrating release.")
        assert heroku.page(app) == "hello"

    def test_a_failing_command_leaves_the_old_release_current_and_running(
        self, heroku: Client, app: Any
    ) -> None:
        heroku.build(app["id"], web_app("old"))
        assert heroku.page(app) == "old"
        dyno = heroku.get(f"/apps/{app['id']}/dynos/web.1")["id"]
        broken = web_app("new", Procfile=WITH_PHASE.replace(":-0", ":-1"))

        build = heroku.build(app["id"], broken)
        release = heroku.release(app["id"], build["release"]["id"])

        assert (release["status"], release["current"]) == ("failed", False)
        assert heroku.get(f"/apps/{app['id']}/releases/3")["current"] is True
        assert heroku.get(f"/apps/{app['id']}/dynos/web.1")["id"] == dyno
        assert heroku.page(app) == "old"

    def test_while_the_command_runs_the_old_release_is_current(
        self, heroku: Client, app: Any
    ) -> None:
        heroku.build(app["id"], web_app("old"))
        build = heroku.build(app["id"], web_app("new", Procfile=SLOW_PHASE))
        path = f"/apps/{app['id']}/releases"

        pending = heroku.get(f"{path}/{build['release']['id']}")

        assert (pending["status"], pending["current"]) == ("pending", False)
        assert heroku.get(f"{path}/3")["current"] is True
        assert heroku.page(app) == "old"

    def test_a_config_change_runs_the_command_with_the_new_value(
        self, heroku: Client, app: Any
    ) -> None:
        heroku.release(
            app["id"], heroku.build(app["id"], web_app(Procfile=WITH_PHASE))["release"]["id"]
        )

        heroku.patch(f"/apps/{app['id']}/config-vars", {"PHASE_STATUS": "1"})

        release = heroku.release(app["id"], 4)
        assert (release["status"], release["current"]) == ("failed", False)

    def test_an_app_can_be_destroyed_while_its_command_runs(self, heroku: Client, app: Any) -> None:
        build = heroku.build(app["id"], web_app(Procfile=SLOW_PHASE))
        release = heroku.get(f"/apps/{app['id']}/releases/{build['release']['id']}")
        url = release["output_stream_url"]
        eventually(lambda: heroku.session.head(url, timeout=60).status_code == 200)

        heroku.call("DELETE", f"/apps/{app['id']}")

        assert heroku.session.get(url, timeout=60).status_code == 404
        assert heroku.call("GET", f"/apps/{app['id']}/releases").status_code == 404


class TestRollback:
    def test_it_restores_code_and_config_vars(self, heroku: Client, app: Any) -> None:
        heroku.patch(f"/apps/{app['id']}/config-vars", {"GREETING": " once"})
        heroku.build(app["id"], web_app("old"))
        heroku.build(app["id"], web_app("new"))
        heroku.patch(f"/apps/{app['id']}/config-vars", {"GREETING": " now"})
        old = heroku.get(f"/apps/{app['id']}/releases/4")

        release = heroku.post(f"/apps/{app['id']}/releases", {"release": old["id"]})

        assert release["description"] == "Rollback to v4"
        assert release["slug"] == old["slug"]
        assert heroku.get(f"/apps/{app['id']}/config-vars") == {"GREETING": " once"}
        assert heroku.page(app) == "old once"

    def test_releasing_the_slug_again_restores_the_code_only(
        self, heroku: Client, app: Any
    ) -> None:
        slug = heroku.build(app["id"], web_app("old"))["slug"]["id"]
        heroku.build(app["id"], web_app("new"))
        heroku.patch(f"/apps/{app['id']}/config-vars", {"GREETING": " now"})

        body = {"slug": slug, "description": "Back"}
        release = heroku.post(f"/apps/{app['id']}/releases", body)

        assert release["description"] == "Back"
        assert heroku.page(app) == "old now"

    @pytest.mark.parametrize("identity", ["1", "99", "01234567-89ab-4cde-8f01-23456789abcd"])
    def test_what_cannot_be_rolled_back_to_is_refused(
        self, heroku: Client, app: Any, identity: str
    ) -> None:
        answer = heroku.call("POST", f"/apps/{app['id']}/releases", {"release": identity})

        assert answer.status_code in {404, 422}


def test_a_signed_url_expires_with_the_platforms_clock(own: Client) -> None:
    url = own.upload(web_app())

    own.control("POST", "/clock", {"advance_seconds": 86400})

    assert own.session.get(url, timeout=60).status_code == 403


def test_a_release_expires_when_old_and_beyond_twenty_others(own: Client) -> None:
    app = own.post("/apps")["id"]
    own.build(app, web_app(Procfile="bg: sleep 1\n"))
    own.build(app, web_app(Procfile="bg: sleep 2\n"))
    for number in range(19):
        own.patch(f"/apps/{app}/config-vars", {"N": str(number)})
    assert own.get(f"/apps/{app}/releases/3")["status"] == "succeeded"

    own.control("POST", "/clock", {"advance_seconds": 31 * 86400})

    assert own.get(f"/apps/{app}/releases/3")["status"] == "expired"
    assert own.get(f"/apps/{app}/releases/4")["status"] == "succeeded"
    expired = own.get(f"/apps/{app}/releases/3")
    assert expired["eligible_for_rollback"] is False
    refused = own.call("POST", f"/apps/{app}/releases", {"release": expired["id"]})
    assert refused.status_code == 422
