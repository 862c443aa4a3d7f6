"""Releases, and the slugs they hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from accelerator.heroku.parsing import (
    parse_config_vars,
    parse_oci_image,
    parse_release,
    parse_slug,
)
from accelerator.models import ArtifactKind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from accelerator.heroku.connection import Connection
    from accelerator.models import Artifact, ArtifactRef, Release

_PARAMETERS = {ArtifactKind.SLUG: "slug", ArtifactKind.OCI_IMAGE: "oci_image"}
# Under version 3 the schema demands a slug of every release; only 3.sdk knows images.
_VERSIONS = {ArtifactKind.SLUG: "3", ArtifactKind.OCI_IMAGE: "3.sdk"}


@dataclass(frozen=True, repr=False)
class Releases:
    """`/apps/{app}/releases`."""

    _connection: Connection

    def fetch_newest(self, app: str, limit: int = 50) -> tuple[Release, ...]:
        """Read the newest releases, newest first; the first one is not always the current one."""
        resource = ("apps", app, "releases")
        found = self._connection.fetch_newest(resource, parse_release, "version", limit)
        return tuple(sorted(found, key=lambda release: release.version, reverse=True))[:limit]

    def fetch(self, app: str, id_or_version: str | int) -> Release:
        """Read one release by its id or its number (without the `v`)."""
        return self._connection.fetch(("apps", app, "releases", id_or_version), parse_release)

    def fetch_config_vars(self, app: str, release_id: str) -> Mapping[str, str]:
        """Read the config vars that were in effect with a release."""
        resource = ("apps", app, "releases", release_id, "config-vars")
        return self._connection.fetch(resource, parse_config_vars)

    def create(
        self,
        app: str,
        artifact: ArtifactRef,
        description: str,
        again: Callable[[], object] | None = None,
    ) -> Release:
        """Release an artifact that exists already, also one of another app."""
        body = {_PARAMETERS[artifact.kind]: artifact.id, "description": description}
        accept, resource = _VERSIONS[artifact.kind], ("apps", app, "releases")
        return self._connection.write("POST", resource, body, parse_release, accept, again)


@dataclass(frozen=True, repr=False)
class OciImages:
    """`/apps/{app}/oci-images`, what apps of generation fir have instead of slugs."""

    _connection: Connection

    def fetch(self, app: str, image_id: str) -> Artifact:
        """Read an image: above all its commit and digest."""
        return self._connection.fetch(("apps", app, "oci-images", image_id), parse_oci_image)


@dataclass(frozen=True, repr=False)
class Slugs:
    """`/apps/{app}/slugs`; there is no list of them."""

    _connection: Connection

    def fetch(self, app: str, slug_id: str) -> Artifact:
        """Read a slug: above all its commit and checksum."""
        return self._connection.fetch(("apps", app, "slugs", slug_id), parse_slug)
