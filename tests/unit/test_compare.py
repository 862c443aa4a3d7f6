from __future__ import annotations

from dataclasses import replace

import pytest

from accelerator.models import (
    Artifact,
    Build,
    BuildInput,
    Commit,
    Coupling,
    Reason,
    Release,
    Route,
)
from accelerator.steps.compare.before import find_adopted, find_before, find_doubted
from accelerator.steps.compare.decision import compare, witness_of
from accelerator.steps.compare.descriptions import describe_release, find_alias
from accelerator.steps.compare.facts import Facts
from accelerator.steps.compare.fit import Fit
from accelerator.steps.compare.states import Candidate, CutShort, SourceState, TargetState
from accelerator.steps.compare.unread import (
    find_unconfirmed,
    find_unread_apps,
    is_confirmed,
    rests_on_a_build,
)
from tests.unit.fakes import (
    BEGIN,
    COMMIT,
    OTHER,
    artifact,
    make_build,
    make_coupling,
    make_release,
    slug,
)

PREPARE = "shop-prepare"
COUPLED = make_coupling(PREPARE)
ELSEWHERE = make_coupling(PREPARE, pipeline="another")
TARGET_COUPLED = make_coupling("shop")


def prepare(
    releases: tuple[Release, ...] = (),
    builds: tuple[Build, ...] = (),
    coupling: Coupling | None = COUPLED,
    app: str = PREPARE,
) -> SourceState:
    return SourceState(app, releases, builds, coupling)


def holds(
    held: str | None, version: int = 7, *, current: bool = True, status: str = "succeeded"
) -> Release:
    return make_release(PREPARE, version, held, current=current, status=status)


def built(
    held: str | None, commit: Commit = COMMIT, app: str = PREPARE, status: str = "succeeded"
) -> Build:
    return make_build(app, held, commit, status=status)


def target(
    held: str | None = None,
    app: str = "shop",
    *,
    status: str = "succeeded",
    coupling: Coupling | None = TARGET_COUPLED,
) -> TargetState:
    releases = (make_release(app, 3, held, current=True, status=status),) if held else ()
    return TargetState(app, f"id-of-{app}", releases, coupling)


def facts(
    source: SourceState, *targets: TargetState, read: tuple[Artifact, ...] = (), lost: str = ""
) -> Facts:
    known: dict[str, Artifact | None] = {one.id: one for one in read}
    if lost:
        known[lost] = None
    return Facts((source,), targets or (target(),), known)


STAGING = SourceState(
    "shop-staging",
    (make_release("shop-staging", 4, "good", current=True),),
    (built("good", app="shop-staging"),),
    make_coupling("shop-staging"),
    is_prepare=False,
)

