from __future__ import annotations

from dataclasses import replace

import pytest

from accelerator.errors import (
    AcceleratorError,
    BuildFailed,
    NotFound,
    OutcomeUnknown,
    PartlyDone,
    PromotionFailed,
    Refused,
    ReleaseFailed,
    Unreachable,
    UsageProblem,
    VerificationFailed,
    WrongArtifact,
)
from accelerator.models import OnMiss, Reason, Route
from accelerator.steps.report import Report
from accelerator.steps.verify.settled import Verification
from accelerator.steps.verify.smoke import SmokeCheck
from tests.unit.deployscene import BUILT, DEAD, PROMOTION, scene
from tests.unit.fakes import (
    BEGIN,
    COMMIT,
    OTHER,
    make_app,
    make_coupling,
    refuse,
)


def test_a_hit_is_one_promotion_to_all_targets() -> None:
    hit = scene()

    report = hit.deploy()

    assert hit.writes() == [PROMOTION]
    assert (hit.held("shop"), hit.held("shop-eu")) == ("good", "good")
    assert (report.route, report.reason) == (Route.PROMOTE, Reason.PREPARED)
    assert [(e.status, e.verified) for e in report.targets] == [("succeeded", "passed")] * 2
    assert (report.targets[0].release, report.targets[0].previous_release) == (
        hit.app("shop").releases[0],
        replace(hit.app("shop").releases[1], current=True),
    )
    assert report.targets[0].artifact == hit.stage.heroku.artifacts["good"]


def test_doing_it_again_writes_nothing() -> None:
    hit = scene()
    hit.deploy()

    hit.report = Report()
    again = hit.deploy()

    assert hit.writes() == [PROMOTION]
    assert (again.route, again.reason) == (Route.LIVE, Reason.ALREADY_LIVE)
    assert [(entry.status, entry.verified) for entry in again.targets] == [
        ("unchanged", "passed")
    ] * 2


def test_a_push_to_the_prepare_app_between_compare_and_promote_changes_nothing() -> None:
    hit = scene()
    prepare = hit.app("shop-prepare")
    hit.stage.heroku.before[PROMOTION] = lambda: prepare.land("newer")

    hit.deploy()

    assert hit.held("shop-prepare") == "newer"
    assert (hit.held("shop"), hit.held("shop-eu")) == ("good", "good")


def test_an_answer_about_another_release_ends_the_deploy() -> None:
    wrong = scene()
    wrong.stage.heroku.promotion_names = "shop-prepare-v9"

    error = wrong.fail(WrongArtifact)

    assert error.exit_code == 7
    assert wrong.writes() == [PROMOTION]


def test_another_artifact_on_the_target_is_not_success_and_not_rolled_back() -> None:
    wrong = scene("good", make_app("shop", "old"))
    wrong.app("shop").arriving = "somebody-elses"

    error = wrong.fail(WrongArtifact)

    assert "was to get artifact good but holds somebody-elses" in error.message
    assert wrong.entry("shop").status == "failed"
    assert len(wrong.writes()) == 1


def test_a_promotion_past_its_deadline_is_unknown_and_not_repeated() -> None:
    late = scene()
    late.stage.heroku.promotion_looks = [{"shop": "pending"}] * 9
    late.stage.heroku.before[PROMOTION] = lambda: setattr(late.stage.heroku, "call_seconds", 900.0)

    error = late.fail(OutcomeUnknown)

    assert error.exit_code == 9
    assert late.writes() == [PROMOTION]
    assert [entry.status for entry in late.report.targets] == ["pending", "pending"]


def test_one_target_failing_leaves_the_other_done() -> None:
    half = scene()
    half.app("shop").failing.add("good")

    error = half.fail(PartlyDone)

    assert error.exit_code == 8
    assert error.message.startswith("done: shop-eu; not done: shop (the promotion to shop failed")
    assert [(entry.app, entry.status) for entry in half.report.targets] == [
        ("shop", "failed"),
        ("shop-eu", "succeeded"),
    ]
    assert half.entry("shop").error == "the promotion to shop failed: the release command failed"


def test_the_only_target_failing_is_its_own_failure() -> None:
    failed = scene("good", make_app("shop", "old", failing={"good"}))

    error = failed.fail(PromotionFailed)

    assert error.exit_code == 5
    assert failed.held("shop") == "old"


