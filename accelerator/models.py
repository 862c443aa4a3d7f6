"""The values everything speaks in: frozen, without behaviour beyond small questions.

Names are Heroku's (slug, release, coupling, stage, promotion); ours are artifact, route, reason and
decision. Moments (``_at``) are aware UTC datetimes, sizes are bytes.
"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

TELLING_LETTERS = 8  # of a secret: fewer are in too many texts by chance


class Secret:
    """A value that never shows itself: not in ``repr``, ``str``, ``format`` or a pickle.

    It is no ``str`` on purpose: a subclass would leak through ``join`` and ``+``. ``source`` says
    where it was found, for people.
    """

    __slots__ = ("_value", "source")

    def __init__(self, value: str, source: str = "") -> None:
        self._value, self.source = value, source

    def reveal(self) -> str:
        """Return the value itself, for the one place that sends it."""
        return self._value

    def spellings(self) -> tuple[str, ...]:
        """Return what a text holds that holds it: plain, as in URLs, as in HTTP's Basic scheme.

        In Base64 it looks in three ways, by what stands before it; at both ends of each a letter
        or two depend on the neighbours and are left out.
        """
        if not self._value:
            return ()
        plain = self._value.encode(errors="surrogateescape")  # a variable may hold any bytes
        encoded = []
        for before in range(3):
            text = b64encode(b"\0" * before + plain).decode()
            encoded.append(text[-(-before * 8 // 6) : (before + len(plain)) * 8 // 6])
        told = (word for word in encoded if len(word) >= TELLING_LETTERS)
        return tuple(dict.fromkeys((self._value, quote(plain, safe=""), *told)))

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("a Secret is not pickled")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the platform is: base URLs without a trailing slash."""

    api_url: str
    git_url: str


@dataclass(frozen=True, slots=True)
class Commit:
    """What is to be shipped. Only ``sha`` is known when no repository was opened."""

    sha: str
    tree: str | None = None
    committed_at: datetime | None = None
    subject: str | None = None
    author: str | None = None

    @property
    def short(self) -> str:
        """Return the first eight digits, for people."""
        return self.sha[:8]


class ArtifactKind(StrEnum):
    """What a build leaves behind."""

    SLUG = "slug"
    OCI_IMAGE = "oci-image"


@dataclass(frozen=True, slots=True)
class Artifact:
    """An immutable build result. ``commit`` is free text on Heroku's side and may be absent.

    Without ``process_types`` there is nothing to run; None where that is not known.
    """

    kind: ArtifactKind
    id: str
    checksum: str | None = None
    commit: str | None = None
    stack: str | None = None
    size: int | None = None
    process_types: Mapping[str, str] | None = None
    deleted_at: datetime | None = None

    @property
    def ref(self) -> ArtifactRef:
        """Return the kind and id alone, as releases and builds name it."""
        return ArtifactRef(self.kind, self.id)


@dataclass(frozen=True, slots=True)
class ArtifactRef:
    """The kind and id of an artifact, as releases and builds name it."""

    kind: ArtifactKind
    id: str


@dataclass(frozen=True, slots=True)
class App:
    """An app. ``web_url`` is read, never made from the name (it has a random suffix).

    ``in_space``: it runs in a Private Space.
    """

    id: str
    name: str
    web_url: str | None
    stack: str
    build_stack: str
    generation: str
    maintenance: bool
    in_space: bool = False