TABLE = [
    pytest.param(
        facts(prepare((holds("good"),), (built("good"),))),
        (Route.PROMOTE, Reason.PREPARED, "shop-prepare v7"),
        id="the current release of the prepare app holds the commit",
    ),
    pytest.param(
        facts(prepare((holds("good"),)), read=(artifact("good", COMMIT),)),
        (Route.PROMOTE, Reason.PREPARED, "shop-prepare v7"),
        id="no build names it but the artifact read does",
    ),
    pytest.param(
        facts(
            prepare(
                (holds("new", 8), holds("good", 7, current=False)),
                (built("new", OTHER), built("good")),
            )
        ),
        (Route.PROMOTE, Reason.PREPARED_EARLIER, "shop-prepare v7"),
        id="an earlier release of the prepare app holds it",
    ),
    pytest.param(
        facts(
            prepare((holds("good", 9, current=False), holds("good", 8)), (built("good"),)),
        ),
        (Route.PROMOTE, Reason.PREPARED, "shop-prepare v8"),
        id="a newer release that is not current does not win over the current one",
    ),
    pytest.param(
        facts(
            prepare(
                (
                    holds("new", 8),
                    holds("good", 5, current=False),
                    holds("good", 7, current=False),
                ),
                (built("good"),),
            )
        ),
        (Route.PROMOTE, Reason.PREPARED_EARLIER, "shop-prepare v7"),
        id="of two earlier releases the newer one is promoted",
    ),
    pytest.param(
        facts(prepare((holds("good", status="failed", current=False),), (built("good"),))),
        (Route.RELEASE, Reason.PREPARE_RELEASE_FAILED, "shop-prepare v7"),
        id="the release command failed on the prepare app",
    ),
    pytest.param(
        facts(prepare((holds("good", status="pending", current=False),), (built("good"),))),
        (Route.RELEASE, Reason.PREPARED, "shop-prepare v7"),
        id="the release command still runs on the prepare app",
    ),
    pytest.param(
        facts(prepare((), (built("good"),))),
        (Route.RELEASE, Reason.PREPARED, "shop-prepare a build without a release"),
        id="a build that lost its race left an artifact and no release",
    ),
    pytest.param(
        facts(prepare((holds("good"),), (built("good"),), coupling=None)),
        (Route.RELEASE, Reason.NOT_IN_PIPELINE, "shop-prepare v7"),
        id="the prepare app is in no pipeline",
    ),
    pytest.param(
        facts(prepare((holds("good"),), (built("good"),)), target(coupling=None)),
        (Route.RELEASE, Reason.NOT_IN_PIPELINE, "shop-prepare v7"),
        id="the target is in no pipeline",
    ),
    pytest.param(
        facts(prepare((holds("good"),), (built("good"),), coupling=ELSEWHERE)),
        (Route.RELEASE, Reason.NOT_IN_PIPELINE, "shop-prepare v7"),
        id="the prepare app is in another pipeline",
    ),
    pytest.param(
        facts(STAGING),
        (Route.RELEASE, Reason.ON_OTHER_APP, "shop-staging v4"),
        id="only staging holds it",
    ),
    pytest.param(
        Facts((STAGING, prepare((holds("good"),), (built("good"),))), (target(),)),
        (Route.PROMOTE, Reason.PREPARED, "shop-prepare v7"),
        id="the prepare app wins over staging wherever it stands in the list",
    ),
    pytest.param(
        facts(prepare((holds("good"),), (built("good"),)), target("good")),
        (Route.LIVE, Reason.ALREADY_LIVE, "shop-prepare v7"),
        id="the target runs it already",
    ),
    pytest.param(
        facts(prepare(), target("good"), read=(artifact("good", COMMIT),)),
        (Route.LIVE, Reason.ALREADY_LIVE, None),
        id="the target runs it and nothing is prepared",
    ),
    pytest.param(
        facts(prepare((holds("good"),), (built("good"),)), target("good", status="failed")),
        (Route.PROMOTE, Reason.PREPARED, "shop-prepare v7"),
        id="the target's release of it failed",
    ),
    pytest.param(
        facts(prepare()),
        (Route.BUILD, Reason.NOTHING_PREPARED, None),
        id="the prepare app is empty",
    ),
    pytest.param(
        facts(prepare((holds(None),))),
        (Route.BUILD, Reason.NOTHING_PREPARED, None),
        id="a release without code, as a config change on a fresh app makes",
    ),
    pytest.param(
        facts(prepare((holds("new"),), (built("new", OTHER),))),
        (Route.BUILD, Reason.OTHER_COMMIT, None),
        id="another commit is prepared",
    ),
    pytest.param(
        facts(prepare((holds("new"),))),
        (Route.BUILD, Reason.OTHER_COMMIT, None),
        id="nobody knows which commit the prepared release holds",
    ),
    pytest.param(
        facts(prepare((holds("new"),)), read=(artifact("new", None),)),
        (Route.BUILD, Reason.OTHER_COMMIT, None),
        id="the artifact names no commit",
    ),
    pytest.param(
        facts(prepare((), (built(None, status="failed"),))),
        (Route.BUILD, Reason.PREPARE_BUILD_FAILED, None),
        id="the build of the commit failed",
    ),
    pytest.param(
        facts(prepare((), (built("half", status="failed"),))),
        (Route.BUILD, Reason.PREPARE_BUILD_FAILED, None),
        id="the build failed but names an artifact all the same",
    ),
    pytest.param(
        facts(prepare((), (built(None, OTHER, status="failed"),))),
        (Route.BUILD, Reason.NOTHING_PREPARED, None),
        id="the build of another commit failed",
    ),
    pytest.param(
        facts(prepare((), (built(None, status="pending"),))),
        (Route.WAIT, Reason.JOINED_BUILD, None),
        id="the build still runs: joined, not built beside",
    ),
    pytest.param(
        facts(prepare((), (built(None, OTHER, status="pending"),))),
        (Route.BUILD, Reason.NOTHING_PREPARED, None),
        id="only another commit is being built",
    ),
    pytest.param(
        facts(replace(STAGING, releases=(), builds=(built(None, status="pending"),))),
        (Route.BUILD, Reason.NOTHING_PREPARED, None),
        id="it is being built, but on an app that is no prepare app",
    ),
    pytest.param(
        facts(prepare((holds("good"),), (built(None, status="pending"), built("good")))),
        (Route.PROMOTE, Reason.PREPARED, "shop-prepare v7"),
        id="it is built and being built once more",
    ),
    pytest.param(
        facts(
            prepare((holds("good"),), (built(None, status="pending"), built("good"))),
            read=(artifact("good", COMMIT, deleted_at=BEGIN),),
        ),
        (Route.WAIT, Reason.JOINED_BUILD, None),
        id="what was built has expired, and it is being built again",
    ),
    pytest.param(
        facts(prepare((holds("good", status="expired", current=False),), (built("good"),))),
        (Route.BUILD, Reason.EXPIRED, None),
        id="the release has expired",
    ),
    pytest.param(
        facts(
            prepare((holds("good"),), (built("good"),)),
            read=(artifact("good", COMMIT, deleted_at=BEGIN),),
        ),
        (Route.BUILD, Reason.EXPIRED, None),
        id="the artifact was deleted",
    ),
    pytest.param(
        facts(prepare((holds("good"),), (built("good"),)), lost="good"),
        (Route.BUILD, Reason.UNREADABLE, None),
        id="the artifact cannot be read",
    ),
    pytest.param(
        facts(prepare((holds("good"),), (built("good"),)), read=(artifact("good", OTHER),)),
        (Route.BUILD, Reason.OTHER_COMMIT, None),
        id="the artifact itself names another commit than its build",
    ),
]


