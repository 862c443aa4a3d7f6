from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from accelerator.heroku import parsing
from accelerator.models import ArtifactKind, ArtifactRef, Coupling, PromotionTarget

APP: dict[str, Any] = {
    "id": "a-1",
    "name": "shop",
    "web_url": "https://shop-1234567890ab.herokuapp.com/",
    "stack": {"id": "s", "name": "heroku-22"},
    "build_stack": {"id": "t", "name": "heroku-24"},
    "generation": {"id": "g", "name": "fir"},
    "maintenance": True,
}
RELEASE: dict[str, Any] = {
    "id": "r-1",
    "version": 42,
    "status": "succeeded",
    "current": True,
    "app": {"id": "a-1", "name": "shop"},
    "description": "Deploy 2c3a0b2",
    "created_at": "2017-01-14T18:27:29Z",
    "slug": {"id": "s-1"},
    "artifacts": [{"type": "slug", "id": "s-1"}],
    "output_stream_url": None,
}
BUILD: dict[str, Any] = {
    "id": "b-1",
    "app": {"id": "a-1"},
    "status": "pending",
    "source_blob": {"url": "https://blobs.test/x?signature=y", "version": "c0ffee"},
    "slug": None,
    "release": None,
    "created_at": "2017-01-14T18:27:29Z",
    "output_stream_url": "https://logs.test/streams/secret",
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("2017-01-14T18:27:29Z", 0, id="as apps and releases write it"),
        pytest.param("2017-01-14T18:27:29+00:00", 0, id="as pipelines write it"),
        pytest.param("2017-01-14T18:27:29.5Z", 500_000, id="with a fraction"),
        pytest.param("2017-01-14T20:27:29+02:00", 0, id="in another zone"),
        pytest.param("2017-01-14T18:27:29", 0, id="without a zone"),
    ],
)
def test_a_moment_is_aware_and_in_utc(text: str, expected: int) -> None:
    moment = parsing.parse_moment(text)

    assert moment == datetime(2017, 1, 14, 18, 27, 29, expected, tzinfo=UTC)
    assert moment.tzinfo is UTC


def test_an_app_has_the_stack_it_runs_on_and_the_one_it_builds_on() -> None:
    app = parsing.parse_app(APP)

    assert (app.name, app.stack, app.build_stack) == ("shop", "heroku-22", "heroku-24")
    assert app.web_url == "https://shop-1234567890ab.herokuapp.com/"
    assert app.maintenance
    assert not app.in_space
    assert parsing.parse_app({**APP, "space": {"id": "s", "name": "ours"}}).in_space


def test_a_dyno_says_since_when_it_is_what_it_is() -> None:
    dyno = {"name": "web.1", "type": "web", "state": "up", "release": {"version": 7}}
    moment = "2017-01-14T18:27:29Z"

    read = parsing.parse_dyno({**dyno, "updated_at": moment})

    assert read.changed_at == datetime(2017, 1, 14, 18, 27, 29, tzinfo=UTC)
    assert parsing.parse_dyno(dyno).changed_at is None


def test_a_feature_is_on_or_off_and_nothing_else() -> None:
    assert parsing.parse_feature({"name": "preboot", "enabled": True})
    assert not parsing.parse_feature({"name": "preboot", "enabled": False})
    with pytest.raises(ValueError, match="neither true nor false"):
        parsing.parse_feature({"name": "preboot", "enabled": "yes"})


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({}, "fir", id="an object, as version 3 has it"),
        pytest.param({"generation": "cedar"}, "cedar", id="a word, as 3.sdk has it"),
        pytest.param({"generation": None}, "cedar", id="nothing, as in old answers"),
    ],
)
def test_a_generation_is_read_in_all_its_forms(changes: dict[str, Any], expected: str) -> None:
    assert parsing.parse_app({**APP, **changes}).generation == expected


