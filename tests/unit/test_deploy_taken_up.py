"""What a deploy that ends early leaves for the next one, and what that makes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from accelerator.errors import (
    AcceleratorError,
    KeyRefused,
    OutcomeUnknown,
    PartlyDone,
    Unreachable,
    VerificationFailed,
)
from accelerator.models import Route
from accelerator.steps.guard.held import look
from accelerator.steps.guard.leases import LEASE, LOOK_SECONDS
from accelerator.steps.guard.notes import lock_ref, reject_ref, render_note
from tests.unit.deployscene import BUILT, SHOP, THIRD, Scene, locked, one
from tests.unit.fakes import COMMIT, OTHER, make_build, make_note

if TYPE_CHECKING:
    from accelerator.models import Commit


def left(made: Scene) -> str | None:
    found = look(made.refs, "shop")
    return found.note.state if found and found.note else None


@pytest.mark.parametrize(
    ("call", "failure"),
    [
        pytest.param(SHOP, OutcomeUnknown("no answer"), id="the reply is lost"),
        pytest.param(
            "promotions.fetch_targets promotion-1", Unreachable("gone"), id="the platform is gone"
        ),
        pytest.param(
            "promotions.fetch_targets promotion-1", KeyRefused("revoked"), id="the key is revoked"
        ),
        pytest.param("dynos.fetch shop", Unreachable("gone"), id="gone while verifying"),
        pytest.param(SHOP, KeyboardInterrupt(), id="interrupted while promoting"),
        pytest.param("dynos.fetch shop", KeyboardInterrupt(), id="interrupted while verifying"),
    ],
)
def test_where_the_end_is_not_known_a_note_is_left_for_the_next_one(
    call: str, failure: BaseException
) -> None:
    cut = one()
    cut.stage.heroku.failures[call] = failure  # type: ignore[assignment]

    with pytest.raises(type(failure)):
        cut.deploy()

    assert left(cut) == "interrupted"


@pytest.mark.parametrize(
    "call",
    [
        pytest.param("releases.fetch_newest shop-prepare", id="while comparing"),
        pytest.param("slugs.fetch shop-prepare good", id="while reading the artifact"),
    ],
)
def test_before_the_write_an_interrupt_leaves_nothing_behind(call: str) -> None:
    cut = one()
    cut.stage.heroku.failures[call] = KeyboardInterrupt()  # type: ignore[assignment]

    with pytest.raises(KeyboardInterrupt):
        cut.deploy()

    assert cut.refs.refs == {}
    assert cut.refs.closed


def test_an_interrupt_under_the_lock_before_the_write_leaves_nothing_behind() -> None:
    cut = one()
    looks: list[object] = []

    def second_look() -> None:
        looks.append(None)
        if len(looks) == 2:
            raise KeyboardInterrupt

    cut.stage.heroku.always["releases.fetch_newest shop"] = second_look

    with pytest.raises(KeyboardInterrupt):
        cut.deploy()

    assert (len(cut.refs.swaps), cut.refs.refs) == (2, {})


@pytest.mark.parametrize("crashing", [True, False])
def test_where_the_end_is_known_no_note_is_left(crashing: bool) -> None:
    known = one(crashing={"good"} if crashing else set(), failing=set() if crashing else {"good"})

    with pytest.raises(AcceleratorError) as caught:
        known.deploy()

    rejected = {reject_ref("shop", COMMIT.sha)} if crashing else set()
    assert caught.value.exit_code == (6 if crashing else 5)
    assert set(known.refs.refs) == rejected


def test_of_two_targets_only_the_one_in_doubt_keeps_its_note() -> None:
    half = locked()
    half.stage.heroku.failures["dynos.fetch shop-eu"] = Unreachable("gone")

    half.fail(PartlyDone)

    assert list(half.refs.refs) == [lock_ref("shop-eu")]


def interrupted(made: Scene, **changes: Any) -> None:
    """Leave the note of a deploy of the commit that was cut short."""
    note = make_note(state="interrupted", previous_release=1, **changes)
    now = made.stage.clock.moment()
    made.refs.put(lock_ref("shop"), render_note(note.renewed(now, "n", LEASE)))


def test_what_a_deploy_that_was_cut_short_got_done_is_recognised() -> None:
    again = one()
    interrupted(again)
    again.app("shop").land("good")

    report = again.deploy()

    assert again.writes() == []
    assert (report.route, report.targets[0].status) == (Route.LIVE, "unchanged")
    assert again.refs.refs == {}
    assert "cut short" in again.stage.ear.warnings()[0]


def test_what_shows_only_after_a_while_is_waited_for_and_not_repeated() -> None:
    again = one()
    interrupted(again)
    sleep = again.stage.clock.sleep

    def nap(seconds: float) -> None:
        sleep(seconds)
        if len(again.stage.clock.naps) == 3:
            again.app("shop").land("good")

    again.stage.clock.sleep = nap  # type: ignore[method-assign]

    again.deploy()

    assert again.writes() == []
    assert [release.version for release in again.app("shop").releases] == [2, 1]


def test_what_provably_did_not_happen_is_done_now() -> None:
    again = one()
    interrupted(again)

    again.deploy()

    assert again.writes() == [SHOP]
    assert sum(again.stage.clock.naps) == pytest.approx(20.0)


@pytest.mark.parametrize("built", [COMMIT, OTHER], ids=["of ours", "of another commit"])
def test_a_build_that_a_dead_deploy_left_running_is_over_before_anything_is_released(
    built: Commit,
) -> None:
    again = one()
    interrupted(again, commit=built.sha, route="build")
    left_running = make_build("shop", None, built, id="b9", status="pending")
    again.app("shop").builds = [left_running]
    again.stage.heroku.hold(f"slug-of-{built.short}", built)

    again.deploy()

    held = BUILT if built is COMMIT else "good"
    assert again.held("shop") == held
    assert again.app("shop").builds[0].status == "succeeded"
    assert again.writes() == ([] if built is COMMIT else [SHOP])


def test_a_release_taken_over_that_fails_goes_back_to_what_that_deploy_had_recorded() -> None:
    again = one(crashing={"good"})
    interrupted(again)
    again.app("shop").land("good")

    error = again.fail(VerificationFailed)

    assert error.exit_code == 6
    assert again.held("shop") == "old"
    assert again.entry("shop").rolled_back_to == 1


@pytest.mark.parametrize("named", [1, 99], ids=["long ago", "still to come"])
def test_a_release_that_did_not_run_before_is_not_gone_back_to_and_that_is_said(
    named: int,
) -> None:
    again = one(crashing={"good"})
    again.stage.heroku.hold("newer", THIRD)
    again.app("shop").land("newer")
    again.app("shop").land("good")
    interrupted(again)
    note = make_note(state="interrupted", previous_release=named)
    again.refs.put(lock_ref("shop"), render_note(note))

    error = again.fail(VerificationFailed)

    assert (error.exit_code, again.writes(), again.held("shop")) == (7, [], "good")
    [warning] = [text for text in again.stage.ear.warnings() if "is not used" in text]
    assert f"v{named} of shop" in warning


def test_a_note_that_ends_in_a_thousand_years_is_waited_for_no_longer_than_its_traces() -> None:
    again = one()
    far = make_note(state="interrupted", expires_at="2999-01-01T00:00:00+00:00")
    again.refs.put(lock_ref("shop"), render_note(far))

    again.deploy()

    assert sum(again.stage.clock.naps) == pytest.approx(20.0 + LOOK_SECONDS)


def test_a_release_of_nobody_known_that_fails_is_left_alone() -> None:
    live = one(crashing={"good"})
    live.app("shop").land("good")

    error = live.fail(VerificationFailed)

    assert error.exit_code == 7
    assert live.writes() == []


def test_a_lock_by_hand_that_ran_out_is_no_deploy_that_was_cut_short() -> None:
    hit = one()
    hit.refs.put(lock_ref("shop"), render_note(make_note(commit="", route="migration")))
    hit.stage.clock.pass_seconds(400)

    hit.deploy()

    assert hit.stage.ear.warnings() == []
    assert hit.refs.refs == {}
