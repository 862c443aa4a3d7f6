"""Apps, config vars, features, buildpacks and the formation, without any build."""

from typing import Any

import pytest
import requests

from tests.contract.localheroku.platform_fixture import Client, heroku, judges, own, platform

__all__ = ["heroku", "judges", "own", "platform"]


def test_a_new_app_has_an_address_a_git_url_and_its_first_releases(heroku: Client) -> None:
    app = heroku.post("/apps", {"name": "shop-one"})

    assert app["name"] == "shop-one"
    assert app["git_url"] == f"{heroku.platform.url}/shop-one.git"
    assert app["build_stack"]["name"] == "heroku-24"
    releases = heroku.get("/apps/shop-one/releases")
    assert [each["description"] for each in releases] == ["Initial release", "Enable Logplex"]
    assert [each["current"] for each in releases] == [False, True]


def test_an_app_is_found_by_id_by_name_and_in_the_lists(heroku: Client) -> None:
    app = heroku.post("/apps")

    assert heroku.get(f"/apps/{app['id']}") == heroku.get(f"/apps/{app['name']}") == app
    assert app in heroku.get("/apps")
    assert app in heroku.get("/users/~/apps")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        pytest.param("ab", "too short", id="short"),
        pytest.param("a" * 31, "too long", id="long"),
        pytest.param("Shop", "must start with a letter", id="upper case"),
        pytest.param("1shop", "must start with a letter", id="digit first"),
        pytest.param("shop-", "must start with a letter", id="dash last"),
        pytest.param("shop\n", "must start with a letter", id="line end"),
    ],
)
def test_a_name_an_app_cannot_have_is_refused(heroku: Client, name: str, message: str) -> None:
    answer = heroku.call("POST", "/apps", {"name": name})

    assert answer.status_code == 422
    assert answer.json()["id"] == "invalid_params"
    assert message in answer.json()["message"]


def test_a_taken_name_is_refused(heroku: Client) -> None:
    name = heroku.post("/apps")["name"]

    answer = heroku.call("POST", "/apps", {"name": name})

    assert answer.status_code == 422
    assert answer.json()["message"] == f"Name {name} is already taken"


def test_a_renamed_app_keeps_its_address(heroku: Client) -> None:
    app = heroku.post("/apps")

    renamed = heroku.patch(f"/apps/{app['name']}", {"name": "shop-renamed"})

    assert renamed["web_url"] == app["web_url"]
    assert heroku.get("/apps/shop-renamed")["id"] == app["id"]
    assert heroku.call("GET", f"/apps/{app['name']}").status_code == 404
    assert heroku.session.get(app["web_url"], timeout=60).status_code == 503


def test_maintenance_mode_is_answered_by_the_router(heroku: Client) -> None:
    app = heroku.post("/apps")

    changed = heroku.patch(f"/apps/{app['id']}", {"maintenance": True})

    assert changed["maintenance"] is True
    assert heroku.session.get(app["web_url"], timeout=60).status_code == 503


def test_the_build_stack_is_what_the_next_build_uses(heroku: Client) -> None:
    app = heroku.post("/apps", {"stack": "heroku-24"})

    changed = heroku.patch(f"/apps/{app['id']}", {"build_stack": "heroku-22"})

    assert (changed["stack"]["name"], changed["build_stack"]["name"]) == ("heroku-24", "heroku-22")
    stacks = heroku.get("/stacks")
    assert changed["build_stack"] in [{"id": e["id"], "name": e["name"]} for e in stacks]
    assert heroku.call("PATCH", f"/apps/{app['id']}", {"build_stack": "x"}).status_code == 422


def test_a_destroyed_app_is_gone_with_its_address(heroku: Client) -> None:
    app = heroku.post("/apps")

    gone = heroku.call("DELETE", f"/apps/{app['name']}")

    assert gone.json()["id"] == app["id"]
    assert heroku.call("GET", f"/apps/{app['id']}").status_code == 404
    with pytest.raises(requests.ConnectionError):
        heroku.session.get(app["web_url"], timeout=60)


