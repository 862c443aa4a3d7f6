"""The alias of an artifact, which was shipped for another commit than it was built from, lasts."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from accelerator.errors import Refused, VerificationFailed
from accelerator.models import Ancestry, BuildInput, Commit, Reason, Route
from accelerator.steps.compare.decision import compare
from accelerator.steps.compare.descriptions import describe_release, find_alias, find_alias_of
from accelerator.steps.compare.facts import Facts
from accelerator.steps.compare.same_source import find_same, is_build_of
from accelerator.steps.compare.states import SourceState, TargetState
from accelerator.steps.compare.witness import Running
from accelerator.steps.guard.direction import Direction, Forward
from accelerator.steps.verify.going_back import WayBack, WentBack, roll_back
from tests.unit.deployscene import DEAD, Scene, scene
from tests.unit.fakes import (
    COMMIT,
    OTHER,
    FakeClone,
    FakeFence,
    artifact,
    checksum_of,
    make_app,
    make_build,
    make_release,
    make_stage,
    relate,
    slug,
)

if TYPE_CHECKING:
    from accelerator.models import Build, Release

BRANCH, MERGED, NEXT = (Commit(letter * 40) for letter in "789")
ALIAS = describe_release(MERGED, BRANCH.sha)
PROMOTED = "Promote shop-staging v3 77777777"


def past(app: str, *texts: str, **changes: Any) -> tuple[Release, ...]:
    """Make releases of the branch's artifact with these descriptions; the last one is current."""
    made = [
        make_release(app, version, "twin", description=text)
        for version, text in enumerate(texts, 1)
    ]
    made[-1] = replace(made[-1], current=True, **changes)
    return tuple(reversed(made))


STAGING = SourceState(
    "shop-staging", past("shop-staging", "", "", ALIAS, "Set LEVEL"), is_prepare=False
)
FURTHER = "Promote shop-staging v4 77777777"
ROUND = (
    replace(make_release("shop", 2, "twin", current=True), description=FURTHER),
    replace(make_release("shop", 1, "twin"), description="Promote shop v2"),
)
ELSEWHERE = replace(make_release("shop", 1, "other", description=ALIAS))
LATER = describe_release(NEXT, BRANCH.sha)


@pytest.mark.parametrize(
    ("releases", "expected"),
    [
        pytest.param(past("shop", ALIAS), MERGED, id="it is there"),
        pytest.param(past("shop", ALIAS, "Set LEVEL config vars"), MERGED, id="a config var"),
        pytest.param(past("shop", ALIAS, *["Set X config vars"] * 40), MERGED, id="many of them"),
        pytest.param(past("shop", ALIAS, "Attach DATABASE"), MERGED, id="an add-on"),
        pytest.param(past("shop", ALIAS, "Enable feature"), MERGED, id="a feature"),
        pytest.param(past("shop", ALIAS, "Retry of v1: it broke"), MERGED, id="a retry"),
        pytest.param(past("shop", ALIAS, "Deploy 77777777"), MERGED, id="released by hand"),
        pytest.param(past("shop", ALIAS, "x", "Rollback to v1"), MERGED, id="Heroku's rollback"),
        pytest.param(
            past("shop", "Rollback to v9 (code only): " + ALIAS), MERGED, id="a rollback of ours"
        ),
        pytest.param(
            past("shop", "Rollback to v9 (code only): " + ALIAS, "Set X config vars"),
            MERGED,
            id="a config var after it",
        ),
        pytest.param(past("shop", PROMOTED), MERGED, id="a promotion by hand"),
        pytest.param(past("shop", PROMOTED, "Set X config vars"), MERGED, id="and a config var"),
        pytest.param(past("shop", FURTHER), MERGED, id="a promotion after a config var"),
        pytest.param(ROUND, MERGED, id="descriptions that name one another"),
        pytest.param(past("shop", ALIAS, LATER, "Set X"), NEXT, id="the last word counts"),
        pytest.param(
            past("shop", ALIAS, LATER, "Rollback to v1"), MERGED, id="but what is gone back to"
        ),
        pytest.param(past("shop", LATER, "x", "", PROMOTED), MERGED, id="or what was promoted"),
        pytest.param(past("shop", ALIAS.replace("source", "tree")), MERGED, id="in older words"),
        pytest.param((*past("shop", "", "Set X"), ELSEWHERE), BRANCH, id="of other code"),
        pytest.param(past("shop", "Promote shop-qa v3 77777777"), BRANCH, id="of an unknown app"),
        pytest.param(past("shop", "Promote shop-staging v2"), BRANCH, id="of a plain release"),
        pytest.param(past("shop", "Rollback to v999999999999"), BRANCH, id="to no release"),
        pytest.param(past("shop", "x" + ALIAS), BRANCH, id="in other words"),
    ],
)
def test_however_the_alias_is_lost_it_is_found_by_the_artifact(
    releases: tuple[Release, ...], expected: Commit
) -> None:
    target = TargetState("shop", "id", releases)
    facts = Facts((STAGING,), (target,), {"twin": artifact("twin", BRANCH)})

    assert facts.serves(target) == expected.sha
    assert facts.is_live(target, expected)
    assert compare(expected, facts).route is Route.LIVE


