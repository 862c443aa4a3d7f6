"""Deploys that join, wait, take equal trees, or are only planned."""

from __future__ import annotations

from dataclasses import replace

import pytest

from accelerator.errors import OutcomeUnknown, Refused, Unprocessable
from accelerator.models import OnMiss, Reason, Route
from accelerator.steps.compare.descriptions import find_alias
from accelerator.steps.report import Report
from tests.unit.deployscene import BUILT, PROMOTION, Scene, scene
from tests.unit.fakes import COMMIT, OTHER, make_app, make_build, refuse, relate

PREPARING = f"builds.create shop-prepare {COMMIT.short}"
RUNNING = make_build("shop-prepare", None, COMMIT, id="b1", status="pending")


def running(**changes: object) -> Scene:
    """Set a scene in which the commit is being built on the prepare app."""
    joined = scene("old")
    joined.app("shop-prepare").builds = [replace(RUNNING, **changes)]  # type: ignore[arg-type]
    joined.stage.heroku.hold(BUILT, COMMIT)
    return joined


def test_the_build_that_runs_is_joined_and_its_release_promoted() -> None:
    joined = running()

    report = joined.deploy()

    assert joined.writes() == ["promotions.create shop-prepare-v2 to shop shop-eu"]
    assert (joined.held("shop"), joined.held("shop-eu")) == (BUILT, BUILT)
    assert (report.route, report.reason) == (Route.PROMOTE, Reason.JOINED_BUILD)


def test_a_joined_build_that_fails_is_made_again_on_the_target_and_the_reason_told() -> None:
    joined = running()
    joined.app("shop-prepare").builds_fail = True

    report = joined.deploy()

    assert [call for call in joined.writes() if "builds" in call] == [
        f"builds.create shop {COMMIT.short}"
    ]
    assert (report.route, report.reason) == (Route.BUILD, Reason.PREPARE_BUILD_FAILED)


def test_a_joined_build_that_is_stuck_is_left_alone() -> None:
    joined = running()
    joined.app("shop-prepare").build_statuses = ["pending"] * 9
    joined.stage.heroku.before["builds.fetch shop-prepare b1"] = lambda: (
        joined.stage.clock.pass_seconds(1801)
    )

    report = joined.deploy()

    assert (report.route, report.reason) == (Route.BUILD, Reason.PREPARE_BUILD_FAILED)
    assert not [call for call in joined.writes() if "cancel" in call]


def test_a_list_that_still_shows_the_joined_build_as_running_leads_to_no_second_build() -> None:
    joined = running()
    prepare = joined.app("shop-prepare")
    done = replace(RUNNING, status="succeeded", artifact=prepare.land(BUILT).artifact)
    stale = tuple(prepare.builds)
    joined.stage.heroku.builds.fetch = lambda *_: done  # type: ignore[method-assign]
    prepare.releases.pop(0)
    prepare.builds = list(stale)

    report = joined.deploy()

    assert report.reason is Reason.JOINED_BUILD
    assert not [call for call in joined.writes() if "builds" in call]
    assert (joined.held("shop"), joined.held("shop-eu")) == (BUILT, BUILT)


def test_the_oldest_of_two_running_builds_is_joined() -> None:
    joined = running()
    joined.stage.clock.pass_seconds(5)
    newer = replace(RUNNING, id="b2", created_at=joined.stage.heroku.moment())
    joined.app("shop-prepare").builds.insert(0, newer)

    joined.deploy()

    assert "builds.fetch shop-prepare b1" in joined.stage.heroku.calls
    assert "builds.fetch shop-prepare b2" not in joined.stage.heroku.calls


def test_after_one_joined_build_failed_the_other_one_is_joined() -> None:
    joined = running()
    prepare = joined.app("shop-prepare")
    joined.stage.clock.pass_seconds(5)
    newer = replace(RUNNING, id="b2", created_at=joined.stage.heroku.moment())
    prepare.builds.insert(0, newer)
    prepare.builds_fail = True
    joined.stage.heroku.before["builds.fetch shop-prepare b2"] = lambda: setattr(
        prepare, "builds_fail", False
    )

    report = joined.deploy()

    assert report.reason is Reason.JOINED_BUILD
    assert not [call for call in joined.writes() if "builds" in call]


def test_nothing_is_waited_for_where_an_artifact_exists() -> None:
    hit = scene()
    hit.app("shop-prepare").builds.insert(0, RUNNING)

    hit.deploy()

    assert hit.writes() == [PROMOTION]
    assert "builds.fetch shop-prepare b1" not in hit.stage.heroku.calls


def test_a_build_that_appears_is_waited_for_when_asked_to() -> None:
    late = scene("old")
    late.stage.heroku.hold(BUILT, COMMIT)
    looks: list[object] = []

    def appear() -> None:
        looks.append(None)
        if len(looks) == 3:
            late.app("shop-prepare").builds = [RUNNING]

    late.stage.heroku.always["builds.fetch_newest shop-prepare"] = appear

    report = late.deploy(on_miss=OnMiss.WAIT)

    assert report.reason is Reason.JOINED_BUILD
    assert late.writes() == ["promotions.create shop-prepare-v2 to shop shop-eu"]


