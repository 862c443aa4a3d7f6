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
    BuildInput,
    Commit,
    Coupling,
    Reason,
    Release,
    Route,
)
from accelerator.steps.compare.facts import Facts
from accelerator.steps.compare.fingerprints import Declared
from accelerator.steps.compare.fit import Fit
from accelerator.steps.compare.states import SourceState, TargetState
from tests.unit.fakes import (
    BEGIN,
    COMMIT,
    OTHER,
    checksum_of,
    make_build,
    make_coupling,
    make_release,
)

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn

POOL = ("shop-prepare", "shop-prepare-2", "shop-prepare-3")
STAGING = "shop-staging"
TARGETS = ("shop", "shop-eu")
NAMES = ("a", "b", "c", "d")
WANTED = COMMIT
TWIN, NEIGHBOUR, WRITER = (Commit(letter * 40) for letter in "789")
STRANGER = OTHER
ALIASES = (
    f"Deploy {WANTED.sha} (same source as {TWIN.sha})",
    f"Deploy {STRANGER.sha} (same tree as {WANTED.sha})",
    f"Deploy {WANTED.sha}",
)

# What is usual comes first and more often: a world in which nothing fits tries little.
COMMITS = (WANTED, WANTED, TWIN, NEIGHBOUR, WRITER, STRANGER)
CHECKSUMS = (checksum_of("a source"), checksum_of("a source"), None)
KINDS = (*(ArtifactKind.SLUG,) * 4, ArtifactKind.OCI_IMAGE)
STACKS = ("heroku-24", "heroku-24", "heroku-24", "heroku-26", "container")
BUILDPACKS = ((), ("heroku/python",), ("heroku/python",), ("heroku/nodejs", "heroku/python"))
FATES = ("unread", "unread", "there", "there", "expired", "gone")
STATUSES = ("succeeded", "succeeded", "succeeded", "failed", "pending", "expired")
BUILD_STATUSES = ("succeeded", "succeeded", "failed", "pending")
PIPELINES = ("pipe", "pipe", "pipe", "another", None)
FITS = (None, None, frozenset({"heroku-24"}), frozenset({"heroku-24", "heroku-26"}))
GENERATIONS = (None, None, "cedar", "fir")
ONE, TWO = {"NODE_ENV": "one"}, {"NODE_ENV": "two"}
CONFIGS: tuple[dict[str, str] | None, ...] = (ONE, ONE, ONE, TWO, None)
NAMELESS = (False, False, False, True)  # what a slug or build says of its commit may be nothing


@dataclass(frozen=True)
class Files:
    """What is in a commit: the service's code, its notes (ignored in builds), another service."""

    code: str
    notes: str = "notes"
    other: str = "other"


IN_COMMIT = {
    WANTED.sha: Files("code"),
    TWIN.sha: Files("code"),
    NEIGHBOUR.sha: Files("code", other="changed"),
    WRITER.sha: Files("code", notes="changed"),
    STRANGER.sha: Files("changed"),
}


def inputs_of(folder: str) -> dict[str, BuildInput]:
    """Give what the clone says of every commit where `folder` is built, or all of it."""
    return {
        sha: BuildInput(
            folder,
            f"{has.code}, {has.notes}" if folder else f"{has.code}, {has.notes}, {has.other}",
            f"{has.code}" if folder else f"{has.code}, {has.other}",
            has_rules=True,
            archives=frozenset({checksum_of("a source")}),
        )
        for sha, has in IN_COMMIT.items()
    }


LAYOUTS = ("", "", "services/api")


@dataclass(frozen=True)
class Made:
    """What one build really left, and which commit the lists of builds say it is of.

    ``config`` is what it was built with, by its fingerprints; None: nobody can tell. A
    ``nameless`` one was built under no name, and a ``silent`` one says none in lists.
    """

    ref: ArtifactRef
    commit: Commit
    said: Commit
    stack: str
    buildpacks: tuple[str, ...]
    fate: str
    checksum: str | None
    config: dict[str, str] | None = None
    nameless: bool = False
    silent: bool = False

    @property
    def read(self) -> Artifact | None:
        """Give what a read of it gives."""
        gone = BEGIN if self.fate == "expired" else None
        named = None if self.nameless else self.commit.sha
        whole = Artifact(self.ref.kind, self.ref.id, None, named, self.stack)
        return None if self.fate == "gone" else replace(whole, deleted_at=gone)


