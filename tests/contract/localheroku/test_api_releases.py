"""Releases, dynos and promotions: what runs where, and what a release command changes."""

import uuid
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
        log = f"{heroku.platform.url}/local/v1/apps/{app['id']}/log"
        started = "heroku[web.1]: State changed from crashed to starting"
        text = eventually(
            lambda: (
                (found := heroku.session.get(log, timeout=60).text) and started in found and found
            )
        )
        assert "app[web.1]: no\n" in text
        assert "heroku[web.1]: Process exited with status 3\n" in text

    def test_a_one_off_dyno_runs_beside_the_formation(self, heroku: Client, app: Any) -> None:
        path = f"/apps/{app['id']}/dynos"
        assert heroku.call("POST", path, {"command": "true"}).status_code == 422
        heroku.build(app["id"], web_app())
        body = {"command": "echo one-off $WORD $DYNO", "attach": False, "env": {"WORD": "says"}}

        dyno = heroku.post(path, body)

        assert dyno["type"] == "run"
        log = f"{heroku.platform.url}/local/v1/apps/{app['id']}/log"
        said = f"one-off says {dyno['name']}"
        eventually(lambda: said in heroku.session.get(log, timeout=60).text)
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

    @pytest.mark.parametrize("identity", ["1", "99", str(uuid.uuid4())])
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


class Line:
    """A pipeline with a source app and two targets."""

    def __init__(self, heroku: Client) -> None:
        self.heroku = heroku
        self.pipeline = heroku.post("/pipelines", {"name": "shop"})
        self.source, self.one, self.two = (
            self._app(stage) for stage in ("development", "staging", "production")
        )

    def _app(self, stage: str) -> Any:
        app = self.heroku.post("/apps")
        body = {"app": app["id"], "pipeline": self.pipeline["id"], "stage": stage}
        self.heroku.post("/pipeline-couplings", body)
        return app

    def body(self, *targets: Any, release: str | None = None) -> dict[str, Any]:
        source = {"app": {"id": self.source["id"]}}
        if release is not None:
            source["release"] = {"id": release}
        return {
            "pipeline": {"id": self.pipeline["id"]},
            "source": source,
            "targets": [{"app": {"id": each["id"]}} for each in targets],
        }

    def promote(self, *targets: Any, release: str | None = None) -> Any:
        return self.heroku.post("/pipeline-promotions", self.body(*targets, release=release))

    def targets(self, promotion: Any) -> list[Any]:
        path = f"/pipeline-promotions/{promotion['id']}/promotion-targets"
        return list(self.heroku.get(path))

    def finished(self, promotion: Any) -> list[Any]:
        eventually(lambda: all(each["status"] != "pending" for each in self.targets(promotion)))
        return self.targets(promotion)


