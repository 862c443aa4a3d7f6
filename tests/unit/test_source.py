"""Sources that must be proven: what counts as of the commit, what is refused, what is built."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from accelerator.errors import NotFound, Refused, SourceDiffers, UsageProblem
from accelerator.models import Commit, OnMiss, Reason, Refusal, Route, Strategy, Verified
from accelerator.output.deploy import deploy_document
from accelerator.output.outcome import Outcome
from accelerator.steps.compare.descriptions import describe_release
from accelerator.steps.compare.facts import Facts
from accelerator.steps.compare.proof import doubt_of_build
from accelerator.steps.prepare import PrepareOrder, prepare
from accelerator.steps.report import PrepareReport
from accelerator.steps.route.build import build, start_build
from tests.unit.deployscene import BUILT, Scene, scene
from tests.unit.fakes import (
    BEGIN,
    COMMIT,
    OTHER,
    FakeFence,
    checksum_of,
    make_app,
    make_build,
    make_stage,
    slug,
)

if TYPE_CHECKING:
    from accelerator.models import Build

HONEST = checksum_of(COMMIT.sha)
EVIL = checksum_of("evil")
SHOP = "promotions.create shop-prepare-v1 to shop"
GIT = "pushed by git"
ANOTHER = "another source than the archive of the commit"
UNLISTED = "no build that left it is listed"


def built(checksum: str | None, held: str = "good", **changes: Any) -> Build:
    return make_build("shop-prepare", held, COMMIT, checksum=checksum, **changes)


def proving(*builds: Build, **target: Any) -> Scene:
    """Set a scene whose sources must be proven: these are the builds of the prepare app."""
    made = scene("good", make_app("shop", target.pop("held", "old"), **target))
    made.app("shop-prepare").builds = list(builds)
    made.change(verify_source=True)
    return made


# The pure part


@pytest.mark.parametrize(
    ("checksum", "archives", "doubt"),
    [
        pytest.param(HONEST, {COMMIT.sha: {EVIL, HONEST}}, None, id="one of the archive's"),
        pytest.param(EVIL, {COMMIT.sha: {HONEST}}, ANOTHER, id="another one"),
        pytest.param(None, {COMMIT.sha: {HONEST}}, GIT, id="none"),
        pytest.param(HONEST, {}, "not in this clone", id="of a commit nobody could archive"),
        pytest.param(EVIL, None, None, id="nothing is to be proven"),
    ],
)
def test_a_source_is_proven_by_the_checksum_of_an_archive_made_anew(
    checksum: str | None, archives: dict[str, set[str]] | None, doubt: str | None
) -> None:
    made = (
        {sha: frozenset(sums) for sha, sums in archives.items()} if archives is not None else None
    )

    told = doubt_of_build(built(checksum), made)

    assert (told is None) if doubt is None else (told is not None and doubt in told)


def test_an_artifact_without_a_build_is_of_no_known_source() -> None:
    assert Facts().doubt_of(slug("good")) is None
    assert UNLISTED in str(Facts(archives={COMMIT.sha: frozenset({HONEST})}).doubt_of(slug("good")))


# Deploys


def test_what_was_built_from_the_commits_own_archive_is_promoted_and_told_so() -> None:
    honest = proving(built(HONEST))

    report = honest.deploy()

    assert honest.writes() == [SHOP]
    assert (report.reason, honest.held("shop")) == (Reason.PREPARED, "good")
    assert report.source is not None
    assert report.source.verified is Verified.PASSED
    assert deploy_document(report, Outcome())["source"]["verified"] == "passed"
    assert honest.stage.ear.warnings() == []


@pytest.mark.parametrize(
    ("builds", "said"),
    [
        pytest.param((built(EVIL),), ANOTHER, id="other bytes under the commit's name"),
        pytest.param((built(None),), GIT, id="pushed by git"),
        pytest.param((), UNLISTED, id="a slug without a build"),
        pytest.param(
            (built(HONEST, "else"), built(EVIL)), ANOTHER, id="an honest one that is gone"
        ),
    ],
)
@pytest.mark.parametrize("on_miss", OnMiss)
def test_what_is_not_proven_is_refused_and_nothing_is_written(
    builds: tuple[Build, ...], said: str, on_miss: OnMiss
) -> None:
    doubted = proving(*builds)
    doubted.stage.heroku.failures["slugs.fetch shop-prepare else"] = NotFound("gone")

    error = doubted.fail(Refused, on_miss=on_miss)

    assert doubted.report.reason is Refusal.SOURCE_UNVERIFIED
    assert said in error.message
    assert "prepare --verify-source" in str(error.hint)
    assert doubted.writes() == []
    assert doubted.held("shop") == "old"


def test_without_the_flag_the_word_of_a_build_is_taken() -> None:
    trusting = proving(built(EVIL))

    report = trusting.deploy(verify_source=False)

    assert trusting.held("shop") == "good"
    assert report.source is not None
    assert report.source.verified is Verified.NOT_RUN


def test_a_proven_artifact_is_taken_before_a_newer_one_that_is_not() -> None:
    both = proving(built(EVIL, "evil"), built(HONEST))
    both.stage.heroku.hold("evil", COMMIT)
    both.app("shop-prepare").land("evil")

    report = both.deploy()

    assert (report.reason, both.held("shop")) == (Reason.PREPARED_EARLIER, "good")
    assert ANOTHER in both.stage.ear.warnings()[0]


def test_a_miss_is_built_from_the_archive_as_ever() -> None:
    missing = scene("old", make_app("shop", "old"))

    report = missing.deploy(verify_source=True)

    assert (report.route, missing.held("shop")) == (Route.BUILD, BUILT)
    assert missing.app("shop").builds[0].checksum == HONEST


def test_what_the_build_of_a_miss_left_is_live_and_proven_the_next_time() -> None:
    missing = scene("old", make_app("shop", "old"))
    missing.deploy(verify_source=True)
    before = missing.writes()

    report = missing.deploy(verify_source=True)

    assert report.route is Route.LIVE
    assert missing.writes() == before


def test_a_target_that_runs_something_unproven_is_not_called_live() -> None:
    stale = proving(built(EVIL, "evil"), held="evil")
    stale.stage.heroku.hold("evil", COMMIT)
    stale.app("shop-prepare").releases.clear()

    error = stale.fail(Refused)

    assert stale.report.reason is Refusal.SOURCE_UNVERIFIED
    assert ANOTHER in error.message
    assert stale.writes() == []


def test_a_target_that_runs_something_unproven_gets_what_is_proven() -> None:
    stale = proving(built(HONEST), built(EVIL, "evil"), held="evil")
    stale.stage.heroku.hold("evil", COMMIT)

    stale.deploy()

    assert stale.held("shop") == "good"
    assert any(line.startswith("what shop runs") for line in stale.stage.ear.warnings())


def test_a_build_of_another_source_is_not_waited_for() -> None:
    running = make_build("shop-prepare", None, COMMIT, status="pending", checksum=EVIL)
    waiting = proving(running)
    waiting.app("shop-prepare").releases.clear()

    error = waiting.fail(Refused)

    assert "build shop-prepare-build-of-None on shop-prepare" in error.message
    assert waiting.stage.clock.naps == []


def test_a_running_build_of_the_commits_archive_is_joined() -> None:
    running = make_build(
        "shop-prepare", None, COMMIT, status="pending", checksum=HONEST, created_at=BEGIN
    )
    waiting = proving(running)
    waiting.app("shop-prepare").releases.clear()
    waiting.stage.heroku.hold(BUILT, COMMIT)

    report = waiting.deploy()

    assert (report.reason, waiting.held("shop")) == (Reason.JOINED_BUILD, BUILT)


TWIN = Commit("7" * 40, tree=COMMIT.tree or "tree")


@pytest.mark.parametrize(
    ("checksum", "is_shipped"),
    [
        pytest.param(checksum_of(TWIN.sha), True, id="of the twin's own archive"),
        pytest.param(HONEST, False, id="of the other commit's, whose files have another time"),
        pytest.param(EVIL, False, id="of something else"),
    ],
)
def test_what_was_built_from_an_equal_tree_is_compared_with_the_commit_that_was_built(
    checksum: str, is_shipped: bool
) -> None:
    twin = proving(make_build("shop-prepare", "good", TWIN, checksum=checksum))
    twin.stage.heroku.hold("good", TWIN)
    twin.stage.clone.trees = {COMMIT.sha: "tree", TWIN.sha: "tree"}
    commit = replace(COMMIT, tree="tree")

    if not is_shipped:
        twin.fail(Refused, commit=commit, same_tree=True)
        assert twin.writes() == []
        return
    report = twin.deploy(commit=commit, same_tree=True)

    assert (report.reason, twin.held("shop")) == (Reason.SAME_TREE, "good")


@pytest.mark.parametrize("is_equal", [True, False], ids=["really equal", "equal by its word only"])
def test_the_alias_of_a_release_is_no_proof_of_an_equal_tree(is_equal: bool) -> None:
    alias = proving(make_build("shop-prepare", "good", TWIN, checksum=checksum_of(TWIN.sha)))
    alias.stage.heroku.hold("good", TWIN)
    alias.app("shop").land("good", describe_release(COMMIT, TWIN.sha))
    trees = {COMMIT.sha: "tree", TWIN.sha: "tree" if is_equal else "another"}
    alias.stage.clone.trees = trees

    if is_equal:
        assert alias.deploy().route is Route.LIVE
    else:
        alias.fail(Refused)

    assert alias.writes() == []


def test_a_commit_that_the_clone_lacks_is_not_deployed() -> None:
    lost = proving(built(HONEST))
    lost.stage.clone.trouble = NotFound("no such commit here")

    lost.fail(NotFound)

    assert lost.writes() == []


def test_a_plan_says_that_the_source_is_proven() -> None:
    planned = proving(built(HONEST))

    plan = planned.deploy(plan_only=True).plan

    assert plan is not None
    [check] = [check for _, check in plan.checks if check.name == "source"]
    assert check.outcome == "ok"
    assert "made anew" in check.detail


# Preparations


def prepared(*builds: Build, verify_source: bool = True, **order: Any) -> tuple[str | None, bool]:
    """Prepare the commit; give the checksum of what is prepared, and whether that was found."""
    stage = make_stage(make_app("shop-prepare", builds=list(builds)))
    stage.heroku.hold("good", COMMIT)
    report = PrepareReport("")
    made = PrepareOrder(COMMIT, ("shop-prepare",), verify_source=verify_source, **order)
    prepare(stage.run, made, report)
    assert report.build is not None
    return report.build.checksum, report.reused


@pytest.mark.parametrize(
    ("build", "outcome"),
    [
        pytest.param(built(HONEST), (HONEST, True), id="of the archive: found"),
        pytest.param(built(EVIL), (HONEST, False), id="of another source: built anew"),
        pytest.param(built(None), (HONEST, False), id="pushed by git: built anew"),
        pytest.param(built(EVIL, status="pending"), (HONEST, False), id="running: not joined"),
    ],
)
def test_only_a_build_of_the_archive_counts_as_prepared(
    build: Build, outcome: tuple[str, bool]
) -> None:
    assert prepared(build) == outcome


def test_without_the_flag_any_build_of_the_commit_counts_as_prepared() -> None:
    assert prepared(built(EVIL), verify_source=False) == (EVIL, True)


def test_a_push_cannot_be_proven_and_is_not_begun() -> None:
    with pytest.raises(UsageProblem, match="--verify-source"):
        prepared(strategy=Strategy.GIT)


def test_a_build_that_names_another_source_than_was_sent_is_an_error() -> None:
    stage = make_stage(make_app("shop", echo=EVIL))

    with pytest.raises(SourceDiffers, match=EVIL):
        start_build(stage.run, "shop", COMMIT, FakeFence())


def test_a_build_of_another_source_that_runs_on_the_target_is_not_joined() -> None:
    running = make_build("shop", None, COMMIT, status="pending", checksum=EVIL, id="evil")
    stage = make_stage(make_app("shop", "old", builds=[running]))
    stage.heroku.hold("old", OTHER)

    finished, _ = build(stage.run, "shop", COMMIT, FakeFence(), frozenset({HONEST}))

    assert finished.checksum == HONEST