def test_an_app_without_a_build_stack_builds_on_the_stack_it_runs_on() -> None:
    app = parsing.parse_app({**APP, "build_stack": None})

    assert app.build_stack == "heroku-22"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({}, ArtifactRef(ArtifactKind.SLUG, "s-1"), id="a slug"),
        pytest.param(
            {"slug": None, "artifacts": [{"type": "oci-image", "id": "i-1"}]},
            ArtifactRef(ArtifactKind.OCI_IMAGE, "i-1"),
            id="an image among the artifacts",
        ),
        pytest.param(
            {"slug": None, "artifacts": [], "oci_image": {"id": "i-2"}},
            ArtifactRef(ArtifactKind.OCI_IMAGE, "i-2"),
            id="an image as 3.sdk names it",
        ),
        pytest.param({"slug": None, "artifacts": []}, None, id="nothing built yet"),
        pytest.param(
            {"slug": None, "artifacts": [{"type": "wasm", "id": "w-1"}]},
            None,
            id="a kind that does not exist today",
        ),
    ],
)
def test_a_release_holds_its_artifact(changes: dict[str, Any], expected: ArtifactRef) -> None:
    release = parsing.parse_release({**RELEASE, **changes})

    assert release.artifact == expected
    assert (release.version, release.current, release.app_name) == (42, True, "shop")


def test_a_build_names_the_app_it_was_asked_of() -> None:
    build = parsing.parse_build(BUILD, "shop-prepare")

    assert (build.app_name, build.commit, build.release_id) == ("shop-prepare", "c0ffee", None)


@pytest.mark.parametrize(
    "blob",
    [
        pytest.param({"url": "u", "version": None}, id="no version"),
        pytest.param({"url": "u", "version": ""}, id="an empty version"),
        pytest.param(None, id="no source at all"),
    ],
)
def test_a_build_may_be_of_no_known_commit(blob: dict[str, Any] | None) -> None:
    assert parsing.parse_build({**BUILD, "source_blob": blob}, "shop").commit is None


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        pytest.param("SHA256:0ab1", "SHA256:0ab1", id="as Heroku writes it"),
        pytest.param("sha256:0AB1", "SHA256:0ab1", id="in other letters"),
        pytest.param("0ab1", "SHA256:0ab1", id="without its algorithm"),
        pytest.param(None, None, id="none, as of a git push"),
        pytest.param("", None, id="an empty one"),
    ],
)
def test_the_checksum_of_a_source_is_read_in_one_form(sent: str | None, read: str | None) -> None:
    blob = {"url": "u", "version": "c0ffee", "checksum": sent}

    assert parsing.parse_build({**BUILD, "source_blob": blob}, "shop").checksum == read


def test_signed_addresses_are_in_no_representation() -> None:
    build = parsing.parse_build(BUILD, "shop")
    blob = parsing.parse_source_blob(
        {"source_blob": {"get_url": "g?secret", "put_url": "p?secret"}}
    )

    shown = repr((build, blob))

    assert build.output_stream_url == "https://logs.test/streams/secret"
    assert blob.put_url == "p?secret"
    assert "secret" not in shown


def test_a_destroyed_slug_says_when() -> None:
    slug = parsing.parse_slug(
        {
            "id": "s-1",
            "commit": "",
            "checksum": "SHA256:1",
            "size": 12,
            "stack": {"id": "x", "name": "heroku-24"},
            "process_types": {"web": "./serve"},
            "deleted_at": "2026-01-01T00:00:00Z",
        }
    )

    assert slug.deleted_at == datetime(2026, 1, 1, tzinfo=UTC)
    assert slug.commit is None
    assert slug.process_types == {"web": "./serve"}
    assert (slug.stack, slug.size, slug.checksum) == ("heroku-24", 12, "SHA256:1")


def test_a_coupling_names_app_and_pipeline() -> None:
    item = {"id": "c", "app": {"id": "a"}, "pipeline": {"id": "p", "name": "x"}, "stage": "staging"}

    assert parsing.parse_coupling(item) == Coupling("c", "a", "p", "staging")


@pytest.mark.parametrize(
    ("release", "expected"),
    [
        pytest.param({"id": "r"}, "r", id="once it exists"),
        pytest.param(None, None, id="before it exists"),
    ],
)
def test_a_promotion_target_has_its_release(release: Any, expected: str | None) -> None:
    item = {"app": {"id": "a"}, "status": "pending", "release": release, "error_message": None}

    target = parsing.parse_promotion_target(item)

    assert target == PromotionTarget("a", "pending", expected, None)


def test_a_promotion_names_the_release_that_is_really_promoted() -> None:
    item = {"id": "p", "status": "pending", "source": {"app": {"id": "a"}, "release": {"id": "r"}}}

    assert parsing.parse_promotion(item).source_release_id == "r"
