"""Keys with scopes and an end, second accounts and their permissions."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.localheroku.platform_fixture import Client, heroku, judges, own, platform
from tests.contract.localheroku.rules import Line, sleepy, slug, someone, with_key

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["heroku", "judges", "own", "platform"]
READ_APP, WRITE_APP = ("GET", "/apps/{app}"), ("POST", "/apps/{app}/releases")
READ_CONFIG, WRITE_CONFIG = ("GET", "/apps/{app}/config-vars"), ("PATCH", "/apps/{app}/config-vars")
ACCOUNT, KEYS = ("GET", "/account"), ("GET", "/oauth/authorizations")
EVERYTHING = {READ_APP, WRITE_APP, READ_CONFIG, WRITE_CONFIG, ACCOUNT, KEYS}


@pytest.mark.parametrize(
    ("scope", "allowed"),
    [
        pytest.param("global", EVERYTHING, id="global"),
        pytest.param("identity", {ACCOUNT}, id="identity"),
        pytest.param("read", {READ_APP}, id="read"),
        pytest.param("write", {READ_APP, WRITE_APP}, id="write"),
        pytest.param("read-protected", {READ_APP, READ_CONFIG}, id="read-protected"),
        pytest.param("write-protected", EVERYTHING - {ACCOUNT, KEYS}, id="write-protected"),
    ],
)
def test_a_key_may_do_what_its_scope_says(
    heroku: Client, scope: str, allowed: set[tuple[str, str]]
) -> None:
    app = heroku.post("/apps")["id"]
    body = {"slug": slug(heroku, app, process_types={"worker": "true"})["id"]}
    client = with_key(heroku, scopes=[scope])

    answers = {
        (method, path): client.call(method, path.format(app=app), None if method == "GET" else body)
        for method, path in EVERYTHING
    }

    assert {request for request, answer in answers.items() if answer.ok} == allowed
    refused = [answer for request, answer in answers.items() if request not in allowed]
    assert {(each.status_code, each.json()["id"]) for each in refused} <= {(403, "forbidden")}


def test_a_key_with_two_scopes_may_do_both(heroku: Client) -> None:
    client = with_key(heroku, scopes=["identity", "read"])

    assert client.call("GET", "/account").status_code == 200
    assert client.call("GET", "/apps").status_code == 200
    assert client.call("POST", "/apps").status_code == 403


def test_how_many_requests_are_left_is_told_to_every_key(heroku: Client) -> None:
    client = with_key(heroku, scopes=["identity"])

    assert client.get("/account/rate-limits")["remaining"] > 0


def test_a_key_is_refused_once_it_has_expired(own: Client) -> None:
    client = with_key(own, expires_in_seconds=3600)
    before = client.call("GET", "/account")
    own.control("POST", "/clock", {"advance_seconds": 3601})

    after = client.call("GET", "/account")

    assert (before.status_code, after.status_code) == (200, 401)
    assert after.json()["id"] == "unauthorized"
    assert own.call("GET", "/account").status_code == 200


def test_a_scope_that_does_not_exist_makes_no_key(heroku: Client) -> None:
    answer = heroku.ask_control("POST", "/keys", {"scopes": ["admin"]})

    assert answer.status_code == 422


class TestStrangers:
    def test_an_app_of_somebody_else_is_forbidden_and_in_no_list(self, own: Client) -> None:
        app = own.post("/apps", {"name": "not-yours"})
        other = someone(own, "other@example.com")

        answer = other.call("GET", "/apps/not-yours")

        assert answer.status_code == 403
        assert answer.json() == {
            "id": "forbidden",
            "message": "You do not have access to the app not-yours.",
        }
        assert other.get("/apps") == []
        filtered = other.call("POST", "/filters/apps", {"in": {"id": [app["id"]]}})
        assert filtered.json() == []
        assert other.call("GET", "/apps/no-such-app").status_code == 404

    def test_a_pipeline_without_an_app_of_theirs_is_not_found(self, own: Client) -> None:
        line = Line(own, "staging")
        other = someone(own, "other@example.com")

        answers = [
            other.call("GET", f"/pipelines/{line.pipeline['id']}"),
            other.call("GET", f"/pipelines/{line.pipeline['id']}/pipeline-couplings"),
            other.call("POST", "/pipeline-promotions", line.body()),
        ]

        assert [each.status_code for each in answers] == [404, 404, 404]
        assert other.get("/pipelines?eq[name]=shop") == []
        assert other.get("/pipeline-couplings") == []

    def test_a_slug_of_an_app_they_cannot_see_is_forbidden(self, own: Client) -> None:
        made = slug(own, own.post("/apps")["id"])
        other = someone(own, "other@example.com")
        app = other.post("/apps")["id"]

        answer = other.call("POST", f"/apps/{app}/releases", {"slug": made["id"]})

        assert answer.status_code == 403
        assert answer.json()["id"] == "forbidden"

    def test_what_they_make_is_theirs(self, own: Client) -> None:
        other = someone(own, "other@example.com")

        app = other.post("/apps")
        made = sleepy(other, app["id"])

        assert app["owner"]["email"] == "other@example.com"
        assert made["user"]["email"] == "other@example.com"
        assert own.call("GET", f"/apps/{app['id']}").status_code == 403


class TestCollaborators:
    def test_a_collaborator_works_on_the_app_and_on_no_other(self, own: Client) -> None:
        shared, private = own.post("/apps")["id"], own.post("/apps")["id"]
        other = someone(own, "other@example.com")
        own.post(f"/apps/{shared}/collaborators", {"user": "other@example.com"})

        made = sleepy(other, shared)

        assert made["user"]["email"] == "other@example.com"
        assert [each["id"] for each in other.get("/apps")] == [shared]
        assert other.call("GET", f"/apps/{private}").status_code == 403

    @pytest.mark.parametrize(
        ("permissions", "allowed"),
        [
            pytest.param(["view"], [], id="view"),
            pytest.param(["view", "deploy"], ["release", "config"], id="deploy"),
            pytest.param(["view", "operate"], ["config", "scale"], id="operate"),
            pytest.param(["view", "manage"], ["destroy"], id="manage"),
        ],
    )
    def test_permissions_narrow_what_a_collaborator_may_do(
        self, own: Client, permissions: list[str], allowed: list[str]
    ) -> None:
        app = own.post("/apps")["id"]
        sleepy(own, app)
        other = someone(own, "other@example.com")
        wanted = {"account": "other@example.com", "permissions": permissions}
        own.control("POST", f"/apps/{app}/collaborators", wanted)

        tried = {
            "release": other.call("POST", f"/apps/{app}/builds", {"source_blob": {"url": "x"}}),
            "config": other.call("PATCH", f"/apps/{app}/config-vars", {"A": "1"}),
            "scale": other.call("PATCH", f"/apps/{app}/formation/worker", {"quantity": 0}),
            "destroy": other.call("DELETE", f"/apps/{app}"),
        }

        assert [name for name, answer in tried.items() if answer.status_code != 403] == allowed

    def test_a_promotion_to_an_app_without_access_fails_for_that_app_only(
        self, own: Client
    ) -> None:
        line = Line(own, "staging", "production")
        sleepy(own, line.source["id"])
        other = someone(own, "other@example.com")
        for app in (line.source, line.targets[0]):
            own.post(f"/apps/{app['id']}/collaborators", {"user": "other@example.com"})

        one, two = line.promoted(other)

        assert (one["status"], one["error_message"]) == ("succeeded", None)
        assert (two["status"], two["error_message"]) == (
            "failed",
            "User does not have access to that app",
        )
        assert two["release"] is None
        assert len(own.get(f"/apps/{line.targets[1]['id']}/releases")) == 2


@pytest.mark.parametrize(
    ("options", "status"),
    [
        pytest.param({}, 200, id="global key"),
        pytest.param({"scopes": ["write-protected"]}, 401, id="narrower key"),
        pytest.param({"account": "other@example.com"}, 403, id="account without access"),
    ],
)
def test_git_takes_global_keys_of_accounts_with_access(
    own: Client, options: dict[str, Any], status: int
) -> None:
    own.control("POST", "/accounts", {"email": "other@example.com"})
    app = own.post("/apps")
    key = own.control("POST", "/keys", options)["key"]
    basic = base64.b64encode(f"heroku:{key}".encode()).decode()

    answer = own.session.get(
        f"{app['git_url']}/info/refs?service=git-receive-pack",
        headers={"Authorization": f"Basic {basic}"},
        timeout=60,
    )

    assert answer.status_code == status


@pytest.mark.git
def test_a_push_belongs_to_who_pushed(own: Client, git: Callable[..., Any], tmp_path: Path) -> None:
    app = own.post("/apps")
    other = someone(own, "other@example.com")
    own.post(f"/apps/{app['id']}/collaborators", {"user": "other@example.com"})
    files = {"Procfile": "worker: sleep 600\n", "requirements.txt": ""}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    for step in (("init", "-q", "-b", "main"), ("add", *files), ("commit", "-q", "-m", "Begin")):
        git(*step, cwd=tmp_path)

    url = app["git_url"].replace("://", f"://heroku:{other.key}@")
    result = git("push", url, "HEAD:main", cwd=tmp_path)

    assert result.returncode == 0, result.stderr
    (build,) = own.get(f"/apps/{app['id']}/builds")
    made = own.get(f"/apps/{app['id']}/releases/{build['release']['id']}")
    assert {build["user"]["email"], made["user"]["email"]} == {"other@example.com"}


@pytest.mark.parametrize("missing", ["id", "type"])
def test_an_owner_of_a_pipeline_is_named_whole_or_not_at_all(own: Client, missing: str) -> None:
    owner = {"id": own.get("/account")["id"], "type": "user"}
    del owner[missing]

    answer = own.call("POST", "/pipelines", {"name": "shop", "owner": owner})

    assert (answer.status_code, f"owner.{missing}" in answer.text) == (422, True)


@pytest.mark.parametrize(
    ("owner", "status"),
    [
        pytest.param({"id": "{me}", "type": "user"}, 201, id="the account itself"),
        pytest.param({"id": "{other}", "type": "user"}, 422, id="somebody else"),
        pytest.param({"id": "{me}", "type": "team"}, 404, id="a team"),
    ],
)
def test_a_pipeline_is_owned_by_who_makes_it(
    own: Client, owner: dict[str, str], status: int
) -> None:
    other = someone(own, "other@example.com").get("/account")["id"]
    id = owner["id"].format(me=own.get("/account")["id"], other=other)

    answer = own.call("POST", "/pipelines", {"name": "shop", "owner": {**owner, "id": id}})

    assert answer.status_code == status
