"""Apps of generation `fir`: OCI images in place of slugs, built once and promoted."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.contract.localheroku.platform_fixture import (
    Client,
    eventually,
    heroku,
    judges,
    platform,
    web_app,
)
from tests.contract.localheroku.rules import serving, slug

__all__ = ["heroku", "judges", "platform"]
SDK = "application/vnd.heroku+json; version=3.sdk"
COMMIT = "f" * 40


def _app(client: Client) -> Any:
    app = client.post("/apps")
    client.control("PUT", f"/apps/{app['id']}/generation", {"generation": "fir"})
    return client.get(f"/apps/{app['id']}")


def _released(client: Client, app: Any, image: str) -> Any:
    """Release an image, which version `3` of the API does not take."""
    path, body = f"/apps/{app['id']}/releases", {"oci_image": image}
    answer = client.call("POST", path, body, Accept=SDK)
    assert answer.status_code == 201, answer.text
    return answer.json()


@pytest.fixture
def app(heroku: Client) -> Any:
    return _app(heroku)


@pytest.fixture
def built(heroku: Client, app: Any) -> Any:
    """The newest release of an app with a built image, as version `3.sdk` shows it."""
    build = heroku.build(app["id"], web_app("image"), COMMIT)
    return heroku.get(f"/apps/{app['id']}/releases/{build['release']['id']}", Accept=SDK)


def test_the_generation_is_set_while_an_app_is_new(heroku: Client, app: Any) -> None:
    assert app["generation"]["name"] == "fir"
    assert app["stack"]["name"] == app["build_stack"]["name"] == "cnb"
    assert heroku.get(f"/apps/{app['id']}", Accept=SDK)["generation"] == "fir"


def test_an_app_with_code_keeps_its_generation(heroku: Client) -> None:
    app = heroku.post("/apps")["id"]
    made = slug(heroku, app, process_types={"worker": "true"})
    heroku.post(f"/apps/{app}/releases", {"slug": made["id"]})

    answer = heroku.ask_control("PUT", f"/apps/{app}/generation", {"generation": "fir"})

    assert answer.status_code == 422


def test_a_build_leaves_an_image_of_its_commit_and_no_slug(
    heroku: Client, app: Any, built: Any
) -> None:
    (build,) = heroku.get(f"/apps/{app['id']}/builds")
    by_id = heroku.get(f"/apps/{app['id']}/oci-images/{built['oci_image']['id']}")

    assert (build["slug"], build["generation"]) == (None, "fir")
    assert build["release"] == {"id": built["id"]}
    assert built["slug"] is None
    assert built["artifacts"] == [{"type": "oci-image", "id": built["oci_image"]["id"]}]
    assert by_id[0]["commit"] == COMMIT
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", by_id[0]["digest"])
    assert by_id[0]["process_types"]["web"]["default"] is True


def test_an_image_is_found_by_id_or_digest_always_in_an_array(
    heroku: Client, app: Any, built: Any
) -> None:
    path = f"/apps/{app['id']}/oci-images"
    by_id = heroku.get(f"{path}/{built['oci_image']['id']}")

    assert heroku.get(f"{path}/{by_id[0]['digest']}") == by_id
    assert heroku.get(f"{path}/sha256:{'0' * 64}") == []
    assert len(heroku.get(f"{path}/{built['oci_image']['id']}", Accept=SDK)) == 1


def test_its_dynos_serve_and_have_names_of_their_own(heroku: Client, app: Any, built: Any) -> None:
    serving(heroku, app, "image")

    (dyno,) = heroku.get(f"/apps/{app['id']}/dynos")
    restarted = heroku.call("DELETE", f"/apps/{app['id']}/dynos/{dyno['name']}")

    assert re.fullmatch(r"web-[0-9a-f]{9}-[0-9a-f]{5}", dyno["name"])
    assert dyno["release"]["version"] == built["version"]
    assert restarted.status_code == 202
    eventually(lambda: heroku.get(f"/apps/{app['id']}/dynos")[0]["name"] != dyno["name"])


def test_an_image_is_promoted_as_it_is(heroku: Client, app: Any, built: Any) -> None:
    target = _app(heroku)
    body = {"name": "shop", "generation": {"name": "fir"}}
    pipeline = heroku.post("/pipelines", body)
    for each, stage in ((app, "staging"), (target, "production")):
        coupling = {"app": each["id"], "pipeline": pipeline["id"], "stage": stage}
        heroku.post("/pipeline-couplings", coupling)
    wanted = {
        "pipeline": {"id": pipeline["id"]},
        "source": {"app": {"id": app["id"]}, "release": {"id": built["id"]}},
        "targets": [{"app": {"id": target["id"]}}],
    }

    made = heroku.post("/pipeline-promotions", wanted)

    (done,) = heroku.get(f"/pipeline-promotions/{made['id']}/promotion-targets")
    path = f"/apps/{target['id']}/releases/{done['release']['id']}"
    assert pipeline["generation"]["name"] == "fir"
    assert (done["status"], made["source"]["release"]["id"]) == ("succeeded", built["id"])
    assert heroku.get(path, Accept=SDK)["oci_image"] == built["oci_image"]
    serving(heroku, target, "image")


def test_a_pipeline_holds_apps_of_one_generation(heroku: Client, app: Any) -> None:
    pipeline = heroku.post("/pipelines", {"name": "shop"})
    body = {"app": app["id"], "pipeline": pipeline["id"], "stage": "staging"}

    answer = heroku.call("POST", "/pipeline-couplings", body)

    assert answer.status_code == 422
    assert "generation" in answer.json()["message"]


@pytest.mark.parametrize("by", ["id", "digest"])
def test_an_image_is_released_by_id_or_digest(
    heroku: Client, app: Any, built: Any, by: str
) -> None:
    (image,) = heroku.get(f"/apps/{app['id']}/oci-images/{built['oci_image']['id']}")

    made = _released(heroku, app, image[by])

    assert made["artifacts"] == built["artifacts"]
    assert made["version"] == built["version"] + 1


def test_an_image_announced_elsewhere_has_the_bytes_of_its_digest(
    heroku: Client, app: Any, built: Any
) -> None:
    target = _app(heroku)
    (image,) = heroku.get(f"/apps/{app['id']}/oci-images/{built['oci_image']['id']}")
    body = {name: image[name] for name in ("digest", "commit", "process_types")}

    made = heroku.post(f"/apps/{target['id']}/oci-images", body)
    _released(heroku, target, made["id"])

    assert made["id"] != image["id"]
    assert (made["digest"], made["commit"]) == (image["digest"], COMMIT)
    serving(heroku, target, "image")


def test_an_image_that_was_never_built_here_cannot_run(heroku: Client, app: Any) -> None:
    made = heroku.post(f"/apps/{app['id']}/oci-images", {"digest": f"sha256:{'1' * 64}"})
    path, body = f"/apps/{app['id']}/releases", {"oci_image": made["id"]}

    answer = heroku.call("POST", path, body, Accept=SDK)

    assert answer.status_code == 422
    assert "uploaded" in answer.json()["message"]


def test_under_version_3_a_release_wants_a_slug_whatever_else_it_names(
    heroku: Client, app: Any, built: Any
) -> None:
    body = {"oci_image": built["oci_image"]["id"]}

    answer = heroku.call("POST", f"/apps/{app['id']}/releases", body)

    assert answer.status_code == 422
    assert answer.json()["message"] == "Param slug is required."


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        pytest.param("POST", "/releases", {"slug": "{slug}"}, id="a slug"),
        pytest.param("GET", "/buildpack-installations", None, id="buildpacks, to read"),
        pytest.param(
            "PUT",
            "/buildpack-installations",
            {"updates": [{"buildpack": "heroku/python"}]},
            id="buildpacks",
        ),
        pytest.param(
            "POST",
            "/builds",
            {"source_blob": {"url": "https://x/"}, "buildpacks": [{"name": "heroku/python"}]},
            id="a build with buildpacks",
        ),
        pytest.param("PATCH", "", {"build_stack": "heroku-24"}, id="a stack"),
    ],
)
def test_what_belongs_to_cedar_is_refused(
    heroku: Client, app: Any, method: str, path: str, body: dict[str, Any] | None
) -> None:
    if body and body.get("slug"):
        made = slug(heroku, heroku.post("/apps")["id"], process_types={"worker": "true"})
        body = {"slug": made["id"]}

    answer = heroku.call(method, f"/apps/{app['id']}{path}", body)

    assert answer.status_code == 422


def test_a_cedar_app_takes_no_image(heroku: Client, built: Any) -> None:
    cedar = heroku.post("/apps")["id"]

    body = {"oci_image": built["oci_image"]["id"]}

    released = heroku.call("POST", f"/apps/{cedar}/releases", body, Accept=SDK)
    announced = heroku.call("POST", f"/apps/{cedar}/oci-images", {"digest": f"sha256:{'1' * 64}"})

    assert (released.status_code, announced.status_code) == (422, 422)
