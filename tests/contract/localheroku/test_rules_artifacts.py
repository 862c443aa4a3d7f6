"""What may run where: checksums, stacks, other apps' slugs; releases of a slug and of the past."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.localheroku.platform_fixture import (
    SERVER,
    Client,
    heroku,
    judges,
    own,
    platform,
)
from tests.contract.localheroku.rules import Line, packed, sleepy, slug

__all__ = ["heroku", "judges", "own", "platform"]
WORKER = {"worker": "sleep 600"}


class TestChecksum:
    @pytest.fixture
    def corrupt(self, heroku: Client) -> tuple[Any, Any]:
        """An app and a slug whose bytes are not the ones announced."""
        app = heroku.post("/apps")
        made = slug(heroku, app["id"], process_types=WORKER, checksum=f"SHA256:{'0' * 64}")
        return app, made

    def test_a_slug_with_other_bytes_than_announced_is_not_released(
        self, heroku: Client, corrupt: tuple[Any, Any]
    ) -> None:
        app, made = corrupt

        answer = heroku.call("POST", f"/apps/{app['id']}/releases", {"slug": made["id"]})

        assert answer.status_code == 422
        assert answer.json()["message"] == "Could not verify slug checksum"
        assert len(heroku.get(f"/apps/{app['id']}/releases")) == 2

    def test_the_announced_checksum_stays_and_the_bytes_can_be_read(
        self, heroku: Client, corrupt: tuple[Any, Any]
    ) -> None:
        app, made = corrupt

        found = heroku.get(f"/apps/{app['id']}/slugs/{made['id']}")

        assert found["checksum"] == f"SHA256:{'0' * 64}"
        expected = packed({"server.py": SERVER, "text": "hello"})
        assert len(heroku.session.get(found["blob"]["url"], timeout=60).content) == len(expected)

    def test_one_target_of_a_promotion_can_fail_by_it_now_and_then(self, own: Client) -> None:
        line = Line(own, "staging", "production")
        sleepy(own, line.source["id"])
        staging, production = line.targets
        own.control("POST", f"/apps/{production['id']}/failing-promotions", {})

        first, second = line.promoted(), line.promoted()

        assert [each["status"] for each in first] == ["succeeded", "failed"]
        assert first[1]["error_message"] == "Could not verify slug checksum"
        assert first[1]["release"] is None
        assert [each["status"] for each in second] == ["succeeded", "succeeded"]
        assert [each["version"] for each in own.get(f"/apps/{staging['id']}/releases")][-1] == 4


class TestStack:
    def test_a_slug_of_another_stack_is_not_released(self, heroku: Client) -> None:
        source = heroku.post("/apps", {"stack": "heroku-22"})
        target = heroku.post("/apps", {"stack": "heroku-24", "name": "on-24"})
        made = slug(heroku, source["id"], process_types=WORKER)

        answer = heroku.call("POST", f"/apps/{target['id']}/releases", {"slug": made["id"]})

        assert answer.status_code == 422
        assert answer.json()["message"] == (
            "The slug was built for stack heroku-22, but on-24 is on heroku-24."
        )

    def test_nor_is_it_promoted(self, own: Client) -> None:
        line = Line(own, "production")
        sleepy(own, line.source["id"], stack="heroku-24")
        target = line.targets[0]
        own.patch(f"/apps/{target['id']}", {"build_stack": "heroku-22"})
        old = slug(own, target["id"], process_types=WORKER, stack="heroku-22")
        own.post(f"/apps/{target['id']}/releases", {"slug": old["id"]})

        answer = own.call("POST", "/pipeline-promotions", line.body())

        assert answer.status_code == 422
        assert "heroku-22" in answer.json()["message"]
        assert own.get(f"/apps/{target['id']}")["stack"]["name"] == "heroku-22"

    def test_an_app_on_its_way_to_another_stack_takes_slugs_of_both(self, heroku: Client) -> None:
        app = heroku.post("/apps", {"stack": "heroku-22"})["id"]
        old = sleepy(heroku, app)
        heroku.patch(f"/apps/{app}", {"build_stack": "heroku-24"})

        new = sleepy(heroku, app)
        back = heroku.post(f"/apps/{app}/releases", {"release": old["id"]})

        assert (new["status"], back["status"]) == ("succeeded", "succeeded")
        assert heroku.get(f"/apps/{app}")["stack"]["name"] == "heroku-22"

    def test_an_app_of_the_container_stack_is_not_promoted(self, own: Client) -> None:
        line = Line(own, "production")
        sleepy(own, line.source["id"])
        own.patch(f"/apps/{line.source['id']}", {"build_stack": "container"})

        answer = own.call("POST", "/pipeline-promotions", line.body())

        assert answer.status_code == 422
        assert answer.json()["message"] == (
            "Pipeline promotions are not supported on apps pushed via Heroku Container Registry."
        )


class TestReleases:
    def test_a_release_is_tried_again_with_its_slug_and_a_description(self, heroku: Client) -> None:
        app = heroku.post("/apps")["id"]
        types = {"release": "test $READY = yes", **WORKER}
        made = slug(heroku, app, process_types=types)
        first = heroku.post(f"/apps/{app}/releases", {"slug": made["id"]})
        failed = heroku.release(app, first["id"])
        heroku.patch(f"/apps/{app}/config-vars", {"READY": "yes"})

        body = {"slug": failed["slug"]["id"], "description": f"Retry of v{failed['version']}"}
        again = heroku.release(app, heroku.post(f"/apps/{app}/releases", body)["id"])

        assert (failed["status"], again["status"]) == ("failed", "succeeded")
        assert again["description"] == f"Retry of v{failed['version']}"
        assert again["slug"] == failed["slug"]
        assert again["current"] is True

    def test_each_release_keeps_the_config_vars_of_its_moment(self, heroku: Client) -> None:
        app = heroku.post("/apps")["id"]
        sleepy(heroku, app)
        heroku.patch(f"/apps/{app}/config-vars", {"A": "1", "B": "2"})
        heroku.patch(f"/apps/{app}/config-vars", {"A": "9", "B": None})

        snapshots = [heroku.get(f"/apps/{app}/releases/{n}/config-vars") for n in (3, 4, 5)]

        assert snapshots == [{}, {"A": "1", "B": "2"}, {"A": "9"}]

    def test_going_back_brings_back_the_config_vars_and_keeps_what_went_between(
        self, heroku: Client
    ) -> None:
        app = heroku.post("/apps")["id"]
        sleepy(heroku, app, "old")
        heroku.patch(f"/apps/{app}/config-vars", {"A": "1"})
        good = heroku.get(f"/apps/{app}/releases/4")
        heroku.patch(f"/apps/{app}/config-vars", {"A": "2", "C": "3"})
        sleepy(heroku, app, "new")

        back = heroku.post(f"/apps/{app}/releases", {"release": good["id"]})

        assert heroku.get(f"/apps/{app}/config-vars") == {"A": "1"}
        assert (back["description"], back["version"]) == ("Rollback to v4", 7)
        assert back["slug"] == good["slug"]
        assert heroku.get(f"/apps/{app}/releases/5/config-vars") == {"A": "2", "C": "3"}

    def test_only_what_succeeded_and_has_code_can_be_gone_back_to(self, heroku: Client) -> None:
        app = heroku.post("/apps")["id"]
        sleepy(heroku, app)
        made = slug(heroku, app, process_types={"release": "false"})
        heroku.release(app, heroku.post(f"/apps/{app}/releases", {"slug": made["id"]})["id"])

        found = heroku.get(f"/apps/{app}/releases")

        assert [(each["status"], each["eligible_for_rollback"]) for each in found] == [
            ("succeeded", False),
            ("succeeded", False),
            ("succeeded", True),
            ("failed", False),
        ]
        assert [each["current"] for each in found] == [False, False, True, False]

    def test_a_release_command_that_ends_late_does_not_undo_a_newer_release(
        self, heroku: Client, tmp_path: Any
    ) -> None:
        app, gate = heroku.post("/apps")["id"], tmp_path / "gate"
        waiting = f"while [ ! -e {gate} ]; do sleep 0.05; done"
        slow = slug(heroku, app, process_types={"release": waiting, **WORKER})
        older = heroku.post(f"/apps/{app}/releases", {"slug": slow["id"]})
        newer = sleepy(heroku, app, "newer")
        gate.touch()

        done = heroku.release(app, older["id"])

        assert (done["status"], done["current"]) == ("succeeded", False)
        assert heroku.get(f"/apps/{app}/releases/{newer['id']}")["current"] is True


def test_the_newest_of_every_app_comes_in_one_call_each(own: Client) -> None:
    line = Line(own, "staging")
    shipped = sleepy(own, line.source["id"])
    own.patch(f"/apps/{line.source['id']}/config-vars", {"A": "1"})
    path = f"/pipelines/{line.pipeline['id']}"

    found = {name: own.get(f"{path}/latest-{name}") for name in ("releases", "deployments")}

    of_source = {
        name: next(each for each in every if each["app"]["id"] == line.source["id"])
        for name, every in found.items()
    }
    assert of_source["releases"]["description"] == "Set A config vars"
    assert of_source["deployments"]["id"] == shipped["id"]
    assert own.get(f"{path}/latest-builds") == []
