"""Dynos and the formation: what runs, restarts and crashes."""

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


@pytest.fixture
def app(heroku: Client) -> Any:
    return heroku.post("/apps")


def _states(heroku: Client, app: Any) -> dict[str, tuple[str, int]]:
    dynos = heroku.get(f"/apps/{app['id']}/dynos")
    return {each["name"]: (each["state"], each["release"]["version"]) for each in dynos}


class TestDynos:
    def test_the_first_release_starts_one_web_dyno_that_serves(
        self, heroku: Client, app: Any
    ) -> None:
        heroku.build(
            app["id"], web_app("hello", Procfile="web: python3 -u server.py\nbg: sleep 99")
        )

        assert heroku.page(app) == "hello"
        assert _states(heroku, app) == {"web.1": ("up", 3)}
        formation = {e["type"]: e["quantity"] for e in heroku.get(f"/apps/{app['id']}/formation")}
        assert formation == {"web": 1, "bg": 0}
        assert heroku.get(f"/apps/{app['id']}/formation/web")["quantity"] == 1

    @pytest.mark.parametrize(
        ("quantity", "count"),
        [
            pytest.param(2, 2, id="number"),
            pytest.param("2", 2, id="text"),
            pytest.param("+2", 3, id="plus"),
            pytest.param("-1", 0, id="minus"),
        ],
    )
    def test_dynos_follow_the_formation(
        self, heroku: Client, app: Any, quantity: str | int, count: int
    ) -> None:
        heroku.build(app["id"], web_app())

        changed = heroku.patch(
            f"/apps/{app['id']}/formation", {"updates": [{"type": "web", "quantity": quantity}]}
        )

        assert [each["quantity"] for each in changed] == [count]
        assert len(_states(heroku, app)) == count

    def test_an_app_without_web_dynos_answers_503(self, heroku: Client, app: Any) -> None:
        heroku.build(app["id"], web_app())
        heroku.page(app)

        heroku.patch(f"/apps/{app['id']}/formation/web", {"quantity": 0})

        assert heroku.session.get(app["web_url"], timeout=60).status_code == 503

    @pytest.mark.parametrize(
        "change",
        [
            pytest.param({"type": "nobody", "quantity": 1}, id="unknown type"),
            pytest.param({"type": "web", "quantity": "many"}, id="no number"),
            pytest.param({"type": "web", "quantity": -1}, id="less than none"),
            pytest.param({"type": "web", "quantity": True}, id="boolean"),
            pytest.param({"type": "web", "dyno_size": {"name": "Huge"}}, id="unknown size"),
        ],
    )
    def test_a_change_that_cannot_be_leaves_the_formation_alone(
        self, heroku: Client, app: Any, change: dict[str, Any]
    ) -> None:
        heroku.build(app["id"], web_app())
        path = f"/apps/{app['id']}/formation"
        before = heroku.get(path)
        updates = {"updates": [{"type": "web", "quantity": 5}, change]}

        assert heroku.call("PATCH", path, updates).status_code in {404, 422}
        assert heroku.get(path) == before

    def test_config_vars_reach_the_dynos_with_a_restart(self, heroku: Client, app: Any) -> None:
        heroku.build(app["id"], web_app("hello"))
        before = heroku.get(f"/apps/{app['id']}/dynos/web.1")["id"]

        heroku.patch(f"/apps/{app['id']}/config-vars", {"GREETING": " you"})

        assert heroku.page(app) == "hello you"
        assert _states(heroku, app) == {"web.1": ("up", 4)}
        assert heroku.get(f"/apps/{app['id']}/dynos/web.1")["id"] != before

    @pytest.mark.parametrize(
        ("method", "path"),
        [
            pytest.param("DELETE", "dynos", id="all"),
            pytest.param("DELETE", "dynos/web.1", id="one"),
            pytest.param("DELETE", "formations/web", id="a type"),
            pytest.param("POST", "dynos/web.1/actions/stop", id="stopped, so started again"),
            pytest.param("POST", "formations/web/actions/stop", id="a type stopped"),
        ],
    )
    def test_dynos_are_restarted(self, heroku: Client, app: Any, method: str, path: str) -> None:
        heroku.build(app["id"], web_app("hello"))
        heroku.page(app)
        before = heroku.get(f"/apps/{app['id']}/dynos/web.1")["id"]

        answer = heroku.call(method, f"/apps/{app['id']}/{path}")

        assert (answer.status_code, answer.json()) == (202, {})
        assert heroku.get(f"/apps/{app['id']}/dynos/web.1")["id"] != before
        assert heroku.page(app) == "hello"

    def test_a_dyno_that_ends_has_crashed_and_is_started_again(
        self, heroku: Client, app: Any
    ) -> None:
        heroku.build(app["id"], web_app(Procfile="web: echo no; exit 3\n"))

        eventually(lambda: _states(heroku, app)["web.1"][0] == "crashed")

        assert heroku.session.get(app["web_url"], timeout=60).status_code == 503
        started = "heroku[web.1]: State changed from crashed to starting"
        text = eventually(lambda: (found := heroku.log(app)) and started in found and found)
        assert "app[web.1]: no\n" in text
        assert "heroku[web.1]: Process exited with status 3\n" in text

    def test_a_one_off_dyno_runs_beside_the_formation(self, heroku: Client, app: Any) -> None:
        path = f"/apps/{app['id']}/dynos"
        assert heroku.call("POST", path, {"command": "true"}).status_code == 422
        heroku.build(app["id"], web_app())
        body = {"command": "echo one-off $WORD $DYNO", "attach": False, "env": {"WORD": "says"}}

        dyno = heroku.post(path, body)

        assert dyno["type"] == "run"
        said = f"one-off says {dyno['name']}"
        eventually(lambda: said in heroku.log(app))
        eventually(lambda: dyno["name"] not in _states(heroku, app))

    def test_dyno_metadata_is_in_the_dyno_and_in_the_config_vars(
        self, heroku: Client, app: Any
    ) -> None:
        for name in ("runtime-dyno-metadata", "runtime-dyno-build-metadata"):
            heroku.patch(f"/apps/{app['id']}/features/{name}", {"enabled": True})

        heroku.build(app["id"], web_app(), "c" * 40)

        found = heroku.get(f"/apps/{app['id']}/config-vars")
        assert found["HEROKU_SLUG_COMMIT"] == found["HEROKU_BUILD_COMMIT"] == "c" * 40
        assert found["HEROKU_SLUG_DESCRIPTION"] == "Deploy cccccccc"
        assert found["HEROKU_APP_NAME"] == app["name"]
        assert "HEROKU_DYNO_ID" not in found