def test_a_miss_builds_on_the_first_target_and_releases_the_same_artifact_on_the_others() -> None:
    miss = scene(None)

    report = miss.deploy()

    assert miss.writes() == [
        "sources.create",
        f"builds.create shop {COMMIT.short}",
        f"releases.create shop-eu {BUILT}",
    ]
    assert (miss.held("shop"), miss.held("shop-eu")) == (BUILT, BUILT)
    assert [entry.route for entry in report.targets] == [Route.BUILD, Route.RELEASE]
    assert report.reason is Reason.NOTHING_PREPARED


def test_a_miss_may_be_refused_before_anything_is_written() -> None:
    miss = scene(None)

    error = miss.fail(Refused, on_miss=OnMiss.FAIL)

    assert error.exit_code == 3
    assert getattr(error, "reason", None) == "miss_refused"
    assert "accelerator prepare -a shop-prepare" in str(error.hint)
    assert miss.writes() == []


def test_a_hit_never_opens_the_repository() -> None:
    hit = scene()

    hit.stage.clone.trouble = NotFound("there is no repository here")

    assert hit.deploy().route is Route.PROMOTE


def test_a_failed_build_ends_the_deploy() -> None:
    miss = scene(None)
    miss.app("shop").builds_fail = True

    error = miss.fail(BuildFailed)

    assert error.exit_code == 4
    assert miss.held("shop-eu") == "old"


def test_after_a_failed_release_command_no_other_target_is_said_to_be_done() -> None:
    miss = scene(None)
    miss.app("shop").failing.add(BUILT)

    error = miss.fail(ReleaseFailed)

    assert error.exit_code == 5
    assert "v2 on shop" in error.message
    assert (miss.held("shop"), miss.held("shop-eu")) == ("old", "old")
    assert [entry.status for entry in miss.report.targets] == ["failed", "pending"]


def test_a_build_without_an_artifact_leaves_every_target_undone() -> None:
    miss = scene(None)
    shop = miss.app("shop")

    def forget() -> None:
        landed = shop.land("strange")
        shop.builds[0] = replace(shop.builds[0], status="succeeded", release_id=landed.id)

    miss.stage.heroku.before["builds.fetch shop shop-build"] = forget

    error = miss.fail(PromotionFailed)

    assert "the build left no artifact" in error.message
    assert miss.entry("shop-eu").status == "pending"


def test_a_live_target_is_verified_and_the_others_get_the_artifact() -> None:
    mixed = scene("good", make_app("shop", "good"), make_app("shop-eu", "old"))

    report = mixed.deploy()

    assert mixed.writes() == ["promotions.create shop-prepare-v1 to shop-eu"]
    assert [(entry.route, entry.status) for entry in report.targets] == [
        (Route.LIVE, "unchanged"),
        (Route.PROMOTE, "succeeded"),
    ]


def test_a_live_target_needs_nothing_prepared() -> None:
    live = scene(None, make_app("shop", "good"))

    report = live.deploy()

    assert (report.route, report.source) == (Route.LIVE, None)
    assert report.targets[0].status == "unchanged"
    assert live.writes() == []


def test_targets_outside_the_pipeline_get_the_same_artifact_by_release() -> None:
    outside = make_app("blog", "old", coupling=make_coupling("blog", "another"))
    mixed = scene("good", make_app("shop", "old"), outside)

    report = mixed.deploy()

    assert mixed.writes() == [
        "promotions.create shop-prepare-v1 to shop",
        "releases.create blog good",
    ]
    assert report.reason is Reason.NOT_IN_PIPELINE
    assert (mixed.held("shop"), mixed.held("blog")) == ("good", "good")


@pytest.mark.parametrize(
    ("failure", "status", "number"),
    [
        pytest.param(refuse(), "failed", 5, id="refused"),
        pytest.param(OutcomeUnknown("no answer"), "pending", 9, id="no answer"),
        pytest.param(Unreachable("no connection"), "pending", 11, id="no connection"),
    ],
)
def test_a_release_that_could_not_be_made_tells_what_is_known(
    failure: AcceleratorError, status: str, number: int
) -> None:
    outside = make_app("blog", "old", coupling=None)
    lost = scene("good", outside)
    lost.stage.heroku.failures["releases.create blog good"] = failure

    error = lost.fail(type(failure))

    assert error.exit_code == number
    assert lost.entry("blog").status == status
    assert lost.entry("blog").error == failure.message


