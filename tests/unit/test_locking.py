"""The locks of one deploy: read at once, taken in order, let go however it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from accelerator.errors import LockUnavailable, OutcomeUnknown, Refused
from accelerator.steps.guard.held import look
from accelerator.steps.guard.locks import FRESH_SECONDS, Locking, LockPolicy
from accelerator.steps.guard.notes import freeze_ref, lock_ref, render_note
from tests.unit.fakes import MemoryRefs, Stage, make_note, make_stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from accelerator.steps.guard.held import Refs

NOTES = (make_note(app="shop-us"), make_note(app="shop-eu"))


@pytest.fixture
def stage() -> Stage:
    return make_stage()


@pytest.fixture
def refs() -> MemoryRefs:
    return MemoryRefs()


@pytest.fixture
def locking(stage: Stage, refs: MemoryRefs) -> Iterator[Locking]:
    locking = begin(stage, refs)
    yield locking
    locking.close()


def begin(stage: Stage, refs: MemoryRefs, mode: str = "auto") -> Locking:
    locking = Locking(stage.run, LockPolicy(mode, 30.0, "us", open_refs=lambda: refs))
    locking.start()
    return locking


def test_what_stands_in_the_remote_is_read_beside_everything_else(
    locking: Locking, refs: MemoryRefs
) -> None:
    refs.put(freeze_ref("shop"), "closed")

    assert locking.read() in ({}, refs.refs)
    assert locking.refs is refs


def test_what_was_just_read_is_not_read_again_and_what_is_old_is(
    stage: Stage, locking: Locking, refs: MemoryRefs
) -> None:
    locking.read()
    looks = refs.looks
    refs.put(freeze_ref("shop"), "closed")

    soon = locking.read()
    stage.clock.pass_seconds(FRESH_SECONDS)
    later = locking.read()

    assert (soon, list(later)) == ({}, [freeze_ref("shop")])
    assert refs.looks == looks + 1


@pytest.mark.parametrize(
    "policy",
    [
        pytest.param(LockPolicy("off", open_refs=MemoryRefs), id="off"),
        pytest.param(LockPolicy("auto"), id="no remote"),
    ],
)
def test_without_locks_nothing_is_opened_and_nothing_held(stage: Stage, policy: LockPolicy) -> None:
    locking = Locking(stage.run, policy)
    locking.start()

    with locking.holding(NOTES) as held:
        assert held == ()

    assert (locking.read(), locking.refs) == ({}, None)
    locking.close()


def test_locks_are_taken_in_one_order_and_given_back(locking: Locking, refs: MemoryRefs) -> None:
    locking.read()

    with locking.holding(NOTES) as held:
        assert [lock.note.app for lock in held] == ["shop-eu", "shop-us"]
        assert set(refs.refs) == {lock_ref("shop-eu"), lock_ref("shop-us")}

    assert refs.refs == {}


@pytest.mark.parametrize(
    "end", [OutcomeUnknown("lost"), KeyboardInterrupt(), RuntimeError("a bug"), Refused("x", "y")]
)
def test_only_what_is_at_stake_leaves_its_note_behind(
    locking: Locking, refs: MemoryRefs, end: BaseException
) -> None:
    locking.read()

    with pytest.raises(type(end)), locking.holding(NOTES):  # noqa: PT012  # the block is the point
        locking.at_stake |= {"shop-us"}
        raise end

    assert list(refs.refs) == [lock_ref("shop-us")]
    left = look(refs, "shop-us")
    assert left is not None
    assert left.note is not None
    assert left.note.state == "interrupted"


def test_a_quiet_end_with_something_at_stake_leaves_its_note_as_well(
    locking: Locking, refs: MemoryRefs
) -> None:
    locking.read()

    with locking.holding(NOTES):
        locking.at_stake |= {"shop-us"}

    assert list(refs.refs) == [lock_ref("shop-us")]


def test_what_was_cut_short_stays_at_stake_until_somebody_has_looked(
    locking: Locking, refs: MemoryRefs
) -> None:
    refs.put(lock_ref("shop-us"), render_note(make_note(app="shop-us", state="interrupted")))
    locking.read()

    with pytest.raises(KeyboardInterrupt), locking.holding(NOTES) as held:  # noqa: PT012
        assert [lock.before is not None for lock in held] == [False, True]
        raise KeyboardInterrupt

    assert list(refs.refs) == [lock_ref("shop-us")]


def test_a_lock_that_cannot_be_had_gives_back_those_that_were(
    stage: Stage, locking: Locking, refs: MemoryRefs
) -> None:
    refs.put(lock_ref("shop-us"), render_note(make_note(app="shop-us", holder="them")))
    locking.read()

    with pytest.raises(Refused, match="shop-us is locked by them"), locking.holding(NOTES):
        raise AssertionError("nobody gets here")

    assert list(refs.refs) == [lock_ref("shop-us")]
    assert 0 < sum(stage.clock.naps) <= 30.0


def test_two_deploys_that_name_their_targets_in_another_order_do_not_deadlock(
    stage: Stage, refs: MemoryRefs
) -> None:
    first, second = begin(stage, refs), begin(stage, refs)
    first.read()
    second.read()

    with first.holding(NOTES):
        with pytest.raises(Refused) as caught, second.holding(NOTES[::-1]):
            raise AssertionError("nobody gets here")
        assert "shop-eu" in caught.value.message

    assert refs.refs == {}
    for each in (first, second):
        each.close()


def test_where_the_remote_cannot_be_used_auto_says_so_and_goes_on(
    stage: Stage, refs: MemoryRefs
) -> None:
    refs.trouble = LockUnavailable("it takes no such refs")
    locking = begin(stage, refs)

    assert locking.read() == {}
    with locking.holding(NOTES) as held:
        assert held == ()

    assert len(stage.ear.warnings()) == 1
    assert "going on without a lock" in stage.ear.warnings()[0]
    locking.close()
    assert refs.closed


def test_where_the_remote_cannot_be_used_required_insists(stage: Stage, refs: MemoryRefs) -> None:
    refs.trouble = LockUnavailable("it takes no such refs")
    locking = begin(stage, refs, "required")

    with pytest.raises(LockUnavailable):
        locking.read()

    locking.close()
    assert refs.closed


@pytest.mark.parametrize("mode", ["auto", "required"])
def test_a_remote_that_only_refuses_the_lock_is_met_when_it_is_taken(
    stage: Stage, refs: MemoryRefs, mode: str
) -> None:
    locking = begin(stage, refs, mode)
    locking.read()
    refs.trouble = LockUnavailable("it takes no such refs")

    if mode == "required":
        with pytest.raises(LockUnavailable), locking.holding(NOTES):
            raise AssertionError("nobody gets here")
    else:
        with locking.holding(NOTES) as held:
            assert held == ()
    locking.close()
    assert refs.closed


def test_a_remote_that_cannot_even_be_opened_is_forgiven_by_auto(stage: Stage) -> None:
    def closed() -> Refs:
        raise LockUnavailable("git was not found")

    locking = Locking(stage.run, LockPolicy("auto", open_refs=closed))
    locking.start()

    assert locking.read() == {}
    assert "git was not found" in stage.ear.warnings()[0]
    locking.close()


def test_a_lock_that_cannot_be_given_back_is_said_and_hides_nothing(
    stage: Stage, locking: Locking, refs: MemoryRefs
) -> None:
    locking.read()

    with pytest.raises(ValueError, match="the real trouble"), locking.holding(NOTES[:1]):  # noqa: PT012
        refs.trouble = LockUnavailable("no answer")
        raise ValueError("the real trouble")

    assert "could not be given back (the lock's git remote" in stage.ear.warnings()[0]
