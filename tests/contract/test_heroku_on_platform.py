"""The whole client against the local platform: the same words, and a platform that really acts."""

from __future__ import annotations

import hashlib
import io
import tarfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
import requests

from accelerator.errors import ExitCode, KeyRefused, NotFound, OutcomeUnknown, RequestInvalid
from accelerator.heroku import Heroku
from accelerator.localheroku.server import LocalHeroku
from accelerator.models import ArtifactKind, ArtifactRef, Build, Endpoint, Release, Secret
from accelerator.waiting import Deadline, SystemClock, wait_for
from tests.contract.localheroku.platform_fixture import _still

__all__ = ["_still"]

if TYPE_CHECKING:
    from collections.abc import Iterator

    from accelerator.events import Event

COMMIT = "c0ffee" * 6 + "c0ff"
FILES = {
    "bin/detect": "#!/bin/sh\necho Own\n",
    "bin/compile": "#!/bin/sh\necho '-----> Doing nothing'\n",
    "Procfile": "worker: sleep 60\n",
}
RELEASED = {**FILES, "Procfile": "release: echo released\n"}
SERVED = {**FILES, "Procfile": "web: exec python3 -m http.server $PORT\n"}


@dataclass
class Scene:
    """A platform, a client of it, and its controls."""

    platform: LocalHeroku
    heroku: Heroku
    events: list[Event] = field(default_factory=list)

    @property
    def deadline(self) -> Deadline:
        return Deadline.after(SystemClock(), 60)

    def control(self, method: str, path: str, body: Any = None) -> Any:
        with requests.Session() as session:
            session.trust_env = False
            url = f"{self.platform.url}/local/v1/{path}"
            bearer = {"Authorization": f"Bearer {self.platform.token}"}
            answer = session.request(method, url, json=body, headers=bearer, timeout=30)
        assert answer.ok, answer.text
        return answer.json()

    def start_build(self, app: str, files: dict[str, str]) -> Build:
        data = archive(files)
        blob = self.heroku.sources.create()
        self.heroku.sources.upload(blob, io.BytesIO(data), len(data))
        checksum = f"SHA256:{hashlib.sha256(data).hexdigest()}"
        return self.heroku.builds.create(app, blob, COMMIT, "Subject", checksum)

    def build(self, app: str, files: dict[str, str] = FILES) -> Build:
        build = self.start_build(app, files)
        return wait_for(
            lambda: self.heroku.builds.fetch(app, build.id),
            lambda seen: seen.status != "pending" and seen.release_id is not None,
            self.deadline,
        )

    def released(self, app: str, release_id: str) -> Release:
        return wait_for(
            lambda: self.heroku.releases.fetch(app, release_id),
            lambda seen: seen.status != "pending",
            self.deadline,
        )


