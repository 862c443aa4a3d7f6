"""A stand-in for the Heroku facade, in memory.

It has the rules the steps rely on (a release becomes current when it succeeds, a promotion carries
the source release's artifact) and knobs for what the local platform cannot be brought to do
cheaply. It records every call and lets the clock run by `call_seconds` in each.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, BinaryIO

from accelerator.errors import NotFound, OutcomeUnknown, RequestInvalid
from accelerator.models import (
    App,
    Artifact,
    ArtifactRef,
    Build,
    Commit,
    Coupling,
    Dyno,
    Formation,
    Pipeline,
    Promotion,
    PromotionTarget,
    Release,
    SourceBlob,
)
from tests.unit.fakes.values import (
    FakeClock,
    artifact,
    make_build,
    make_coupling,
    make_release,
    slug,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    from accelerator.waiting import Deadline


@dataclass
class FakeApp:
    """An app and how it is to behave."""

    name: str
    coupling: Coupling | None = None
    hides_coupling: bool = False
    """Whether it is answered with 404, though the pipeline lists the app."""
    releases: list[Release] = field(default_factory=list)
    builds: list[Build] = field(default_factory=list)
    dynos: list[Dyno] = field(default_factory=list)
    dyno_types: tuple[str, ...] = ("web",)
    formation: dict[str, int] | None = None
    """How many dynos of each type there have to be; one of each of `dyno_types` by default."""
    preboot: bool | Exception = False
    maintenance: bool = False
    in_space: bool = False
    said: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """What its dynos said, by their names."""
    config: dict[str, str] | Exception = field(default_factory=dict)
    configs: dict[str, dict[str, str] | Exception] = field(default_factory=dict)
    """The config vars of releases, by id, where those are not what is set now."""
    web_url: str | None = None
    stack: str = "heroku-24"
    generation: str = "cedar"
    buildpacks: tuple[str, ...] = ()
    crashing: set[str] = field(default_factory=set)
    """Artifacts whose dynos crash."""
    failing: set[str] = field(default_factory=set)
    """Artifacts whose release command fails."""
    arriving: str | None = None
    """What a release carries here instead of what was sent, as when somebody else interferes."""
    log_url: str | None = None
    build_statuses: list[str] = field(default_factory=list)
    """What the next looks at a build see; then it has succeeded."""
    builds_fail: bool = False
    builds_release: bool = True
    echo: str | None = None
    """The checksum that a build names instead of the one it was sent."""

    @property
    def current(self) -> Release | None:
        return next((release for release in self.releases if release.current), None)

    def land(self, held: str | None, description: str = "", status: str = "succeeded") -> Release:
        """Add a release on top; one that succeeded becomes current and restarts the dynos."""
        version = max((release.version for release in self.releases), default=0) + 1
        made = make_release(self.name, version, held, description=description, status=status)
        if status == "succeeded":
            made = replace(made, current=True)
            self.releases = [replace(release, current=False) for release in self.releases]
            state = "crashed" if held in self.crashing else "up"
            self.dynos = [Dyno(f"{t}.1", t, state, version) for t in self.dyno_types]
        self.releases.insert(0, replace(made, output_stream_url=self.log_url))
        return self.releases[0]


class FakeHeroku:
    """The facade's methods that the steps use; `calls` names them in order."""

    def __init__(self, clock: FakeClock, *apps: FakeApp) -> None:
        self.clock = clock
        self.apps_by_name = {app.name: app for app in apps}
        self.artifacts: dict[str, Artifact] = {}
        self.pipelines_by_name: dict[str, str] = {}
        self.listed_too: dict[str, tuple[Coupling, ...]] = {}
        self.calls: list[str] = []
        self.call_seconds = 0.0
        self.failures: dict[str, Exception] = {}
        self.before: dict[str, Callable[[], object]] = {}
        self.always: dict[str, Callable[[], object]] = {}
        self.lost_replies: set[str] = set()
        self.turned_away: dict[str, Callable[[], object]] = {}
        self.promotion_names: str | None = (
            None  # which release an answer is about; "": it says none
        )
        self.promotion_looks: list[dict[str, str]] = []
        self.log_lines: tuple[str, ...] = ()
        self.uploaded = b""
        self.apps, self.config_vars, self.dynos = _Apps(self), _ConfigVars(self), _Dynos(self)
        self.pipelines = _Pipelines(self)
        self.couplings, self.promotions = _Couplings(self), _Promotions(self)
        self.builds, self.releases, self.slugs = _Builds(self), _Releases(self), _Slugs(self)
        self.sources, self.streams = _Sources(self), _Streams(self)
        self.buildpacks, self.formation = _Buildpacks(self), _Formations(self)
        self.log_sessions = _LogSessions(self)
        self.oci_images, self.features = _OciImages(self), _Features(self)

    def app(self, name: str) -> FakeApp:
        for app in self.apps_by_name.values():
            if name in {app.name, f"id-of-{app.name}"}:
                return app
        raise NotFound(f"no app {name}", "look with `heroku apps`", "app")

    def hold(self, name: str, commit: Commit | None, **changes: Any) -> None:
        self.artifacts[name] = artifact(name, commit, **changes)

    def told(self, call: str) -> None:
        """Note a call, let time pass, and fail or interfere as arranged."""
        self.calls.append(call)
        self.clock.pass_seconds(self.call_seconds)
        if call in self.before:
            self.before.pop(call)()
        if call in self.always:
            self.always[call]()
        if call in self.failures:
            raise self.failures[call]

    def told_again(self, call: str, again: Callable[[], object] | None) -> None:
        """Turn a write away once, as a rate limit does, where something is to happen meanwhile."""
        if call in self.turned_away:
            self.turned_away.pop(call)()
            if again is not None:
                again()

    def lose_reply(self, call: str) -> None:
        """Let the platform do what it is asked, and its answer get lost."""
        self.lost_replies.add(call)

    def answered(self, call: str) -> None:
        """Lose the reply of a write that has been done, as arranged."""
        if call in self.lost_replies:
            raise OutcomeUnknown(f"{call}: no answer", "look at it")

    def writes(self) -> list[str]:
        return [call for call in self.calls if ".create" in call or ".cancel" in call]

    def together(self, *reads: Callable[[], Any]) -> tuple[Any, ...]:
        return tuple(read() for read in reads)

    def pace(self) -> float:
        return 1.0

    def moment(self) -> datetime:
        return self.clock.moment()