@pytest.mark.parametrize(("known", "expected"), TABLE)
def test_the_fastest_honest_route_is_taken(
    known: Facts, expected: tuple[Route, Reason, str | None]
) -> None:
    decision = compare(COMMIT, known)

    name = decision.candidate.name if decision.candidate else None
    assert (decision.route, decision.reason, name) == expected


def test_each_target_gets_its_own_route() -> None:
    known = facts(
        prepare((holds("good"),), (built("good"),)),
        target("good", "shop-eu"),
        target("old", "shop-us"),
        target(None, "shop-asia", coupling=None),
    )

    decision = compare(COMMIT, known)

    assert decision.reason is Reason.NOT_IN_PIPELINE
    assert decision.routes == {
        "shop-eu": Route.LIVE,
        "shop-us": Route.PROMOTE,
        "shop-asia": Route.RELEASE,
    }


def test_a_live_target_is_left_alone_where_others_must_be_built() -> None:
    known = facts(prepare(), target("good", "shop-eu"), target(), read=(artifact("good", COMMIT),))

    decision = compare(COMMIT, known)

    assert decision.route is Route.BUILD
    assert decision.routes == {"shop-eu": Route.LIVE, "shop": Route.BUILD}


def test_what_was_passed_over_is_named_with_its_flaw() -> None:
    source = prepare(
        (holds("good", 8), holds("good", 7, current=False), holds("gone", 6, current=False)),
        (built("good"), built("gone")),
    )

    decision = compare(COMMIT, facts(source, read=(artifact("gone", COMMIT, deleted_at=BEGIN),)))

    assert decision.passed_over == ("shop-prepare v6: expired", "shop-prepare v7: not the best")


def test_one_artifact_in_a_release_and_its_build_is_one_candidate() -> None:
    decision = compare(COMMIT, facts(prepare((holds("good"),), (built("good"), built("good")))))

    assert decision.passed_over == ()


