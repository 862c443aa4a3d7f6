"""Deploys to several targets, in waves; and what a failure means for the others."""

from __future__ import annotations

from typing import Any

import pytest

from accelerator.errors import (
    BuildFailed,
    OutcomeUnknown,
    PartlyDone,
    PromotionFailed,
    Unreachable,
    VerificationFailed,
)
from accelerator.models import Commit, OnFailure, Route
from tests.unit.deployscene import BUILT, Scene, scene
from tests.unit.fakes import BEGIN, COMMIT, OTHER, artifact, make_app, refuse, relate, slug

APPS = ("eu", "us", "asia")
WAVES = (("eu",), ("us",), ("asia",))


def promotion(app: str) -> str:
    return f"promotions.create shop-prepare-v1 to {app}"


def waves(prepared: str | None = "good", **bad: Any) -> Scene:
    """Set a scene with three targets, one wave each; `bad` changes the app of that name."""
    apps = [make_app(name, "old", **bad.get(name, {})) for name in APPS]
    made = scene(prepared, *apps)
    made.change(waves=WAVES)
    return made


def states(made: Scene) -> dict[str, str]:
    return {entry.app: entry.status for entry in made.report.targets}


def held(made: Scene) -> list[str | None]:
    return [made.held(app) for app in APPS]


CRASHING: dict[str, Any] = {"crashing": {"good"}}
FAILING: dict[str, Any] = {"failing": {"good"}}


def test_each_wave_is_verified_before_the_next_one_begins() -> None:
    fine = waves()

    report = fine.deploy()

    assert fine.writes() == [promotion(app) for app in APPS]
    calls = fine.stage.heroku.calls
    assert calls.index("dynos.fetch eu") < calls.index(promotion("us"))
    assert calls.index("dynos.fetch us") < calls.index(promotion("asia"))
    assert [entry.status for entry in report.targets] == ["succeeded"] * 3


def test_a_later_wave_never_takes_a_target_back_that_got_ahead_meanwhile() -> None:
    newer = Commit("4" * 40)
    made = waves()
    made.stage.clone.ask = relate(OTHER, COMMIT, newer)
    made.stage.heroku.hold("newer", newer)
    made.stage.heroku.before[promotion("eu")] = lambda: made.app("us").land("newer")

    error = made.fail(PartlyDone)

    assert "contains" in error.message
    assert made.writes() == [promotion("eu")]
    assert held(made) == ["good", "newer", "old"]


def test_a_later_wave_leaves_a_target_alone_that_got_the_commit_meanwhile() -> None:
    made = waves()
    made.stage.heroku.before[promotion("eu")] = lambda: made.app("us").land("good")

    made.deploy()

    assert made.writes() == [promotion("eu"), promotion("asia")]
    assert held(made) == ["good"] * 3


def test_a_wave_may_hold_several_targets_with_one_promotion() -> None:
    fine = waves()

    fine.deploy(waves=(("eu", "us"), ("asia",)))

    assert fine.writes() == [
        "promotions.create shop-prepare-v1 to eu us",
        promotion("asia"),
    ]


@pytest.mark.parametrize("bad", APPS)
def test_by_default_a_failure_stops_the_waves_after_it(bad: str) -> None:
    made = waves(**{bad: CRASHING})
    at = APPS.index(bad)

    error = made.fail(PartlyDone if at else VerificationFailed)

    assert error.exit_code == (8 if at else 6)
    assert held(made) == ["good"] * at + ["old"] * (3 - at)
    assert states(made) == dict(
        zip(APPS, ["succeeded"] * at + ["failed"] + ["pending"] * (2 - at), strict=True)
    )


@pytest.mark.parametrize("bad", APPS)
def test_with_continue_the_others_are_done_all_the_same(bad: str) -> None:
    made = waves(**{bad: FAILING})

    error = made.fail(PartlyDone, on_failure=OnFailure.CONTINUE)

    assert error.exit_code == 8
    assert held(made) == ["old" if app == bad else "good" for app in APPS]
    assert states(made) == {app: "failed" if app == bad else "succeeded" for app in APPS}


