"""Promotions: pinned or not, to one target or several, with and without a release command."""

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