CURRENT = holds("good")
WITNESSES = [
    pytest.param(CURRENT, COMMIT.sha, True, "agrees", id="it names the commit"),
    pytest.param(CURRENT, OTHER.sha, True, "disagrees", id="it names another commit"),
    pytest.param(CURRENT, None, True, "absent", id="it is not set"),
    pytest.param(CURRENT, "", True, "absent", id="it is empty"),
    pytest.param(CURRENT, None, False, "unreadable", id="the key may not read it"),
    pytest.param(
        holds("good", current=False), OTHER.sha, True, "earlier", id="it speaks of a later release"
    ),
    pytest.param(None, COMMIT.sha, True, "earlier", id="the candidate was never released"),
]


@pytest.mark.parametrize(("release", "witness", "readable", "expected"), WITNESSES)
def test_the_metadata_variable_is_a_second_witness(
    release: Release | None, witness: str | None, readable: bool, expected: str
) -> None:
    source = SourceState(PREPARE, witness=witness, witness_readable=readable)
    candidate = Candidate(source, slug("good"), release)

    assert witness_of(candidate, COMMIT.sha) == expected


def test_without_a_candidate_the_metadata_variable_says_nothing() -> None:
    assert witness_of(None, COMMIT.sha) == "absent"


def test_only_what_the_decision_rests_on_is_read() -> None:
    source = prepare(
        (holds("good", 9), *(holds(f"old{n}", n, current=False) for n in range(1, 9))),
        (built("good"),),
    )

    wanted = find_unconfirmed(COMMIT, facts(source, target("running")))

    assert wanted == {(PREPARE, slug("good")), ("shop", slug("running"))}


def test_what_was_read_is_not_read_again() -> None:
    known = facts(
        prepare((holds("good"),), (built("good"),)),
        target("lost"),
        read=(artifact("good", COMMIT),),
        lost="lost",
    )

    assert find_unconfirmed(COMMIT, known) == frozenset()


FITTING = Fit(frozenset({"heroku-24"}), "cedar", ("heroku/python",))
UNFIT = [
    pytest.param({"stack": "heroku-22"}, {}, Reason.STACK_DIFFERS, id="another stack"),
    pytest.param({}, {"generation": "fir"}, Reason.GENERATION_DIFFERS, id="another generation"),
    pytest.param({}, {"buildpacks": ("x",)}, Reason.BUILDPACKS_DIFFER, id="other buildpacks"),
    pytest.param(
        {}, {"build_config": {"A": "2"}}, Reason.BUILD_CONFIG_DIFFERS, id="another build config"
    ),
    pytest.param(
        {}, {"build_config": None}, Reason.BUILD_CONFIG_UNKNOWN, id="an unknown build config"
    ),
]


def fitted(fit: Fit, **held: str) -> Facts:
    """Give facts in which the prepared artifact is known in full, and what the target needs."""
    build = make_build(PREPARE, "good", COMMIT, buildpacks=("heroku/python",))
    read = artifact("good", COMMIT, **{"stack": "heroku-24", **held})
    known = facts(prepare((holds("good"),), (build,)), replace(target(), fit=fit), read=(read,))
    return replace(known, built_with={"good": {"A": "1"}})


@pytest.mark.parametrize(("held", "needed", "reason"), UNFIT)
def test_what_does_not_fit_the_target_is_passed_over_and_built_again(
    held: dict[str, str], needed: dict[str, object], reason: Reason
) -> None:
    decision = compare(COMMIT, fitted(replace(FITTING, **needed), **held))  # type: ignore[arg-type]

    assert (decision.route, decision.reason, decision.candidate) == (Route.BUILD, reason, None)
    assert decision.passed_over[0].startswith("shop-prepare v7: ")


def test_what_fits_is_promoted() -> None:
    assert compare(COMMIT, fitted(FITTING)).route is Route.PROMOTE