@dataclass(frozen=True, slots=True)
class Release:
    """A release ``v42`` of an app. ``status``: pending, succeeded, failed or expired.

    The highest version is not always the ``current`` one: a pending or failed one may be on top.
    """

    id: str
    version: int
    status: str
    current: bool
    app_id: str
    app_name: str
    description: str
    created_at: datetime
    artifact: ArtifactRef | None
    output_stream_url: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Build:
    """A build; ``commit`` is its ``source_blob.version``; pending, succeeded or failed.

    The commit is what its caller claimed. ``checksum`` is that of the source, as Heroku checked it;
    a build by git push has none.
    """

    id: str
    app_name: str
    status: str
    commit: str | None
    artifact: ArtifactRef | None
    release_id: str | None
    created_at: datetime
    output_stream_url: str | None = field(default=None, repr=False)
    updated_at: datetime | None = None
    stack: str | None = None
    buildpacks: tuple[str, ...] = ()
    checksum: str | None = None

    def is_running_of(self, sha: str) -> bool:
        """Return whether this build of a commit runs now: it may be joined, or cancelled."""
        return self.status == "pending" and self.commit == sha

    @property
    def seconds(self) -> float | None:
        """Return how long it took, or None while it runs."""
        if self.status == "pending" or self.updated_at is None:
            return None
        return (self.updated_at - self.created_at).total_seconds()


@dataclass(frozen=True, slots=True)
class BuildInput:
    """What a build of a commit is made of: the tree of `folder`, the root's where it is empty.

    ``kept`` is the tree's id without what `.slugignore` surely removes before the build. Equal ids
    are equal inputs. ``has_rules``: there is a `.slugignore`. ``archives`` are the checksums that
    an archive of it may have, where they were made: a build is of `folder` only with one of them.
    """

    folder: str
    tree: str
    kept: str
    has_rules: bool = False
    archives: frozenset[str] = frozenset()

    def id_for(self, *, drops_ignored: bool) -> str:
        """Return the id of what is built, where `.slugignore` has a say and where it has none."""
        return self.kept if drops_ignored else self.tree

    def describe(self, *, drops_ignored: bool) -> str:
        """Return in words what is compared."""
        what = f"tree of {self.folder}" if self.folder else "tree"
        return f"{what} without .slugignore" if drops_ignored and self.has_rules else what


@dataclass(frozen=True, slots=True)
class SourceBlob:
    """Signed addresses for one source upload: capabilities, never to be shown."""

    get_url: str = field(repr=False)
    put_url: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A pipeline; its name is not unique on Heroku."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Coupling:
    """An app's place in a pipeline."""

    id: str
    app_id: str
    pipeline_id: str
    stage: str
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Promotion:
    """A promotion as created: ``source_release_id`` is what is really being promoted."""

    id: str
    status: str
    source_release_id: str | None


@dataclass(frozen=True, slots=True)
class PromotionTarget:
    """What became of a promotion on one app. ``status``: pending, succeeded or failed."""

    app_id: str
    status: str
    release_id: str | None
    error_message: str | None


@dataclass(frozen=True, slots=True)
class Dyno:
    """A dyno. ``state``: starting, up, crashed, idle or down, since ``changed_at``."""

    name: str
    type: str
    state: str
    release_version: int | None
    changed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Formation:
    """How many dynos of which size run one process type."""

    type: str
    quantity: int
    size: str


