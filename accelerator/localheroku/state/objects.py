"""The things the platform keeps, as plain values.

They are changed only by the rules in this package, which `save` what they changed.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

GENERATIONS = ("cedar", "fir")
SLUG = "slug"
IMAGE = "oci-image"
STACKS = ("heroku-24", "heroku-22", "container")
DEFAULT_STACK = "heroku-24"
# What apps of generation `fir` have in place of a stack.
FIR_STACK = "cnb"
FEATURES = {
    "runtime-dyno-metadata": "Provides metadata about the app, release and dyno to the dyno",
    "runtime-dyno-build-metadata": "Provides metadata about the build to the dyno",
    "preboot": "Provide seamless web dyno deploys",
}


@dataclass
class Account:
    """A user of the platform."""

    id: str
    email: str
    name: str | None
    created_at: datetime
    updated_at: datetime
    two_factor_code: str | None = None


@dataclass
class Key:
    """An API key of an account: an OAuth authorization with its access token."""

    id: str
    account_id: str
    token: str
    scopes: tuple[str, ...]
    description: str
    created_at: datetime
    updated_at: datetime
    expires_at: datetime | None = None


@dataclass
class Collaborator:
    """An account that may work on an app it does not own."""

    id: str
    app_id: str
    account_id: str
    permissions: tuple[str, ...]
    created_at: datetime
    updated_at: datetime


@dataclass
class ProcessType:
    """One row of an app's formation."""

    id: str
    type: str
    command: str
    quantity: int
    size: str
    created_at: datetime
    updated_at: datetime


@dataclass
class Feature:
    """One labs feature of an app."""

    id: str
    name: str
    enabled: bool
    created_at: datetime
    updated_at: datetime


@dataclass
class App:
    """An app; `metadata` holds the dyno metadata variables of its newest release in effect."""

    id: str
    name: str
    owner_id: str
    stack: str
    build_stack: str
    region: str
    created_at: datetime
    updated_at: datetime
    maintenance: bool = False
    archived_at: datetime | None = None
    released_at: datetime | None = None
    current_release_id: str | None = None
    last_version: int = 0
    web_port: int = 0
    repo_size: int | None = None
    generation: str = "cedar"
    space: str | None = None
    has_web_url: bool = True
    config: dict[str, str] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)
    features: dict[str, Feature] = field(default_factory=dict)
    formation: dict[str, ProcessType] = field(default_factory=dict)
    buildpacks: list[str] = field(default_factory=list)
    # By ref, the commit whose push was last followed by a release.
    pushed: dict[str, str] = field(default_factory=dict)


@dataclass
class Slug:
    """What a build leaves: immutable once its bytes are there (`is_stored`).

    On apps of generation `fir` it is an OCI image, which has a `digest` and knows its buildpacks.
    """

    id: str
    app_id: str
    commit: str | None
    commit_description: str | None
    checksum: str | None
    size: int | None
    stack: str
    process_types: dict[str, str]
    buildpack_provided_description: str | None
    created_at: datetime
    updated_at: datetime
    is_stored: bool = False
    deleted_at: datetime | None = None
    stored_checksum: str | None = None
    kind: str = SLUG
    digest: str | None = None
    image: dict[str, Any] = field(default_factory=dict)
    # An image may be announced again under another id: then its bytes are the first one's.
    blob_id: str | None = None

    @property
    def blob(self) -> str | None:
        """Return the name its bytes have in the storage, if they are there."""
        return (self.blob_id or self.id) if self.is_stored and self.deleted_at is None else None


@dataclass
class SourceBlob:
    """Where a build's source comes from, as the client said."""

    url: str
    version: str | None = None
    version_description: str | None = None
    checksum: str | None = None


@dataclass
class Build:
    """One run of the builder."""

    id: str
    app_id: str
    user_id: str
    source_blob: SourceBlob
    buildpacks: tuple[str, ...]
    stack: str
    planned_slug_id: str
    created_at: datetime
    updated_at: datetime
    status: str = "pending"
    slug_id: str | None = None
    release_id: str | None = None
    generation: str = "cedar"
    # Whether the buildpack was left to be found out.
    detects: bool = False


@dataclass
class Release:
    """One version of an app: a slug with the config vars of its moment."""

    id: str
    app_id: str
    user_id: str
    version: int
    description: str
    slug_id: str | None
    status: str
    config: dict[str, str]
    metadata: dict[str, str]
    created_at: datetime
    updated_at: datetime
    has_output: bool = False


@dataclass
class Dyno:
    """One process of an app, as the API shows it."""

    id: str
    app_id: str
    name: str
    type: str
    command: str
    size: str
    release_id: str
    version: int
    created_at: datetime
    updated_at: datetime
    state: str = "starting"


@dataclass
class Pipeline:
    """A group of apps that promote to each other."""

    id: str
    name: str
    owner_id: str
    owner_type: str
    created_at: datetime
    updated_at: datetime
    generation: str = "cedar"


@dataclass
class Coupling:
    """The place of an app in a pipeline."""

    id: str
    app_id: str
    pipeline_id: str
    stage: str
    created_at: datetime
    updated_at: datetime


@dataclass
class Promotion:
    """A promotion of one release to one or more apps."""

    id: str
    pipeline_id: str
    source_app_id: str
    source_release_id: str
    created_at: datetime
    updated_at: datetime
    status: str = "pending"
    user_id: str = ""


@dataclass
class Target:
    """One app of a promotion."""

    id: str
    promotion_id: str
    app_id: str
    release_id: str | None = None
    status: str = "pending"
    error_message: str | None = None