@dataclass
class _Noun:
    heroku: FakeHeroku


class _Apps(_Noun):
    def fetch(self, name: str) -> App:
        self.heroku.told(f"apps.fetch {name}")
        app = self.heroku.app(name)
        generation = app.generation
        app_id = f"id-of-{app.name}"
        flags = app.maintenance, app.in_space
        return App(app_id, app.name, app.web_url, app.stack, app.stack, generation, *flags)


class _Features(_Noun):
    def is_enabled(self, app: str, name: str) -> bool:
        self.heroku.told(f"features.is_enabled {app} {name}")
        found = self.heroku.app(app).preboot
        if isinstance(found, Exception):
            raise found
        return found


class _ConfigVars(_Noun):
    def fetch(self, app: str) -> Mapping[str, str]:
        self.heroku.told(f"config_vars.fetch {app}")
        config = self.heroku.app(app).config
        if isinstance(config, Exception):
            raise config
        return config


class _Buildpacks(_Noun):
    def fetch(self, app: str) -> tuple[str, ...]:
        self.heroku.told(f"buildpacks.fetch {app}")
        return self.heroku.app(app).buildpacks


class _Formations(_Noun):
    def fetch(self, app: str) -> tuple[Formation, ...]:
        self.heroku.told(f"formation.fetch {app}")
        found = self.heroku.app(app)
        rows = dict.fromkeys(found.dyno_types, 1) if found.formation is None else found.formation
        return tuple(Formation(t, quantity, "Basic") for t, quantity in rows.items())


class _Pipelines(_Noun):
    def find(self, name: str) -> Pipeline | None:
        self.heroku.told(f"pipelines.find {name}")
        found = self.heroku.pipelines_by_name.get(name)
        return Pipeline(found, name) if found else None


