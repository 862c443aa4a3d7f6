"""The locks of one deploy: read at once, taken in order, let go however it ends."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, cast

import pytest

from accelerator.errors import BuildFailed, LockUnavailable, OutcomeUnknown, Refused
from accelerator.models import LockMode
from accelerator.steps.guard.held import look
from accelerator.steps.guard.locks import FRESH_SECONDS, HeldLocks, TargetLocks
from accelerator.steps.guard.notes import freeze_ref, lock_ref, render_note
from accelerator.steps.guard.policy import LockPolicy
from tests.unit.deployscene import scene
from tests.unit.fakes import FakeHost, MemoryRefs, Stage, make_note, make_stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from accelerator.repository import LockHost
    from accelerator.steps.run import Run

NOTES = (make_note(app="shop-us"), make_note(app="shop-eu"))


@pytest.fixture
def stage() -> Stage:
    return make_stage()


@pytest.fixture
def refs() -> MemoryRefs:
    return MemoryRefs()


@pytest.fixture
def locks(stage: Stage, refs: MemoryRefs) -> Iterator[TargetLocks]:
    locks = begin(stage, refs)
    yield locks
    locks.close()


def before(stage: Stage, host: FakeHost) -> Run:
    """Give the stage's run, with a place where locks are kept."""
    return replace(stage.run, marks=cast("LockHost", host))


def begin(stage: Stage, refs: MemoryRefs, mode: LockMode = LockMode.AUTO) -> TargetLocks:
    locks = TargetLocks(before(stage, FakeHost(refs)), LockPolicy(mode, 30.0, "us"))
    locks.start()
    return locks


def test_what_stands_in_the_remote_is_read_beside_everything_else(
    locks: TargetLocks, refs: MemoryRefs
) -> None:
    refs.put(freeze_ref("shop"), "closed")

    assert locks.read() in ({}, refs.refs)
    assert locks.remote is refs


def test_what_was_just_read_is_not_read_again_and_what_is_old_is(
    stage: Stage, locks: TargetLocks, refs: MemoryRefs
) -> None:
    locks.read()
    looks = refs.looks
    refs.put(freeze_ref("shop"), "closed")

    soon = locks.read()
    stage.clock.pass_seconds(FRESH_SECONDS)
    later = locks.read()

    assert (soon, list(later)) == ({}, [freeze_ref("shop")])
    assert refs.looks == looks + 1


@pytest.mark.parametrize(
    ("mode", "host"),
    [
        pytest.param(LockMode.OFF, FakeHost(MemoryRefs()), id="off"),
        pytest.param(LockMode.AUTO, None, id="no remote"),
    ],
)
def test_without_locks_nothing_is_opened_and_nothing_held(
    stage: Stage, mode: LockMode, host: FakeHost | None
) -> None:
    run = before(stage, host) if host else stage.run
    locks = TargetLocks(run, LockPolicy(mode))
    locks.start()

    with locks.hold(NOTES) as held:
        assert held.locks == []

    assert (locks.read(), locks.remote) == ({}, None)
    locks.close()


def test_locks_are_taken_in_one_order_and_given_back(locks: TargetLocks, refs: MemoryRefs) -> None:
    locks.read()

    with locks.hold(NOTES) as held:
        assert [lock.note.app for lock in held.locks] == ["shop-eu", "shop-us"]
        assert set(refs.refs) == {lock_ref("shop-eu"), lock_ref("shop-us")}

    assert refs.refs == {}


@pytest.mark.parametrize(
    "end", [OutcomeUnknown("lost"), KeyboardInterrupt(), RuntimeError("a bug"), Refused("x", "y")]
)
def test_only_what_is_at_stake_leaves_its_note_behind(
    locks: TargetLocks, refs: MemoryRefs, end: BaseException
) -> None:
    locks.read()

    with pytest.raises(type(end)), locks.hold(NOTES) as held:  # noqa: PT012  # the point
        held.begin(["shop-us"])
        raise end

    assert list(refs.refs) == [lock_ref("shop-us")]
    left = look(refs, "shop-us")
    assert left is not None
    assert left.note is not None
    assert left.note.state == "interrupted"


def test_a_quiet_end_with_something_at_stake_leaves_its_note_as_well(
    locks: TargetLocks, refs: MemoryRefs
) -> None:
    locks.read()

    with locks.hold(NOTES) as held:
        held.begin(["shop-us"])

    assert list(refs.refs) == [lock_ref("shop-us")]


def test_what_was_cut_short_stays_at_stake_until_somebody_has_looked(
    locks: TargetLocks, refs: MemoryRefs
) -> None:
    refs.put(lock_ref("shop-us"), render_note(make_note(app="shop-us", state="interrupted")))
    locks.read()

    with pytest.raises(KeyboardInterrupt), locks.hold(NOTES) as held:  # noqa: PT012
        assert [lock.before is not None for lock in held.locks] == [False, True]
        raise KeyboardInterrupt

    assert list(refs.refs) == [lock_ref("shop-us")]


