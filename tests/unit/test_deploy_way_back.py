"""The way back that a deploy writes down: as looked at under the lock, and never lost."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from accelerator.errors import (
    LockUnavailable,
    PartlyDone,
    Refused,
    Unreachable,
    VerificationFailed,
)
from accelerator.models import OnFailure
from accelerator.steps.guard.held import look
from accelerator.steps.guard.leases import LEASE
from accelerator.steps.guard.notes import lock_ref, render_note
from accelerator.steps.resume import ResumeOrder, resume
from tests.unit.deployscene import Scene, scene
from tests.unit.fakes import COMMIT, OTHER, make_app, make_note, relate

if TYPE_CHECKING:
    from accelerator.steps.guard.notes import LockNote

THIRD = replace(OTHER, sha="3" * 40)
SHOP = "promotions.create shop-prepare-v1 to shop"


def locked(*targets: Any, **changes: Any) -> Scene:
    made = scene("good", *targets)
    made.lock()
    made.refs.is_metered = False
    made.change(**changes)
    return made


def standing(made: Scene, app: str = "shop") -> LockNote:
    found = look(made.refs, app)
    assert found is not None
    assert found.note is not None
    return found.note


def left(made: Scene, app: str = "shop", **changes: Any) -> None:
    """Leave the note of a deploy of the commit that was cut short long ago."""
    note = make_note(app=app, **{"state": "interrupted", "previous_release": 1, **changes})
    made.refs.put(lock_ref(app), render_note(note.renewed(made.stage.clock.moment(), "n", LEASE)))
    made.stage.clock.pass_seconds(60)


def interrupt() -> None:
    raise KeyboardInterrupt


def overtaken_while_waiting() -> Scene:
    """Set a scene in which somebody ships a third commit while we wait for the lock."""
    made = locked(make_app("shop", "old"))
    made.stage.heroku.hold("newer", THIRD)
    made.change(ancestry=relate(OTHER, THIRD, COMMIT))
    theirs = make_note(holder="them").renewed(made.stage.clock.moment(), "n", LEASE)
    made.refs.put(lock_ref("shop"), render_note(theirs))
    sleep = made.stage.clock.sleep

    def nap(seconds: float) -> None:
        sleep(seconds)
        if made.refs.refs.pop(lock_ref("shop"), None):
            made.app("shop").land("newer")
            made.stage.clock.sleep = sleep  # type: ignore[method-assign]

    made.stage.clock.sleep = nap  # type: ignore[method-assign]
    return made


def test_the_note_names_the_release_that_ran_when_the_lock_was_held() -> None:
    made, seen = overtaken_while_waiting(), []
    made.stage.heroku.before[SHOP] = lambda: seen.append(standing(made).previous_release)

    made.deploy()

    assert seen == [2]


def test_what_was_released_during_the_wait_is_gone_back_to_also_by_the_next_one() -> None:
    made = overtaken_while_waiting()
    made.app("shop").crashing = {"good"}
    made.stage.heroku.before["dynos.fetch shop"] = interrupt
    with pytest.raises(KeyboardInterrupt):
        made.deploy()

    error = made.fail(VerificationFailed)

    assert error.exit_code == 6
    assert (made.held("shop"), made.entry("shop").rolled_back_to) == ("newer", 2)


def test_a_note_that_says_what_is_so_is_not_written_again() -> None:
    made = locked(make_app("shop", "old"))

    made.deploy()

    assert len(made.refs.swaps) == 2  # taken, and given back


def test_where_it_cannot_be_written_down_nothing_is_begun() -> None:
    made = overtaken_while_waiting()
    swap = made.refs.swap

    def refuse(ref: str, old: str | None, new: str | None) -> Any:
        if old is not None and new is not None:
            raise LockUnavailable("503")
        return swap(ref, old, new)

    made.refs.swap = refuse  # type: ignore[method-assign]

    made.fail(LockUnavailable)

    assert made.writes() == []


@pytest.mark.parametrize("times", [1, 2, 3])
def test_a_deploy_cut_short_again_and_again_keeps_its_way_back(times: int) -> None:
    made = locked(make_app("shop", "old", crashing={"good"}))
    for _ in range(times):
        made.stage.heroku.before["dynos.fetch shop"] = interrupt
        with pytest.raises(KeyboardInterrupt):
            made.deploy()

    error = made.fail(VerificationFailed)

    assert error.exit_code == 6
    assert (made.held("shop"), made.entry("shop").rolled_back_to) == ("old", 1)


def test_one_killed_before_it_had_looked_leaves_what_was_left_to_it() -> None:
    made = locked(make_app("shop", "old", crashing={"good"}))
    made.app("shop").land("good")
    killed = make_note(previous_release=2, extra={"left": [[COMMIT.sha, 1]]})
    made.refs.put(lock_ref("shop"), render_note(replace(killed, state="interrupted")))

    error = made.fail(VerificationFailed)

    assert error.exit_code == 6
    assert made.held("shop") == "old"


def test_a_release_that_history_does_not_confirm_is_not_handed_on() -> None:
    made = locked(make_app("shop", "old"))
    made.stage.heroku.hold("newer", THIRD)
    made.app("shop").land("newer")
    made.app("shop").land("good")
    left(made, previous_release=1)
    made.stage.heroku.before["dynos.fetch shop"] = interrupt

    with pytest.raises(KeyboardInterrupt):
        made.deploy()

    assert standing(made).previous_release == 1  # the note of the deploy before stays as it was
    assert made.writes() == []


def test_a_way_back_is_written_down_before_it_is_taken() -> None:
    made, seen = locked(make_app("shop", "old", crashing={"good"})), []
    made.stage.heroku.before["releases.create shop old"] = lambda: seen.append(standing(made))

    made.fail(VerificationFailed)

    [note] = seen
    assert (note.route, note.commit) == ("rollback", COMMIT.sha)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"route": "rollback"}, id="of one target"),
        pytest.param(
            {"route": "rollback", "commit": OTHER.sha, "extra": {"instead_of": COMMIT.sha}},
            id="as others failed",
        ),
    ],
)
def test_one_cut_short_on_the_way_back_leaves_a_release_that_is_ours_to_take_back(
    changes: dict[str, Any],
) -> None:
    made = locked(make_app("shop", "old", crashing={"good"}))
    made.app("shop").land("good")
    left(made, **changes)

    error = made.fail(VerificationFailed)

    assert error.exit_code == 6
    assert made.held("shop") == "old"


def test_what_a_deploy_cut_short_had_released_is_returned_with_the_others() -> None:
    made = locked(make_app("eu", "old"), make_app("us", "old", failing={"good"}))
    made.app("eu").land("good")
    left(made, "eu")
    made.change(waves=(("eu",), ("us",)), on_failure=OnFailure.COMPENSATE)

    with pytest.raises(Exception, match="the promotion to us failed"):
        made.deploy()

    assert made.held("eu") == "old"
    assert made.entry("eu").status == "compensated"
    assert made.report.compensation == "all"


def test_no_later_wave_begins_after_a_verification_that_was_cut_off() -> None:
    made = locked(make_app("eu", "old"), make_app("us", "old"))
    made.change(waves=(("eu",), ("us",)), on_failure=OnFailure.CONTINUE)
    made.stage.heroku.failures["dynos.fetch eu"] = Unreachable("gone")

    made.fail(Unreachable)

    assert made.writes() == ["promotions.create shop-prepare-v1 to eu"]


def test_a_later_wave_goes_on_after_one_that_failed_for_certain() -> None:
    made = locked(make_app("eu", "old", failing={"good"}), make_app("us", "old"))
    made.change(waves=(("eu",), ("us",)), on_failure=OnFailure.CONTINUE)

    made.fail(PartlyDone)

    assert made.held("us") == "good"


def test_a_lock_lost_before_a_later_wave_hides_nothing_of_the_earlier_ones() -> None:
    made = locked(make_app("eu", "old"), make_app("us", "old"))
    made.change(waves=(("eu",), ("us",)))

    def take_away() -> None:
        made.refs.put(lock_ref("us"), render_note(make_note(app="us", holder="them")))

    made.stage.heroku.before["dynos.fetch eu"] = take_away
    made.stage.heroku.always["dynos.fetch eu"] = lambda: made.stage.clock.pass_seconds(3)

    error = made.fail(PartlyDone)

    assert error.exit_code == 8
    assert "done: eu; not done: us" in error.message
    assert "the lock of us" in error.message
    assert made.entry("eu").verified == "passed"
    assert made.writes() == ["promotions.create shop-prepare-v1 to eu"]


def test_an_interrupted_way_back_still_names_the_release_that_failed() -> None:
    made = locked(make_app("shop", "old", crashing={"good"}))
    made.stage.heroku.before["releases.create shop old"] = interrupt

    with pytest.raises(KeyboardInterrupt):
        made.deploy()

    entry = made.entry("shop")
    assert entry.release is not None
    assert (entry.release.version, entry.verified, entry.status) == (2, "failed", "pending")


def resuming(made: Scene, attempt: int) -> None:
    lock = replace(made.order.rules.lock, job="gitlab-1", attempt=attempt)
    rules = replace(made.order.rules, lock=lock)
    resume(made.stage.run, ResumeOrder("shop", rules, named=COMMIT.sha), made.report)


def test_a_job_that_is_run_again_resumes_what_it_left_itself_at_once() -> None:
    made = locked(make_app("shop", "old"))
    left(made, state="held", job="gitlab-1", attempt=7)
    made.stage.clock.seconds -= 60

    with pytest.raises(Refused, match="seems to be running"):
        resuming(made, 7)
    resuming(made, 8)

    assert made.held("shop") == "good"
