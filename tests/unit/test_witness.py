"""Which commit a target runs: no code and unknown code are different answers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from accelerator.errors import KeyRefused, NotFound, RequestInvalid
from accelerator.models import ArtifactKind, ArtifactRef
from accelerator.steps.compare.facts import Facts
from accelerator.steps.compare.fit import Fit
from accelerator.steps.compare.states import SourceState, TargetState
from accelerator.steps.compare.wanted import SourceApp, Wanted
from accelerator.steps.compare.witness import NO_CODE, Running, find_running
from tests.unit.fakes import (
    COMMIT,
    OTHER,
    Stage,
    artifact,
    fetch_facts,
    make_app,
    make_build,
    make_release,
    make_stage,
)

if TYPE_CHECKING:
    from accelerator.errors import AcceleratorError
    from accelerator.models import Build, Release

WANTED = Wanted(COMMIT, (SourceApp("shop-prepare"),), ("shop",))
NOW = make_release("shop", 3, "held", current=True)
CONFIG = make_release("shop", 1, None, current=True)
LEFT = make_build("shop", "held", OTHER)
ALIAS = f"Deploy {OTHER.sha} (same tree as {COMMIT.sha})"
UNNAMED = {"held": artifact("held", None)}
UNREADABLE = {"held": None}


def target(*releases: Release, **changes: object) -> TargetState:
    return replace(TargetState("shop", "1", releases), **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("held", "facts", "expected"),
    [
        pytest.param(target(), Facts(), NO_CODE, id="no release at all"),
        pytest.param(target(CONFIG), Facts(), NO_CODE, id="config vars only"),
        pytest.param(
            target(make_release("shop", 2, "held", status="failed"), CONFIG),
            Facts(),
            NO_CODE,
            id="a first deploy that failed",
        ),
        pytest.param(
            target(
                make_release("shop", 3, None, current=True),
                make_release("shop", 2, "held", status="failed"),
            ),
            Facts(),
            NO_CODE,
            id="a config var that was set after a first deploy that failed",
        ),
        pytest.param(
            target(NOW), Facts(artifacts={"held": artifact("held", OTHER)}), OTHER, id="its slug"
        ),
        pytest.param(
            target(replace(NOW, description=ALIAS)), Facts(artifacts=UNNAMED), OTHER, id="its alias"
        ),
        pytest.param(
            target(NOW, builds=(LEFT,)),
            Facts(artifacts=UNNAMED),
            OTHER,
            id="the build that left it",
        ),
        pytest.param(
            target(NOW),
            Facts((SourceState("shop-prepare", builds=(LEFT,)),), artifacts=UNREADABLE),
            OTHER,
            id="the build that left it on the prepare app",
        ),
        pytest.param(
            target(CONFIG, builds=(replace(LEFT, artifact=None, release_id=CONFIG.id),)),
            Facts(),
            OTHER,
            id="the build of a release without an artifact",
        ),
    ],
)
def test_what_is_known_of_what_runs(
    held: TargetState, facts: Facts, expected: Running | object
) -> None:
    running = find_running(facts, held)

    assert running == (Running(OTHER.sha) if expected is OTHER else expected)


@pytest.mark.parametrize(
    ("held", "facts", "gap"),
    [
        pytest.param(target(NOW), Facts(artifacts=UNNAMED), "v3 holds names no commit", id="null"),
        pytest.param(target(NOW), Facts(artifacts=UNREADABLE), "v3 holds cannot be read", id="403"),
        pytest.param(
            target(NOW, builds=(replace(LEFT, commit=None),)),
            Facts(artifacts=UNNAMED),
            "names no commit",
            id="a build without a version",
        ),
        pytest.param(
            target(NOW, builds=(make_build("shop", "else", COMMIT),)),
            Facts(artifacts=UNNAMED),
            "names no commit",
            id="the build of something else",
        ),
        pytest.param(
            target(replace(CONFIG, version=4), replace(NOW, current=False)),
            Facts(),
            "v4 has no slug or image",
            id="code before a release without any",
        ),
        pytest.param(
            target(replace(CONFIG, version=4), replace(NOW, current=False, status="pending")),
            Facts(),
            "v4 has no slug or image",
            id="code before it that is still being released",
        ),
        pytest.param(
            target(CONFIG, fit=Fit(stacks=frozenset({"container"}))),
            Facts(),
            "v1 has no slug or image",
            id="images that somebody pushed",
        ),
        pytest.param(
            target(replace(NOW, current=False)),
            Facts(artifacts={"held": artifact("held", OTHER)}),
            "marked as the current one",
            id="none in effect",
        ),
    ],
)
def test_what_nobody_knows_of_what_runs_is_not_taken_for_nothing(
    held: TargetState, facts: Facts, gap: str
) -> None:
    running = find_running(facts, held)

    assert (running.commit, running.hint) == (None, None)
    assert gap in str(running.gap)


def unnamed(builds: tuple[Build, ...] = (), config: dict[str, str] | None = None) -> Stage:
    """Set a stage on which the slug that the target runs names no commit."""
    shop = make_app("shop", "held", builds=list(builds), config=config or {})
    stage = make_stage(make_app("shop-prepare", "good"), shop)
    stage.heroku.hold("good", COMMIT)
    stage.heroku.hold("held", None)
    return stage


def test_other_witnesses_are_asked_only_where_the_slug_says_nothing() -> None:
    stage = unnamed()

    fetch_facts(stage.run, WANTED)
    silent = [call for call in stage.heroku.calls if call.endswith(" shop")]
    stage.heroku.hold("held", OTHER)
    stage.heroku.calls.clear()
    fetch_facts(stage.run, WANTED)
    named = [call for call in stage.heroku.calls if call.endswith(" shop")]

    assert set(silent) - set(named) == {"builds.fetch_newest shop", "config_vars.fetch shop"}
    assert len(silent) == len(set(silent))


def test_the_build_on_the_target_itself_tells_what_it_left() -> None:
    facts = fetch_facts(unnamed((LEFT,)).run, WANTED)

    assert find_running(facts, facts.targets[0]) == Running(OTHER.sha)


@pytest.mark.parametrize("name", ["HEROKU_SLUG_COMMIT", "HEROKU_BUILD_COMMIT"])
def test_the_metadata_variable_is_a_hint_and_nothing_else_of_the_config_is_kept(name: str) -> None:
    facts = fetch_facts(unnamed(config={name: OTHER.sha, "KEY": "s3cret"}).run, WANTED)

    running = find_running(facts, facts.targets[0])
    assert (running.commit, running.hint) == (None, OTHER.sha)
    assert "s3cret" not in repr(facts)


@pytest.mark.parametrize("error", [KeyRefused("no"), NotFound("gone"), RequestInvalid("no")])
def test_witnesses_that_are_withheld_leave_it_unknown(error: AcceleratorError) -> None:
    stage = unnamed()
    for call in ("slugs.fetch shop held", "builds.fetch_newest shop", "config_vars.fetch shop"):
        stage.heroku.failures[call] = error

    facts = fetch_facts(stage.run, WANTED)

    assert "cannot be read" in str(find_running(facts, facts.targets[0]).gap)


def test_an_image_without_a_commit_is_unknown_code() -> None:
    image = ArtifactRef(ArtifactKind.OCI_IMAGE, "image")
    held = target(replace(NOW, artifact=image))

    assert find_running(Facts(artifacts={"image": None}), held).gap is not None
