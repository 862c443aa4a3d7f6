"""What a run found and did, filled in as it goes, so that a failed run can still tell.

Console, JSON and CI summary are views of it; nothing here is decided from it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from accelerator.models import (
        Artifact,
        ArtifactRef,
        Build,
        Commit,
        Reason,
        Refusal,
        Release,
        Route,
    )
    from accelerator.steps.plan import Plan


@dataclass
class SourceReport:
    """The release that holds the commit, on the app it was found on."""

    app: str
    release: Release | None
    artifact: Artifact | ArtifactRef
    commit: str | None
    metadata: str


@dataclass
class TargetReport:
    """What became of one target. ``status``: pending, succeeded, failed, unchanged or compensated.

    ``is_adopted``: its release was made by a deploy that was cut short, and is ours to take back.
    """

    app: str
    route: Route | None = None
    status: str = "pending"
    release: Release | None = None
    release_id: str | None = None
    previous_release: Release | None = None
    artifact: ArtifactRef | Artifact | None = None
    verified: str = "not_run"
    rolled_back_to: int | None = None
    rollback_release: int | None = None
    error: str | None = None
    is_adopted: bool = False


@dataclass
class Report:
    """The result of `deploy`, and of one stage of `ship`."""

    commit: Commit | None = None
    route: Route | None = None
    reason: Reason | Refusal | None = None
    source: SourceReport | None = None
    targets: list[TargetReport] = field(default_factory=list)
    passed_over: list[str] = field(default_factory=list)
    plan: Plan | None = None

    def target(self, app: str) -> TargetReport:
        """Give the entry of a target, making it when it is new."""
        for entry in self.targets:
            if entry.app == app:
                return entry
        self.targets.append(TargetReport(app))
        return self.targets[-1]


@dataclass
class PrepareReport:
    """The result of `prepare`."""

    app: str
    commit: Commit | None = None
    strategy: str = "source"
    build: Build | None = None
    release: Release | None = None
    artifact: Artifact | None = None
    reused: bool = False


@dataclass
class ShipReport:
    """The result of `ship`: the tests, the preparation, then a `Report` a stage."""

    commit: Commit | None = None
    tests: str = "not_run"
    prepared: PrepareReport | None = None
    stages: list[tuple[str, Report]] = field(default_factory=list)
