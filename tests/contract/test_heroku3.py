"""heroku3, unchanged, against the local platform: every area it has and the platform supports.

What is left out here is what the platform does not do: attached runs, installing add-ons, adding
domains, drains, certificates and SSH keys, app transfers and app setups.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import heroku3
import heroku3.api
import pytest
import requests

from tests.contract.localheroku.platform_fixture import (
    Client,
    _still,
    eventually,
    heroku,
    judges,
    platform,
    web_app,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from accelerator.localheroku.server import LocalHeroku

__all__ = ["_still", "heroku", "judges", "platform"]
WORKER = "web: python3 -u server.py\nworker: while true; do sleep 1; done\n"


@pytest.fixture
def conn(platform: LocalHeroku, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A connection made as heroku3's documentation says, but for the address."""
    monkeypatch.setattr(heroku3.api, "HEROKU_URL", platform.url)
    made = heroku3.from_key(platform.api_key)
    yield made
    made._session.close()


@pytest.fixture
def empty(conn: Any) -> Any:
    """An app without any code."""
    return conn.create_app()


@pytest.fixture
def app(conn: Any, heroku: Client) -> Any:
    """An app that serves."""
    name = heroku.post("/apps")["name"]
    heroku.build(name, web_app("served", Procfile=WORKER))
    eventually(lambda: _up(heroku, name))
    return conn.app(name)


def _up(heroku: Client, app: str) -> list[str]:
    return [each["id"] for each in heroku.get(f"/apps/{app}/dynos") if each["state"] == "up"]


def test_a_key_is_checked_at_once(
    conn: Any, platform: LocalHeroku, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heroku3.api, "HEROKU_URL", platform.url)
    wrong = heroku3.from_key("wrong")
    wrong._session.close()

    assert conn.is_authenticated is True
    assert wrong.is_authenticated is False


def test_the_account_and_its_rate_limit_are_read(conn: Any, heroku: Client) -> None:
    account, limit = conn.account(), conn.rate_limit

    assert account.email == heroku.get("/account")["email"]
    assert 0 < limit.remaining <= 4500
    assert conn.ratelimit_remaining() > 0
    assert conn.last_request_id


def test_an_app_is_created_found_renamed_and_deleted(conn: Any, heroku: Client) -> None:
    app = conn.create_app(name="from-heroku3", region_id_or_name="us")
    listed = [each.name for each in conn.apps()]
    app.rename("renamed-by-heroku3")
    info = conn.app("renamed-by-heroku3").info

    assert (app.stack.name, app.region.name) == ("heroku-24", "us")
    assert app.owner.email == heroku.get("/account")["email"]
    assert "from-heroku3" in listed
    assert info.id == app.id
    assert conn.app(app.id).delete() is True
    assert heroku.call("GET", f"/apps/{app.id}").status_code == 404


def test_many_apps_come_in_pages(conn: Any, capsys: pytest.CaptureFixture[str]) -> None:
    made = {conn.create_app().name for _ in range(3)}

    first = conn.apps(limit=2)
    everything = {each.name for each in conn.apps()}

    assert len(first) == 2
    assert made <= everything
    capsys.readouterr()  # heroku3 prints what it thinks of pages


def test_maintenance_mode_is_switched(empty: Any, heroku: Client) -> None:
    empty.enable_maintenance_mode()
    closed = heroku.get(f"/apps/{empty.name}")["maintenance"]
    empty.disable_maintenance_mode()

    assert closed is True
    assert heroku.get(f"/apps/{empty.name}")["maintenance"] is False


def test_config_vars_are_set_read_and_deleted(empty: Any, heroku: Client) -> None:
    config = empty.config()
    config["A"] = "1"
    config["B"] = "2"
    del config["A"]
    empty.update_config({"C": "3", "B": None})

    read = empty.config()

    assert read.to_dict() == {"C": "3"}
    assert read["nowhere"] is None
    assert "C" in read
    assert heroku.get(f"/apps/{empty.name}/config-vars") == {"C": "3"}
    assert len(heroku.get(f"/apps/{empty.name}/releases")) == 6


def test_config_vars_are_changed_by_the_connection_too(conn: Any, empty: Any) -> None:
    changed = conn.update_appconfig(empty.name, {"A": "1"})

    assert changed["A"] == "1"


def test_features_are_listed_and_switched(empty: Any, heroku: Client) -> None:
    name = "runtime-dyno-metadata"
    path = f"/apps/{empty.name}/features/{name}"

    enabled = empty.enable_feature(name)
    is_on = heroku.get(path)["enabled"]
    disabled = empty.disable_feature(name)

    assert (enabled.enabled, is_on, disabled.enabled) == (True, True, False)
    assert heroku.get(path)["enabled"] is False
    assert name in [each.name for each in empty.labs()]


def test_the_account_has_neither_features_nor_keys(conn: Any) -> None:
    assert list(conn.features()) == []
    assert list(conn.keys()) == []


def test_releases_are_listed_rolled_back_and_made_from_a_slug(app: Any, heroku: Client) -> None:
    app.config()["A"] = "1"
    first = app.releases()[2]

    by_id = app.rollback(first.id)
    by_version = app.rollback(first.version)
    made = app.create_release(first.slug.id)

    assert [each.version for each in app.releases()] == [1, 2, 3, 4, 5, 6, 7]
    assert (by_id.description, by_version.description) == ("Rollback to v3",) * 2
    assert made.version == 7
    assert made.slug.id == first.slug.id
    assert heroku.get(f"/apps/{app.name}/config-vars") == {}