def archive(files: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(text), 0o755
            tar.addfile(info, io.BytesIO(text.encode()))
    return buffer.getvalue()


@pytest.fixture
def scene() -> Iterator[Scene]:
    with LocalHeroku() as platform:
        events: list[Event] = []
        with Heroku(
            Endpoint(platform.url, platform.url),
            Secret(platform.api_key),
            deadline=Deadline.after(SystemClock(), 120),
            listener=events.append,
        ) as heroku:
            yield Scene(platform, heroku, events)


def test_a_build_leaves_a_slug_and_a_release(
    scene: Scene, capfd: pytest.CaptureFixture[str]
) -> None:
    heroku = scene.heroku
    heroku.apps.create("shop")

    build = scene.build("shop", RELEASED)
    release = scene.released("shop", str(build.release_id))
    slug = heroku.slugs.fetch("shop", _slug(build).id)
    log = list(heroku.streams.follow(str(build.output_stream_url), deadline=scene.deadline))

    assert (build.status, build.commit, build.artifact) == ("succeeded", COMMIT, release.artifact)
    assert (release.status, release.current) == ("succeeded", True)
    assert (slug.kind, slug.commit) == (ArtifactKind.SLUG, COMMIT)
    assert slug.process_types["release"] == "echo released"
    assert (slug.checksum or "").startswith("SHA256:")
    assert "-----> Doing nothing" in log
    assert heroku.builds.fetch_newest("shop") == (heroku.builds.fetch("shop", build.id),)
    assert capfd.readouterr().out == ""


def test_a_release_is_promoted_and_released_again(scene: Scene) -> None:
    heroku = scene.heroku
    prepare, shop = heroku.apps.create("shop-prepare"), heroku.apps.create("shop")
    pipeline = heroku.pipelines.create("shop")
    heroku.couplings.create(prepare.id, pipeline.id, "development")
    heroku.couplings.create(shop.id, pipeline.id, "production")
    build = scene.build("shop-prepare", RELEASED)
    source = scene.released("shop-prepare", str(build.release_id))

    promotion = heroku.promotions.create(pipeline.id, prepare.id, source.id, [shop.id])
    (target,) = wait_for(
        lambda: heroku.promotions.fetch_targets(promotion.id),
        lambda targets: targets[0].status != "pending",
        scene.deadline,
    )
    promoted = heroku.releases.fetch("shop", str(target.release_id))
    created = heroku.releases.create("shop", _slug(promoted), "Once more")
    again = scene.released("shop", created.id)

    assert promotion.source_release_id == source.id
    assert (target.app_id, target.status, target.error_message) == (shop.id, "succeeded", None)
    assert promoted.artifact == again.artifact == source.artifact
    assert (again.status, again.current, again.description) == ("succeeded", True, "Once more")
    assert heroku.releases.fetch_newest("shop")[0] == again
    assert heroku.releases.fetch("shop", again.version) == again
    assert heroku.builds.fetch_newest("shop") == ()


def test_apps_are_made_set_up_found_and_destroyed(scene: Scene) -> None:
    heroku = scene.heroku
    app = heroku.apps.create("shop")
    pipeline = heroku.pipelines.create("shop-line")

    without = heroku.couplings.find_of_app("shop")
    coupling = heroku.couplings.create(app.id, pipeline.id, "staging")
    heroku.config_vars.update("shop", {"GREETING": "Grüße", "GONE": "x"})
    heroku.config_vars.update("shop", {"GONE": None})
    assert not heroku.features.is_enabled("shop", "runtime-dyno-metadata")

    heroku.features.enable("shop", "runtime-dyno-metadata")

    assert heroku.features.is_enabled("shop", "runtime-dyno-metadata")
    found = heroku.together(
        lambda: heroku.apps.fetch("shop"),
        lambda: heroku.couplings.find_of_app("shop"),
        lambda: heroku.couplings.fetch_of_pipeline(pipeline.id),
        lambda: heroku.pipelines.find("shop-line"),
    )
    apps = heroku.couplings.fetch_apps([app.id])
    config = heroku.config_vars.fetch("shop")
    heroku.apps.destroy("shop")

    assert without is None
    assert found == (app, coupling, (coupling,), pipeline)
    assert apps == (app,)
    assert config["GREETING"] == "Grüße"
    assert "GONE" not in config
    assert heroku.pipelines.find(pipeline.id) == pipeline
    assert heroku.pipelines.find("another") is None
    with pytest.raises(NotFound, match="find that app: shop, or"):
        heroku.apps.fetch("shop")


def test_dynos_follow_the_formation(scene: Scene) -> None:
    heroku = scene.heroku
    heroku.apps.create("shop")
    build = scene.build("shop", SERVED)
    release = scene.released("shop", str(build.release_id))

    (dyno,) = wait_for(
        lambda: [dyno for dyno in heroku.dynos.fetch("shop") if dyno.type == "web"],
        lambda dynos: [dyno.state for dyno in dynos] == ["up"],
        scene.deadline,
    )
    before = {process.type: process.quantity for process in heroku.formation.fetch("shop")}
    heroku.formation.scale("shop", "web", 0)
    after = {process.type: process.quantity for process in heroku.formation.fetch("shop")}
    wait_for(lambda: heroku.dynos.fetch("shop"), lambda dynos: not dynos, scene.deadline)

    assert (dyno.name, dyno.release_version) == ("web.1", release.version)
    assert (before["web"], after["web"]) == (1, 0)


def test_the_key_is_seen_by_the_api_and_by_no_signed_address(scene: Scene) -> None:
    scene.heroku.apps.create("shop")
    build = scene.build("shop")
    list(scene.heroku.streams.follow(str(build.output_stream_url), deadline=scene.deadline))

    journal = scene.control("GET", "journal")

    signed = [entry for entry in journal if entry["path"].startswith("/-/")]
    api = [entry for entry in journal if not entry["path"].startswith("/-/")]
    assert {entry["method"] for entry in signed} >= {"PUT", "GET"}
    assert {entry["has_authorization"] for entry in signed} == {False}
    assert {entry["authorization_kind"] for entry in api} == {"bearer"}
    fingerprint = hashlib.sha256(scene.platform.api_key.encode()).hexdigest()
    assert {entry["credential_sha256"] for entry in api} == {fingerprint[:12]}
    assert scene.heroku.usage.requests == len(api)


def test_a_write_whose_reply_is_lost_is_not_sent_again_though_it_was_done(scene: Scene) -> None:
    scene.heroku.apps.create("shop")
    build = scene.build("shop")
    fault = {"method": "POST", "path": "/releases$", "kind": "reset", "when": "after"}
    scene.control("POST", "faults", fault)
    before = len(scene.heroku.releases.fetch_newest("shop"))

    with pytest.raises(OutcomeUnknown, match="POST /apps/shop/releases"):
        scene.heroku.releases.create("shop", _slug(build), "Once")

    assert len(scene.heroku.releases.fetch_newest("shop")) == before + 1


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, id=kind) for kind in ("status", "reset", "half_body", "wrong_json")]
)
def test_reads_survive_the_faults_of_the_platform(scene: Scene, kind: str) -> None:
    scene.heroku.apps.create("shop")
    scene.control(
        "POST", "faults", {"method": "GET", "path": "/apps/shop$", "kind": kind, "occurrence": 1}
    )

    app = scene.heroku.apps.fetch("shop")

    assert app.name == "shop"
    assert scene.heroku.usage.retries == 1