class TestConfigVars:
    @pytest.fixture
    def path(self, heroku: Client) -> str:
        return f"/apps/{heroku.post('/apps')['id']}"

    def test_null_deletes_and_the_answer_is_the_whole_map(self, heroku: Client, path: str) -> None:
        heroku.patch(f"{path}/config-vars", {"A": "1", "B": "2"})

        answer = heroku.patch(f"{path}/config-vars", {"A": None, "C": "3"})

        assert answer == heroku.get(f"{path}/config-vars") == {"B": "2", "C": "3"}

    def test_each_real_change_is_one_release(self, heroku: Client, path: str) -> None:
        heroku.patch(f"{path}/config-vars", {"A": "1", "B": "2"})
        heroku.patch(f"{path}/config-vars", {"A": "1"})
        heroku.patch(f"{path}/config-vars", {"B": None})

        releases = heroku.get(f"{path}/releases", Range="version 3..")

        assert [each["description"] for each in releases] == [
            "Set A, B config vars",
            "Remove B config vars",
        ]
        assert heroku.get(f"{path}/releases/3/config-vars") == {"A": "1", "B": "2"}
        assert heroku.get(f"{path}/releases/4/config-vars") == {"A": "1"}

    @pytest.mark.parametrize(
        "changes",
        [
            pytest.param({"A-B": "1"}, id="dash in the key"),
            pytest.param({"": "1"}, id="empty key"),
            pytest.param({"A": 1}, id="number"),
            pytest.param({"OK": "1", "A B": "1"}, id="one of two"),
        ],
    )
    def test_what_cannot_be_a_config_var_changes_nothing(
        self, heroku: Client, path: str, changes: dict[str, Any]
    ) -> None:
        answer = heroku.call("PATCH", f"{path}/config-vars", changes)

        assert answer.status_code == 422
        assert heroku.get(f"{path}/config-vars") == {}
        assert len(heroku.get(f"{path}/releases")) == 2


class TestFeatures:
    @pytest.fixture
    def path(self, heroku: Client) -> str:
        return f"/apps/{heroku.post('/apps')['id']}"

    def test_the_features_are_listed_switched_and_looked_up(
        self, heroku: Client, path: str
    ) -> None:
        features = heroku.get(f"{path}/features")

        assert {each["name"] for each in features} == {
            "runtime-dyno-metadata",
            "runtime-dyno-build-metadata",
            "preboot",
        }
        assert not any(each["enabled"] for each in features)
        changed = heroku.patch(f"{path}/features/preboot", {"enabled": True})
        assert changed["enabled"] is True
        assert heroku.get(f"{path}/features/{changed['id']}") == changed

    def test_metadata_appears_with_the_next_release_and_then_stays_behind(
        self, heroku: Client, path: str
    ) -> None:
        feature = f"{path}/features/runtime-dyno-metadata"
        heroku.patch(feature, {"enabled": True})
        assert heroku.get(f"{path}/config-vars") == {}

        heroku.patch(f"{path}/config-vars", {"A": "1"})
        found = heroku.get(f"{path}/config-vars")
        assert found["HEROKU_RELEASE_VERSION"] == "v3"
        assert found["HEROKU_SLUG_COMMIT"] == ""

        heroku.patch(feature, {"enabled": False})
        heroku.patch(f"{path}/config-vars", {"A": "2"})
        stale = heroku.get(f"{path}/config-vars")
        assert stale == {**found, "A": "2"}

    def test_heroku3_sends_a_number_for_enabled(self, heroku: Client, path: str) -> None:
        assert heroku.patch(f"{path}/features/preboot", {"enabled": 1})["enabled"] is True
        assert heroku.call("PATCH", f"{path}/features/preboot", {}).status_code == 422


def test_buildpacks_are_replaced_as_a_list(heroku: Client) -> None:
    path = f"/apps/{heroku.post('/apps')['id']}/buildpack-installations"
    updates = [{"buildpack": "heroku/python"}, {"buildpack": "https://127.0.0.1/pack.git"}]

    changed = heroku.call("PUT", path, {"updates": updates}, Range="")

    assert changed.status_code == 200
    assert changed.json() == heroku.get(path) == heroku.get(path, Range="id ..; ;")
    assert [each["ordinal"] for each in changed.json()] == [0, 1]
    assert changed.json()[0]["buildpack"]["name"] == "heroku/python"
    assert heroku.call("PUT", path, {"updates": []}).json() == []
    assert heroku.call("PUT", path, {"updates": "x"}).status_code == 422