def test_crashing_dynos_bring_the_release_before_back() -> None:
    bad = scene("good", make_app("shop", "old"))
    bad.app("shop").crashing.add("good")

    error = bad.fail(VerificationFailed)

    assert error.exit_code == 6
    assert bad.held("shop") == "old"
    entry = bad.entry("shop")
    assert (entry.status, entry.verified) == ("failed", "failed")
    assert (entry.rolled_back_to, entry.rollback_release) == (1, 3)
    assert bad.writes()[1:] == ["releases.create shop old"]


def test_going_back_can_be_switched_off() -> None:
    bad = scene("good", make_app("shop", "old", crashing={"good"}))

    error = bad.fail(VerificationFailed, verification=Verification(rolls_back=False))

    assert error.exit_code == 7
    assert "as --no-rollback asks" in error.message
    assert bad.held("shop") == "good"


def test_without_a_release_before_there_is_no_way_back() -> None:
    first = scene("good", make_app("shop", crashing={"good"}))

    error = first.fail(VerificationFailed)

    assert error.exit_code == 7
    assert "no release with code before it" in error.message
    assert first.entry("shop").rolled_back_to is None


@pytest.mark.parametrize("rolls_back", [True, False])
@pytest.mark.parametrize(
    ("before", "is_offered"),
    [
        pytest.param(None, False, id="first deploy"),
        pytest.param("old", True, id="code before"),
    ],
)
def test_a_rollback_by_hand_is_offered_only_where_there_is_code_to_go_back_to(
    before: str | None, is_offered: bool, rolls_back: bool
) -> None:
    first = scene("good", make_app("shop", before, crashing={"good"}))
    first.stage.heroku.failures["releases.create shop old"] = refuse("not now")

    error = first.fail(VerificationFailed, verification=Verification(rolls_back=rolls_back))

    assert ("heroku rollback" in str(error.hint)) is is_offered
    assert ("no older code to go back to" in str(error.hint)) is not is_offered


def test_code_that_has_expired_is_not_offered_to_go_back_to() -> None:
    gone = scene("good", make_app("shop", "old", crashing={"good"}))
    gone.stage.heroku.hold("old", OTHER, deleted_at=BEGIN)

    error = gone.fail(VerificationFailed)

    assert "the code of the release before has expired" in error.message
    assert "heroku rollback" not in str(error.hint)


def test_a_live_target_without_older_code_has_none_to_go_back_to() -> None:
    only = scene("good", make_app("shop"))
    only.app("shop").crashing.add("good")
    only.app("shop").land("good")

    error = only.fail(VerificationFailed)

    assert "no older code to go back to" in str(error.hint)


def test_a_way_back_that_fails_is_told_as_such() -> None:
    bad = scene("good", make_app("shop", "old", crashing={"good"}))
    bad.stage.heroku.failures["releases.create shop old"] = refuse("the slug has expired")

    error = bad.fail(VerificationFailed)

    assert error.exit_code == 7
    assert "the rollback failed too: the slug has expired" in error.message


def test_a_live_target_that_fails_is_not_rolled_back() -> None:
    live = scene("good", make_app("shop", "old"))
    live.app("shop").crashing.add("good")
    live.app("shop").land("good")

    error = live.fail(VerificationFailed)

    assert error.exit_code == 7
    assert "this run released nothing there" in error.message
    assert live.writes() == []
    assert live.entry("shop").status == "failed"


def test_a_target_that_fails_verification_does_not_hide_the_one_that_passed() -> None:
    half = scene()
    half.app("shop-eu").crashing.add("good")

    error = half.fail(PartlyDone)

    assert error.exit_code == 8
    assert (half.held("shop"), half.held("shop-eu")) == ("good", "old")


def test_two_targets_failing_give_the_first_failure() -> None:
    bad = scene()
    bad.app("shop").failing.add("good")
    bad.app("shop-eu").crashing.add("good")

    error = bad.fail(PromotionFailed)

    assert "shop" in error.message