class _Couplings(_Noun):
    def find_of_app(self, app: str) -> Coupling | None:
        self.heroku.told(f"couplings.find_of_app {app}")
        found = self.heroku.app(app)
        return None if found.hides_coupling else found.coupling

    def fetch_of_pipeline(self, pipeline_id: str) -> tuple[Coupling, ...]:
        self.heroku.told(f"couplings.fetch_of_pipeline {pipeline_id}")
        found = (app.coupling for app in self.heroku.apps_by_name.values())
        listed = (c for c in found if c is not None and c.pipeline_id == pipeline_id)
        return (*listed, *self.heroku.listed_too.get(pipeline_id, ()))

    def fetch_apps(self, ids: list[str]) -> tuple[App, ...]:
        return tuple(_Apps(self.heroku).fetch(app_id) for app_id in ids)


class _Dynos(_Noun):
    def fetch(self, app: str) -> tuple[Dyno, ...]:
        self.heroku.told(f"dynos.fetch {app}")
        return tuple(self.heroku.app(app).dynos)


class _Slugs(_Noun):
    def fetch(self, app: str, slug_id: str) -> Artifact:
        self.heroku.told(f"slugs.fetch {app} {slug_id}")
        if slug_id not in self.heroku.artifacts:
            raise NotFound(f"no slug {slug_id}", None, "slug")
        return self.heroku.artifacts[slug_id]


class _OciImages(_Noun):
    def fetch(self, app: str, image_id: str) -> Artifact:
        self.heroku.told(f"oci_images.fetch {app} {image_id}")
        if image_id not in self.heroku.artifacts:
            raise NotFound(f"no image {image_id}", None, "image")
        return self.heroku.artifacts[image_id]


class _Releases(_Noun):
    def fetch_newest(self, app: str, limit: int = 50) -> tuple[Release, ...]:
        self.heroku.told(f"releases.fetch_newest {app}")
        return tuple(self.heroku.app(app).releases)[:limit]

    def fetch(self, app: str, release_id: str) -> Release:
        self.heroku.told(f"releases.fetch {app} {release_id}")
        found = (r for r in self.heroku.app(app).releases if r.id == release_id)
        return next(found)

    def fetch_config_vars(self, app: str, release_id: str) -> Mapping[str, str]:
        self.heroku.told(f"releases.fetch_config_vars {app} {release_id}")
        owner = self.heroku.app(app)
        config = owner.configs.get(release_id, owner.config)
        if isinstance(config, Exception):
            raise config
        return config

    def create(
        self,
        app: str,
        held: ArtifactRef,
        description: str,
        again: Callable[[], object] | None = None,
    ) -> Release:
        call = f"releases.create {app} {held.id}"
        self.heroku.told(call)
        self.heroku.told_again(call, again)
        target = self.heroku.app(app)
        status = "failed" if held.id in target.failing else "succeeded"
        made = target.land(target.arriving or held.id, description, status)
        self.heroku.answered(call)
        return made


class _Promotions(_Noun):
    def create(
        self,
        pipeline_id: str,
        source_app_id: str,
        release_id: str,
        target_app_ids: list[str],
        again: Callable[[], object] | None = None,
    ) -> Promotion:
        names = [self.heroku.app(app_id).name for app_id in target_app_ids]
        call = f"promotions.create {release_id} to {' '.join(names)}"
        self.heroku.told(call)
        self.heroku.told_again(call, again)
        source = self.heroku.app(source_app_id)
        held = next(r.artifact for r in source.releases if r.id == release_id)
        self._pending = {}
        for name in names:
            target, carried = self.heroku.app(name), held.id if held else ""
            status = "failed" if carried in target.failing else "succeeded"
            landed = target.land(target.arriving or carried, f"Promote {release_id}", status)
            self._pending[name] = landed
        assert pipeline_id
        self.heroku.answered(call)
        said = self.heroku.promotion_names
        return Promotion("promotion-1", "pending", release_id if said is None else said or None)

    def fetch_targets(self, promotion_id: str) -> tuple[PromotionTarget, ...]:
        self.heroku.told(f"promotions.fetch_targets {promotion_id}")
        looks = self.heroku.promotion_looks
        said = looks.pop(0) if looks else {}
        return tuple(
            _promotion_target(release, said.get(name, release.status))
            for name, release in self._pending.items()
            if said.get(name) != "missing"
        )


