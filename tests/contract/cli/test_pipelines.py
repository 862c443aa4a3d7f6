"""Pipelines and promotions with the real Heroku CLI."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.cli.world import World
from tests.contract.localheroku.platform_fixture import WEB

pytestmark = pytest.mark.slow
PHASE = (
    "web: python3 -u server.py\n"
    "release: echo migrating; sleep ${PHASE_SECONDS:-0}; echo migrated; exit ${PHASE_STATUS:-0}\n"
)


class Pipeline:
    """A pipeline whose development app holds a slug; the others are empty."""

    def __init__(self, world: World, procfile: str = WEB) -> None:
        self.world = world
        self.id = world.api("POST", "/pipelines", {"name": "goods", "owner": None})["id"]
        self.source = world.create_app(Procfile=procfile)
        self.staging = self._join("staging")
        self._couple(self.source, "development")
        self.production = self._join("production")

    def release(self, app: Any) -> Any:
        """Return the newest release of an app."""
        return self.world.releases(app["name"])[-1]

    @property
    def slug(self) -> Any:
        """Return the slug of the source."""
        return self.release(self.source)["slug"]

    def _join(self, stage: str) -> Any:
        app = self.world.create_app()
        self._couple(app, stage)
        return app

    def _couple(self, app: Any, stage: str) -> None:
        wanted = {"app": app["id"], "pipeline": self.id, "stage": stage}
        self.world.api("POST", "/pipeline-couplings", wanted)


@pytest.fixture
def slowly(either: World) -> Iterator[World]:
    """A world where every promotion is pending for a moment."""
    either.control("PUT", "/durations", {"promotion_seconds": 0.3})
    yield either
    either.control("PUT", "/durations", {"promotion_seconds": 0})


def test_a_pipeline_is_created_filled_shown_changed_and_emptied(either: World) -> None:
    first, second = (either.create_app()["name"] for _ in range(2))

    created = either.heroku("pipelines:create", "wares", "-a", first, "-s", "development")
    added = either.heroku("pipelines:add", "wares", "-a", second, "-s", "staging")
    listed = either.heroku("pipelines")
    info = either.heroku("pipelines:info", "wares")
    updated = either.heroku("pipelines:update", "-a", second, "-s", "production")
    stage = either.api("GET", f"/apps/{second}/pipeline-couplings")["stage"]
    removed = either.heroku("pipelines:remove", "-a", second)

    assert "Creating wares pipeline... done" in created.text
    assert f"Adding {first} to wares pipeline as development... done" in created.text
    assert f"Adding {second} to wares pipeline as staging... done" in added.text
    assert "wares" in listed.out.splitlines()
    rows = [line.split()[-2:] for line in info.out.splitlines() if line.strip()]
    assert [first, "development"] in rows
    assert [second, "staging"] in rows
    assert f"Changing {second} to production... done" in updated.text
    assert stage == "production"
    assert f"Removing {second}... done" in removed.text
    assert either.send("GET", f"/apps/{second}/pipeline-couplings")["status"] == 404


def test_an_unknown_pipeline_is_not_found(direct: World) -> None:
    shown = direct.heroku("pipelines:info", "nobody-has-this", code=1)

    assert "Pipeline not found" in shown.err


def test_a_promotion_goes_to_the_next_stage_with_the_same_slug(either: World) -> None:
    pipeline = Pipeline(either)
    source, target = pipeline.source["name"], pipeline.staging["name"]

    shown = either.heroku("pipelines:promote", "-a", source)

    assert "Starting promotion to staging" in shown.out
    assert "Promotion successful" in shown.out
    assert f"{target}: succeeded" in shown.out
    assert pipeline.release(pipeline.staging)["slug"] == pipeline.slug
    assert pipeline.release(pipeline.staging)["current"] is True
    assert either.api("GET", f"/apps/{target}/builds") == []
    methods = [call.split()[0] for call in shown.calls]
    assert methods == ["GET", "GET", "POST", "POST", "GET", "GET"]


def test_a_pending_promotion_is_asked_for_again(slowly: World) -> None:
    pipeline = Pipeline(slowly)

    shown = slowly.heroku("pipelines:promote", "-a", pipeline.source["name"])

    assert "Promotion successful" in shown.out
    asked = [call for call in shown.calls if call.endswith("/promotion-targets")]
    assert len(asked) == 3
    assert pipeline.release(pipeline.staging)["slug"] == pipeline.slug


def test_a_promotion_goes_to_several_named_apps(either: World) -> None:
    pipeline = Pipeline(either)
    targets = [pipeline.staging, pipeline.production]
    names = ",".join(each["name"] for each in targets)

    shown = either.heroku("pipelines:promote", "-a", pipeline.source["name"], "--to", names)

    assert f"Starting promotion to apps: {names}" in shown.out
    assert "Promotion successful" in shown.out
    assert [pipeline.release(each)["slug"] for each in targets] == [pipeline.slug] * 2


def test_one_failing_target_fails_the_command_and_the_other_is_promoted(either: World) -> None:
    pipeline = Pipeline(either, PHASE)
    bad, good = pipeline.staging, pipeline.production
    either.api("PATCH", f"/apps/{bad['name']}/config-vars", {"PHASE_STATUS": "1"})
    names = f"{bad['name']},{good['name']}"

    shown = either.heroku("pipelines:promote", "-a", pipeline.source["name"], "--to", names, code=1)

    assert "Promotion to some apps failed" in shown.err
    assert "release command failed" in shown.out
    # The CLI pads the names to one length.
    assert f"{good['name']}: succeeded" in " ".join(shown.out.split())
    assert pipeline.release(bad)["status"] == "failed"
    assert pipeline.release(bad)["current"] is False
    assert pipeline.release(good)["current"] is True


def test_a_release_phase_is_followed_while_it_runs(either: World) -> None:
    pipeline = Pipeline(either, PHASE)
    target = pipeline.staging["name"]
    either.api("PATCH", f"/apps/{target}/config-vars", {"PHASE_SECONDS": "1.5"})

    shown = either.heroku("pipelines:promote", "-a", pipeline.source["name"])

    assert "Running release command...\nmigrating\nmigrated\n" in shown.out
    assert "Promotion successful" in shown.out
    assert [call for call in shown.calls if call.startswith("GET /-/releases/")]
    assert pipeline.release(pipeline.staging)["status"] == "succeeded"


def test_a_failing_release_phase_fails_the_promotion(either: World) -> None:
    pipeline = Pipeline(either, PHASE)
    target = pipeline.staging["name"]
    either.api("PATCH", f"/apps/{target}/config-vars", {"PHASE_STATUS": "3", "PHASE_SECONDS": "1"})

    shown = either.heroku("pipelines:promote", "-a", pipeline.source["name"], code=1)

    assert "migrating" in shown.out
    assert "Promotion to some apps failed" in shown.err
    assert pipeline.release(pipeline.staging)["status"] == "failed"
    assert pipeline.release(pipeline.staging)["current"] is False


def test_nothing_is_downstream_of_production(direct: World) -> None:
    pipeline = Pipeline(direct)
    app = pipeline.production["name"]

    shown = direct.heroku("pipelines:promote", "-a", app, code=1)

    assert f"Cannot promote {app} from 'production' stage" in shown.err
    assert "POST /pipeline-promotions" not in shown.calls


def test_an_app_outside_of_pipelines_cannot_be_promoted(direct: World) -> None:
    app = direct.create_app(text="alone")["name"]

    shown = direct.heroku("pipelines:promote", "-a", app, code=2)

    assert "Error ID: not_found" in shown.err


def test_an_app_without_a_slug_cannot_be_promoted(direct: World) -> None:
    pipeline = Pipeline(direct)

    shown = direct.heroku("pipelines:promote", "-a", pipeline.staging["name"], code=2)

    assert "Error ID: invalid_params" in shown.err
    assert pipeline.release(pipeline.production)["slug"] is None


def test_apps_of_a_pipeline_are_given_as_json(direct: World) -> None:
    pipeline = Pipeline(direct)

    shown = direct.heroku("pipelines:info", pipeline.id, "--json")

    apps = json.loads(shown.out)["apps"]
    stages = {each["name"]: each["pipelineCoupling"]["stage"] for each in apps}
    assert stages[pipeline.source["name"]] == "development"
