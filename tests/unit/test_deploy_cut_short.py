"""Deploys to several targets that are cut short or taken back: notes, verdicts, exit codes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from accelerator.errors import (
    AcceleratorError,
    LockUnavailable,
    OutcomeUnknown,
    PartlyDone,
    VerificationFailed,
    WrongArtifact,
)
from accelerator.models import LockMode, OnFailure
from accelerator.steps.guard.held import look
from accelerator.steps.guard.notes import (
    Mark,
    lock_ref,
    reject_ref,
    render_note,
)
from tests.unit.deployscene import Scene, scene
from tests.unit.fakes import (
    COMMIT,
    OTHER,
    make_app,
    make_note,
)

THIRD = replace(OTHER, sha="3" * 40)
MARK = render_note(Mark("ann", "the till is closed", "today"))
SHOP = "promotions.create shop-prepare-v1 to shop"


def locked(*targets: Any, prepared: str | None = "good", mode: LockMode = LockMode.AUTO) -> Scene:
    """Set a scene with a lock remote, at `scene.refs`."""
    made = scene(prepared, *targets)
    made.lock(mode)
    return made


def one(**changes: Any) -> Scene:
    return locked(make_app("shop", "old", **changes))


def test_while_a_promotion_is_unknown_no_release_of_its_wave_is_begun() -> None:
    mixed = locked(make_app("shop", "old"), make_app("blog", "old", coupling=None))
    mixed.stage.heroku.failures[SHOP] = OutcomeUnknown("no answer")

    error = mixed.fail(OutcomeUnknown)

    assert error.exit_code == 9
    assert mixed.writes() == [SHOP]
    assert set(mixed.refs.refs) == {lock_ref("shop")}


def test_a_way_back_whose_reply_was_lost_leaves_a_note_for_the_next_one() -> None:
    bad = one(crashing={"good"})
    bad.stage.heroku.failures["releases.create shop old"] = OutcomeUnknown("no answer")

    error = bad.fail(VerificationFailed)

    found = look(bad.refs, "shop")
    assert error.exit_code == 7
    assert found is not None
    assert found.note is not None
    assert found.note.state == "interrupted"


def test_a_lock_lost_before_others_are_returned_keeps_them_and_tells_the_first_failure() -> None:
    bad = locked(make_app("eu", "old"), make_app("us", "old", failing={"good"}))
    bad.change(waves=(("eu",), ("us",)), on_failure=OnFailure.COMPENSATE)

    def take_away() -> None:
        bad.stage.clock.pass_seconds(3600)
        bad.refs.put(lock_ref("eu"), render_note(make_note(app="eu", holder="them")))

    bad.stage.heroku.before["promotions.create shop-prepare-v1 to us"] = take_away

    error = bad.fail(PartlyDone)

    assert error.message.startswith("done: eu; not done: us (the promotion to us failed")
    assert bad.held("eu") == "good"
    assert "somebody took it away" in str(bad.entry("eu").error)
    assert bad.report.compensation == "none"


def test_an_interrupted_compensation_names_only_what_was_going_back() -> None:
    cut = locked(make_app("live", "good"), make_app("eu", "old"), make_app("us", "old"))
    cut.app("us").failing.add("good")
    cut.change(waves=(("live",), ("eu",), ("us",)), on_failure=OnFailure.COMPENSATE)

    def interrupt() -> None:
        raise KeyboardInterrupt

    cut.stage.heroku.before["releases.create eu old"] = interrupt

    with pytest.raises(KeyboardInterrupt):
        cut.deploy()

    assert cut.stage.run.under_way.resumable == ("eu",)
    assert "may still go on" in str(cut.entry("eu").error)
    assert set(cut.refs.refs) == {lock_ref("eu")}


def test_a_target_that_went_back_is_rejected_before_the_others_have_ended() -> None:
    half = locked(make_app("eu", "old", crashing={"good"}), make_app("us", "old"))

    def interrupt() -> None:
        raise KeyboardInterrupt

    half.stage.heroku.before["dynos.fetch us"] = interrupt

    with pytest.raises(KeyboardInterrupt):
        half.deploy()

    assert set(half.refs.refs) == {reject_ref("eu", COMMIT.sha), lock_ref("us")}
    assert half.entry("eu").rolled_back_to == 1


def compensating(*targets: Any, **changes: Any) -> Scene:
    """Set a scene in which each target is a wave, and the finished ones go back when one fails."""
    made = locked(*targets)
    waves = tuple((target.name,) for target in targets)
    made.change(waves=waves, on_failure=OnFailure.COMPENSATE, **changes)
    return made


def test_the_note_of_an_earlier_deploy_stays_where_nothing_was_begun_in_its_place() -> None:
    bad = locked(make_app("eu", "old", crashing={"good"}), make_app("us", "old"))
    earlier = make_note(app="us", commit=THIRD.sha, state="interrupted", previous_release=1)
    bad.refs.put(lock_ref("us"), render_note(earlier))
    bad.change(waves=(("eu",), ("us",)))

    bad.fail(VerificationFailed)

    found = look(bad.refs, "us")
    assert found is not None
    assert found.note is not None
    assert (found.note.commit, found.note.state) == (THIRD.sha, "interrupted")
    assert lock_ref("eu") not in bad.refs.refs


def test_an_interrupted_compensation_tells_who_went_back_and_notes_where_the_others_go() -> None:
    cut = compensating(
        make_app("eu", "old"), make_app("us", "old"), make_app("asia", "old", failing={"good"})
    )

    def interrupt() -> None:
        raise KeyboardInterrupt

    cut.stage.heroku.before["releases.create us old"] = interrupt

    with pytest.raises(KeyboardInterrupt):
        cut.deploy()

    found = look(cut.refs, "us")
    assert found is not None
    assert found.note is not None
    assert (found.note.route, found.note.commit) == ("rollback", OTHER.sha)
    assert set(cut.refs.refs) == {lock_ref("us")}
    assert cut.entry("eu").status == "compensated"


@pytest.mark.parametrize("mode", [LockMode.AUTO, LockMode.REQUIRED])
@pytest.mark.parametrize(
    ("seconds", "held"),
    [
        pytest.param(60.0, "old", id="while the lease runs"),
        pytest.param(290.0, "good", id="as the lease ends"),
    ],
)
def test_a_lock_remote_that_dies_before_a_compensation_never_hides_the_failure(
    mode: LockMode, seconds: float, held: str
) -> None:
    bad = compensating(make_app("eu", "old"), make_app("us", "old", failing={"good"}))
    bad.lock(mode)

    def die() -> None:
        bad.stage.clock.pass_seconds(seconds)
        bad.refs.trouble = LockUnavailable("gone")

    bad.stage.heroku.always["promotions.create shop-prepare-v1 to us"] = die

    with pytest.raises(AcceleratorError) as caught:
        bad.deploy()

    assert "the promotion to us failed" in caught.value.message
    assert bad.held("eu") == held


def test_a_way_back_that_is_not_known_to_have_ended_is_neither_done_nor_failed() -> None:
    bad = compensating(make_app("eu", "old"), make_app("us", "old", failing={"good"}))
    bad.stage.heroku.failures["releases.create eu old"] = OutcomeUnknown("no answer")

    error = bad.fail(OutcomeUnknown)

    assert error.exit_code == 9
    assert bad.entry("eu").status == "pending"
    assert set(bad.refs.refs) == {lock_ref("eu")}


def test_a_target_that_keeps_the_bad_code_is_told_before_one_that_went_back() -> None:
    bad = locked(make_app("eu", "old", crashing={"good"}), make_app("us", crashing={"good"}))

    error = bad.fail(VerificationFailed)

    assert error.exit_code == 7
    assert error.message.startswith("us failed verification")


def test_an_interrupt_while_a_lock_is_given_back_leaves_no_other_one_behind() -> None:
    hit = locked(make_app("eu", "old"), make_app("us", "old"))
    swap, told = hit.refs.swap, []

    def impatient(ref: str, old: str | None, new: str | None) -> Any:
        if new is None and not told:
            told.append(ref)
            raise KeyboardInterrupt
        return swap(ref, old, new)

    hit.refs.swap = impatient  # type: ignore[method-assign]

    with pytest.raises(KeyboardInterrupt):
        hit.deploy()

    assert told == [lock_ref("eu")]
    assert hit.refs.refs == {}


@pytest.mark.parametrize("names", ["", "shop-prepare-v9"], ids=["no release", "another one"])
def test_a_promotion_whose_answer_is_odd_keeps_its_note_until_its_end_is_known(names: str) -> None:
    odd = one()
    odd.stage.heroku.promotion_names = names
    odd.stage.heroku.promotion_looks = [{"shop": "pending"}] * 2
    odd.stage.run = replace(odd.stage.run, waits=replace(odd.stage.run.waits, promotion=0.1))

    error = odd.fail(OutcomeUnknown)

    found = look(odd.refs, "shop")
    assert error.exit_code == 9
    assert found is not None
    assert found.note is not None
    assert (found.note.state, found.note.promotion) == ("interrupted", "promotion-1")


def test_what_a_promotion_of_nothing_known_brought_is_judged_by_the_artifact() -> None:
    odd = one(arriving="somebody-elses")
    odd.stage.heroku.promotion_names = ""

    error = odd.fail(WrongArtifact)

    assert "was to get artifact good but holds somebody-elses" in error.message
