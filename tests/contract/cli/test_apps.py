"""Apps, config vars, features, stacks and buildpacks with the real Heroku CLI."""

import json

import pytest

from tests.contract.cli.world import World

pytestmark = pytest.mark.slow


def test_whoami_names_the_account(either: World) -> None:
    shown = either.heroku("auth:whoami")

    assert shown.out.strip() == either.api("GET", "/account")["email"]
    assert set(shown.calls) == {"GET /account"}


def test_a_wrong_key_is_refused_with_the_cli_s_own_words(direct: World) -> None:
    shown = direct.run(str(direct.cli), "stack", "-a", "any", HEROKU_API_KEY="wrong")

    assert shown.code == 1
    assert "The token provided to HEROKU_API_KEY is invalid" in shown.err
    assert [each["status"] for each in shown.journal] == [401] * len(shown.journal)


def test_an_app_is_created_shown_renamed_and_destroyed(either: World) -> None:
    name = "life-of-an-app"

    created = either.heroku("apps:create", name)
    info = either.heroku("apps:info", "-a", name, "--json")
    listed = either.heroku("apps")
    renamed = either.heroku("apps:rename", "another-life", "-a", name)
    destroyed = either.heroku("apps:destroy", "-a", "another-life", "--confirm", "another-life")

    assert f"Creating {name}... done" in created.text
    assert f"/{name}.git" in created.out
    assert json.loads(info.out)["app"]["name"] == name
    assert name in listed.out.split()
    assert "Renaming life-of-an-app to another-life... done" in renamed.text
    assert "Destroying another-life (including all add-ons)... done" in destroyed.text
    assert either.send("GET", "/apps/another-life")["status"] == 404


def test_info_reads_as_on_heroku(either: World) -> None:
    app = either.create_app(text="info")

    shown = either.heroku("apps:info", "-a", app["name"])

    assert f"=== {app['name']}" in shown.out
    values = dict(line.split(":", 1) for line in shown.out.splitlines() if ":" in line)
    assert values["Owner"].strip() == app["owner"]["email"]
    assert values["Web URL"].strip() == app["web_url"]
    assert values["Stack"].strip() == "heroku-24"
    assert values["Dynos"].strip() == "web: 1"


def test_an_unknown_app_is_not_found(direct: World) -> None:
    shown = direct.heroku("apps:info", "-a", "nobody-has-this", code=2)

    assert "Couldn't find that app." in shown.err
    assert "Error ID: not_found" in shown.err


def test_config_vars_are_set_read_and_removed(either: World) -> None:
    app = either.create_app()["name"]

    changed = either.heroku("config:set", "A=1", "GREETING=hello there", "-a", app)
    listed = either.heroku("config", "-a", app, "--json")
    got = either.heroku("config:get", "GREETING", "-a", app)
    absent = either.heroku("config:get", "NOWHERE", "-a", app)
    removed = either.heroku("config:unset", "A", "-a", app)

    assert f"Setting A, GREETING and restarting {app}... done, v3" in changed.text
    assert json.loads(listed.out) == {"A": "1", "GREETING": "hello there"}
    assert (got.out, absent.out) == ("hello there\n", "\n")
    assert f"Unsetting A and restarting {app}... done, v4" in removed.text
    assert either.api("GET", f"/apps/{app}/config-vars") == {"GREETING": "hello there"}
    assert [each["version"] for each in either.releases(app)] == [1, 2, 3, 4]


def test_a_labs_feature_is_listed_switched_on_and_off(either: World) -> None:
    app, feature = either.create_app()["name"], "runtime-dyno-metadata"
    path = f"/apps/{app}/features/{feature}"

    enabled = either.heroku("labs:enable", feature, "-a", app)
    is_on = either.api("GET", path)["enabled"]
    listed = either.heroku("labs", "-a", app)
    info = either.heroku("labs:info", feature, "-a", app, "--json")
    disabled = either.heroku("labs:disable", feature, "-a", app)

    assert f"Enabling {feature} for {app}... done" in enabled.text
    assert is_on is True
    assert f"[+] {feature}" in listed.out
    assert json.loads(info.out)["enabled"] is True
    assert f"Disabling {feature} for {app}... done" in disabled.text
    assert either.api("GET", path)["enabled"] is False
    assert enabled.calls[0] == f"GET /account/features/{feature}"


def test_an_unknown_feature_is_not_found(direct: World) -> None:
    app = direct.create_app()["name"]

    shown = direct.heroku("labs:enable", "teleportation", "-a", app, code=2)

    assert "Error ID: not_found" in shown.err


def test_the_stack_of_later_builds_is_chosen(either: World) -> None:
    app = either.create_app()["name"]

    chosen = either.heroku("stack:set", "heroku-22", "-a", app)
    listed = either.heroku("stack", "-a", app)

    assert "Setting stack to heroku-22... done" in chosen.text
    assert "* heroku-24" in listed.out
    assert "heroku-22 (active on next deploy)" in listed.out
    assert either.api("GET", f"/apps/{app}")["build_stack"]["name"] == "heroku-22"


def test_a_stack_that_does_not_exist_is_refused(direct: World) -> None:
    app = direct.create_app()["name"]

    shown = direct.heroku("stack:set", "cedar-9", "-a", app, code=2)

    assert "Error ID: invalid_params" in shown.err