@pytest.mark.parametrize("bad", APPS)
def test_with_compensate_the_finished_ones_go_back_to_what_each_had(bad: str) -> None:
    made = waves(**{bad: CRASHING})
    for app in ("us", "asia"):
        made.app(app).land(f"old-{app}")
        made.stage.heroku.hold(f"old-{app}", OTHER)
    at = APPS.index(bad)

    error = made.fail(VerificationFailed, on_failure=OnFailure.COMPENSATE)

    assert error.exit_code == 6
    assert held(made) == ["old", "old-us", "old-asia"]
    assert made.report.compensation == ("all" if at else None)
    assert states(made) == dict(
        zip(APPS, ["compensated"] * at + ["failed"] + ["pending"] * (2 - at), strict=True)
    )
    assert [made.entry(app).rolled_back_to for app in APPS[:at]] == [1, 2][:at]


def test_a_refused_promotion_of_a_later_wave_is_compensated_too() -> None:
    made = waves()
    made.stage.heroku.failures[promotion("us")] = refuse("not now")

    made.fail(type(refuse()), on_failure=OnFailure.COMPENSATE)

    assert held(made) == ["old", "old", "old"]
    assert states(made) == {"eu": "compensated", "us": "failed", "asia": "pending"}


def test_what_was_live_before_is_not_compensated() -> None:
    made = waves(us=CRASHING)
    made.app("eu").land("good")

    error = made.fail(PartlyDone, on_failure=OnFailure.COMPENSATE)

    assert error.message.startswith("done: eu; not done: us, asia")
    assert held(made) == ["good", "old", "old"]


def test_a_way_back_that_fails_after_all_is_that_targets_failure_and_the_others_go_back() -> None:
    made = waves(asia=CRASHING)
    made.stage.heroku.failures["releases.create eu old"] = refuse("no")

    error = made.fail(PartlyDone, on_failure=OnFailure.COMPENSATE)

    assert error.exit_code == 8
    assert error.message.startswith("done: eu; not done: us, asia (asia failed verification")
    assert states(made) == {"eu": "failed", "us": "compensated", "asia": "failed"}
    assert "was not returned to the release it had, as the rollback failed too: no" in str(
        made.entry("eu").error
    )
    assert made.report.compensation == "some"


def test_where_one_has_no_way_back_none_is_returned() -> None:
    made = waves(asia=CRASHING)
    made.app("us").land("gone")
    made.stage.heroku.hold("gone", OTHER, deleted_at=BEGIN)

    error = made.fail(PartlyDone, on_failure=OnFailure.COMPENSATE)

    assert error.exit_code == 8
    assert held(made) == ["good", "good", "old"]
    assert states(made) == {"eu": "succeeded", "us": "succeeded", "asia": "failed"}
    assert "has expired" in str(made.entry("us").error)
    assert "us cannot be: it is all of them, or none" in str(made.entry("eu").error)
    assert made.report.compensation == "none"


def test_what_somebody_released_over_a_finished_target_keeps_all_from_going_back() -> None:
    made = waves(asia=CRASHING)
    made.stage.heroku.hold("theirs", OTHER)
    made.stage.heroku.before[promotion("asia")] = lambda: made.app("eu").land("theirs")

    made.fail(PartlyDone, on_failure=OnFailure.COMPENSATE)

    assert held(made) == ["theirs", "good", "old"]
    assert "was released there meanwhile" in str(made.entry("eu").error)
    assert made.report.compensation == "none"


def test_a_first_deploy_cannot_be_compensated_so_nothing_is() -> None:
    made = waves(us=CRASHING)
    made.app("eu").releases.clear()

    made.fail(PartlyDone, on_failure=OnFailure.COMPENSATE)

    assert states(made) == {"eu": "succeeded", "us": "failed", "asia": "pending"}
    assert "no release with code before it" in str(made.entry("eu").error)
    assert made.report.compensation == "none"


def test_while_an_outcome_is_unknown_nothing_is_compensated() -> None:
    made = waves()
    made.stage.heroku.failures["dynos.fetch us"] = Unreachable("gone")

    error = made.fail(PartlyDone, on_failure=OnFailure.COMPENSATE)

    assert error.exit_code == 8
    assert held(made) == ["good", "good", "old"]
    assert "nothing was returned" in made.stage.ear.warnings()[0]


def test_a_lost_reply_in_a_later_wave_ends_unknown_and_the_finished_ones_are_told() -> None:
    made = waves()
    made.stage.heroku.failures[promotion("us")] = OutcomeUnknown("no answer")

    error = made.fail(OutcomeUnknown, on_failure=OnFailure.COMPENSATE)

    assert error.exit_code == 9
    assert states(made) == {"eu": "succeeded", "us": "pending", "asia": "pending"}
    assert held(made) == ["good", "old", "old"]