def _promotion_target(release: Release, status: str) -> PromotionTarget:
    message = "the release command failed" if status == "failed" else None
    return PromotionTarget(release.app_id, status, release.id, message)


class _Sources(_Noun):
    def create(self) -> SourceBlob:
        self.heroku.told("sources.create")
        return SourceBlob("https://storage.example/get", "https://storage.example/put")

    def upload(self, blob: SourceBlob, file: BinaryIO, size: int) -> None:
        self.heroku.told(f"sources.upload {blob.put_url}")
        self.heroku.uploaded = file.read()
        assert len(self.heroku.uploaded) == size


class _Builds(_Noun):
    def fetch_newest(self, app: str, limit: int = 50) -> tuple[Build, ...]:
        self.heroku.told(f"builds.fetch_newest {app}")
        return tuple(self.heroku.app(app).builds)[:limit]

    def create(
        self,
        app: str,
        blob: SourceBlob,
        version: str,
        description: str,
        checksum: str,
        again: Callable[[], object] | None = None,
    ) -> Build:
        call = f"builds.create {app} {version[:8]}"
        self.heroku.told(call)
        self.heroku.told_again(call, again)
        owner, held = self.heroku.app(app), f"slug-of-{version[:8]}"
        assert blob.get_url
        assert description
        build = make_build(app, None, Commit(version), id=f"{app}-build", status="pending")
        build = replace(build, checksum=owner.echo or checksum)
        begun = self.heroku.moment()
        owner.builds.insert(0, replace(build, output_stream_url=owner.log_url, created_at=begun))
        self.heroku.artifacts.setdefault(held, artifact(held, Commit(version)))
        self.heroku.answered(call)
        return owner.builds[0]

    def fetch(self, app: str, build_id: str) -> Build:
        self.heroku.told(f"builds.fetch {app} {build_id}")
        owner = self.heroku.app(app)
        position = next(i for i, build in enumerate(owner.builds) if build.id == build_id)
        if owner.build_statuses and owner.build_statuses.pop(0) == "pending":
            return owner.builds[position]
        if owner.builds[position].status == "pending":
            owner.builds[position] = self._end(owner, owner.builds[position])
        return owner.builds[position]

    def cancel(self, app: str, build_id: str) -> None:
        self.heroku.told(f"builds.cancel {app} {build_id}")
        owner = self.heroku.app(app)
        owner.builds = [
            replace(build, status="failed") if build.id == build_id else build
            for build in owner.builds
        ]
        owner.build_statuses.clear()

    def _end(self, owner: FakeApp, build: Build) -> Build:
        if owner.builds_fail:
            return replace(build, status="failed")
        held = f"slug-of-{str(build.commit)[:8]}"
        done = replace(build, status="succeeded", artifact=slug(held))
        if not owner.builds_release:
            return done
        status = "failed" if held in owner.failing else "succeeded"
        return replace(done, release_id=owner.land(held, "Deploy", status).id)


class _Streams(_Noun):
    def follow(self, url: str, *, deadline: Deadline, **_: object) -> Iterator[str]:
        assert url
        assert deadline.clock is self.heroku.clock
        yield from self.heroku.log_lines


class _LogSessions(_Noun):
    def fetch_last(
        self, app: str, dyno: str, count: int, since: datetime, deadline: Deadline
    ) -> tuple[str, ...]:
        assert deadline.clock is self.heroku.clock
        assert since in {release.created_at for release in self.heroku.app(app).releases}
        self.heroku.told(f"log_sessions.fetch_last {app} {dyno}")
        return self.heroku.app(app).said.get(dyno, ())[-count:]


def make_app(name: str, held: str | None = None, **changes: Any) -> FakeApp:
    """Make an app in the pipeline, running what it is said to hold."""
    app = FakeApp(name, make_coupling(name))
    for key, value in changes.items():
        setattr(app, key, value)
    if held is not None:
        app.land(held)
    return app


def refuse(message: str = "Heroku refuses") -> RequestInvalid:
    return RequestInvalid(message, "look at it")