def test_one_target_it_does_not_fit_is_enough() -> None:
    known = fitted(FITTING)
    odd = replace(target(app="shop-eu"), fit=Fit(frozenset({"heroku-26"})))

    decision = compare(COMMIT, replace(known, targets=(*known.targets, odd)))

    assert (decision.route, decision.reason) == (Route.BUILD, Reason.STACK_DIFFERS)


def test_a_live_target_it_would_not_fit_is_no_hindrance() -> None:
    known = fitted(FITTING)
    live = replace(target("good", "shop-eu"), fit=Fit(frozenset({"heroku-26"})))

    assert compare(COMMIT, replace(known, targets=(*known.targets, live))).route is Route.PROMOTE


def test_of_two_artifacts_the_one_that_fits_is_taken() -> None:
    source = prepare(
        (holds("good", 8), holds("older", 7, current=False)), (built("good"), built("older"))
    )
    read = (artifact("good", COMMIT, stack="heroku-26"), artifact("older", COMMIT))
    known = facts(source, replace(target(), fit=FITTING), read=read)

    decision = compare(COMMIT, known)

    assert (decision.route, decision.reason) == (Route.PROMOTE, Reason.PREPARED_EARLIER)
    assert "built for heroku-26" in decision.passed_over[0]


def test_what_runs_on_the_target_tells_its_stack() -> None:
    known = facts(
        prepare((holds("good"),), (built("good"),)),
        target("old"),
        read=(
            artifact("good", COMMIT, stack="heroku-26"),
            artifact("old", OTHER, stack="heroku-24"),
        ),
    )

    assert find_unread_apps(COMMIT, known) == {"shop"}
    assert compare(COMMIT, known).reason is Reason.STACK_DIFFERS


@pytest.mark.parametrize(
    ("held", "expected"),
    [
        pytest.param(artifact("old", OTHER, stack="heroku-24"), set(), id="it agrees"),
        pytest.param(artifact("old", OTHER), {"shop"}, id="it does not tell"),
    ],
)
def test_the_target_itself_is_asked_only_where_its_stack_is_in_doubt(
    held: Artifact, expected: set[str]
) -> None:
    known = facts(
        prepare((holds("good"),), (built("good"),)),
        target("old"),
        read=(artifact("good", COMMIT, stack="heroku-24"), held),
    )

    assert find_unread_apps(COMMIT, known) == expected


def test_where_nothing_can_be_shipped_the_target_is_not_asked() -> None:
    assert find_unread_apps(COMMIT, facts(prepare(), target("old"))) == frozenset()


def twins(*sources: SourceState, tree: str = "tree", is_known: bool = True) -> Facts:
    known = {OTHER.sha: tree, **({COMMIT.sha: "tree"} if is_known else {})}
    return replace(
        facts(sources[0], target("old"), read=(artifact("old", OTHER),)),
        sources=sources,
        inputs={sha: BuildInput("", told, told) for sha, told in known.items()},
    )


def test_an_equal_tree_is_released_under_its_own_reason() -> None:
    twin = prepare((holds("twin"),), (built("twin", OTHER),))

    decision = compare(COMMIT, twins(twin))

    assert (decision.route, decision.reason) == (Route.RELEASE, Reason.SAME_TREE)


@pytest.mark.parametrize(
    ("tree", "is_known"),
    [pytest.param("t2", True, id="other"), pytest.param("tree", False, id="unknown")],
)
def test_a_source_that_is_not_known_to_be_equal_counts_for_nothing(
    tree: str, is_known: bool
) -> None:
    source = prepare((holds("x"),), (built("x", OTHER),))

    assert compare(COMMIT, twins(source, tree=tree, is_known=is_known)).route is Route.BUILD


def test_the_very_commit_is_taken_before_an_equal_tree() -> None:
    lost_race = prepare((), (built("good"),), app="shop-prepare-2")
    twin = prepare((holds("twin"),), (built("twin", OTHER),))

    decision = compare(COMMIT, twins(twin, lost_race))

    assert (decision.reason, decision.candidate and decision.candidate.artifact.id) == (
        Reason.PREPARED,
        "good",
    )