@dataclass(frozen=True)
class World:
    """What was made, and facts that tell some of it. The same source counts in some worlds."""

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
        draw(st.sampled_from(CHECKSUMS)),
        draw(st.sampled_from(CONFIGS)),
        draw(st.sampled_from(NAMELESS)),
        draw(st.sampled_from(NAMELESS)),
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
            commit=None if thing.silent else thing.said.sha,
            artifact=None if status == "pending" else thing.ref,
            stack=thing.stack,
            buildpacks=thing.buildpacks,
            checksum=thing.checksum,
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
    )


@st.composite
def targets(
    draw: DrawFn, app: str, made: dict[str, Made], *, is_declared: bool = False
) -> TargetState:
    fit = Fit(
        draw(st.sampled_from(FITS)),
        draw(st.sampled_from(GENERATIONS)),
        draw(st.sampled_from((None, *BUILDPACKS[:3]))),
        build_config=draw(st.sampled_from(CONFIGS)) if is_declared else {},
    )
    return TargetState(app, f"id-of-{app}", draw(histories(app, made)), draw(couplings(app)), fit)


@st.composite
def worlds(draw: DrawFn) -> World:
    made = {name: draw(things(name)) for name in NAMES}
    apps = POOL[: draw(st.integers(1, 3))] + ((STAGING,) if draw(st.booleans()) else ())
    is_declared = draw(st.booleans())
    names = TARGETS[: draw(st.integers(1, 2))]
    facts = Facts(
        tuple(draw(sources(app, made)) for app in draw(st.permutations(apps))),
        tuple(draw(targets(app, made, is_declared=is_declared)) for app in names),
        {name: thing.read for name, thing in made.items() if thing.fate != "unread"},
        draw(st.sampled_from((None, *map(inputs_of, LAYOUTS)))),
        declared=Declared(("NODE_ENV",)) if is_declared else Declared(),
        built_with={name: made[name].config for name in NAMES if draw(st.integers(0, 2))},
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
            if ref is not None and may_go(world, ref):
                route, reason = route_of(world, source, ref, release)
                found.append(Way(source, ref, release, route, reason))
    return found


def may_go(world: World, ref: ArtifactRef) -> bool:
    """Say whether an artifact is of the wanted source, still there, and fits where it has to go."""
    is_there = world.made[ref.id].fate in {"unread", "there"}
    waiting = waiting_in(world)
    return is_there and is_wanted(world, ref) and all(fits(world, ref, t) for t in waiting)


def commit_in(world: World, ref: ArtifactRef | None) -> str | None:
    """Say which commit an artifact is known to hold: by itself, else by the build that left it."""
    if ref is None:
        return None
    thing = world.made[ref.id]
    if thing.fate in {"there", "expired"}:
        return None if thing.nameless else thing.commit.sha
    return thing.said.sha if is_listed(world, ref) and not thing.silent else None


def code_in(world: World, target: TargetState) -> str | None:
    """Say which commit runs on a target by any witness; None for no code, "unknown" for some."""
    now, past = current_of(target), target.releases
    if now is None:
        ran = any(each.artifact and each.status in {"succeeded", "expired"} for each in past)
        return "unknown" if ran else None
    if word := last_word(target, now):
        return word
    if now.artifact is None:
        before = (each for each in past if each.version < now.version)
        had_code = any(each.artifact and each.status != "failed" for each in before)
        return "unknown" if had_code else None
    thing = world.made[now.artifact.id]
    by_build = thing.said.sha if is_listed(world, now.artifact) and not thing.silent else None
    return commit_in(world, now.artifact) or by_build or "unknown"


def is_listed(world: World, ref: ArtifactRef) -> bool:
    return any(b.artifact == ref for source in world.facts.sources for b in source.builds)


def is_wanted(world: World, ref: ArtifactRef) -> bool:
    sha, thing = commit_in(world, ref), world.made[ref.id]
    listed = thing if is_listed(world, ref) else None
    return is_same(folder_in(world), sha, listed, is_slug=ref.kind is ArtifactKind.SLUG)


def folder_in(world: World) -> str | None:
    """Say which folder is built, if the same source counts at all."""
    inputs = world.facts.inputs
    return None if inputs is None else inputs[WANTED.sha].folder


def is_same(folder: str | None, sha: str | None, built: Made | None, *, is_slug: bool) -> bool:
    """Say whether a build of a commit, if one is listed, is known to be made of what is wanted."""
    if sha == WANTED.sha or folder is None or sha is None:
        return sha == WANTED.sha
    has, wanted = IN_COMMIT[sha], IN_COMMIT[WANTED.sha]
    if folder and (built is None or built.checksum is None):
        return False
    loses_notes = is_slug and built is not None and built.stack != "container"
    return (
        has.code == wanted.code
        and (bool(folder) or has.other == wanted.other)
        and (loses_notes or has.notes == wanted.notes)
    )


def current_of(state: SourceState | TargetState) -> Release | None:
    return next((release for release in state.releases if release.current), None)


def runs_it(world: World, target: TargetState) -> bool:
    """Say whether a target runs the commit, released well: by itself or under an alias."""
    now = current_of(target)
    if now is None or now.status != "succeeded":
        return False
    return commit_in(world, now.artifact) == WANTED.sha or is_said_to_be(target, now)


def is_said_to_be(target: TargetState, now: Release) -> bool:
    """Say whether the last word on what a target runs is that it was shipped for the commit."""
    return last_word(target, now) == WANTED.sha


def last_word(target: TargetState, now: Release) -> str | None:
    """Say for which commit a release, or the newest one before it of the same, says it was made."""
    words = [now.description] + [
        each.description
        for each in sorted(target.releases, key=lambda each: -each.version)
        if now.artifact is not None
        and each.artifact == now.artifact
        and each.version < now.version
        and each.status in {"succeeded", "expired"}
    ]
    meant = {ALIASES[0]: WANTED.sha, ALIASES[1]: STRANGER.sha}
    return next((meant[word] for word in words if word in meant), None)


def waiting_in(world: World) -> list[TargetState]:
    return [target for target in world.facts.targets if not runs_it(world, target)]


def fits(world: World, ref: ArtifactRef, target: TargetState) -> bool:
    """Say whether nothing that is known speaks against an artifact on a target."""
    thing, fit, now = world.made[ref.id], target.fit, current_of(target)
    is_read = thing.fate in {"there", "expired"}
    stack = known_stack(world, ref)
    running = known_stack(world, now.artifact) if now else None
    stacks = fit.stacks or ({running} if running else None)
    needed = "fir" if ref.kind is ArtifactKind.OCI_IMAGE else "cedar"
    lists = thing.buildpacks if is_listed(world, ref) else (), fit.buildpacks or ()
    return config_fits(world, ref, target) and not (
        (is_read and fit.generation not in {None, needed})
        or (stacks is not None and stack is not None and stack not in stacks)
        or (all(lists) and lists[0] != lists[1])
    )


def config_fits(world: World, ref: ArtifactRef, target: TargetState) -> bool:
    """Say whether an artifact was, as far as that was read, built with what a target has."""
    if not world.facts.declared.names:
        return True
    if target.fit.build_config is None:
        return False
    return ref.id not in world.facts.built_with or (
        world.made[ref.id].config == target.fit.build_config
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
    pending = [build for build in builds if build.status == "pending"]
    folder = folder_in(world)
    return [b for b in pending if is_same(folder, b.commit, as_made(b), is_slug=True)]


def as_made(build: Build) -> Made:
    """Give what is known of a build that runs."""
    ref = ArtifactRef(ArtifactKind.SLUG, build.id)
    return Made(ref, WANTED, WANTED, str(build.stack), (), "unread", build.checksum)