def test_a_miss_is_built_on_the_first_wave_and_the_later_ones_get_that_artifact() -> None:
    made = waves(None)

    report = made.deploy()

    assert made.writes() == [
        "sources.create",
        f"builds.create eu {COMMIT.short}",
        f"releases.create us {BUILT}",
        f"releases.create asia {BUILT}",
    ]
    assert held(made) == [BUILT] * 3
    assert [entry.status for entry in report.targets] == ["succeeded"] * 3


@pytest.mark.parametrize("policy", [*OnFailure])
def test_a_build_that_fails_is_not_tried_on_the_next_target(policy: OnFailure) -> None:
    made = waves(None)
    for app in APPS:
        made.app(app).builds_fail = True

    made.fail(BuildFailed, on_failure=policy)

    assert [call for call in made.writes() if "builds.create" in call] == [
        f"builds.create eu {COMMIT.short}"
    ]


def test_a_live_first_wave_leaves_the_build_to_the_next_one() -> None:
    made = waves(None)
    made.app("eu").land("good")

    report = made.deploy()

    assert made.writes() == [
        "sources.create",
        f"builds.create us {COMMIT.short}",
        f"releases.create asia {BUILT}",
    ]
    assert [entry.status for entry in report.targets] == ["unchanged", "succeeded", "succeeded"]


def test_what_is_built_beside_a_live_target_of_the_same_wave_goes_to_the_later_ones() -> None:
    made = waves(None)
    made.app("eu").land("good")

    made.deploy(waves=(("eu", "us"), ("asia",)))

    assert held(made) == ["good", BUILT, BUILT]


def test_a_build_that_fails_beside_a_live_target_leaves_some_done() -> None:
    made = waves(None, us={"builds_fail": True})
    made.app("eu").land("good")

    error = made.fail(PartlyDone)

    assert error.exit_code == 8
    assert states(made) == {"eu": "unchanged", "us": "failed", "asia": "pending"}


def test_running_it_again_finishes_what_is_missing() -> None:
    made = waves(us=CRASHING)
    made.fail(PartlyDone)
    made.app("us").crashing = set()
    made.report.targets.clear()

    made.deploy()

    assert held(made) == ["good"] * 3
    assert states(made) == {"eu": "unchanged", "us": "succeeded", "asia": "succeeded"}
    assert made.writes().count(promotion("eu")) == 1


def test_each_target_has_its_own_route_in_its_wave() -> None:
    made = waves(us={"coupling": None})

    report = made.deploy()

    assert made.writes() == [promotion("eu"), "releases.create us good", promotion("asia")]
    assert [entry.route for entry in report.targets] == [
        Route.PROMOTE,
        Route.RELEASE,
        Route.PROMOTE,
    ]


def test_a_failed_promotion_names_its_target_first() -> None:
    made = waves(eu=FAILING)

    error = made.fail(PromotionFailed)

    assert "the promotion to eu failed" in error.message


def test_a_target_of_a_later_wave_that_has_the_commit_counts_when_an_earlier_one_fails() -> None:
    made = waves(None, eu={"builds_fail": True})
    made.app("asia").land("good")

    error = made.fail(PartlyDone)

    assert error.exit_code == 8
    assert error.message.startswith("done: asia; not done: eu, us")
    assert states(made) == {"eu": "failed", "us": "pending", "asia": "unchanged"}


@pytest.mark.parametrize(
    "waves_asked", [pytest.param((APPS,), id="in one wave"), pytest.param(WAVES, id="in waves")]
)
def test_what_was_built_in_this_run_is_read_once_and_told_with_its_checksum(
    waves_asked: tuple[tuple[str, ...], ...],
) -> None:
    made = waves(None)

    report = made.deploy(waves=waves_asked)

    assert [entry.artifact for entry in report.targets] == [artifact(BUILT, COMMIT)] * 3
    reads = [call for call in made.stage.heroku.calls if call.endswith(BUILT) and "slugs" in call]
    assert reads == [f"slugs.fetch eu {BUILT}"]


def test_a_slug_that_cannot_be_read_after_its_build_fails_nothing() -> None:
    made = waves(None)
    made.stage.heroku.failures[f"slugs.fetch eu {BUILT}"] = Unreachable("cut off", None)

    report = made.deploy()

    assert [entry.artifact for entry in report.targets] == [slug(BUILT)] * 3
    assert {entry.status for entry in report.targets} == {"succeeded"}