def test_a_release_that_never_was_in_effect_gives_no_alias() -> None:
    first, failed = make_release("shop", 1, "twin"), make_release("shop", 2, "twin")
    failed = replace(failed, status="failed", description=ALIAS)
    third = replace(make_release("shop", 3, "twin"), current=True)

    assert find_alias_of(third, (third, failed, first)) is None
    assert find_alias_of(third, (third, replace(failed, status="expired"))) == MERGED.sha


def twin(*targets: str) -> Scene:
    """Set a scene in which a target runs, for the merge, what its branch built."""
    made = scene("good", *(make_app(name, "old") for name in targets or ("shop",)))
    made.stage.heroku.hold("twin", OTHER)
    before = "d" * 40
    made.stage.heroku.hold("old", replace(OTHER, sha=before))
    made.app("shop").land("twin", describe_release(MERGED, OTHER.sha))

    def ask(older: str, newer: str) -> Ancestry:
        return Ancestry.YES if (older, newer) == (MERGED.sha, COMMIT.sha) else Ancestry.NO

    made.stage.clone.ask = ask
    return made


def test_after_a_config_change_the_next_commit_still_goes_forward() -> None:
    changed = twin()
    changed.app("shop").land("twin", "Set LEVEL config vars")

    report = changed.deploy()

    assert (report.route, changed.held("shop")) == (Route.PROMOTE, "good")


def test_after_our_own_rollback_the_next_commit_still_goes_forward() -> None:
    broken = twin()
    broken.fail(VerificationFailed, verification=DEAD)
    (page, *_) = broken.app("shop").releases
    broken.app("shop").releases = [page]  # all that stays of the past

    report = broken.deploy()

    assert find_alias(page.description) == MERGED.sha
    assert (report.route, broken.held("shop")) == (Route.PROMOTE, "good")


def test_the_way_back_to_an_alias_is_verified_by_what_was_built() -> None:
    shop = make_app("shop", "old")
    shop.land("twin", ALIAS)
    shop.land("new")
    stage = make_stage(shop, dynos=5.0, smoke=1.0)
    stage.heroku.hold("twin", BRANCH)
    newest, before = shop.releases[:2]

    went = roll_back(stage.run, WayBack("shop", newest, before, BRANCH.sha), FakeFence())

    assert isinstance(went, WentBack)
    assert went.made.description == f"Rollback to v2 (code only): {ALIAS}"
    assert find_alias(went.made.description) == MERGED.sha


def test_without_an_alias_a_rollback_has_the_words_it_had() -> None:
    shop = make_app("shop", "old")
    shop.land("new")
    stage = make_stage(shop, dynos=5.0, smoke=1.0)
    stage.heroku.hold("old", OTHER)

    went = roll_back(stage.run, WayBack("shop", *shop.releases[:2], OTHER.sha), FakeFence())

    assert isinstance(went, WentBack)
    assert went.made.description == "Rollback to v1 (code only)"


@pytest.mark.parametrize(
    ("same", "backward", "is_refused"),
    [
        pytest.param({(COMMIT.sha, OTHER.sha): MERGED.sha}, Ancestry.NO, False, id="beside it"),
        pytest.param({(COMMIT.sha, OTHER.sha): MERGED.sha}, Ancestry.YES, True, id="undone since"),
        pytest.param({(COMMIT.sha, OTHER.sha): MERGED.sha}, Ancestry.UNKNOWN, True, id="who knows"),
        pytest.param({}, Ancestry.NO, True, id="nowhere"),
    ],
)
def test_where_the_alias_is_lost_for_good_the_clone_finds_the_source_in_the_history(
    same: dict[tuple[str, str], str], backward: Ancestry, is_refused: bool
) -> None:
    def ask(older: str, newer: str) -> Ancestry:
        return backward if (older, newer) == (MERGED.sha, OTHER.sha) else Ancestry.NO

    clone = FakeClone(ask, same=same)
    found = Forward(COMMIT, clone, Direction(), same_source=True).check("shop", Running(OTHER.sha))
    unasked = Forward(COMMIT, clone, Direction()).check("shop", Running(OTHER.sha))

    assert (found.refusal is not None) is is_refused
    assert is_refused or MERGED.sha[:8] in str(found.text)
    assert unasked.refusal is not None