def test_an_equal_tree_is_cheaper_than_waiting_for_a_build() -> None:
    twin = prepare((holds("twin"),), (built(None, status="pending"), built("twin", OTHER)))

    assert compare(COMMIT, twins(twin)).reason is Reason.SAME_TREE


@pytest.mark.parametrize(
    ("description", "expected"),
    [
        pytest.param(describe_release(COMMIT, OTHER.sha), COMMIT.sha, id="an alias"),
        pytest.param(describe_release(COMMIT, COMMIT.sha), None, id="a plain deploy"),
        pytest.param(describe_release(COMMIT, None), None, id="built from nobody knows what"),
        pytest.param("Promote shop-prepare v7 c0ffee00", None, id="a promotion"),
        pytest.param(f"Deploy {COMMIT.sha}", None, id="a full sha alone"),
        pytest.param(f"xDeploy {COMMIT.sha} (same tree as {OTHER.sha})", None, id="in other words"),
    ],
)
def test_the_alias_lasts_in_the_releases_description(
    description: str, expected: str | None
) -> None:
    assert find_alias(description) == expected


MISSED = facts(prepare(), target("good", "shop-eu"), target(), read=(artifact("good", COMMIT),))


def test_what_was_just_built_is_released_on_those_still_without_it() -> None:
    decision = compare(COMMIT, MISSED)

    after = decision.with_built("shop", artifact("fresh", COMMIT))

    assert after.candidate is not None
    assert (after.candidate.source.app, after.candidate.source.is_prepare) == ("shop", False)
    assert (after.candidate.artifact, after.candidate.release) == (slug("fresh"), None)
    assert after.routes == {"shop-eu": Route.LIVE, "shop": Route.RELEASE}
    assert after.facts.artifacts["fresh"] == artifact("fresh", COMMIT)
    assert after.source_commit == COMMIT.sha
    assert decision.routes["shop"] is Route.BUILD


def test_what_was_just_built_and_could_not_be_read_is_released_by_its_id() -> None:
    after = compare(COMMIT, MISSED).with_built("shop", slug("fresh"))

    assert after.candidate is not None
    assert after.candidate.artifact == slug("fresh")
    assert after.facts == MISSED


def test_only_those_that_do_not_run_the_commit_are_written_to() -> None:
    decision = compare(COMMIT, MISSED)

    assert decision.writes_to(("shop-eu", "shop")) == {"shop"}
    assert decision.writes_to(("shop-eu",)) == frozenset()


def after_a_cut(*left: CutShort, held: str = "good") -> tuple[Facts, TargetState]:
    """Give facts of a target that runs v5, after v4 and v3, and of deploys that were cut short."""
    releases = (
        make_release("shop", 5, held, current=True),
        make_release("shop", 4, "old"),
        make_release("shop", 3, "older"),
    )
    state = replace(target(), releases=releases)
    known = facts(prepare(), state, read=(artifact("good", COMMIT), artifact("old", OTHER)))
    return replace(known, cut_short=left), state


@pytest.mark.parametrize(
    ("left", "held", "expected"),
    [
        pytest.param((CutShort("shop", COMMIT.sha, 4),), "good", 4, id="it made what runs"),
        pytest.param(
            (CutShort("shop", COMMIT.sha, 3),), "good", None, id="other code was released since"
        ),
        pytest.param((), "good", None, id="none was cut short"),
        pytest.param((CutShort("shop", COMMIT.sha, 4),), "old", None, id="other code runs"),
        pytest.param((CutShort("shop", OTHER.sha, 4),), "good", None, id="of another commit"),
        pytest.param((CutShort("shop-eu", COMMIT.sha, 4),), "good", None, id="on another target"),
        pytest.param(
            (CutShort("shop", COMMIT.sha, 5),), "good", None, id="what runs was there before it"
        ),
        pytest.param((CutShort("shop", COMMIT.sha, None),), "good", None, id="none was recorded"),
        pytest.param((CutShort("shop", COMMIT.sha, 1),), "good", None, id="too old to be listed"),
    ],
)
def test_a_release_that_a_deploy_cut_short_had_made_is_adopted(
    left: tuple[CutShort, ...], held: str, expected: int | None
) -> None:
    known, state = after_a_cut(*left, held=held)

    found = find_adopted(known, state, COMMIT)

    assert (found and found.version) == expected


