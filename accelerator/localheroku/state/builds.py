"""Rules for builds and the slugs they leave."""

from collections.abc import Mapping
from typing import Protocol

from accelerator.localheroku.state.errors import invalid, missing
from accelerator.localheroku.state.objects import IMAGE, App, Build, Release, Slug, SourceBlob
from accelerator.localheroku.state.store import State, new_id


class Built(Protocol):
    """What a builder reports; `state` does not know builders."""

    @property
    def succeeded(self) -> bool:
        """True when there is a slug."""

    @property
    def process_types(self) -> Mapping[str, str]:
        """The commands by process type."""

    @property
    def checksum(self) -> str | None:
        """The slug's checksum."""

    @property
    def size(self) -> int | None:
        """The slug's bytes."""

    @property
    def buildpacks(self) -> tuple[str, ...]:
        """The buildpacks that were really used."""

    @property
    def language(self) -> str | None:
        """What the buildpack calls the app."""


def create_build(
    state: State,
    app: App,
    blob: SourceBlob,
    buildpacks: tuple[str, ...] = (),
    user_id: str = "",
) -> Build:
    """Record a build that is about to run."""
    now = state.clock.now()
    build = Build(
        id=new_id(),
        app_id=app.id,
        user_id=user_id or app.owner_id,
        source_blob=blob,
        buildpacks=buildpacks,
        stack=app.build_stack,
        generation=app.generation,
        detects=not buildpacks and not app.buildpacks,
        planned_slug_id=new_id(),
        created_at=now,
        updated_at=now,
    )
    return state.builds.save(build)


def find_build(state: State, app: App, identity: str) -> Build:
    """Return a build of the app."""
    build = state.builds.find(identity)
    if build is None or build.app_id != app.id:
        raise missing("build")
    return build


def finish_build(state: State, build: Build, result: Built | None) -> Slug | None:
    """Record how a build ended and return its slug; one that was cancelled stays failed."""
    if build.status != "pending" or state.builds.find(build.id) is None:
        return None
    build.updated_at = state.clock.now()
    slug = _slug(state, build, result) if result is not None and result.succeeded else None
    build.status = "succeeded" if slug else "failed"
    build.slug_id = slug.id if slug else None
    if slug is not None and result is not None:
        build.buildpacks = result.buildpacks
        _remember_buildpack(state, build, result)
    state.builds.save(build)
    return slug


def _remember_buildpack(state: State, build: Build, result: Built) -> None:
    """Set the buildpack that was detected for good, as Heroku does; the app's own is not one."""
    app = state.apps.find(build.app_id)
    official = [name for name in result.buildpacks if name != "heroku/inline"]
    if app is not None and app.generation == "cedar" and not app.buildpacks and build.detects:
        app.buildpacks = official
        state.apps.save(app)


def _slug(state: State, build: Build, result: Built) -> Slug:
    now = state.clock.now()
    slug = Slug(
        id=build.planned_slug_id,
        app_id=build.app_id,
        commit=build.source_blob.version,
        commit_description=build.source_blob.version_description,
        checksum=result.checksum,
        size=result.size,
        stack=build.stack,
        process_types=dict(result.process_types),
        buildpack_provided_description=result.language,
        created_at=now,
        updated_at=now,
        is_stored=True,
    )
    if build.generation == "fir":
        slug.kind = IMAGE
        slug.digest = (result.checksum or "").lower()
        slug.image = {"buildpacks": [_buildpack(name) for name in result.buildpacks]}
    return state.slugs.save(slug)


def _buildpack(name: str) -> dict[str, str]:
    return {"id": name, "version": "0.0.0", "homepage": f"https://github.com/{name}"}


def attach_release(state: State, build: Build, release: Release) -> None:
    """Name the release that a build led to."""
    build.release_id = release.id
    build.updated_at = state.clock.now()
    state.builds.save(build)


def cancel_build(state: State, build: Build) -> None:
    """Record that a build was cancelled."""
    if build.status != "pending":
        raise invalid("Only a pending build can be cancelled.")
    build.status = "failed"
    build.updated_at = state.clock.now()
    state.builds.save(build)


def create_slug(state: State, app: App, process_types: dict[str, str], stack: str) -> Slug:
    """Record a slug whose bytes the client will upload."""
    now = state.clock.now()
    return state.slugs.save(
        Slug(new_id(), app.id, None, None, None, None, stack, process_types, None, now, now)
    )


def store_slug(state: State, slug: Slug, size: int, checksum: str) -> None:
    """Record that the bytes of a slug have arrived; they never change afterwards."""
    slug.is_stored = True
    slug.size = size
    slug.stored_checksum = checksum
    slug.checksum = slug.checksum or checksum
    slug.updated_at = state.clock.now()
    state.slugs.save(slug)
