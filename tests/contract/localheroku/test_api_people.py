"""Authorizations, collaborators, regions, and lists that are always empty."""

from typing import Any

import pytest
import requests

from tests.contract.localheroku.platform_fixture import (
    Client,
    ask_control,
    heroku,
    judges,
    platform,
)

__all__ = ["heroku", "judges", "platform"]


def _as(heroku: Client, token: str, path: str = "/account") -> int:
    return heroku.call("GET", path, Authorization=f"Bearer {token}").status_code


@pytest.fixture
def authorization(heroku: Client) -> Any:
    return heroku.post("/oauth/authorizations", {"scope": ["global"], "description": "one"})


class TestAuthorizations:
    def test_a_new_one_is_a_key_of_the_account(self, heroku: Client, authorization: Any) -> None:
        token = authorization["access_token"]["token"]

        assert _as(heroku, token) == 200
        assert authorization["user"]["email"] == heroku.get("/account")["email"]
        assert authorization["access_token"]["expires_in"] is None

    def test_it_is_listed_and_read_by_its_id(self, heroku: Client, authorization: Any) -> None:
        listed = heroku.get("/oauth/authorizations")

        assert authorization in listed
        assert heroku.get(f"/oauth/authorizations/{authorization['id']}") == authorization

    def test_without_a_scope_it_may_do_everything(self, heroku: Client) -> None:
        made = heroku.post("/oauth/authorizations", {})

        assert made["scope"] == ["global"]
        assert made["description"] == "Long-lived user authorization"

    @pytest.mark.parametrize("given", [60, "60"], ids=["a number", "a string, as the CLI sends"])
    def test_it_expires(self, heroku: Client, given: Any) -> None:
        made = heroku.post("/oauth/authorizations", {"scope": ["read"], "expires_in": given})

        assert 58 <= made["access_token"]["expires_in"] <= 60

    @pytest.mark.parametrize(
        ("body", "status"),
        [
            pytest.param({"scope": "read"}, 422, id="a scope that is no list"),
            pytest.param({"scope": ["everything"]}, 422, id="an unknown scope"),
            pytest.param({"scope": []}, 422, id="no scope at all"),
            pytest.param({"scope": ["read"], "expires_in": 0}, 422, id="an end at once"),
            pytest.param({"scope": ["read"], "expires_in": "soon"}, 422, id="an end in words"),
            pytest.param({"scope": ["read"], "expires_in": True}, 422, id="an end that is true"),
            pytest.param({"scope": ["read"], "client": "x"}, 404, id="an OAuth client"),
        ],
    )
    def test_what_makes_no_sense_is_refused(self, heroku: Client, body: Any, status: int) -> None:
        assert heroku.call("POST", "/oauth/authorizations", body).status_code == status

    def test_it_is_described_anew(self, heroku: Client, authorization: Any) -> None:
        path = f"/oauth/authorizations/{authorization['id']}"

        changed = heroku.patch(path, {"description": "two"})

        assert changed["description"] == "two"
        assert heroku.get(path)["description"] == "two"
        assert heroku.call("PATCH", path, {"client": {"id": "x"}}).status_code == 404

    def test_a_new_token_replaces_the_old_one(self, heroku: Client, authorization: Any) -> None:
        path = f"/oauth/authorizations/{authorization['id']}/actions/regenerate-tokens"

        changed = heroku.call("POST", path).json()

        old, new = (each["access_token"]["token"] for each in (authorization, changed))
        assert (_as(heroku, old), _as(heroku, new)) == (401, 200)

    def test_a_deleted_one_is_refused(self, heroku: Client, authorization: Any) -> None:
        path = f"/oauth/authorizations/{authorization['id']}"

        deleted = heroku.call("DELETE", path)

        assert deleted.json() == authorization
        assert _as(heroku, authorization["access_token"]["token"]) == 401
        assert heroku.call("GET", path).status_code == 404

    def test_another_account_does_not_see_it(self, heroku: Client, authorization: Any) -> None:
        heroku.control("POST", "/accounts", {"email": "eve@example.com"})
        stranger = heroku.control("POST", "/keys", {"account": "eve@example.com"})["key"]

        seen = _as(heroku, stranger, f"/oauth/authorizations/{authorization['id']}")

        assert seen == 404


@pytest.fixture(scope="module")
def ada(platform: Any) -> str:
    """The email of a second account."""
    email = "ada@example.com"
    with requests.Session() as session:
        session.trust_env = False
        made = ask_control(platform, session, "POST", "/accounts", {"email": email})
    assert made.ok, made.text
    return email


class TestCollaborators:
    def test_the_owner_is_listed_and_stays(self, heroku: Client) -> None:
        app = heroku.post("/apps")["name"]

        (owner,) = heroku.get(f"/apps/{app}/collaborators")

        assert (owner["role"], owner["user"]["email"]) == ("owner", heroku.get("/account")["email"])
        path = f"/apps/{app}/collaborators/{owner['user']['email']}"
        assert heroku.call("DELETE", path).status_code == 422

    @pytest.mark.parametrize("form", ["email", "id"])
    def test_an_account_is_added_read_and_removed(
        self, heroku: Client, ada: str, form: str
    ) -> None:
        app = heroku.post("/apps")["name"]
        path = f"/apps/{app}/collaborators"
        known = next(each for each in heroku.control("GET", "/accounts") if each["email"] == ada)
        user = {"email": ada, "id": known["id"]}[form]

        added = heroku.post(path, {"user": user, "silent": True})

        assert added["role"] == "collaborator"
        assert heroku.get(f"{path}/{ada}") == added
        assert [each["user"]["email"] for each in heroku.get(path)][1] == ada
        assert heroku.call("POST", path, {"user": ada}).status_code == 422
        assert heroku.call("DELETE", f"{path}/{added['id']}").status_code == 200
        assert heroku.call("GET", f"{path}/{ada}").status_code == 404

    def test_nobody_unknown_is_added(self, heroku: Client) -> None:
        app = heroku.post("/apps")["name"]

        refused = heroku.call("POST", f"/apps/{app}/collaborators", {"user": "x@example.com"})

        assert refused.status_code == 404


def test_the_one_region_is_read_by_name_and_id(heroku: Client) -> None:
    (region,) = heroku.get("/regions")

    assert region["name"] == "us"
    assert heroku.get("/regions/us") == region == heroku.get(f"/regions/{region['id']}")
    assert heroku.call("GET", "/regions/mars").status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/addons",
        "/teams",
        "/account/keys",
        "/account/app-transfers",
        "/users/~/addons",
        "/apps/{app}/addons",
        "/addon-attachments",
        "/addon-services",
        "/spaces",
        "/enterprise-accounts",
        "/oauth/clients",
        "/account/credits",
        "/account/invoices",
        "/apps/{app}/telemetry-drains",
        "/apps/{app}/webhook-deliveries",
        "/apps/{app}/webhook-events",
        "/apps/{app}/addon-attachments",
        "/apps/{app}/domains",
        "/apps/{app}/log-drains",
        "/apps/{app}/sni-endpoints",
        "/apps/{app}/webhooks",
    ],
)
def test_what_the_platform_does_not_have_is_an_empty_list(heroku: Client, path: str) -> None:
    app = heroku.post("/apps")["name"]

    assert heroku.get(path.format(app=app)) == []


@pytest.mark.parametrize("path", ["/apps/nobody-has-this/addons", "/users/x@example.com/addons"])
def test_even_an_empty_list_belongs_to_something(heroku: Client, path: str) -> None:
    assert heroku.call("GET", path).status_code == 404
