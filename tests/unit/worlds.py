"""Random worlds for the decision, and how the commit could be shipped there.

The second half is written from the design alone, one release and build at a time, and asks nothing
of `decision`, `facts` or `fit`: a mistake there is not repeated here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from accelerator.models import (
    Artifact,
    ArtifactKind,
    ArtifactRef,
    Build,
    Commit,
    Coupling,
    Reason,
    Release,
    Route,
)
from accelerator.steps.compare.facts import Facts
from accelerator.steps.compare.fit import Fit
from accelerator.steps.compare.states import SourceState, TargetState
from tests.unit.fakes import BEGIN, COMMIT, OTHER, make_build, make_coupling, make_release

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn

POOL = ("shop-prepare", "shop-prepare-2", "shop-prepare-3")
STAGING = "shop-staging"
TARGETS = ("shop", "shop-eu")
NAMES = ("a", "b", "c", "d")
WANTED = replace(COMMIT, tree="tree")
TWIN = Commit("7" * 40, tree="tree")
STRANGER = replace(OTHER, tree="other")
TREES = {commit.sha: str(commit.tree) for commit in (WANTED, TWIN, STRANGER)}
ALIASES = (
    f"Deploy {WANTED.sha} (same tree as {TWIN.sha})",
    f"Deploy {STRANGER.sha} (same tree as {WANTED.sha})",
    f"Deploy {WANTED.sha}",
)

# What is usual comes first and more often: a world in which nothing fits tries little.
COMMITS = (WANTED, WANTED, TWIN, STRANGER)
KINDS = (*(ArtifactKind.SLUG,) * 4, ArtifactKind.OCI_IMAGE)
STACKS = ("heroku-24", "heroku-24", "heroku-24", "heroku-26")
BUILDPACKS = ((), ("heroku/python",), ("heroku/python",), ("heroku/nodejs", "heroku/python"))
FATES = ("unread", "unread", "there", "there", "expired", "gone")
STATUSES = ("succeeded", "succeeded", "succeeded", "failed", "pending", "expired")
BUILD_STATUSES = ("succeeded", "succeeded", "failed", "pending")
PIPELINES = ("pipe", "pipe", "pipe", "another", None)
FITS = (None, None, frozenset({"heroku-24"}), frozenset({"heroku-24", "heroku-26"}))
GENERATIONS = (None, None, "cedar", "fir")
CONFIGS: tuple[dict[str, str], ...] = ({}, {"NODE_ENV": "one"}, {"NODE_ENV": "two"})


@dataclass(frozen=True)
class Made:
    """What one build really left, and which commit the lists of builds say it is of."""

    ref: ArtifactRef
    commit: Commit
    said: Commit
    stack: str
    buildpacks: tuple[str, ...]
    fate: str

    @property
    def read(self) -> Artifact | None:
        """Give what a read of it gives."""
        gone = BEGIN if self.fate == "expired" else None
        whole = Artifact(self.ref.kind, self.ref.id, None, self.commit.sha, self.stack)
        return None if self.fate == "gone" else replace(whole, deleted_at=gone)


@dataclass(frozen=True)
class World:
    """What was made, and facts that tell some of it. Equal trees count in every other world."""

    made: dict[str, Made]
    facts: Facts


@st.composite
def couplings(draw: DrawFn, app: str) -> Coupling | None:
    pipeline = draw(st.sampled_from(PIPELINES))
    return make_coupling(app, pipeline) if pipeline else None


@st.composite
def things(draw: DrawFn, name: str) -> Made:
    commit = draw(st.sampled_from(COMMITS))
    fate = draw(st.sampled_from(FATES))
    # What a build says is all there is to go by until its artifact is read.
    said = commit if fate == "unread" else draw(st.sampled_from((commit, commit, WANTED)))
    return Made(
        ArtifactRef(draw(st.sampled_from(KINDS)), name),
        commit,
        said,
        draw(st.sampled_from(STACKS)),
        draw(st.sampled_from(BUILDPACKS)),
        fate,
    )


@st.composite
def histories(draw: DrawFn, app: str, made: dict[str, Made]) -> tuple[Release, ...]:
    """Make the releases of an app, newest first: config changes, deploys, failures, a rollback."""
    held = draw(st.lists(st.sampled_from((None, *NAMES)), max_size=4))
    past = [
        replace(
            make_release(app, version, None, status=draw(st.sampled_from(STATUSES))),
            artifact=made[name].ref if name else None,
            description=draw(st.sampled_from(("", "", "", *ALIASES))),
        )
        for version, name in enumerate(held, 1)
    ]
    if past and draw(st.integers(0, 7)):
        index = draw(st.integers(0, len(past) - 1))
        past[index] = replace(past[index], current=True)
    return tuple(reversed(past))


@st.composite
def build_pages(draw: DrawFn, app: str, made: dict[str, Made]) -> tuple[Build, ...]:
    page = []
    for number, name in enumerate(draw(st.lists(st.sampled_from(NAMES), max_size=3))):
        status, thing = draw(st.sampled_from(BUILD_STATUSES)), made[name]
        build = replace(
            make_build(app, None, thing.said, status=status, id=f"{app}-b{number}"),
            artifact=None if status == "pending" else thing.ref,
            stack=thing.stack,
            buildpacks=thing.buildpacks,
            created_at=BEGIN + timedelta(minutes=draw(st.integers(0, 5))),
        )
        page.append(build)
    return tuple(page)


@st.composite
def sources(draw: DrawFn, app: str, made: dict[str, Made]) -> SourceState:
    return SourceState(
        app,
        draw(histories(app, made)),
        draw(build_pages(app, made)),
        draw(couplings(app)),
        is_prepare=app != STAGING,
        build_config=draw(st.sampled_from(CONFIGS[:2])),
    )


@st.composite
def targets(draw: DrawFn, app: str, made: dict[str, Made]) -> TargetState:
    fit = Fit(
        draw(st.sampled_from(FITS)),
        draw(st.sampled_from(GENERATIONS)),
        draw(st.sampled_from((None, *BUILDPACKS[:3]))),
        build_config=draw(st.sampled_from((*CONFIGS[:2], *CONFIGS))),
    )
    return TargetState(app, f"id-of-{app}", draw(histories(app, made)), draw(couplings(app)), fit)


@st.composite
def worlds(draw: DrawFn) -> World:
    made = {name: draw(things(name)) for name in NAMES}
    apps = POOL[: draw(st.integers(1, 3))] + ((STAGING,) if draw(st.booleans()) else ())
    facts = Facts(
        tuple(draw(sources(app, made)) for app in draw(st.permutations(apps))),
        tuple(draw(targets(app, made)) for app in TARGETS[: draw(st.integers(1, 2))]),
        {name: thing.read for name, thing in made.items() if thing.fate != "unread"},
        draw(st.sampled_from((None, TREES))),
    )
    return World(made, facts)


# How the commit could be shipped, from the design


@dataclass(frozen=True)
class Way:
    """A valid way to ship: what, from where, and by which route."""

    source: SourceState
    ref: ArtifactRef
    release: Release | None
    route: Route
    reason: Reason


def ways(world: World) -> list[Way]:
    """List every valid way, good and bad."""
    found = []
    for source in world.facts.sources:
        released = [(r.artifact, r) for r in source.releases if r.status != "expired"]
        known = [release.artifact for release in source.releases]
        alone = [b.artifact for b in source.builds if b.status == "succeeded"]
        for ref, release in (*released, *((ref, None) for ref in alone if ref not in known)):
            if ref is not None and may_go(world, source, ref):
                route, reason = route_of(world, source, ref, release)
                found.append(Way(source, ref, release, route, reason))
    return found


def may_go(world: World, source: SourceState, ref: ArtifactRef) -> bool:
    """Say whether an artifact is of the wanted source, still there, and fits where it has to go."""
    is_there = world.made[ref.id].fate in {"unread", "there"}
    waiting = waiting_in(world)
    return is_there and is_wanted(world, ref) and all(fits(world, source, ref, t) for t in waiting)


def commit_in(world: World, ref: ArtifactRef | None) -> str | None:
    """Say which commit an artifact is known to hold: by itself, else by the build that left it."""
    if ref is None:
        return None
    thing = world.made[ref.id]
    if thing.fate in {"there", "expired"}:
        return thing.commit.sha
    return thing.said.sha if is_listed(world, ref) else None


def is_listed(world: World, ref: ArtifactRef) -> bool:
    return any(b.artifact == ref for source in world.facts.sources for b in source.builds)


def is_wanted(world: World, ref: ArtifactRef) -> bool:
    sha = commit_in(world, ref)
    if world.facts.trees is None or sha is None:
        return sha == WANTED.sha
    return TREES[sha] == WANTED.tree


def current_of(state: SourceState | TargetState) -> Release | None:
    return next((release for release in state.releases if release.current), None)


def runs_it(world: World, target: TargetState) -> bool:
    """Say whether a target runs the commit, released well: by itself or for an equal tree."""
    now = current_of(target)
    if now is None or now.status != "succeeded":
        return False
    return commit_in(world, now.artifact) == WANTED.sha or now.description == ALIASES[0]


def waiting_in(world: World) -> list[TargetState]:
    return [target for target in world.facts.targets if not runs_it(world, target)]


def fits(world: World, source: SourceState, ref: ArtifactRef, target: TargetState) -> bool:
    """Say whether nothing that is known speaks against an artifact on a target."""
    thing, fit, now = world.made[ref.id], target.fit, current_of(target)
    is_read = thing.fate in {"there", "expired"}
    stack = known_stack(world, ref)
    running = known_stack(world, now.artifact) if now else None
    stacks = fit.stacks or ({running} if running else None)
    needed = "fir" if ref.kind is ArtifactKind.OCI_IMAGE else "cedar"
    lists = thing.buildpacks if is_listed(world, ref) else (), fit.buildpacks or ()
    shared = source.build_config.keys() & fit.build_config.keys()
    return not (
        (is_read and fit.generation not in {None, needed})
        or (stacks is not None and stack is not None and stack not in stacks)
        or (all(lists) and lists[0] != lists[1])
        or any(source.build_config[name] != fit.build_config[name] for name in shared)
    )


def known_stack(world: World, ref: ArtifactRef | None) -> str | None:
    if ref is None:
        return None
    thing = world.made[ref.id]
    is_known = thing.fate in {"there", "expired"} or is_listed(world, ref)
    return thing.stack if is_known else None


def share_pipeline(source: SourceState, target: TargetState) -> bool:
    pair = (source.coupling, target.coupling)
    ids = {coupling.pipeline_id for coupling in pair if coupling is not None}
    return None not in pair and len(ids) == 1


def is_promotable(world: World, source: SourceState, ref: ArtifactRef, at: Release | None) -> bool:
    """Say whether a release could be promoted, to a target in its pipeline."""
    is_own = commit_in(world, ref) == WANTED.sha
    return is_own and source.is_prepare and at is not None and at.status == "succeeded"


def route_of(
    world: World, source: SourceState, ref: ArtifactRef, release: Release | None
) -> tuple[Route, Reason]:
    """Say by which route a valid way goes, as the tables of the design have it."""
    if is_promotable(world, source, ref, release) and release is not None:
        if all(share_pipeline(source, target) for target in waiting_in(world)):
            earlier = Reason.PREPARED if release.current else Reason.PREPARED_EARLIER
            return Route.PROMOTE, earlier
        return Route.RELEASE, Reason.NOT_IN_PIPELINE
    if commit_in(world, ref) != WANTED.sha:
        return Route.RELEASE, Reason.SAME_TREE
    if not source.is_prepare:
        return Route.RELEASE, Reason.ON_OTHER_APP
    is_failed = release is not None and release.status == "failed"
    return Route.RELEASE, Reason.PREPARE_RELEASE_FAILED if is_failed else Reason.PREPARED


def running_builds(world: World) -> list[Build]:
    """List the builds that could be joined."""
    pages = [source.builds for source in world.facts.sources if source.is_prepare]
    builds = [build for page in pages for build in page]
    return [b for b in builds if b.status == "pending" and b.commit == WANTED.sha]