def test_a_lock_that_cannot_be_had_gives_back_those_that_were(
    stage: Stage, locks: TargetLocks, refs: MemoryRefs
) -> None:
    refs.put(lock_ref("shop-us"), render_note(make_note(app="shop-us", holder="them")))
    locks.read()

    with pytest.raises(Refused, match="shop-us is locked by them"), locks.hold(NOTES):
        raise AssertionError("nobody gets here")

    assert list(refs.refs) == [lock_ref("shop-us")]
    assert 0 < sum(stage.clock.naps) <= 30.0


def test_what_is_begun_is_at_stake_until_its_end_is_known() -> None:
    held = HeldLocks()

    held.begin(["shop-eu", "shop-us"])
    held.begin(app for app in ["shop-us"])
    assert held.at_stake == {"shop-eu", "shop-us"}

    held.ended(["shop-us", "blog"])
    assert held.at_stake == {"shop-eu"}


def test_only_the_locks_of_its_targets_remember_a_promotion(
    locks: TargetLocks, refs: MemoryRefs
) -> None:
    locks.read()

    with locks.hold(NOTES) as held:
        held.begin(["shop-us", "shop-eu"])
        held.remember(["shop-us"], "promotion-1")

    left = {app: look(refs, app) for app in ("shop-eu", "shop-us")}
    notes = {app: found.note for app, found in left.items() if found}
    assert {app: note and note.promotion for app, note in notes.items()} == {
        "shop-eu": None,
        "shop-us": "promotion-1",
    }


def test_one_lost_lock_of_several_is_enough_to_stop_the_write(
    stage: Stage, locks: TargetLocks, refs: MemoryRefs
) -> None:
    locks.read()

    with locks.hold(NOTES) as held:
        held.demand()
        stage.clock.pass_seconds(3600)
        refs.put(lock_ref("shop-us"), render_note(make_note(app="shop-us", holder="them")))
        with pytest.raises(Refused, match="the lock of shop-us ran out"):
            held.demand()

    assert list(refs.refs) == [lock_ref("shop-us")]  # theirs


def test_where_nothing_is_locked_there_is_nothing_to_lose() -> None:
    held = HeldLocks()

    held.remember(["shop"], "promotion-1")
    held.demand()

    assert (held.locks, held.at_stake) == ([], set())


def test_a_target_that_was_not_begun_keeps_no_note_when_the_build_before_it_fails() -> None:
    made = scene(None)
    made.lock()
    made.app("shop").builds_fail = True

    made.fail(BuildFailed)

    assert not [call for call in made.writes() if "shop-eu" in call]
    assert made.refs.refs == {}


def test_two_deploys_that_name_their_targets_in_another_order_do_not_deadlock(
    stage: Stage, refs: MemoryRefs
) -> None:
    first, second = begin(stage, refs), begin(stage, refs)
    first.read()
    second.read()

    with first.hold(NOTES):
        with pytest.raises(Refused) as caught, second.hold(NOTES[::-1]):
            raise AssertionError("nobody gets here")
        assert "shop-eu" in caught.value.message

    assert refs.refs == {}
    for each in (first, second):
        each.close()


def test_where_the_remote_cannot_be_used_auto_says_so_and_goes_on(
    stage: Stage, refs: MemoryRefs
) -> None:
    refs.trouble = LockUnavailable("it takes no such refs")
    locks = begin(stage, refs)

    assert locks.read() == {}
    with locks.hold(NOTES) as held:
        assert held.locks == []

    assert len(stage.ear.warnings()) == 1
    assert "going on without a lock" in stage.ear.warnings()[0]
    locks.close()
    assert refs.closed


def test_where_the_remote_cannot_be_used_required_insists(stage: Stage, refs: MemoryRefs) -> None:
    refs.trouble = LockUnavailable("it takes no such refs")
    locks = begin(stage, refs, LockMode.REQUIRED)

    with pytest.raises(LockUnavailable):
        locks.read()

    locks.close()
    assert refs.closed


@pytest.mark.parametrize("mode", [LockMode.AUTO, LockMode.REQUIRED])
def test_a_remote_that_only_refuses_the_lock_is_met_when_it_is_taken(
    stage: Stage, refs: MemoryRefs, mode: LockMode
) -> None:
    locks = begin(stage, refs, mode)
    locks.read()
    refs.trouble = LockUnavailable("it takes no such refs")

    if mode is LockMode.REQUIRED:
        with pytest.raises(LockUnavailable), locks.hold(NOTES):
            raise AssertionError("nobody gets here")
    else:
        with locks.hold(NOTES) as held:
            assert held.locks == []
    locks.close()
    assert refs.closed


def test_a_remote_that_cannot_even_be_opened_is_forgiven_by_auto(stage: Stage) -> None:
    closed = FakeHost(trouble=LockUnavailable("git was not found"))
    locks = TargetLocks(before(stage, closed), LockPolicy(LockMode.AUTO))
    locks.start()

    assert locks.read() == {}
    assert "git was not found" in stage.ear.warnings()[0]
    locks.close()


def test_a_lock_that_cannot_be_given_back_is_said_and_hides_nothing(
    stage: Stage, locks: TargetLocks, refs: MemoryRefs
) -> None:
    locks.read()

    with pytest.raises(ValueError, match="the real trouble"), locks.hold(NOTES[:1]):  # noqa: PT012
        refs.trouble = LockUnavailable("no answer")
        raise ValueError("the real trouble")

    assert "could not be given back (the lock's git remote" in stage.ear.warnings()[0]
