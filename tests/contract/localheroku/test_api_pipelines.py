"""Pipelines and couplings, in every spelling clients use."""

import uuid
from typing import Any

import pytest

from tests.contract.localheroku.platform_fixture import ACCEPT, Client, heroku, judges, platform

__all__ = ["heroku", "judges", "platform"]


@pytest.fixture
def pipeline(heroku: Client) -> Any:
    owner = {"id": heroku.get("/account")["id"], "type": "user"}
    name = f"p-{uuid.uuid4().hex[:12]}"
    return heroku.post("/pipelines", {"name": name, "owner": owner})


def _couple(heroku: Client, pipeline: Any, stage: str, by: str = "id") -> tuple[Any, Any]:
    app = heroku.post("/apps")
    body = {"app": app[by], "pipeline": pipeline["id"], "stage": stage}
    return app, heroku.post("/pipeline-couplings", body)


def test_a_pipeline_is_found_by_id_by_name_and_by_filter(heroku: Client, pipeline: Any) -> None:
    name = pipeline["name"]

    assert heroku.get(f"/pipelines/{pipeline['id']}") == pipeline
    assert heroku.get(f"/pipelines/{name}") == pipeline
    assert heroku.get(f"/pipelines?eq[name]={name}") == [pipeline]
    assert heroku.get("/pipelines?eq[name]=nobody") == []
    assert pipeline in heroku.get("/pipelines")
    assert pipeline["created_at"].endswith("+00:00")


def test_two_pipelines_may_share_a_name(heroku: Client, pipeline: Any) -> None:
    other = heroku.post("/pipelines", {"name": pipeline["name"]})

    found = heroku.get(f"/pipelines?eq[name]={pipeline['name']}")

    assert {each["id"] for each in found} == {pipeline["id"], other["id"]}


def test_a_pipeline_is_renamed_and_deleted_with_its_couplings(
    heroku: Client, pipeline: Any
) -> None:
    app, coupling = _couple(heroku, pipeline, "staging")
    path = f"/pipelines/{pipeline['id']}"

    assert heroku.patch(path, {"name": "another-name"})["name"] == "another-name"
    assert heroku.call("DELETE", path).json()["id"] == pipeline["id"]
    assert heroku.call("GET", f"/pipeline-couplings/{coupling['id']}").status_code == 404
    assert heroku.get(f"/apps/{app['id']}")["id"] == app["id"]


@pytest.mark.parametrize("by", ["id", "name"])
def test_an_app_is_coupled_by_id_or_name(heroku: Client, pipeline: Any, by: str) -> None:
    app, coupling = _couple(heroku, pipeline, "production", by)

    assert coupling["pipeline"] == {"id": pipeline["id"], "name": pipeline["name"]}
    assert heroku.get(f"/apps/{app['name']}/pipeline-couplings") == coupling
    assert heroku.get(f"/pipelines/{pipeline['id']}/pipeline-couplings") == [coupling]
    assert heroku.get(f"/pipeline-couplings/{coupling['id']}") == coupling
    assert coupling in heroku.get("/pipeline-couplings")
    assert coupling in heroku.get("/users/~/pipeline-couplings")


def test_an_app_is_in_one_pipeline_at_most(heroku: Client, pipeline: Any) -> None:
    app, _ = _couple(heroku, pipeline, "staging")
    body = {"app": app["id"], "pipeline": pipeline["id"], "stage": "production"}

    assert heroku.call("POST", "/pipeline-couplings", body).status_code == 422


def test_a_coupling_is_moved_and_removed(heroku: Client, pipeline: Any) -> None:
    app, coupling = _couple(heroku, pipeline, "development")
    path = f"/pipeline-couplings/{coupling['id']}"

    assert heroku.patch(path, {"stage": "staging"})["stage"] == "staging"
    assert heroku.call("PATCH", path, {"stage": "moon"}).status_code == 422
    assert heroku.call("DELETE", path).status_code == 200
    assert heroku.call("GET", f"/apps/{app['id']}/pipeline-couplings").status_code == 404


def test_apps_are_filtered_by_id_and_unknown_ids_left_out(heroku: Client) -> None:
    apps = [heroku.post("/apps") for _ in range(2)]
    wanted = {"in": {"id": [*(each["id"] for each in apps), str(uuid.uuid4())]}}

    answer = heroku.call(
        "POST", "/filters/apps", wanted, Accept=f"{ACCEPT}.filters", Range="id ..; max=1000;"
    )

    assert answer.status_code == 200
    assert {each["id"] for each in answer.json()} == {each["id"] for each in apps}
    assert heroku.call("POST", "/filters/apps", {"in": "x"}).status_code == 422


def test_the_newest_release_of_each_app_comes_in_one_call(heroku: Client, pipeline: Any) -> None:
    apps = [_couple(heroku, pipeline, stage)[0] for stage in ("staging", "production")]
    heroku.patch(f"/apps/{apps[0]['id']}/config-vars", {"A": "1"})
    path = f"/pipelines/{pipeline['id']}"

    found = heroku.get(f"{path}/latest-releases")

    assert {each["app"]["id"]: each["version"] for each in found} == {
        apps[0]["id"]: 3,
        apps[1]["id"]: 2,
    }
    assert heroku.get(f"{path}/latest-builds") == []
    assert heroku.get(f"{path}/latest-deployments") == []
