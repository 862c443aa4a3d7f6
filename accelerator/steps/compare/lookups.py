"""Read single things that may be gone, withheld from this key, or not there for a generation."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from accelerator.errors import KeyRefused, NotFound, RequestInvalid
from accelerator.models import ArtifactKind
from accelerator.steps.compare.build_config import agreed, find_origin

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from accelerator.heroku import Heroku
    from accelerator.models import Artifact, ArtifactRef, Build
    from accelerator.steps.compare.facts import Facts
    from accelerator.steps.compare.fingerprints import Prints

Found = TypeVar("Found")

WITNESSES = ("HEROKU_BUILD_COMMIT", "HEROKU_SLUG_COMMIT")


def fetch_artifact(heroku: Heroku, app: str, ref: ArtifactRef) -> Artifact:
    """Read an artifact of either kind."""
    fetch = heroku.slugs.fetch if ref.kind is ArtifactKind.SLUG else heroku.oci_images.fetch
    return fetch(app, ref.id)


def find_artifact(heroku: Heroku, app: str, ref: ArtifactRef) -> Artifact | None:
    """Read an artifact that may be gone, or withheld from this key."""
    return find_optional(lambda: fetch_artifact(heroku, app, ref))


def find_artifact_of(heroku: Heroku, build: Build) -> Artifact | None:
    """Read what a build left, if it left anything."""
    return find_artifact(heroku, build.app_name, build.artifact) if build.artifact else None


def find_config(heroku: Heroku, app: str) -> Mapping[str, str] | None:
    """Read config vars if the key may; nobody keeps the secrets among them."""
    return find_optional(lambda: heroku.config_vars.fetch(app))


def find_built_with(heroku: Heroku, facts: Facts, ref: ArtifactRef) -> Prints | None:
    """Read with which declared config vars an artifact was built; None where nobody can tell.

    That is one request where nothing was released while it was built.
    """
    prints = []
    for release in find_origin(facts, ref):
        config = find_release_config(heroku, release.app_name, release.id)
        prints.append(facts.declared.prints_of(config))
    return agreed(prints)


def find_release_config(heroku: Heroku, app: str, release_id: str) -> Mapping[str, str] | None:
    """Read the config vars of a release if the key may."""
    return find_optional(lambda: heroku.releases.fetch_config_vars(app, release_id))


def find_witness(config: Mapping[str, str] | None) -> str | None:
    """Find the commit that the metadata variable names."""
    known = config or {}
    return next((known[name] for name in WITNESSES if known.get(name)), None)


def find_optional(read: Callable[[], Found]) -> Found | None:
    """Read what may be withheld from this key, or not be there for apps of this generation."""
    try:
        return read()
    except (KeyRefused, NotFound, RequestInvalid):
        return None
