"""Locks are renewed beside the work, and nothing waits for that."""

from __future__ import annotations

from threading import Event, Thread
from typing import TYPE_CHECKING, Any

import pytest

from accelerator.errors import LockUnavailable
from accelerator.steps.guard.leases import LEASE, METERED_LEASE, Lease
from accelerator.steps.guard.notes import expiry, lock_ref, render_note
from tests.unit.fakes import make_note

if TYPE_CHECKING:
    from accelerator.models import Swap
    from accelerator.steps.guard.held import HeldLock
    from tests.unit.lockdesk import Desk


@pytest.mark.parametrize("is_metered", [True, False])
@pytest.mark.parametrize("fates", [[], ["after"], ["before"], ["late"], ["late", "late"]])
def test_a_renewal_moves_the_end_whatever_becomes_of_the_reply(
    desk: Desk, fates: list[str], *, is_metered: bool
) -> None:
    desk.refs.is_metered = is_metered
    held = desk.take()
    desk.clock.pass_seconds(15)
    desk.refs.lose = fates

    desk.keepers[0].renew()

    standing = desk.stands()
    assert not held.is_lost
    assert standing is not None
    lease = METERED_LEASE if is_metered else LEASE
    assert standing.expires_at == expiry(desk.clock.moment(), lease)
    held.give_back()
    assert desk.refs.refs == {}


def test_a_renewal_whose_fate_could_not_be_seen_is_recognised_by_the_next_one(desk: Desk) -> None:
    held = desk.take()
    desk.refs.lose = ["after"]
    find, desk.refs.find = desk.refs.find, no_answer  # type: ignore[method-assign]
    with pytest.raises(LockUnavailable):
        desk.keepers[0].renew()
    desk.refs.find = find  # type: ignore[method-assign]

    desk.keepers[0].renew()

    assert not held.is_lost
    held.give_back()
    assert desk.refs.refs == {}


def no_answer() -> dict[str, str]:
    raise LockUnavailable("no answer")


def both(desk: Desk) -> tuple[HeldLock, HeldLock]:
    """Take two locks of one run."""
    eu = desk.take(app="shop-eu")
    us = desk.keepers[0].keep(desk.take(app="shop-us"))
    desk.clock.pass_seconds(15)
    return eu, us


@pytest.mark.parametrize("fates", [[], ["after"], ["", "before"], ["late", "late"]])
def test_the_locks_of_a_run_are_renewed_by_one_push(desk: Desk, fates: list[str]) -> None:
    held = both(desk)
    desk.refs.lose = fates

    desk.keepers[0].renew()

    assert desk.refs.pushes == 1
    assert {lock.note.written_at for lock in held} == {desk.clock.moment().isoformat()}
    assert [lock.is_lost for lock in held] == [False, False]


def test_a_lock_lost_to_somebody_else_keeps_none_of_the_others_from_being_renewed(
    desk: Desk,
) -> None:
    eu, us = both(desk)
    desk.refs.put(lock_ref("shop-eu"), render_note(make_note(app="shop-eu", holder="them")))

    desk.keepers[0].renew()

    assert (eu.is_lost, us.is_lost) == (True, False)
    assert us.note.written_at == desk.clock.moment().isoformat()


def test_of_two_locks_the_one_that_was_given_back_is_renewed_no_more(desk: Desk) -> None:
    eu, us = both(desk)
    eu.give_back()

    desk.keepers[0].renew()

    assert list(desk.refs.refs) == [lock_ref("shop-us")]
    assert us.note.written_at == desk.clock.moment().isoformat()


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have locks renewed again and again."""
    monkeypatch.setattr("accelerator.steps.guard.leases.METERED_LEASE", Lease(300, 0.01, 0.01))


def watch(desk: Desk, failure: Exception | None = None) -> Event:
    """Tell when a lock is renewed; the first try fails where it is to."""
    renewed, failed = Event(), Event()
    swap = desk.refs.swap

    def watched(ref: str, old: str | None, new: str | None) -> Any:
        is_renewal = old is not None and new is not None
        if is_renewal and failure is not None and not failed.is_set():
            failed.set()
            raise failure
        end = swap(ref, old, new)
        if is_renewal:
            renewed.set()
        return end

    desk.refs.swap = watched  # type: ignore[method-assign]
    return renewed


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize(
    "failure",
    [
        pytest.param(None, id="all is well"),
        pytest.param(LockUnavailable("no answer"), id="the remote was away"),
        pytest.param(OSError(28, "No space left on device"), id="the disk was full"),
        pytest.param(KeyError("a mistake of ours"), id="nobody expected that"),
    ],
)
def test_renewing_happens_by_itself_and_goes_on_whatever_fails(
    desk: Desk, failure: Exception | None
) -> None:
    renewed = watch(desk, failure)

    held = desk.take()

    assert renewed.wait(10)
    assert not held.is_lost


def test_what_a_note_has_to_say_of_a_promotion_is_written_without_waiting_for_the_next_renewal(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("accelerator.steps.guard.keeper.SOON_SECONDS", 0.01)
    renewed = watch(desk, None)
    held = desk.take()
    held.remember("01234567-89ab")

    desk.keepers[0].renew_soon()

    assert renewed.wait(10)
    standing = desk.stands()
    assert standing is not None
    assert standing.promotion == "01234567-89ab"


def test_a_lock_whose_renewal_takes_long_is_given_back_all_the_same(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, begun, may_end = slow(desk)
    monkeypatch.setattr("accelerator.steps.guard.held.STOP_SECONDS", 0.01)
    renewing = Thread(target=desk.keepers[0].renew)
    renewing.start()
    begun.wait(10)

    giving = Thread(target=held.give_back)
    giving.start()
    giving.join(0.2)
    may_end.set()
    giving.join(10)
    renewing.join(10)

    assert desk.refs.refs == {}


def test_an_interrupted_run_waits_for_its_renewal_a_moment_only(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, begun, may_end = slow(desk)
    monkeypatch.setattr("accelerator.steps.guard.held.STOP_SECONDS", 0.01)
    renewing = Thread(target=desk.keepers[0].renew)
    renewing.start()
    begun.wait(10)
    desk.keepers[0].hurry()

    with pytest.raises(LockUnavailable):
        held.give_back()

    may_end.set()
    renewing.join(10)


def slow(desk: Desk) -> tuple[HeldLock, Event, Event]:
    """Take a lock whose renewals begin, and end when they may."""
    held, begun, may_end = desk.take(), Event(), Event()
    swap = desk.refs.swap

    def slowly(ref: str, old: str | None, new: str | None) -> Swap:
        if new is not None:
            begun.set()
            may_end.wait(10)
        return swap(ref, old, new)

    desk.refs.swap = slowly  # type: ignore[method-assign]
    return held, begun, may_end