def test_checks_are_those_of_the_targets_stage() -> None:
    hit = scene(
        "good",
        make_app("shop", "old", coupling=make_coupling("shop", stage="staging")),
        make_app("blog", "old", coupling=None),
    )
    fine = (SmokeCheck("", command="true"),)
    rules = Verification((SmokeCheck("", command="exit 3"),), {"staging": fine}, rolls_back=False)

    hit.fail(PartlyDone, verification=rules)

    assert hit.entry("shop").verified == "passed"
    assert "exit 3 exited 3" in str(hit.entry("blog").error)


def test_a_site_that_does_not_answer_is_rolled_back_and_the_old_one_is_asked_too() -> None:
    dead = scene("good", make_app("shop", "old"))

    error = dead.fail(VerificationFailed, verification=DEAD)

    assert error.exit_code == 7
    assert "fails as well" in error.message
    assert "not rolled back" not in error.message  # the old code is live
    assert dead.held("shop") == "old"


def test_a_verification_that_the_run_has_no_time_for_leaves_the_outcome_open() -> None:
    late = scene("good", make_app("shop", "old", crashing={"good"}))
    late.lock()
    late.stage.run.deadline.shorten(3.0)

    error = late.fail(OutcomeUnknown)

    assert error.exit_code == 9
    assert "before the run's own time (--timeout) was over" in error.message
    assert "accelerator resume shop" in str(error.hint)
    assert (late.entry("shop").status, late.entry("shop").verified) == ("pending", "inconclusive")
    assert late.held("shop") == "good"
    assert not [ref for ref in late.refs.refs if "reject" in ref]


def test_a_way_back_that_the_run_has_no_time_for_is_gone_by_the_next_run() -> None:
    late = scene("good", make_app("shop", "old", crashing={"good"}))
    late.lock()
    clock, deadline = late.stage.clock, late.stage.run.deadline
    at = deadline.at
    late.stage.heroku.always["dynos.fetch shop"] = lambda: deadline.shorten(8.0)

    first = late.fail(VerificationFailed)
    late.stage.heroku.always.clear()
    deadline.at = at
    clock.pass_seconds(300.0)
    second = late.fail(VerificationFailed)

    assert (first.exit_code, second.exit_code) == (7, 6)
    assert "s are left of the run's own time (--timeout)" in first.message
    assert late.held("shop") == "old"


def test_a_path_to_be_asked_of_an_app_without_an_address_is_found_before_the_write() -> None:
    checks = Verification((SmokeCheck("/health"),))
    nowhere = scene("good", make_app("shop", "old"))

    error = nowhere.fail(UsageProblem, verification=checks)

    assert error.message == "shop has no web_url for the smoke path /health"
    assert "full URL" in str(error.hint)
    assert nowhere.writes() == []


def test_an_app_without_an_address_may_be_checked_elsewhere() -> None:
    hit = scene("good", make_app("shop", "old"))

    hit.deploy(verification=Verification((SmokeCheck("", command="true"),)))

    assert hit.entry("shop").verified == "passed"


@pytest.mark.parametrize(
    ("witness", "expected"),
    [
        pytest.param(COMMIT.sha, ("agrees", 0), id="agrees"),
        pytest.param(OTHER.sha, ("disagrees", 1), id="disagrees"),
        pytest.param("", ("absent", 0), id="absent"),
    ],
)
def test_a_disagreeing_witness_is_said_aloud_and_decides_nothing(
    witness: str, expected: tuple[str, int]
) -> None:
    hit = scene()
    hit.app("shop-prepare").config = {"HEROKU_SLUG_COMMIT": witness}

    report = hit.deploy()

    assert report.source is not None
    assert (report.source.metadata, len(hit.stage.ear.warnings())) == expected
    assert (hit.held("shop"), report.source.commit) == ("good", COMMIT.sha)


def test_the_steps_tell_the_story_in_order() -> None:
    hit = scene()

    hit.deploy()

    steps = [(step.name, step.detail) for step in hit.stage.ear.finished()]
    assert steps == [
        ("compare", "promote: prepared (shop-prepare v1)"),
        ("promote", ""),
        ("verify", "v2, web 1/1"),
        ("verify", "v2, web 1/1"),
    ]


def test_a_failed_promotion_is_a_failed_step() -> None:
    half = scene()
    half.app("shop").failing.add("good")

    half.fail(PartlyDone)

    assert [s.outcome for s in half.stage.ear.finished() if s.name == "promote"] == ["failed"]
