"""What Heroku's schema forbids is refused, and what clients may say in passing is taken."""

from typing import Any

import pytest

from tests.contract.localheroku.platform_fixture import Client, heroku, judges, platform, web_app

__all__ = ["heroku", "judges", "platform"]
SDK = "application/vnd.heroku+json; version=3.sdk"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        pytest.param("POST", "/apps", {"feature_flags": "preboot"}, id="a flag that is no list"),
        pytest.param("POST", "/apps", {"feature_flags": [1]}, id="a flag that is a number"),
        pytest.param("POST", "/apps", {"feature_flags": ["flying"]}, id="an unknown flag"),
        pytest.param(
            "PUT",
            "/apps/{app}/buildpack-installations",
            {"updates": [{"buildpack": "heroku/python", "more": 1}]},
            id="a buildpack with something else",
        ),
        pytest.param(
            "POST",
            "/apps/{app}/builds",
            {"source_blob": {"url": "http://127.0.0.1:9/x.tgz", "more": 1}},
            id="a source with something else",
        ),
        pytest.param(
            "POST", "/apps/{app}/dynos", {"command": "ls", "time_to_live": 1.5}, id="half a second"
        ),
        pytest.param(
            "POST", "/apps/{app}/dynos", {"command": "ls", "size": "Huge"}, id="an unknown size"
        ),
        pytest.param(
            "POST", "/apps/{app}/dynos", {"command": "ls", "attach": "no"}, id="attach in words"
        ),
        pytest.param(
            "POST", "/apps/{app}/dynos", {"command": "ls", "type": 1}, id="a type that is a number"
        ),
    ],
)
def test_what_the_schema_forbids_is_refused(
    heroku: Client, method: str, path: str, body: Any
) -> None:
    app = heroku.post("/apps")["name"]

    assert heroku.call(method, path.format(app=app), body).status_code == 422


def test_a_pipeline_is_coupled_by_its_id_only(heroku: Client) -> None:
    app, pipeline = heroku.post("/apps")["id"], heroku.post("/pipelines", {"name": "by-id"})
    wanted = {"app": app, "stage": "staging"}

    by_name = heroku.call("POST", "/pipeline-couplings", {**wanted, "pipeline": "by-id"})
    by_id = heroku.call("POST", "/pipeline-couplings", {**wanted, "pipeline": pipeline["id"]})

    assert (by_name.status_code, by_id.status_code) == (404, 201)


def test_an_app_is_made_with_features_switched_on(heroku: Client) -> None:
    app = heroku.post("/apps", {"feature_flags": ["runtime-dyno-metadata"]})["name"]

    features = heroku.get(f"/apps/{app}/features")

    assert [each["name"] for each in features if each["enabled"]] == ["runtime-dyno-metadata"]


def test_an_app_is_made_on_the_stack_that_heroku3_names(heroku: Client) -> None:
    assert heroku.post("/apps", {"stack": "cedar"})["stack"]["name"] == "heroku-24"


def test_a_one_off_dyno_has_the_size_that_was_asked_for(heroku: Client) -> None:
    app = heroku.post("/apps")["name"]
    heroku.build(app, web_app("sized"))
    wanted = {"command": "true", "size": "standard-2x", "time_to_live": 60}

    assert heroku.post(f"/apps/{app}/dynos", wanted)["size"] == "Standard-2X"


@pytest.mark.parametrize("accept", [None, SDK], ids=["version 3", "version 3.sdk"])
def test_the_newest_things_of_a_pipeline_are_shown(heroku: Client, accept: str | None) -> None:
    app, pipeline = heroku.post("/apps"), heroku.post("/pipelines", {"name": "newest"})["id"]
    coupling = {"app": app["id"], "pipeline": pipeline, "stage": "staging"}
    heroku.post("/pipeline-couplings", coupling)
    build = heroku.build(app["name"], web_app("newest"))
    headers = {"Accept": accept} if accept else {}

    builds, releases, deployments = (
        heroku.get(f"/pipelines/{pipeline}/latest-{each}", **headers)
        for each in ("builds", "releases", "deployments")
    )

    assert [each["id"] for each in builds] == [build["id"]]
    assert [each["slug"] for each in releases] == [each["slug"] for each in deployments]
