"""What is known when deciding: values read from the platform, and plain questions about them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from accelerator.steps.compare.descriptions import find_alias_of
from accelerator.steps.compare.fit import Declared, stack_of
from accelerator.steps.compare.proof import doubt_of_build
from accelerator.steps.compare.same_source import find_same, is_build_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from accelerator.models import Artifact, ArtifactRef, Build, Commit, Release
    from accelerator.steps.compare.fit import Fit, Prints
    from accelerator.steps.compare.proof import Archives
    from accelerator.steps.compare.same_source import Inputs, SameSource
    from accelerator.steps.compare.states import CutShort, SourceState, TargetState


@dataclass(frozen=True, slots=True)
class Facts:
    """All that is known when deciding.

    ``artifacts`` holds what was read of single artifacts, by id; ``None``: could not be read.
    ``inputs`` is what builds of commits are made of, as the local clone knows it; None unless what
    has the same source counts (``--same-tree``). ``followed`` are builds that this run followed to
    their end, by id: a list that is read right after that may still be the old one. ``cut_short``
    are the deploys before this one that did not get to their end. ``archives`` holds the checksums
    which the source of the commit may have, by commit (those with the same source too); None unless
    sources are to be proven (``--verify-source``). ``declared`` are the config vars that shape
    builds; ``built_with`` holds their fingerprints as they were when an artifact was built, by its
    id; None: nobody can tell.
    """

    sources: tuple[SourceState, ...] = ()
    targets: tuple[TargetState, ...] = ()
    artifacts: Mapping[str, Artifact | None] = field(default_factory=dict)
    inputs: Inputs = None
    followed: Mapping[str, Build] = field(default_factory=dict)
    cut_short: tuple[CutShort, ...] = ()
    archives: Archives = None
    declared: Declared = field(default_factory=Declared)
    built_with: Mapping[str, Prints | None] = field(default_factory=dict)

    def target(self, app: str) -> TargetState:
        """Return what was read of a target."""
        return next(target for target in self.targets if target.app == app)

    def known(self, ref: ArtifactRef) -> Artifact | ArtifactRef:
        """Return what was read of an artifact, or just its kind and id."""
        return self.artifacts.get(ref.id) or ref

    def is_joined(self, ref: ArtifactRef) -> bool:
        """Return whether an artifact was left by a build that this run waited for."""
        ended = (build for build in self.followed.values() if build.status == "succeeded")
        return any(build.artifact == ref for build in ended)

    def commit_of(self, ref: ArtifactRef | None) -> str | None:
        """Return the commit that an artifact holds, or None when that is not known."""
        if ref is None:
            return None
        if artifact := self.artifacts.get(ref.id):
            return artifact.commit
        builds = (build for source in self.sources for build in source.builds)
        return next((b.commit for b in builds if b.artifact and b.artifact.id == ref.id), None)

    def is_live(self, target: TargetState, commit: Commit) -> bool:
        """Return whether a target runs the commit already, released successfully.

        Where sources are to be proven, an artifact that is only said to be of the commit is not it.
        """
        current = target.current
        if current is None or not self.claims(target, commit):
            return False
        return current.artifact is None or self.doubt_of(current.artifact) is None

    def claims(self, target: TargetState, commit: Commit) -> bool:
        """Return whether what a target runs is said to be the commit, released successfully."""
        current = target.current
        if current is None or current.status != "succeeded":
            return False
        return commit.sha in {self.commit_of(current.artifact), self.served_by(current)}

    def serves(self, target: TargetState) -> str | None:
        """Return the commit a target runs: the one it was shipped for, whichever was built."""
        return self.served_by(target.current) if target.current else None

    def served_by(self, release: Release) -> str | None:
        """Return the commit a release was made for."""
        states: tuple[SourceState | TargetState, ...] = (*self.sources, *self.targets)
        known = [each for state in states for each in state.releases]
        return find_alias_of(release, known) or self.commit_of(release.artifact)

    def holds(self, ref: ArtifactRef, commit: Commit) -> bool:
        """Return whether an artifact is of the commit, or of the same source where that counts."""
        return self.commit_of(ref) == commit.sha or self.find_same(ref, commit) is not None

    def find_same(self, ref: ArtifactRef, commit: Commit) -> SameSource | None:
        """Return by what an artifact of another commit is of the same source as this one."""
        built = self.commit_of(ref)
        return find_same(self.inputs, commit.sha, built, self.build_of(ref), ref)

    def list_running(self, commit: Commit) -> Iterator[Build]:
        """Yield the builds of the commit, or of the same source, that run on prepare apps."""
        prepare = (source for source in self.sources if source.is_prepare)
        builds = (build for source in prepare for build in source.builds)
        running = (build for build in builds if build.status == "pending")
        return (build for build in running if is_build_of(build, commit.sha, self.inputs))

    def build_of(self, ref: ArtifactRef) -> Build | None:
        """Find the build that left an artifact."""
        states: tuple[SourceState | TargetState, ...] = (*self.sources, *self.targets)
        builds = (build for state in states for build in state.builds)
        return next((b for b in builds if b.artifact and b.artifact.id == ref.id), None)

    def doubt_of(self, ref: ArtifactRef) -> str | None:
        """Return why the source of an artifact is not proven; None: it is, or need not be."""
        return doubt_of_build(self.build_of(ref), self.archives)

    def fit_of(self, target: TargetState) -> Fit:
        """Return what an artifact has to fit; what runs there now tells the stack as well."""
        if target.fit.stacks is not None or target.current is None:
            return target.fit
        ref = target.current.artifact
        if ref is None:
            return target.fit
        stack = stack_of(self.artifacts.get(ref.id), self.build_of(ref))
        return replace(target.fit, stacks=frozenset({stack})) if stack else target.fit

    def share_pipeline(self, source: SourceState, target: TargetState) -> bool:
        """Return whether two apps are in one pipeline, which a promotion needs."""
        if source.coupling is None or target.coupling is None:
            return False
        return source.coupling.pipeline_id == target.coupling.pipeline_id