def shop(version: int, held: str | None, status: str = "succeeded") -> Release:
    return make_release("shop", version, held, status=status)


NOW = make_release("shop", 9, "good", current=True)
CONFIG = make_release("shop", 8, "good")  # a config var was set since: the same code, released anew


@pytest.mark.parametrize(
    ("earlier", "named", "expected", "is_doubted"),
    [
        pytest.param((shop(7, "old"),), 7, 7, False, id="it ran just before"),
        pytest.param((CONFIG, shop(7, "old")), 7, 7, False, id="config was changed since"),
        pytest.param((shop(7, "old"), shop(6, "old")), 6, 6, False, id="config was changed before"),
        pytest.param((shop(8, "x", "failed"), shop(7, "old")), 7, 7, False, id="one failed since"),
        pytest.param((shop(8, "x"), shop(7, "old")), 7, None, True, id="others released since"),
        pytest.param((shop(8, "x", "expired"), shop(7, "old")), 7, None, True, id="expired since"),
        pytest.param((shop(7, "old", "failed"), shop(6, "x")), 7, None, True, id="it had failed"),
        pytest.param((shop(7, "old", "expired"),), 7, None, True, id="its code is gone"),
        pytest.param((shop(7, None), shop(6, "old")), 7, None, True, id="it had no code"),
        pytest.param((shop(7, None),), 7, None, False, id="the first deploy: there was no code"),
        pytest.param((shop(7, "old"), shop(3, "bad")), 3, None, True, id="long ago"),
        pytest.param((shop(7, "old"),), 10, None, True, id="it is still to come"),
        pytest.param((shop(7, "old"),), 6, None, True, id="it is not listed"),
        pytest.param((), 7, None, True, id="nothing is listed"),
        pytest.param((shop(7, "old"),), 9, None, False, id="what runs: nothing was begun"),
        pytest.param((CONFIG, shop(7, "old")), 8, None, False, id="the code that runs"),
        pytest.param((shop(7, "old"),), None, None, False, id="none"),
    ],
)
def test_a_release_that_a_note_names_counts_only_where_the_list_of_the_app_agrees(
    earlier: tuple[Release, ...], named: int | None, expected: int | None, *, is_doubted: bool
) -> None:
    left = CutShort("shop", COMMIT.sha, named)
    state = replace(target(), releases=(NOW, *earlier))
    read = (artifact("good", COMMIT), artifact("old", OTHER))
    known = replace(facts(prepare(), state, read=read), cut_short=(left,))

    found = find_adopted(known, state, COMMIT)

    assert (found and found.version) == expected
    assert find_before(known, state, COMMIT) == (found or NOW)
    assert (find_doubted(known, state, COMMIT) == left) is is_doubted


FITS = replace(target(), fit=Fit(frozenset({"heroku-24"})))


@pytest.mark.parametrize(
    ("known", "on_a_build", "is_sure"),
    [
        pytest.param(
            facts(prepare((holds("good"),), (built("good"),)), FITS), True, False,
            id="only the build names what is to be shipped",
        ),
        pytest.param(
            facts(prepare((holds("good"),), (built("good"),)), FITS,
                  read=(artifact("good", COMMIT),)), True, True,
            id="what is to be shipped was read",
        ),
        pytest.param(
            facts(prepare((holds("good"),), (built("good"),)), target()), False, False,
            id="the target has to be read as well",
        ),
        pytest.param(facts(prepare(), FITS), False, True, id="there is nothing to ship"),
        pytest.param(
            facts(prepare(), target("good"), read=(artifact("good", COMMIT),)), False, True,
            id="the target runs it",
        ),
    ],
)  # fmt: skip
def test_a_decision_tells_whether_it_rests_on_a_builds_word(
    known: Facts, on_a_build: bool, is_sure: bool
) -> None:
    decision = compare(COMMIT, known)

    assert (rests_on_a_build(decision), is_confirmed(decision)) == (on_a_build, is_sure)