def test_an_older_commit_is_superseded_whatever_source_it_has() -> None:
    clone = FakeClone(relate(COMMIT, OTHER), same={(COMMIT.sha, OTHER.sha): MERGED.sha})

    found = Forward(COMMIT, clone, Direction(), same_source=True).check("shop", Running(OTHER.sha))

    assert found.refusal == "superseded"


def test_what_another_app_runs_is_not_taken_for_the_same_line_without_asking() -> None:
    aside = twin()
    aside.app("shop").releases = []
    aside.app("shop").land("twin")

    assert aside.fail(Refused).reason == "diverged"


# What is the same source

OWN = BuildInput("", "tree", "kept", has_rules=True)
NOTES = BuildInput("", "another", "kept", has_rules=True)
FOLDER = BuildInput("services/api", "tree", "kept", archives=frozenset({checksum_of("x")}))


def built(stack: str | None = "heroku-24", checksum: str | None = None) -> Build:
    return make_build("p", "twin", OTHER, stack=stack, checksum=checksum)


IMAGE = replace(slug("twin"), kind="oci_image")


@pytest.mark.parametrize(
    ("own", "other", "build", "compared"),
    [
        pytest.param(OWN, OWN, built(), "tree without .slugignore", id="all is equal"),
        pytest.param(OWN, NOTES, built(), "tree without .slugignore", id="but what is removed"),
        pytest.param(OWN, OWN, built("container"), "tree", id="an image of a container"),
        pytest.param(OWN, NOTES, built("container"), None, id="which may have all files"),
        pytest.param(OWN, NOTES, built("cnb"), None, id="as one of Fir"),
        pytest.param(OWN, NOTES, built(None), None, id="or of nobody knows what"),
        pytest.param(OWN, NOTES, None, None, id="or by no build that is listed"),
        pytest.param(OWN, OWN, None, "tree", id="where all is equal that does not matter"),
        pytest.param(
            FOLDER, FOLDER, built(checksum=checksum_of("x")), "tree of services/api", id="a folder"
        ),
        pytest.param(FOLDER, FOLDER, built(), None, id="of a push, which is of everything"),
        pytest.param(
            FOLDER, FOLDER, built(checksum=checksum_of("y")), None, id="of another folder, before"
        ),
        pytest.param(FOLDER, FOLDER, None, None, id="of no build that is listed"),
        pytest.param(OWN, None, built(), None, id="what is not here"),
        pytest.param(None, OWN, built(), None, id="ours is not here"),
    ],
)
def test_the_same_source_is_told_by_what_was_compared(
    own: BuildInput | None, other: BuildInput | None, build: Build | None, compared: str | None
) -> None:
    inputs = {sha: told for sha, told in ((COMMIT.sha, own), (OTHER.sha, other)) if told}

    found = find_same(inputs, COMMIT.sha, OTHER.sha, build, slug("twin"))

    assert (found.compared if found else None) == compared
    assert found is None or (found.commit, found.id) == (
        OTHER.sha,
        "kept" if "without" in found.compared or "of" in found.compared else "tree",
    )
    if build is not None:
        assert is_build_of(build, COMMIT.sha, inputs) is (compared is not None)


def test_an_image_counts_with_all_its_files_whatever_its_build_says() -> None:
    inputs = {COMMIT.sha: OWN, OTHER.sha: NOTES}

    assert find_same(inputs, COMMIT.sha, OTHER.sha, built(), IMAGE) is None
    assert find_same(None, COMMIT.sha, OTHER.sha, built(), slug("twin")) is None
    assert find_same(inputs, COMMIT.sha, COMMIT.sha, built(), slug("twin")) is None


HELD = f"slug-of-{BRANCH.short}"


def test_a_running_build_of_the_same_source_is_joined() -> None:
    joined = scene("old", make_app("shop", "older"))
    joined.stage.heroku.hold("older", replace(OTHER, sha="a" * 40))
    running = make_build("shop-prepare", None, BRANCH, status="pending", stack="heroku-24")
    joined.app("shop-prepare").builds = [running]
    joined.stage.clone.inputs = {COMMIT.sha: OWN, BRANCH.sha: NOTES}
    joined.stage.clone.ask = relate(replace(OTHER, sha="a" * 40), COMMIT)
    joined.stage.heroku.hold(HELD, BRANCH)

    report = joined.deploy(same_tree=True)

    assert (report.reason, joined.held("shop")) == (Reason.JOINED_BUILD, HELD)
    assert joined.writes() == [f"releases.create shop {HELD}"]
    assert report.source is not None
    assert report.source.same is not None
    assert report.source.same.commit == BRANCH.sha