class Ancestry(StrEnum):
    """Whether one commit is an ancestor of another, as far as a clone can tell."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class PushOutcome(StrEnum):
    """What became of a push that the server answered."""

    PUSHED = "pushed"
    UP_TO_DATE = "up_to_date"
    DECLINED = "declined"  # by the server's hook: the build failed
    NOT_FAST_FORWARD = "not_fast_forward"


class Swap(StrEnum):
    """What became of a change: done, lost to somebody else, or not known (look again)."""

    DONE = "done"
    LOST = "lost"
    UNKNOWN = "unknown"


class Route(StrEnum):
    """The ways to get a commit onto a target, best first (design, section 2)."""

    LIVE = "live"
    PROMOTE = "promote"
    RELEASE = "release"
    WAIT = "wait"
    BUILD = "build"


class Refusal(StrEnum):
    """Why a guard refused; stable words of the JSON, too."""

    SUPERSEDED = "superseded"
    DIVERGED = "diverged"
    ANCESTRY_UNKNOWN = "ancestry_unknown"
    LOCKED = "locked"
    FROZEN = "frozen"
    REJECTED = "rejected"
    OUTSIDE_WINDOW = "outside_window"
    SOAKING = "soaking"
    NOT_CONFIRMED = "not_confirmed"
    MISS_REFUSED = "miss_refused"
    DIRTY_CHECKOUT = "dirty_checkout"
    SOURCE_UNVERIFIED = "source_unverified"
    PROCESSES_MISSING = "processes_missing"


class Reason(StrEnum):
    """Why a route was taken. One per outcome; stable words of the JSON."""

    ALREADY_LIVE = "already_live"
    PREPARED = "prepared"
    PREPARED_EARLIER = "prepared_earlier"
    ON_OTHER_APP = "on_other_app"
    SAME_TREE = "same_tree"
    JOINED_BUILD = "joined_build"
    PROMOTION_REFUSED = "promotion_refused"
    NOTHING_PREPARED = "nothing_prepared"
    OTHER_COMMIT = "other_commit"
    PREPARE_BUILD_FAILED = "prepare_build_failed"
    PREPARE_RELEASE_FAILED = "prepare_release_failed"
    EXPIRED = "expired"
    STACK_DIFFERS = "stack_differs"
    BUILDPACKS_DIFFER = "buildpacks_differ"
    BUILD_CONFIG_DIFFERS = "build_config_differs"
    BUILD_CONFIG_UNKNOWN = "build_config_unknown"
    GENERATION_DIFFERS = "generation_differs"
    NOT_IN_PIPELINE = "not_in_pipeline"
    UNREADABLE = "unreadable"
    SOURCE_UNVERIFIED = "source_unverified"


class OnMiss(StrEnum):
    """What to do when the commit is not prepared."""

    BUILD = "build"
    WAIT = "wait"
    FAIL = "fail"


class OnSuperseded(StrEnum):
    """What a job is whose commit the target has left behind: failed, or fine."""

    FAIL = "fail"
    OK = "ok"


class OnFailure(StrEnum):
    """What the failure of one target means for the others."""

    STOP = "stop"
    CONTINUE = "continue"
    COMPENSATE = "compensate"


class LockMode(StrEnum):
    """Whether deploys lock: ``auto`` goes on where the lock remote takes no lock."""

    AUTO = "auto"
    REQUIRED = "required"
    OFF = "off"


class LockKind(StrEnum):
    """How good the locks of a deploy are; stable words of the JSON."""

    HELD = "held"
    ADVISORY = "advisory"  # the lock remote may let two deploys have it
    NONE = "none"


class Written(StrEnum):
    """What became of a note in the lock remote, as read back; stable words of the JSON."""

    MADE = "made"
    STOOD = "stood"  # one stood there already
    LOST = "lost"  # it is not there
    UNKNOWN = "unknown"


class Strategy(StrEnum):
    """How the prepare app gets the commit: as an archive, or by a git push."""

    SOURCE = "source"
    GIT = "git"


class TargetStatus(StrEnum):
    """What became of a target; stable words of the JSON."""

    PENDING = "pending"  # not attempted, or its end is not known
    SUCCEEDED = "succeeded"
    UNCHANGED = "unchanged"  # it ran the commit before
    FAILED = "failed"
    COMPENSATED = "compensated"  # returned to the release before, as another target failed
    REFUSED = "refused"  # a guard said no before anything was written there
    SKIPPED = "skipped"  # it has left the commit behind, and that was said to be fine


class Verified(StrEnum):
    """How a target's verification ended; stable words of the JSON."""

    PASSED = "passed"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"
    NOT_RUN = "not_run"


class StepName(StrEnum):
    """The parts of a run that are timed; stable words of the JSON."""

    LOOK = "look"
    TEST = "test"
    ARCHIVE = "archive"
    UPLOAD = "upload"
    PUSH = "push"
    BUILD = "build"
    COMPARE = "compare"
    WAIT = "wait"
    LOCK = "lock"
    GUARD = "guard"  # what is looked at and noted around the writes
    UNLOCK = "unlock"
    RECONCILE = "reconcile"
    PROMOTE = "promote"
    RELEASE = "release"
    VERIFY = "verify"
    ROLLBACK = "rollback"
    PROVISION = "provision"  # the demo makes its apps