@pytest.mark.usefixtures("_still")
def test_an_empty_bucket_slows_polling_down(scene: Scene) -> None:
    scene.control("PUT", "rate-limit", {"remaining": 11})

    scene.heroku.apps.fetch_names()

    assert scene.heroku.usage.rate_limit_remaining == 10
    assert scene.heroku.pace() > 7


def test_a_wrong_key_is_refused(scene: Scene) -> None:
    with (
        Heroku(
            Endpoint(scene.platform.url, scene.platform.url),
            Secret("HRKU-wrong"),
            deadline=scene.deadline,
            listener=scene.events.append,
        ) as heroku,
        pytest.raises(KeyRefused, match="Invalid credentials") as caught,
    ):
        heroku.apps.fetch_names()

    assert caught.value.exit_code is ExitCode.KEY_REFUSED


def test_a_pending_build_is_cancelled_and_a_finished_one_refuses(scene: Scene) -> None:
    heroku = scene.heroku
    heroku.apps.create("shop")
    done = scene.build("shop")
    scene.control("PUT", "durations", {"build_seconds": 30})
    pending = scene.start_build("shop", FILES)

    heroku.builds.cancel("shop", pending.id)
    over = wait_for(
        lambda: heroku.builds.fetch("shop", pending.id),
        lambda seen: seen.status != "pending",
        scene.deadline,
    )

    assert over.status == "failed"
    with pytest.raises(RequestInvalid):
        heroku.builds.cancel("shop", done.id)


def test_a_log_is_followed_while_it_is_written(scene: Scene) -> None:
    heroku = scene.heroku
    heroku.apps.create("shop")
    slow = {**FILES, "bin/compile": "#!/bin/sh\nfor i in 1 2 3; do echo line $i; sleep 0.3; done\n"}
    build = scene.start_build("shop", slow)

    states = [
        (line.strip(), heroku.builds.fetch("shop", build.id).status)
        for line in heroku.streams.follow(str(build.output_stream_url), deadline=scene.deadline)
    ]

    assert ("line 1", "pending") in states
    assert [line for line, _ in states if line.startswith("line")] == ["line 1", "line 2", "line 3"]


def _slug(of: Build | Release) -> ArtifactRef:
    assert of.artifact is not None
    return of.artifact