def test_waiting_for_a_build_that_never_appears_ends_refused() -> None:
    late = scene("old")

    error = late.fail(Refused, on_miss=OnMiss.WAIT, wait_seconds=60.0)

    assert getattr(error, "reason", None) == "miss_refused"
    assert late.writes() == []
    assert 0 < sum(late.stage.clock.naps) <= 60.0


def test_by_default_nobody_waits_for_a_build_to_appear() -> None:
    miss = scene("old")

    assert miss.deploy().route is Route.BUILD
    assert not [s for s in miss.stage.ear.finished() if s.name == "wait"]


SAME = replace(COMMIT, tree="tree")


def twins(*, same_tree: bool = True) -> Scene:
    """Set a scene in which another commit with the same tree is prepared."""
    twin = scene("twin")
    twin.app("shop-prepare").builds = [make_build("shop-prepare", "twin", OTHER)]
    twin.stage.heroku.hold("twin", OTHER)
    twin.stage.clone.trees = dict.fromkeys((COMMIT.sha, OTHER.sha), "tree")
    twin.change(commit=SAME, same_tree=same_tree)
    return twin


def test_an_equal_tree_is_released_and_the_release_names_both_commits() -> None:
    twin = twins()
    for app in ("shop", "shop-eu"):
        twin.app(app).land("older")
    twin.stage.heroku.hold("older", replace(OTHER, sha="a" * 40))
    twin.stage.clone.ask = relate(replace(OTHER, sha="a" * 40), OTHER, COMMIT)

    report = twin.deploy()

    assert twin.writes() == ["releases.create shop twin", "releases.create shop-eu twin"]
    assert report.reason is Reason.SAME_TREE
    described = twin.app("shop").releases[0].description
    assert find_alias(described) == COMMIT.sha
    assert OTHER.sha in described
    assert report.source is not None
    assert report.source.commit == OTHER.sha


def test_a_commit_that_runs_by_its_alias_is_live() -> None:
    twin = twins()
    twin.deploy()
    written = len(twin.writes())

    twin.report = Report()
    again = twin.deploy()

    assert (again.route, again.reason) == (Route.LIVE, Reason.ALREADY_LIVE)
    assert len(twin.writes()) == written


def test_equal_trees_do_not_count_unasked() -> None:
    assert twins(same_tree=False).deploy().route is Route.BUILD


def test_what_was_built_from_the_very_commit_is_taken_before_an_equal_tree() -> None:
    twin = twins()
    twin.app("shop-prepare").land("good")
    twin.app("shop-prepare").builds.append(make_build("shop-prepare", "good", COMMIT))

    twin.deploy()

    assert (twin.held("shop"), twin.held("shop-eu")) == ("good", "good")


def test_an_artifact_that_does_not_fit_is_built_again_and_the_reason_told() -> None:
    unfit = scene()
    unfit.stage.heroku.hold("good", COMMIT, stack="heroku-22")

    report = unfit.deploy()

    assert (report.route, report.reason) == (Route.BUILD, Reason.STACK_DIFFERS)
    assert report.passed_over == [
        "shop-prepare v1: it was built for heroku-22, the app is on heroku-24"
    ]


def test_what_is_only_worth_a_warning_is_promoted_and_said() -> None:
    odd = scene("good", make_app("shop", "old"))
    odd.stage.heroku.hold("good", COMMIT, size=400_000_000)

    odd.deploy()

    assert odd.writes() == ["promotions.create shop-prepare-v1 to shop"]
    assert odd.stage.ear.warnings() == ["it is large (400.0 MB): dynos will start slowly"]


@pytest.mark.parametrize(
    ("prepared", "calls"),
    [
        pytest.param(
            "good",
            [("POST", "/pipeline-promotions", "promote shop-prepare v1 to shop, shop-eu")],
            id="a hit",
        ),
        pytest.param(
            None,
            [
                ("POST", "/sources", "ask for a place to put the source"),
                ("PUT", "(signed URL)", f"upload the tree of {COMMIT.short}"),
                ("POST", "/apps/shop/builds", f"build {COMMIT.short}"),
                ("POST", "/apps/shop-eu/releases", "release that too"),
            ],
            id="a miss",
        ),
    ],
)
def test_a_plan_says_what_would_be_done_and_writes_nothing(
    prepared: str | None, calls: list[tuple[str, str, str]]
) -> None:
    planned = scene(prepared)

    report = planned.deploy(plan_only=True)

    assert planned.writes() == []
    assert report.route is (Route.PROMOTE if prepared else Route.BUILD)
    assert [entry.status for entry in report.targets] == ["pending", "pending"]
    assert report.plan is not None
    assert [(each.method, each.path, each.does) for each in report.plan.writes] == calls


