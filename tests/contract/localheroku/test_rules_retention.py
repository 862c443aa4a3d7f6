"""What Heroku throws away: slugs that are old, beyond twenty releases, or on no release."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.localheroku.platform_fixture import Client, heroku, judges, own, platform
from tests.contract.localheroku.rules import DAY, Line, release, sleepy, slug

__all__ = ["heroku", "judges", "own", "platform"]


def _advance(client: Client, days: float) -> None:
    client.control("POST", "/clock", {"advance_seconds": days * DAY})


def _bytes(client: Client, app: str, slug_id: str) -> int:
    """Return the status that a download of the slug's bytes gets."""
    url = client.get(f"/apps/{app}/slugs/{slug_id}")["blob"]["url"]
    return client.session.get(url, timeout=60).status_code


def _twenty_newer(client: Client, app: str) -> None:
    made = slug(client, app, process_types={"worker": "true"})
    for _ in range(20):
        client.post(f"/apps/{app}/releases", {"slug": made["id"]})


@pytest.fixture
def expired(own: Client) -> tuple[str, Any]:
    """An app and its release that is both old and beyond twenty newer ones."""
    app = own.post("/apps")["id"]
    old = sleepy(own, app, "old")
    _twenty_newer(own, app)
    _advance(own, 31)
    return app, own.get(f"/apps/{app}/releases/{old['version']}")


def test_an_expired_release_says_so_and_its_slug_is_gone(
    own: Client, expired: tuple[str, Any]
) -> None:
    app, old = expired

    made = own.get(f"/apps/{app}/slugs/{old['slug']['id']}")

    assert old["status"] == "expired"
    assert old["eligible_for_rollback"] is False
    assert made["deleted_at"] is not None
    assert _bytes(own, app, made["id"]) == 404
    newest = own.get(f"/apps/{app}/releases", Range="version ..; order=desc,max=1")[0]
    assert newest["status"] == "succeeded"
    assert _bytes(own, app, newest["slug"]["id"]) == 200


@pytest.mark.parametrize(
    "body", [pytest.param("release", id="rollback"), pytest.param("slug", id="release of its slug")]
)
def test_nothing_can_be_made_of_it(own: Client, expired: tuple[str, Any], body: str) -> None:
    app, old = expired
    wanted = old["id"] if body == "release" else old["slug"]["id"]

    answer = own.call("POST", f"/apps/{app}/releases", {body: wanted})

    assert answer.status_code == 422
    assert "expired" in answer.json()["message"]


def test_it_cannot_be_promoted(own: Client) -> None:
    line = Line(own, "production")
    old = sleepy(own, line.source["id"], "old")
    _twenty_newer(own, line.source["id"])
    _advance(own, 31)

    answer = own.call("POST", "/pipeline-promotions", line.body(release={"id": old["id"]}))

    assert answer.status_code == 422
    assert "expired" in answer.json()["message"]


@pytest.mark.parametrize(
    ("newer", "days"),
    [pytest.param(20, 29, id="not old enough"), pytest.param(19, 31, id="among the newest twenty")],
)
def test_old_alone_or_beyond_twenty_alone_keeps_it(own: Client, newer: int, days: int) -> None:
    app = own.post("/apps")["id"]
    old = sleepy(own, app, "old")
    made = slug(own, app, process_types={"worker": "true"})
    for _ in range(newer):
        own.post(f"/apps/{app}/releases", {"slug": made["id"]})

    _advance(own, days)

    assert own.get(f"/apps/{app}/releases/{old['id']}")["status"] == "succeeded"
    assert _bytes(own, app, old["slug"]["id"]) == 200


def test_the_release_that_runs_never_expires(own: Client) -> None:
    app = own.post("/apps")["id"]
    current = sleepy(own, app)
    failing = slug(own, app, process_types={"release": "false"})
    for _ in range(20):
        made = own.post(f"/apps/{app}/releases", {"slug": failing["id"]})
        own.release(app, made["id"])

    _advance(own, 31)

    found = own.get(f"/apps/{app}/releases/{current['id']}")
    assert (found["status"], found["current"]) == ("succeeded", True)
    assert _bytes(own, app, current["slug"]["id"]) == 200


def test_a_slug_lives_as_long_as_a_release_anywhere_needs_it(own: Client) -> None:
    app, target = own.post("/apps")["id"], own.post("/apps")["id"]
    old = sleepy(own, app, "old")
    own.post(f"/apps/{target}/releases", {"slug": old["slug"]["id"]})
    _twenty_newer(own, app)

    _advance(own, 31)

    assert own.get(f"/apps/{app}/releases/{old['id']}")["status"] == "expired"
    assert _bytes(own, target, old["slug"]["id"]) == 200


def test_a_slug_that_was_never_released_is_thrown_away_after_thirty_days(own: Client) -> None:
    app = own.post("/apps")["id"]
    made = slug(own, app)
    _advance(own, 29)
    before = _bytes(own, app, made["id"])

    _advance(own, 2)

    assert before == 200
    assert own.get(f"/apps/{app}/slugs/{made['id']}")["deleted_at"] is not None
    assert _bytes(own, app, made["id"]) == 404


def test_a_destroyed_app_leaves_only_the_slugs_that_others_run(own: Client) -> None:
    app, target = own.post("/apps")["id"], own.post("/apps")["id"]
    shared, lonely = sleepy(own, app, "shared"), sleepy(own, app, "lonely")
    own.post(f"/apps/{target}/releases", {"slug": shared["slug"]["id"]})
    url = own.get(f"/apps/{app}/slugs/{lonely['slug']['id']}")["blob"]["url"]

    own.call("DELETE", f"/apps/{app}")

    assert own.session.get(url, timeout=60).status_code == 404
    assert _bytes(own, target, shared["slug"]["id"]) == 200
    again = own.call("POST", f"/apps/{target}/releases", {"slug": shared["slug"]["id"]})
    assert again.status_code == 201


def test_only_the_newest_twenty_slugs_stay_however_many_are_made(own: Client) -> None:
    app = own.post("/apps")["id"]
    urls = []
    for number in range(25):
        made = sleepy(own, app, str(number))
        path = f"/apps/{app}/slugs/{made['slug']['id']}"
        urls.append(path)
        _advance(own, 10)

    kept = [path for path in urls if own.get(path)["deleted_at"] is None]

    assert kept == urls[-20:]


def test_the_output_of_an_expired_release_is_gone(own: Client) -> None:
    app = own.post("/apps")["id"]
    old = release(own, app, process_types={"release": "echo done", "worker": "true"})
    before = own.session.get(old["output_stream_url"], timeout=60)
    _twenty_newer(own, app)

    _advance(own, 31)

    fresh = own.get(f"/apps/{app}/releases/{old['id']}")["output_stream_url"]
    assert before.text == "done\n"
    assert own.session.get(fresh, timeout=60).status_code == 404
