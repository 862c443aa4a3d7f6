"""Rules for releases: what one holds, which one is current, and when one has expired."""

from dataclasses import dataclass

from accelerator.localheroku.state.apps import touch
from accelerator.localheroku.state.errors import invalid, missing
from accelerator.localheroku.state.formation import follow_slug
from accelerator.localheroku.state.objects import App, Release, Slug
from accelerator.localheroku.state.store import State, new_id

RELEASE_TYPE = "release"


@dataclass(frozen=True)
class Wanted:
    """What a release shall be made of."""

    description: str
    slug: Slug | None
    user_id: str = ""


def create_release(state: State, app: App, wanted: Wanted) -> Release:
    """Make the next release of an app: `pending` when a release command has to run first."""
    now = state.clock.now()
    app.last_version += 1
    has_phase = wanted.slug is not None and RELEASE_TYPE in wanted.slug.process_types
    release = Release(
        id=new_id(),
        app_id=app.id,
        user_id=wanted.user_id or app.owner_id,
        version=app.last_version,
        description=wanted.description,
        slug_id=wanted.slug.id if wanted.slug else None,
        status="pending" if has_phase else "succeeded",
        config=dict(app.config),
        metadata={},
        created_at=now,
        updated_at=now,
        has_output=has_phase,
    )
    release.metadata = {**app.metadata, **_metadata(app, release, wanted.slug)}
    touch(state, app)
    state.releases.save(release)
    if not has_phase:
        make_current(state, app, release)
    return release


def finish_release(state: State, release: Release, succeeded: bool) -> None:
    """Record how the release command ended; nothing is left to say when the app is gone."""
    if state.releases.find(release.id) is None:
        return
    release.status = "succeeded" if succeeded else "failed"
    release.updated_at = state.clock.now()
    state.releases.save(release)
    app = state.apps.find(release.app_id)
    if succeeded and app is not None:
        make_current(state, app, release)


def make_current(state: State, app: App, release: Release) -> None:
    """Put a release into effect, unless a newer one already is."""
    current = current_release(state, app)
    if current is not None and current.version > release.version:
        return
    app.current_release_id = release.id
    app.metadata = {key: v for key, v in release.metadata.items() if key not in app.config}
    slug = state.slugs.find(release.slug_id)
    if slug is not None:
        app.released_at = release.created_at
        app.stack = slug.stack
        follow_slug(state, app, slug)
    touch(state, app)


def current_release(state: State, app: App) -> Release | None:
    """Return the release in effect, which need not be the newest."""
    return state.releases.find(app.current_release_id)


def current_slug(state: State, app: App) -> Slug | None:
    """Return the slug in effect."""
    release = current_release(state, app)
    return state.slugs.find(release.slug_id) if release else None


def blob_of(state: State, release: Release) -> str:
    """Return the name that the bytes of a release have in the storage."""
    slug = state.slugs.find(release.slug_id)
    return (slug.blob if slug else None) or ""


def find_release(state: State, app: App, identity: str) -> Release:
    """Return a release of the app by id or version number."""
    for release in reversed(state.releases.of(app.id)):
        if identity in {release.id, str(release.version)}:
            return release
    raise missing("release")


def is_eligible_for_rollback(release: Release) -> bool:
    """Return whether `POST releases {"release": id}` would accept this one."""
    return release.slug_id is not None and release.status == "succeeded"


def check_rollback(state: State, app: App, identity: str) -> Release:
    """Return the release to roll back to, or refuse."""
    release = find_release(state, app, identity)
    if release.slug_id is None:
        raise invalid("Cannot roll back to a release that had no app in it.")
    if release.status == "expired":
        raise invalid(f"Cannot roll back to v{release.version}: its slug has expired.")
    if release.status != "succeeded":
        raise invalid(f"Cannot roll back to v{release.version}: it did not succeed.")
    return release


def restore_config(state: State, app: App, release: Release) -> None:
    """Give the app the config vars it had at a release."""
    app.config = dict(release.config)
    touch(state, app)


def _metadata(app: App, release: Release, slug: Slug | None) -> dict[str, str]:
    commit = (slug.commit if slug else None) or ""
    about = (slug.commit_description if slug else None) or _deploy(commit)
    found: dict[str, str] = {}
    if app.features["runtime-dyno-metadata"].enabled:
        found |= {
            "HEROKU_APP_ID": app.id,
            "HEROKU_APP_NAME": app.name,
            "HEROKU_APP_DEFAULT_DOMAIN_NAME": f"127.0.0.1:{app.web_port}",
            "HEROKU_RELEASE_CREATED_AT": f"{release.created_at:%Y-%m-%dT%H:%M:%SZ}",
            "HEROKU_RELEASE_VERSION": f"v{release.version}",
            "HEROKU_SLUG_COMMIT": commit,
            "HEROKU_SLUG_DESCRIPTION": about,
        }
    if app.features["runtime-dyno-build-metadata"].enabled:
        found |= {"HEROKU_BUILD_COMMIT": commit, "HEROKU_BUILD_DESCRIPTION": about}
    return found


def _deploy(commit: str) -> str:
    return f"Deploy {commit[:8]}" if commit else ""


def deploy_description(slug: Slug) -> str:
    """Return what a release of a fresh slug is called."""
    return _deploy(slug.commit or "") or "Deploy"
