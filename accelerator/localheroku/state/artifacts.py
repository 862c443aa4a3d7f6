"""Rules for what builds leave, slugs and OCI images: who may see them, where they may run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from accelerator.localheroku.state import access
from accelerator.localheroku.state.errors import forbidden, invalid, missing
from accelerator.localheroku.state.objects import IMAGE, SLUG, Account, App, Slug
from accelerator.localheroku.state.store import State, new_id

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_WORDS = {SLUG: "slug", IMAGE: "OCI image"}


def kind_for(app: App) -> str:
    """Return what apps of this generation run."""
    return IMAGE if app.generation == "fir" else SLUG


def find_artifact(state: State, app: App, identity: str) -> Slug:
    """Return a slug (or image, also by its digest) made on the app or released on it."""
    kind = kind_for(app)
    for slug in _candidates(state, app, identity):
        if slug.kind == kind and app in _apps_of(state, slug):
            return slug
    raise missing("slug" if kind == SLUG else "oci_image")


def artifact_to_release(state: State, who: Account, app: App, identity: str) -> Slug:
    """Return the artifact that an account wants to run on an app, or refuse."""
    for slug in _candidates(state, app, identity):
        _check_seen(state, who, slug)
        return check_runs_on(app, slug)
    raise missing("slug" if kind_for(app) == SLUG else "oci_image")


def check_runs_on(app: App, slug: Slug) -> Slug:
    """Return the artifact if the app can run it, or refuse."""
    check_usable(slug)
    if slug.kind != kind_for(app):
        raise invalid(
            f"Apps of generation {app.generation} run an {_WORDS[kind_for(app)]},"
            f" not an {_WORDS[slug.kind]}."
        )
    if slug.stack not in {app.stack, app.build_stack}:
        raise invalid(
            f"The {_WORDS[slug.kind]} was built for stack {slug.stack},"
            f" but {app.name} is on {app.build_stack}."
        )
    return slug


def check_usable(slug: Slug) -> Slug:
    """Return the artifact if its bytes are there and are the ones announced."""
    word = _WORDS[slug.kind]
    if slug.deleted_at is not None:
        raise invalid(f"The {word} has expired and its contents are gone.")
    if not slug.is_stored:
        raise invalid(f"The {word} has not been uploaded yet.")
    stored, announced = slug.stored_checksum, slug.checksum or ""
    if stored is not None and stored.lower() != announced.lower():
        raise invalid("Could not verify slug checksum")
    return slug


def create_image(state: State, app: App, about: Mapping[str, Any]) -> Slug:
    """Record an OCI image that lies in a registry; its bytes are those of an image of this digest.

    Without such an image here it can be looked at, but not released.
    """
    now = state.clock.now()
    same = next((one for one in state.slugs if one.digest == about["digest"] and one.blob), None)
    return state.slugs.save(
        Slug(
            id=new_id(),
            app_id=app.id,
            commit=about["commit"],
            commit_description=about["commit_description"],
            checksum=same.checksum if same else None,
            size=same.size if same else None,
            stack=app.build_stack,
            process_types=about["process_types"] or (dict(same.process_types) if same else {}),
            buildpack_provided_description=same.buildpack_provided_description if same else None,
            created_at=now,
            updated_at=now,
            is_stored=same is not None,
            kind=IMAGE,
            digest=about["digest"],
            image=about["image"],
            blob_id=same.blob if same else None,
        )
    )


def _candidates(state: State, app: App, identity: str) -> list[Slug]:
    """Return the artifacts of this id, or of this digest: the app's own and newest first."""
    by_id = state.slugs.find(identity)
    if by_id is not None:
        return [by_id]
    same = [each for each in state.slugs if each.digest is not None and each.digest == identity]
    return sorted(same, key=lambda each: (each.app_id == app.id, each.created_at), reverse=True)


def _apps_of(state: State, slug: Slug) -> Iterator[App]:
    """Yield the app an artifact was made on, then those it was released on."""
    made_on = state.apps.find(slug.app_id)
    if made_on is not None:
        yield made_on
    for app in state.apps:
        if any(one.slug_id == slug.id for one in state.releases.of(app.id)):
            yield app


def _check_seen(state: State, who: Account, slug: Slug) -> None:
    if not any(access.permissions(state, who, app) for app in _apps_of(state, slug)):
        raise forbidden(f"You do not have access to that {_WORDS[slug.kind]}.")
