"""What to deploy, from where to where, and under which rules: the input of the stories, as data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from accelerator.models import OnFailure, OnMiss, OnSuperseded
from accelerator.steps.compare.wanted import SourceApp, Wanted
from accelerator.steps.guard.direction import Direction
from accelerator.steps.guard.policy import LockPolicy
from accelerator.steps.verify.settled import Verification

if TYPE_CHECKING:
    from accelerator.models import Commit


@dataclass(frozen=True, slots=True)
class Rules:
    """How deploys are made, whatever the commit and whichever the targets.

    ``sources`` are the apps to look for the commit on, prepare apps first. ``build_config`` names
    config vars that shape the build. ``same_tree`` lets artifacts of the same source count. With
    ``verify_source`` nothing counts but what was provably built from the commit's archive. With
    ``may_lose_processes`` process types that run now may be gone after it. ``pipeline`` is the one
    that settings name.
    """

    sources: tuple[SourceApp, ...]
    on_miss: OnMiss = OnMiss.BUILD
    wait_seconds: float = 600.0
    same_tree: bool = False
    build_config: tuple[str, ...] = ()
    direction: Direction = field(default_factory=Direction)
    on_superseded: OnSuperseded = OnSuperseded.FAIL
    verification: Verification = field(default_factory=Verification)
    lock: LockPolicy = field(default_factory=LockPolicy)
    verify_source: bool = False
    may_lose_processes: bool = False
    pipeline: str | None = None


@dataclass(frozen=True, slots=True)
class DeployOrder:
    """One deploy.

    ``waves`` are groups of target apps, each verified before the next. ``on_failure`` says what a
    failure means for the others: stop, continue, or compensate (finished ones go back as well).
    With ``plan_only`` nothing is written.
    """

    commit: Commit
    waves: tuple[tuple[str, ...], ...]
    rules: Rules
    on_failure: OnFailure = OnFailure.STOP
    plan_only: bool = False

    @property
    def targets(self) -> tuple[str, ...]:
        """Return the targets of all waves, each once."""
        return tuple(dict.fromkeys(app for wave in self.waves for app in wave))

    @property
    def prepare_app(self) -> str:
        """Return the app that is named where a hint needs one."""
        return self.rules.sources[0].app

    @property
    def wanted(self) -> Wanted:
        """Return what is to be decided."""
        rules = self.rules
        return Wanted(
            self.commit,
            rules.sources,
            self.targets,
            rules.build_config,
            rules.same_tree,
            rules.on_miss,
            rules.wait_seconds,
            looks_only=self.plan_only,
            verify_source=rules.verify_source,
            needs_addresses=rules.verification.asks_addresses,
            pipeline=rules.pipeline,
        )
