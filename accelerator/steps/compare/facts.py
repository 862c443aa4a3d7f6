"""What is known when deciding: values read from the platform, and plain questions about them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from accelerator.steps.compare.fit import Fit, stack_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from accelerator.models import App, Artifact, ArtifactRef, Build, Commit, Coupling, Release


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
    build_config: Mapping[str, str] = field(default_factory=dict)

    @property
    def current(self) -> Release | None:
        """Return the release in effect: not always the newest one."""
        return next((release for release in self.releases if release.current), None)


@dataclass(frozen=True, slots=True)
class TargetState:
    """What was read of an app that is to get the commit; builds only where they must be proven.

    ``info`` is the app itself, where it had to be read.
    """

    app: str
    app_id: str
    releases: tuple[Release, ...] = ()
    coupling: Coupling | None = None
    fit: Fit = field(default_factory=Fit)
    builds: tuple[Build, ...] = ()
    info: App | None = None

    @property
    def current(self) -> Release | None:
        """Return the release in effect."""
        return next((release for release in self.releases if release.current), None)

    def find_before_current(self) -> Release | None:
        """Find the last release with other code that was in effect before what runs now."""
        current = self.current
        if current is None:
            return None
        ran = (
            release
            for release in self.releases
            if release.version < current.version
            and release.status in _IN_EFFECT
            and release.artifact is not None
        )
        return next((release for release in ran if release.artifact != current.artifact), None)

    @property
    def stage(self) -> str | None:
        """Return its stage in the pipeline, or None when it is in none."""
        return self.coupling.stage if self.coupling else None


@dataclass(frozen=True, slots=True)
class CutShort:
    """A deploy to a target that was killed or cut off, as its lock tells of it: a claim.

    ``previous_version`` is the release that was current when that deploy began. It counts only
    where the target's own list of releases agrees (`Facts.find_adopted`).
    """

    app: str
    commit: str
    previous_version: int | None


@dataclass(frozen=True, slots=True)
class Facts:
    """All that is known when deciding.

    ``artifacts`` holds what was read of single artifacts, by id; ``None``: could not be read.
    ``trees`` gives the tree of commits as the local clone knows them; None unless equal trees are
    asked for (``--same-tree``). ``followed`` are builds that this run followed to their end, by id:
    a list that is read right after that may still be the old one. ``cut_short`` are the deploys
    before this one that did not get to their end. ``archives`` holds the checksums which the source
    of the commit may have, by commit (those with an equal tree too); None unless sources are to be
    proven (``--verify-source``).
    """

    sources: tuple[SourceState, ...] = ()
    targets: tuple[TargetState, ...] = ()
    artifacts: Mapping[str, Artifact | None] = field(default_factory=dict)
    trees: Mapping[str, str] | None = None
    followed: Mapping[str, Build] = field(default_factory=dict)
    cut_short: tuple[CutShort, ...] = ()
    archives: Mapping[str, frozenset[str]] | None = None

    def target(self, app: str) -> TargetState:
        """Return what was read of a target."""
        return next(target for target in self.targets if target.app == app)

    def find_adopted(self, target: TargetState, commit: Commit) -> Release | None:
        """Find the release before one of `commit` that a deploy cut short had made.

        Such a release is taken for our own: the way back leads to what that deploy had recorded,
        provided that the code of that release ran until the commit came.
        """
        before = target.find_before_current()
        found = (
            release
            for left in self._list_cut_short(target, commit)
            for release in target.releases
            if release.version == left.previous_version
        )
        return next((each for each in found if before and _bears_out(each, before)), None)

    def find_doubted(self, target: TargetState, commit: Commit) -> CutShort | None:
        """Find a deploy cut short whose word on the release before it is not borne out.

        Where it names code that runs now there is nothing to go back to, and nothing to doubt.
        """
        if self.find_adopted(target, commit) is not None or target.current is None:
            return None
        now = target.current.artifact
        same = {release.version for release in target.releases if release.artifact == now}
        named = self._list_cut_short(target, commit)
        return next((each for each in named if each.previous_version not in {None, *same}), None)

    def _list_cut_short(self, target: TargetState, commit: Commit) -> list[CutShort]:
        """List the deploys cut short that may have made what runs on a target."""
        if not self.is_live(target, commit):
            return []
        return [
            left for left in self.cut_short if (left.app, left.commit) == (target.app, commit.sha)
        ]

    def before(self, target: TargetState, commit: Commit) -> Release | None:
        """Return the release to which the way back of a deploy of `commit` leads."""
        return self.find_adopted(target, commit) or target.current

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
        return commit.sha in {self.commit_of(current.artifact), find_alias(current.description)}

    def serves(self, target: TargetState) -> str | None:
        """Return the commit a target runs: the one it was shipped for, also with an equal tree."""
        return self.served_by(target.current) if target.current else None

    def served_by(self, release: Release) -> str | None:
        """Return the commit a release was made for."""
        return find_alias(release.description) or self.commit_of(release.artifact)

    def holds(self, ref: ArtifactRef, commit: Commit) -> bool:
        """Return whether an artifact is of the commit, or of an equal tree where that counts."""
        sha = self.commit_of(ref)
        if sha == commit.sha:
            return True
        if self.trees is None or sha is None or commit.tree is None:
            return False
        return self.trees.get(sha) == commit.tree

    def list_running(self, commit: Commit) -> Iterator[Build]:
        """Yield the builds of this very commit that run on prepare apps."""
        prepare = (source for source in self.sources if source.is_prepare)
        builds = (build for source in prepare for build in source.builds)
        return (build for build in builds if build.is_running_of(commit.sha))

    def build_of(self, ref: ArtifactRef) -> Build | None:
        """Find the build that left an artifact."""
        states: tuple[SourceState | TargetState, ...] = (*self.sources, *self.targets)
        builds = (build for state in states for build in state.builds)
        return next((b for b in builds if b.artifact and b.artifact.id == ref.id), None)

    def doubt_of(self, ref: ArtifactRef) -> str | None:
        """Return why the source of an artifact is not proven; None: it is, or need not be.

        What a build or a slug names as its commit is its caller's word. Its source has a checksum,
        which the platform compared with the bytes it built.
        """
        if self.archives is None:
            return None
        build = self.build_of(ref)
        if build is None:
            return "no build that left it is listed, so nothing tells what it was built from"
        return self.doubt_of_build(build)

    def doubt_of_build(self, build: Build) -> str | None:
        """Return why the source of a build is not proven; None: it is, or need not be."""
        if self.archives is None:
            return None
        if build.checksum is None:
            return "its build has no checksum of a source: it was pushed by git, or sent without"
        expected = self.archives.get(build.commit or "")
        if expected is None:
            return "its commit is not in this clone, or has another tree"
        if build.checksum not in expected:
            return "its build was of another source than the archive of the commit, made anew here"
        return None

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


def _bears_out(named: Release, before: Release) -> bool:
    """Return whether a release that a note names is, or has the code of, the one that ran last."""
    is_usable = named.status == "succeeded" and named.artifact == before.artifact
    return is_usable and named.version <= before.version


def find_alias(description: str) -> str | None:
    """Read the commit a release was made for when its artifact was built from an equal tree."""
    found = _ALIAS.fullmatch(description)
    return found["sha"] if found else None


def describe_release(commit: Commit, built_from: str | None) -> str:
    """Write a release's description; an equal tree's alias is kept there, where it lasts."""
    if built_from is None or built_from == commit.sha:
        return f"Deploy {commit.short}"
    return f"Deploy {commit.sha} (same tree as {built_from})"


_IN_EFFECT = {"succeeded", "expired"}  # at some time; an expired one has lost its artifact since
_ALIAS = re.compile(r"Deploy (?P<sha>[0-9a-f]{40}) \(same tree as [0-9a-f]{40}\)")
