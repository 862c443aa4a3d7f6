"""What was read of single apps, as it was read: sources, targets, and what lies ready on them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from accelerator.steps.compare.descriptions import IN_EFFECT
from accelerator.steps.compare.fit import Fit

if TYPE_CHECKING:
    from accelerator.models import App, ArtifactRef, Build, Coupling, Release


@dataclass(frozen=True, slots=True)
class SourceState:
    """What was read of an app that may hold the commit; releases and builds newest first.

    ``witness`` is HEROKU_BUILD_COMMIT or HEROKU_SLUG_COMMIT, which speaks of the current release
    only and may be stale or absent; ``witness_readable`` says whether the key may read it.
    """

    app: str
    releases: tuple[Release, ...] = ()
    builds: tuple[Build, ...] = ()
    coupling: Coupling | None = None
    is_prepare: bool = True
    witness: str | None = None
    witness_readable: bool = True

    @property
    def current(self) -> Release | None:
        """Return the release in effect: not always the newest one."""
        return next((release for release in self.releases if release.current), None)


@dataclass(frozen=True, slots=True)
class TargetState:
    """What was read of an app that is to get the commit.

    Its builds are read only where they must be proven, or are wanted as witnesses of what it runs:
    ``is_witnessed`` then, and ``witness`` is what the metadata variable names.
    ``info`` is the app itself, where it had to be read.
    """

    app: str
    app_id: str
    releases: tuple[Release, ...] = ()
    coupling: Coupling | None = None
    fit: Fit = field(default_factory=Fit)
    builds: tuple[Build, ...] = ()
    info: App | None = None
    witness: str | None = None
    is_witnessed: bool = False

    @property
    def current(self) -> Release | None:
        """Return the release in effect."""
        return next((release for release in self.releases if release.current), None)

    @property
    def has_code(self) -> bool:
        """True when a release with code is in effect."""
        return self.current is not None and self.current.artifact is not None

    def find_before_current(self) -> Release | None:
        """Find the last release with other code that was in effect before what runs now."""
        current = self.current
        if current is None:
            return None
        ran = (
            release
            for release in self.releases
            if release.version < current.version
            and release.status in IN_EFFECT
            and release.artifact is not None
        )
        return next((release for release in ran if release.artifact != current.artifact), None)

    @property
    def stage(self) -> str | None:
        """Return its stage in the pipeline, or None when it is in none."""
        return self.coupling.stage if self.coupling else None


@dataclass(frozen=True, slots=True)
class Candidate:
    """An artifact of the wanted commit and the release that carries it, if one does."""

    source: SourceState
    artifact: ArtifactRef
    release: Release | None

    @property
    def name(self) -> str:
        """Return its name for people: the app and the release."""
        held = f"v{self.release.version}" if self.release else "a build without a release"
        return f"{self.source.app} {held}"


@dataclass(frozen=True, slots=True)
class CutShort:
    """A deploy to a target that was killed or cut off, as its lock tells of it: a claim.

    ``previous_version`` is the release that was current when that deploy began. It counts only
    where the target's own list of releases agrees (`before.find_adopted`).
    """

    app: str
    commit: str
    previous_version: int | None