def test_maintenance_mode_is_switched_on_and_off(either: World) -> None:
    app = either.create_app(text="open")

    on = either.heroku("maintenance:on", "-a", app["name"])
    closed = either.fetch("GET", app["web_url"])
    asked = either.heroku("maintenance", "-a", app["name"])
    off = either.heroku("maintenance:off", "-a", app["name"])

    assert f"Enabling maintenance mode for {app['name']}... done" in on.text
    assert closed["status"] == 503
    assert asked.out == "on\n"
    assert f"Disabling maintenance mode for {app['name']}... done" in off.text
    assert either.fetch("GET", app["web_url"])["text"] == "open"


def _buildpacks(world: World, app: str) -> list[str]:
    listed = world.api("GET", f"/apps/{app}/buildpack-installations")
    return [each["buildpack"]["url"] for each in listed]


def test_buildpacks_are_added_set_listed_removed_and_cleared(either: World) -> None:
    app = either.create_app()["name"]
    python = "https://buildpack-registry.s3.amazonaws.com/buildpacks/heroku/python.tgz"
    own, other = "https://example.com/own.git", "https://example.com/other.git"

    added = either.heroku("buildpacks:add", "heroku/python", "-a", app)
    second = either.heroku("buildpacks:add", own, "-a", app, "--index", "1")
    listed = either.heroku("buildpacks", "-a", app)
    after_adding = _buildpacks(either, app)
    changed = either.heroku("buildpacks:set", other, "-a", app, "--index", "1")
    after_setting = _buildpacks(either, app)
    removed = either.heroku("buildpacks:remove", other, "-a", app)
    after_removing = _buildpacks(either, app)
    cleared = either.heroku("buildpacks:clear", "-a", app)

    assert f"Next release on {app} will use heroku/python." in added.out
    assert "Buildpack added." in second.out
    assert after_adding == [own, python]
    assert [line.strip() for line in listed.out.splitlines() if "." in line][-2:] == [
        f"1. {own}",
        "2. heroku/python",
    ]
    assert "Buildpack set." in changed.out
    assert after_setting == [other, python]
    assert "Buildpack removed." in removed.out
    assert after_removing == [python]
    assert "Buildpacks cleared." in cleared.out
    assert _buildpacks(either, app) == []


def test_the_buildpack_registry_is_searched(direct: World) -> None:
    found = direct.heroku("buildpacks:search", "python")
    about = direct.heroku("buildpacks:info", "heroku/python")
    versions = direct.heroku("buildpacks:versions", "heroku/python")

    assert "heroku/python" in found.out
    assert "1 buildpack found" in found.out
    assert "=== heroku/python" in about.out
    assert "published" in versions.out


def test_a_buildpack_that_nobody_registered_is_refused(direct: World) -> None:
    app = direct.create_app()["name"]

    shown = direct.heroku("buildpacks:add", "nobody/nothing", "-a", app, code=2)

    assert "GET /buildpacks/nobody/nothing" in shown.calls
    assert _buildpacks(direct, app) == []


def test_an_authorization_made_by_the_cli_is_a_key(either: World) -> None:
    made = either.heroku(
        "authorizations:create", "-d", "for CI", "-s", "read,write", "-e", "3600", "--json"
    )
    listed = either.heroku("authorizations", "--json")
    token = json.loads(made.out)["access_token"]["token"]

    assert json.loads(made.out)["scope"] == ["read", "write"]
    assert 3590 <= json.loads(made.out)["access_token"]["expires_in"] <= 3600
    assert "for CI" in [each["description"] for each in json.loads(listed.out)]
    allowed = either.send("GET", "/apps", Authorization=f"Bearer {token}")
    too_much = either.send("GET", "/oauth/authorizations", Authorization=f"Bearer {token}")
    assert (allowed["status"], too_much["status"]) == (200, 403)


def test_an_authorization_is_shown_rotated_and_revoked(direct: World) -> None:
    token = direct.heroku("authorizations:create", "--short").out.strip()
    made = next(
        each
        for each in direct.api("GET", "/oauth/authorizations")
        if each["access_token"]["token"] == token
    )

    info = direct.heroku("authorizations:info", made["id"])
    rotated = direct.heroku("authorizations:rotate", made["id"])
    old = direct.send("GET", "/account", Authorization=f"Bearer {token}")
    revoked = direct.heroku("authorizations:revoke", made["id"])

    assert "Long-lived user authorization" in info.out
    assert "Rotating OAuth Authorization... done" in rotated.text
    assert old["status"] == 401
    assert "done, revoked authorization from Long-lived user authorization" in revoked.text
    assert direct.send("GET", f"/oauth/authorizations/{made['id']}")["status"] == 404


def test_the_token_in_use_is_printed(direct: World) -> None:
    shown = direct.heroku("auth:token")

    assert shown.out.strip() == direct.api_key


@pytest.mark.parametrize(
    ("command", "says"),
    [
        pytest.param(("addons",), "No add-ons.", id="add-ons of an account"),
        pytest.param(("addons", "-a", "APP"), "No add-ons for app APP.", id="add-ons of an app"),
        pytest.param(("spaces", "--json"), "[]", id="spaces"),
        pytest.param(("webhooks:deliveries", "-a", "APP"), "has no deliveries", id="webhooks"),
        pytest.param(("clients",), "No OAuth clients.", id="OAuth clients"),
    ],
)
def test_what_is_not_here_is_told_as_on_an_account_that_has_none(
    direct: World, command: tuple[str, ...], says: str
) -> None:
    name = direct.create_app()["name"]

    shown = direct.heroku(*(name if word == "APP" else word for word in command))

    assert says.replace("APP", name) in " ".join(shown.text.split())
