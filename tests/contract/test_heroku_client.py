"""What the client sends and understands, against a scripted server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from accelerator.errors import (
    NotFound,
    Unreachable,
    UsageProblem,
)
from accelerator.heroku import Heroku, Usage
from accelerator.models import App, ArtifactKind, ArtifactRef, SourceBlob
from tests.contract.heroku_bench import (
    APP,
    BUILD,
    BUSY,
    KEY,
    RELEASE,
    Bench,
    bench,
)
from tests.contract.scripted_server import Answer

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["bench"]


def test_a_request_has_the_key_the_version_and_a_name(bench: Bench) -> None:
    bench.api.answers(Answer(APP))

    bench.client().apps.fetch("shop")

    (seen,) = bench.api.seen
    assert seen.headers["Authorization"] == f"Bearer {KEY}"
    assert seen.headers["Accept"] == "application/vnd.heroku+json; version=3"
    assert seen.headers["User-Agent"].startswith("slug-accelerator/")


def test_nothing_is_sent_before_the_first_call(bench: Bench) -> None:
    bench.client()

    assert bench.api.seen == []


def test_connections_are_kept_for_the_next_request(bench: Bench) -> None:
    bench.api.answers(Answer(APP), Answer(APP))
    connections = []
    accept = bench.api.server.get_request

    def get_request() -> tuple[Any, Any]:
        connections.append(accept())
        return connections[-1]

    bench.api.server.get_request = get_request  # type: ignore[method-assign]  # to count them
    client = bench.client()

    client.apps.fetch("shop")
    client.apps.fetch("shop")

    assert len(connections) == 1


def test_cookies_are_not_kept(bench: Bench) -> None:
    bench.api.answers(Answer(APP, headers={"Set-Cookie": "a=b"}), Answer(APP))
    client = bench.client()

    client.apps.fetch("shop")
    client.apps.fetch("shop")

    assert "Cookie" not in bench.api.seen[1].headers


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        pytest.param(
            lambda client: client.apps.create("shop"), ("POST", "/apps", {"name": "shop"}), id="app"
        ),
        pytest.param(
            lambda client: client.apps.destroy("shop"), ("DELETE", "/apps/shop", None), id="destroy"
        ),
        pytest.param(
            lambda client: client.config_vars.update("shop", {"A": "x", "B": None}),
            ("PATCH", "/apps/shop/config-vars", {"A": "x", "B": None}),
            id="config vars",
        ),
        pytest.param(
            lambda client: client.features.enable("shop", "runtime-dyno-metadata"),
            ("PATCH", "/apps/shop/features/runtime-dyno-metadata", {"enabled": True}),
            id="feature",
        ),
        pytest.param(
            lambda client: client.formation.scale("shop", "web", 0),
            ("PATCH", "/apps/shop/formation/web", {"quantity": 0}),
            id="scale",
        ),
        pytest.param(
            lambda client: client.builds.cancel("shop", "b-1"),
            ("DELETE", "/apps/shop/builds/b-1", None),
            id="cancel",
        ),
    ],
)
def test_a_change_is_asked_for_in_herokus_words(
    bench: Bench, call: Callable[[Heroku], Any], expected: tuple[str, str, Any]
) -> None:
    bench.api.answers(Answer(APP))

    call(bench.client())

    (seen,) = bench.api.seen
    assert (seen.method, seen.path, seen.json if seen.body else None) == expected


def test_a_release_is_made_of_a_slug_or_of_an_image(bench: Bench) -> None:
    bench.api.answers(Answer(RELEASE, 201), Answer(RELEASE, 201))
    client = bench.client()

    client.releases.create("shop", ArtifactRef(ArtifactKind.SLUG, "s-1"), "Promote")
    client.releases.create("shop", ArtifactRef(ArtifactKind.OCI_IMAGE, "i-1"), "Promote")

    assert [seen.json for seen in bench.api.seen] == [
        {"slug": "s-1", "description": "Promote"},
        {"oci_image": "i-1", "description": "Promote"},
    ]


def test_a_promotion_is_pinned_to_its_release(bench: Bench) -> None:
    body = {"id": "p", "status": "pending", "source": {"app": {"id": "a"}, "release": {"id": "r"}}}
    bench.api.answers(Answer(body, 201))

    promotion = bench.client().promotions.create("p-1", "a-1", "r-1", ["a-2", "a-3"])

    assert promotion.source_release_id == "r"
    assert bench.api.seen[0].json == {
        "pipeline": {"id": "p-1"},
        "source": {"app": {"id": "a-1"}, "release": {"id": "r-1"}},
        "targets": [{"app": {"id": "a-2"}}, {"app": {"id": "a-3"}}],
    }


@pytest.mark.parametrize(
    ("checksum", "expected"),
    [
        pytest.param(None, {}, id="without a checksum"),
        pytest.param("SHA256:1", {"checksum": "SHA256:1"}, id="with one"),
    ],
)
def test_a_build_names_its_commit(
    bench: Bench, checksum: str | None, expected: dict[str, str]
) -> None:
    bench.api.answers(Answer(BUILD, 201))

    build = bench.client().builds.create(
        "shop", SourceBlob("g", "p"), "c0ffee", "Subject", checksum=checksum
    )

    blob = {"url": "g", "version": "c0ffee", "version_description": "Subject", **expected}
    assert bench.api.seen[0].json == {"source_blob": blob}
    assert (build.id, build.app_name, build.commit) == ("b-1", "shop", "c0ffee")


def test_the_newest_releases_come_first_even_from_a_server_that_sorts_otherwise(
    bench: Bench,
) -> None:
    bench.api.answers(Answer([{**RELEASE, "version": number} for number in (1, 2, 3)]))

    releases = bench.client().releases.fetch_newest("shop", limit=2)

    assert [release.version for release in releases] == [3, 2]
    assert bench.api.seen[0].headers["Range"] == "version ..; order=desc,max=2;"


def test_a_list_is_read_to_its_last_page_without_a_word_on_stdout(
    bench: Bench, capfd: pytest.CaptureFixture[str]
) -> None:
    first = [{"name": "web.1", "type": "web", "state": "up", "release": {"version": 7}}]
    second = [{"name": "run.1", "type": "run", "state": "starting", "release": None}]
    bench.api.answers(Answer(first, 206, {"Next-Range": "id ]1..; max=1"}), Answer(second, 200))

    dynos = bench.client().dynos.fetch("shop")

    assert [(dyno.name, dyno.release_version) for dyno in dynos] == [("web.1", 7), ("run.1", None)]
    assert bench.api.seen[1].headers["Range"] == "id ]1..; max=1"
    assert capfd.readouterr().out == ""


def test_a_server_that_repeats_its_page_does_not_hold_us_for_ever(bench: Bench) -> None:
    item = {"id": "c", "app": {"id": "a"}, "pipeline": {"id": "p"}, "stage": "staging"}
    page = Answer([item], 206, {"Next-Range": "id ]c..; max=1"})
    bench.api.answers(page, page, page, page)

    couplings = bench.client().couplings.fetch_of_pipeline("p")

    assert len(couplings) == 2
    assert len(bench.api.seen) == 2


def test_something_else_than_a_list_is_an_error_and_not_a_print(
    bench: Bench, capfd: pytest.CaptureFixture[str]
) -> None:
    bench.api.at["/apps/shop/formation"] = Answer({"oh": "dear"})

    with pytest.raises(Unreachable, match="unexpected shape"):
        bench.client().formation.fetch("shop")

    assert capfd.readouterr().out == ""


def test_apps_are_read_by_id_in_one_repeatable_request(bench: Bench) -> None:
    bench.api.answers(BUSY, Answer([APP]))

    apps = bench.client().couplings.fetch_apps(["a-1", "a-2"])

    assert apps == (App("a-1", "shop", None, "heroku-24", "heroku-24", "cedar", False),)
    assert bench.api.seen[1].json == {"in": {"id": ["a-1", "a-2"]}}
    assert bench.api.seen[1].headers["Accept"].endswith("version=3.filters")


@pytest.mark.parametrize(
    ("kind", "version"), [(ArtifactKind.SLUG, "3"), (ArtifactKind.OCI_IMAGE, "3.sdk")]
)
def test_a_release_is_asked_for_in_the_version_that_knows_its_artifact(
    bench: Bench, kind: ArtifactKind, version: str
) -> None:
    bench.api.answers(Answer(RELEASE, 201))

    bench.client().releases.create("shop", ArtifactRef(kind, "it"), "Deploy")

    assert bench.api.seen[0].headers["Accept"] == f"application/vnd.heroku+json; version={version}"


def test_no_ids_need_no_request(bench: Bench) -> None:
    assert bench.client().couplings.fetch_apps([]) == ()
    assert bench.api.seen == []


def test_an_app_without_a_pipeline_has_no_coupling(bench: Bench) -> None:
    bench.api.answers(Answer({"id": "not_found", "message": "No.", "resource": "pipeline"}, 404))

    assert bench.client().couplings.find_of_app("shop") is None


def test_an_unknown_app_is_told_from_one_without_a_pipeline(bench: Bench) -> None:
    bench.api.answers(Answer({"id": "not_found", "message": "No.", "resource": "app"}, 404))

    with pytest.raises(NotFound, match="app shop was not found"):
        bench.client().couplings.find_of_app("shop")


def test_a_pipeline_is_found_by_its_name(bench: Bench) -> None:
    bench.api.answers(Answer([{"id": "p-1", "name": "foo"}, {"id": "p-2", "name": "foo-two"}]))

    pipeline = bench.client().pipelines.find("foo")

    assert pipeline is not None
    assert pipeline.id == "p-1"
    assert bench.api.seen[0].path == "/pipelines?eq%5Bname%5D=foo"


def test_a_pipeline_is_found_by_its_id(bench: Bench) -> None:
    uuid = "01234567-89ab-cdef-0123-456789abcdef"
    bench.api.answers(Answer({"id": uuid, "name": "foo"}), Answer({"id": "not_found"}, 404))
    client = bench.client()

    found, missing = client.pipelines.find(uuid), client.pipelines.find(uuid)

    assert found is not None
    assert found.name == "foo"
    assert missing is None


def test_two_pipelines_of_one_name_are_an_error_that_names_both(bench: Bench) -> None:
    bench.api.answers(Answer([{"id": "p-1", "name": "foo"}, {"id": "p-2", "name": "foo"}]))

    with pytest.raises(UsageProblem, match="p-1, p-2"):
        bench.client().pipelines.find("foo")


def test_no_pipeline_of_that_name_is_none(bench: Bench) -> None:
    bench.api.answers(Answer([]))

    assert bench.client().pipelines.find("foo") is None


def test_reads_together_count_as_one_round_trip(bench: Bench) -> None:
    bench.api.at = {
        "/apps/shop": Answer(APP, headers={"RateLimit-Remaining": "500"}),
        "/apps": Answer([APP], headers={"RateLimit-Remaining": "500"}),
    }
    client = bench.client()

    app, names = client.together(lambda: client.apps.fetch("shop"), client.apps.fetch_names)

    assert (app.name, names) == ("shop", ("shop",))
    assert client.usage == Usage(requests=2, round_trips=1, retries=0, rate_limit_remaining=500)
    assert client.pace() == 4.5


def test_of_reads_together_the_first_in_order_fails_them_all(bench: Bench) -> None:
    bench.api.at = {
        "/apps/a": Answer({"id": "not_found"}, 404),
        "/apps/b": Answer({"id": "unauthorized"}, 401),
        "/apps/c": Answer(APP),
    }
    client = bench.client()

    with pytest.raises(NotFound):
        client.together(*[lambda name=name: client.apps.fetch(name) for name in "cab"])

    assert len(bench.api.seen) == 3
