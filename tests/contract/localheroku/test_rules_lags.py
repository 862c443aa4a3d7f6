"""What reads do not show, or not yet: releases in a queue, lagging reads, others' promotions."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.localheroku.platform_fixture import (
    ACCEPT,
    Client,
    eventually,
    heroku,
    judges,
    own,
    platform,
)
from tests.contract.localheroku.rules import Line, release, sleepy, slug, someone, stopped

__all__ = ["heroku", "judges", "own", "platform"]


def _with_command(client: Client, app: str, command: str) -> Any:
    """Release a slug with a release command, without waiting for it."""
    made = slug(client, app, process_types={"release": command, "worker": "true"})
    return client.post(f"/apps/{app}/releases", {"slug": made["id"]})


def _raw(client: Client, path: str) -> Any:
    """Return an answer that is not judged, as it may have been edited."""
    return client.session.get(
        f"{client.platform.url}{path}",
        headers={"Accept": ACCEPT, "Authorization": f"Bearer {client.platform.api_key}"},
        timeout=60,
    ).json()


class TestQueue:
    def test_release_commands_of_an_app_run_one_after_the_other(
        self, heroku: Client, tmp_path: Any
    ) -> None:
        app = heroku.post("/apps")["id"]
        gate = tmp_path / "gate"
        first = _with_command(heroku, app, f"while [ ! -e {gate} ]; do sleep 0.05; done")
        second = _with_command(heroku, app, f"echo second >> {tmp_path}/ran")
        elsewhere = heroku.post("/apps")["id"]
        other = _with_command(heroku, elsewhere, "true")
        done_elsewhere = heroku.release(elsewhere, other["id"])["status"]
        waiting = heroku.get(f"/apps/{app}/releases/{second['id']}")["status"]
        ran_early = (tmp_path / "ran").exists()

        gate.touch()

        assert heroku.release(app, first["id"])["status"] == "succeeded"
        last = heroku.release(app, second["id"])
        assert (done_elsewhere, waiting, ran_early) == ("succeeded", "pending", False)
        assert (last["status"], last["current"]) == ("succeeded", True)

    def test_a_command_that_waits_does_not_run_once_its_app_is_gone(
        self, heroku: Client, tmp_path: Any
    ) -> None:
        app = heroku.post("/apps")["id"]
        _with_command(heroku, app, f"touch {tmp_path}/first; sleep 600")
        _with_command(heroku, app, f"touch {tmp_path}/second")
        eventually((tmp_path / "first").exists)

        heroku.call("DELETE", f"/apps/{app}")

        elsewhere = heroku.post("/apps")["id"]
        assert heroku.release(elsewhere, _with_command(heroku, elsewhere, "true")["id"])
        assert not (tmp_path / "second").exists()


class TestLaggingReads:
    def test_a_release_reads_as_pending_after_it_has_ended(self, heroku: Client) -> None:
        app = heroku.post("/apps")["id"]
        sleepy(heroku, app)
        heroku.control("PUT", f"/apps/{app}/lagging-releases", {"reads": 2})
        made = slug(heroku, app, process_types={"worker": "true"})
        version = heroku.post(f"/apps/{app}/releases", {"slug": made["id"]})["version"]

        path = f"/apps/{app}/releases"
        read = [heroku.get(f"{path}/{version}") for _ in range(3)]
        before = heroku.get(f"{path}/{version - 1}")

        shown = [(each["status"], each["current"]) for each in read]
        assert shown == [("pending", False), ("pending", False), ("succeeded", True)]
        assert before["status"] == "succeeded"

    def test_zero_reads_end_it(self, heroku: Client) -> None:
        app = heroku.post("/apps")["id"]
        for reads in (9, 0):
            heroku.control("PUT", f"/apps/{app}/lagging-releases", {"reads": reads})

        assert sleepy(heroku, app)["status"] == "succeeded"


class TestPromotionsOfOthers:
    @pytest.mark.parametrize("path", ["", "/promotion-targets"])
    def test_they_can_be_kept_from_all_but_who_made_them(self, own: Client, path: str) -> None:
        line = Line(own, "production")
        sleepy(own, line.source["id"])
        other = someone(own, "other@example.com")
        for app in (line.source, *line.targets):
            own.control(
                "POST", f"/apps/{app['id']}/collaborators", {"account": "other@example.com"}
            )
        made = own.post("/pipeline-promotions", line.body())
        address = f"/pipeline-promotions/{made['id']}{path}"
        before = other.call("GET", address).status_code

        own.control("PUT", "/promotions", {"own_only": True})

        assert (before, other.call("GET", address).status_code) == (200, 403)
        assert own.call("GET", address).status_code == 200


class TestEditedAnswers:
    def test_a_promotion_can_be_answered_without_its_source_release(self, own: Client) -> None:
        line = Line(own, "production")
        sleepy(own, line.source["id"])
        made = own.post("/pipeline-promotions", line.body())
        fault = {"kind": "edited", "path": "^/pipeline-promotions/", "drop": ["source.release"]}

        own.control("POST", "/faults", fault)

        assert _raw(own, f"/pipeline-promotions/{made['id']}") == {
            **_without_release(made),
            "status": "completed",
        }

    def test_each_object_of_a_list_is_edited(self, own: Client) -> None:
        for _ in range(2):
            stopped(own)
        fault = {"kind": "edited", "path": "^/apps$", "set": {"stack.name": "x"}, "drop": ["id"]}

        own.control("POST", "/faults", fault)

        found = _raw(own, "/apps")
        assert [(each["stack"]["name"], "id" in each) for each in found] == [("x", False)] * 2

    def test_a_property_of_what_is_not_there_is_left_out(self, own: Client) -> None:
        app = own.post("/apps")["id"]
        fault = {"kind": "edited", "path": "^/apps", "set": {"space.name": "x"}, "drop": ["a.b"]}

        own.control("POST", "/faults", fault)

        assert _raw(own, f"/apps/{app}")["space"] is None


def _without_release(promotion: Any) -> Any:
    """Return a promotion as it is without its source's release."""
    return {**promotion, "source": {"app": promotion["source"]["app"]}}


def test_a_promotion_can_be_refused_with_422(own: Client) -> None:
    line = Line(own, "production")
    sleepy(own, line.source["id"])
    refusal = {"status": 422, "id": "invalid_params", "message": "Not supported here."}
    fault = {"method": "POST", "path": "^/pipeline-promotions$", **refusal}

    own.control("POST", "/faults", fault)

    answer = own.call("POST", "/pipeline-promotions", line.body())
    assert (answer.status_code, answer.json()["message"]) == (422, "Not supported here.")
    assert own.get(f"/apps/{line.targets[0]['id']}/releases")[-1]["slug"] is None


def test_an_app_may_have_no_address(heroku: Client) -> None:
    app = heroku.post("/apps")
    release(heroku, app["id"])

    heroku.control("PUT", f"/apps/{app['id']}/web-url", {"present": False})
    without = heroku.get(f"/apps/{app['name']}")["web_url"]
    heroku.control("PUT", f"/apps/{app['id']}/web-url", {"present": True})

    assert without is None
    assert heroku.get(f"/apps/{app['id']}")["web_url"] == app["web_url"]