def test_a_plan_tells_what_was_compared_with_each_target() -> None:
    odd = scene("good", make_app("shop", "old", dyno_types=("web", "worker")))
    odd.stage.heroku.hold("good", COMMIT, process_types={"web": "./serve"})

    plan = odd.deploy(plan_only=True, may_lose_processes=True).plan

    assert plan is not None
    outcomes = {(app, check.name): check.outcome for app, check in plan.checks}
    assert outcomes["shop", "process types"] == "warning"
    assert outcomes["shop", "build config"] == "ok"
    assert outcomes["shop", "lock"] == "unknown"


def test_a_plan_does_not_join_the_build_it_would_join() -> None:
    planned = running()

    report = planned.deploy(plan_only=True)

    assert (report.route, report.reason) == (Route.WAIT, Reason.JOINED_BUILD)
    assert "builds.fetch shop-prepare b1" not in planned.stage.heroku.calls


def test_a_build_that_somebody_else_started_on_the_target_is_joined_not_repeated() -> None:
    miss = scene(None)
    mine = make_build("shop", None, COMMIT, id="b7", status="pending")
    miss.app("shop").builds = [mine]
    miss.stage.heroku.hold(BUILT, COMMIT)

    miss.deploy()

    assert not [call for call in miss.writes() if "builds.create" in call]
    assert (miss.held("shop"), miss.held("shop-eu")) == (BUILT, BUILT)


def test_a_lost_reply_to_a_build_on_the_target_is_found_and_followed() -> None:
    miss = scene(None)
    call = f"builds.create shop {COMMIT.short}"
    miss.stage.heroku.lose_reply(call)

    miss.deploy()

    assert miss.writes().count(call) == 1
    assert (miss.held("shop"), miss.held("shop-eu")) == (BUILT, BUILT)


def test_a_lost_promotion_reply_is_settled_and_not_repeated() -> None:
    hit = scene()
    hit.stage.heroku.lose_reply(PROMOTION)

    report = hit.deploy()

    assert hit.writes() == [PROMOTION]
    assert [entry.status for entry in report.targets] == ["succeeded", "succeeded"]


def test_a_lost_promotion_that_nobody_can_tell_ends_unknown_for_each_target() -> None:
    hit = scene()
    hit.stage.heroku.failures[PROMOTION] = OutcomeUnknown("no answer")

    error = hit.fail(OutcomeUnknown)

    assert error.exit_code == 9
    assert hit.writes() == [PROMOTION]
    assert [(e.status, e.error) for e in hit.report.targets] == [("pending", "no answer")] * 2


def test_a_refused_promotion_is_each_targets_failure() -> None:
    hit = scene()
    hit.stage.heroku.failures[PROMOTION] = refuse("not now")

    hit.fail(type(refuse()))

    assert [(e.status, e.error) for e in hit.report.targets] == [("failed", "not now")] * 2


def declining() -> Scene:
    """Set a scene on a platform that understands promotions and makes none."""
    hit = scene()
    hit.stage.heroku.failures[PROMOTION] = Unprocessable("no promotions here")
    return hit


def test_a_promotion_that_is_declined_ends_as_releases_of_the_artifact_and_says_so() -> None:
    hit = declining()

    report = hit.deploy()

    assert hit.writes() == [
        PROMOTION,
        "releases.create shop good",
        "releases.create shop-eu good",
    ]
    assert (hit.held("shop"), hit.held("shop-eu")) == ("good", "good")
    assert (report.route, report.reason) == (Route.RELEASE, Reason.PROMOTION_REFUSED)
    assert [(e.route, e.status) for e in report.targets] == [("release", "succeeded")] * 2
    assert "no promotions here; the artifact is released by its id" in hit.stage.ear.warnings()[0]


def test_a_promotion_that_is_declined_is_told_also_beside_a_target_of_no_pipeline() -> None:
    hit = scene()
    hit.app("shop-eu").coupling = None
    hit.stage.heroku.failures["promotions.create shop-prepare-v1 to shop"] = Unprocessable("no")

    report = hit.deploy()

    assert (hit.held("shop"), hit.held("shop-eu")) == ("good", "good")
    assert (report.route, report.reason) == (Route.RELEASE, Reason.PROMOTION_REFUSED)


def test_a_promotion_that_is_declined_and_yet_shows_is_not_made_again() -> None:
    hit = declining()

    def made_all_the_same() -> None:
        for name in ("shop", "shop-eu"):
            hit.app(name).land("good")

    hit.stage.heroku.before[PROMOTION] = made_all_the_same
    report = hit.deploy()

    assert hit.writes() == [PROMOTION]
    assert report.route is Route.PROMOTE
    assert [(e.route, e.status) for e in report.targets] == [("promote", "succeeded")] * 2


def test_the_output_of_a_release_command_that_was_over_at_the_first_look_is_shown_once() -> None:
    short = scene("good", make_app("shop", "old", log_url="https://logs.example/1"))
    short.stage.heroku.log_lines = ("migrating", "done")

    short.deploy()

    assert short.stage.ear.lines() == ["release shop: migrating", "release shop: done"]