def test_the_newest_release_is_asked_for_alone(app: Any) -> None:
    (newest,) = app.releases(order_by="version", sort="desc", limit=1)

    assert newest.version == 3
    assert newest.current is True


def test_a_slug_is_read(app: Any) -> None:
    slug = app.slug(app.releases()[-1].slug.id)

    assert slug.commit == "a" * 40
    assert slug.checksum.startswith("SHA256:")
    assert slug.stack.name == "heroku-24"


def test_a_build_is_made_and_listed(empty: Any, heroku: Client) -> None:
    url = heroku.upload(web_app("by heroku3"))

    made = empty.create_build(url, version="b" * 40)

    heroku.finished_build(empty.name, made.id)
    (listed,) = empty.builds()
    assert (listed.id, listed.status) == (made.id, "succeeded")
    assert listed.source_blob.version == "b" * 40
    heroku.release(empty.name, 3)
    assert heroku.page(heroku.get(f"/apps/{empty.name}")) == "by heroku3"


def test_buildpacks_are_set_and_listed(empty: Any) -> None:
    done = empty.update_buildpacks(["heroku/python", "https://example.com/own.git"])

    assert done is True
    urls = [each.buildpack.url for each in empty.buildpacks()]
    assert urls == ["urn:buildpack:heroku/python", "https://example.com/own.git"]


def test_the_formation_is_scaled_and_resized(app: Any, heroku: Client) -> None:
    formation = app.process_formation()
    formation["worker"].scale(2)
    app.scale_formation_process("web", 0)
    app.batch_scale_formation_processes({"worker": 1})
    app.batch_resize_formation_processes({"worker": "Standard-1X"})

    found = heroku.get(f"/apps/{app.name}/formation")

    rows = {each["type"]: (each["quantity"], each["size"]) for each in found}
    assert rows == {"web": (0, "Basic"), "worker": (1, "Standard-1X")}


def test_dynos_are_listed_killed_and_restarted(app: Any, heroku: Client) -> None:
    before = _up(heroku, app.name)
    (dyno,) = app.dynos()

    dyno.kill()
    after = eventually(lambda: [each for each in _up(heroku, app.name) if each not in before])
    app.restart()
    last = eventually(lambda: [each for each in _up(heroku, app.name) if each not in after])

    assert (dyno.name, dyno.type, dyno.release.version) == ("web.1", "web", 3)
    assert len({*before, *after, *last}) == 3


def test_a_detached_run_writes_to_the_log(conn: Any, app: Any) -> None:
    dyno = app.run_command_detached("echo ran as $WHO", env={"WHO": "Ada"})

    assert dyno.name.startswith("run.")
    eventually(lambda: "ran as Ada" in app.get_log(dyno=dyno.name))
    assert "ran as Ada" not in conn.get_app_log(app.name, dyno="web.1")


def test_an_attached_run_is_refused(app: Any) -> None:
    with pytest.raises(requests.HTTPError, match="422"):
        app.run_command("echo hello", printout=False)


# heroku3 gives the lines of an answer away and never closes it.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_log_is_streamed(app: Any, heroku: Client) -> None:
    lines = app.stream_log(lines=1000, timeout=30)
    heroku.session.get(f"{heroku.get(f'/apps/{app.name}')['web_url']}streamed", timeout=30)

    found = next(line for line in lines if b"served /streamed" in line)

    assert b"app[web.1]" in found
    lines.close()


def test_collaborators_are_added_listed_and_removed(empty: Any, heroku: Client) -> None:
    heroku.control("POST", "/accounts", {"email": "bob@example.com"})

    added = empty.add_collaborator("bob@example.com", silent=True)
    listed = [each.user.email for each in empty.collaborators()]
    removed = empty.remove_collaborator("bob@example.com")

    assert added.user.email == "bob@example.com"
    assert sorted(listed) == sorted([heroku.get("/account")["email"], "bob@example.com"])
    assert removed is True
    assert len(empty.collaborators()) == 1


def test_what_the_platform_does_not_have_is_an_empty_list(conn: Any, empty: Any) -> None:
    assert list(empty.addons()) == []
    assert list(conn.addons(empty.name)) == []
    assert list(empty.domains()) == []
    assert list(empty.logdrains()) == []
    assert list(empty.sni_endpoints()) == []
    assert list(empty.transfers()) == []


def test_oauth_authorizations_are_listed_read_and_deleted(conn: Any, heroku: Client) -> None:
    wanted = {"scope": ["read"], "description": "for heroku3"}
    made = heroku.post("/oauth/authorizations", wanted)

    listed = [each.id for each in conn.oauthauthorizations()]
    read = conn.oauthauthorization(made["id"])
    deleted = conn.oauthauthorization_delete(made["id"])

    assert made["id"] in listed
    assert read.access_token.token == made["access_token"]["token"]
    assert deleted is True
    assert made["id"] not in [each.id for each in conn.oauthauthorizations()]


@pytest.mark.usefixtures("_still")
def test_a_used_up_rate_limit_is_heroku3_s_own_error(conn: Any, heroku: Client) -> None:
    heroku.control("PUT", "/rate-limit", {"remaining": 0})
    try:
        with pytest.raises(heroku3.api.RateLimitExceeded):
            conn.apps()
    finally:
        heroku.control("PUT", "/rate-limit", {"remaining": 4500})