class TestPromotion:
    @pytest.fixture
    def line(self, heroku: Client) -> Line:
        return Line(heroku)

    def test_the_current_release_is_promoted_when_none_is_named(
        self, heroku: Client, line: Line
    ) -> None:
        build = heroku.build(line.source["id"], web_app("shipped"))

        promotion = line.promote(line.one)

        assert promotion["status"] == "pending"
        assert promotion["source"]["release"]["id"] == build["release"]["id"]
        (target,) = line.targets(promotion)
        assert (target["status"], target["error_message"]) == ("succeeded", None)
        release = heroku.get(f"/apps/{line.one['id']}/releases/{target['release']['id']}")
        assert release["slug"] == build["slug"]
        assert heroku.get(f"/apps/{line.one['id']}/builds") == []
        slug = heroku.get(f"/apps/{line.one['id']}/slugs/{build['slug']['id']}")
        assert slug["commit"] == "a" * 40
        assert heroku.page(line.one) == "shipped"
        path = f"/pipeline-promotions/{promotion['id']}"
        assert heroku.get(path)["status"] == "completed"

    def test_a_pinned_earlier_release_is_promoted_to_several_targets(
        self, heroku: Client, line: Line
    ) -> None:
        first = heroku.build(line.source["id"], web_app("first"), "1" * 40)
        heroku.build(line.source["id"], web_app("second"), "2" * 40)

        promotion = line.promote(line.one, line.two, release=first["release"]["id"])

        assert promotion["source"]["release"]["id"] == first["release"]["id"]
        assert {each["status"] for each in line.targets(promotion)} == {"succeeded"}
        assert heroku.page(line.one) == heroku.page(line.two) == "first"

    def test_a_target_is_pending_with_its_release_while_the_command_runs(
        self, heroku: Client, line: Line
    ) -> None:
        heroku.patch(f"/apps/{line.source['id']}/config-vars", {"PHASE_SECONDS": "0"})
        build = heroku.build(line.source["id"], web_app(Procfile=SLOW_PHASE))
        heroku.release(line.source["id"], build["release"]["id"])

        promotion = line.promote(line.one)
        (target,) = line.targets(promotion)

        assert target["status"] == "pending"
        release = heroku.get(f"/apps/{line.one['id']}/releases/{target['release']['id']}")
        assert (release["status"], release["current"]) == ("pending", False)
        url = release["output_stream_url"]
        eventually(lambda: heroku.session.head(url, timeout=60).status_code == 200)

    def test_one_target_fails_by_its_own_config_and_the_other_succeeds(
        self, heroku: Client, line: Line
    ) -> None:
        build = heroku.build(line.source["id"], web_app(Procfile=WITH_PHASE))
        heroku.release(line.source["id"], build["release"]["id"])
        heroku.patch(f"/apps/{line.two['id']}/config-vars", {"PHASE_STATUS": "1"})

        found = {e["app"]["id"]: e for e in line.finished(line.promote(line.one, line.two))}

        assert found[line.one["id"]]["status"] == "succeeded"
        assert found[line.two["id"]]["status"] == "failed"
        assert found[line.two["id"]]["error_message"] == "release command failed"
        assert heroku.get(f"/apps/{line.two['id']}/releases/3")["current"] is True

    @pytest.mark.parametrize(
        "spoil",
        [
            pytest.param(lambda body: body.update(targets=[]), id="no targets"),
            pytest.param(lambda body: body["targets"].append(body["targets"][0]), id="twice"),
            pytest.param(
                lambda body: body["targets"].append({"app": body["source"]["app"]}), id="itself"
            ),
            pytest.param(
                lambda body: body["source"].update(release={"id": str(uuid.uuid4())}),
                id="unknown release",
            ),
            pytest.param(
                lambda body: body["pipeline"].update(id=str(uuid.uuid4())), id="unknown pipeline"
            ),
            pytest.param(
                lambda body: body["targets"].append({"app": {"id": str(uuid.uuid4())}}),
                id="unknown target",
            ),
            pytest.param(lambda body: body.pop("source"), id="no source"),
        ],
    )
    def test_a_promotion_that_makes_no_sense_is_refused(
        self, heroku: Client, line: Line, spoil: Any
    ) -> None:
        heroku.build(line.source["id"], web_app())
        body = line.body(line.one)
        spoil(body)

        answer = heroku.call("POST", "/pipeline-promotions", body)

        assert answer.status_code in {404, 422}
        assert len(heroku.get(f"/apps/{line.one['id']}/releases")) == 2

    def test_only_a_good_release_of_the_source_with_a_slug_can_be_pinned(
        self, heroku: Client, line: Line
    ) -> None:
        empty = heroku.get(f"/apps/{line.source['id']}/releases/1")["id"]
        heroku.build(line.source["id"], web_app())
        foreign = heroku.build(line.two["id"], web_app())["release"]["id"]
        failing = web_app(Procfile=WITH_PHASE.replace(":-0", ":-1"))
        failed = heroku.build(line.source["id"], failing)["release"]["id"]
        heroku.release(line.source["id"], failed)

        for release in (empty, foreign, failed):
            answer = heroku.call(
                "POST", "/pipeline-promotions", line.body(line.one, release=release)
            )
            assert answer.status_code == 422
        outsider = heroku.post("/apps")
        answer = heroku.call("POST", "/pipeline-promotions", line.body(outsider))
        assert answer.status_code == 422

    def test_a_promotion_can_be_made_to_take_its_time(self, own: Client) -> None:
        line = Line(own)
        own.build(line.source["id"], web_app())
        own.control("PUT", "/durations", {"promotion_seconds": 0.5})

        promotion = line.promote(line.one)
        (early,) = line.targets(promotion)

        assert (early["status"], early["release"]) == ("pending", None)
        assert line.finished(promotion)[0]["status"] == "succeeded"
