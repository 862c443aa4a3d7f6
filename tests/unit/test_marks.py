"""Locks, freezes and rejections by hand."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from accelerator.errors import LockUnavailable, Refused
from accelerator.steps.guard import marks
from accelerator.steps.guard.held import look
from accelerator.steps.guard.marks import Marked, MarkOrder
from accelerator.steps.guard.notes import freeze_ref, lock_ref, reject_ref, render_note
from tests.unit.fakes import BEGIN, COMMIT, OTHER, MemoryRefs, make_note

if TYPE_CHECKING:
    from collections.abc import Callable

LOCK, FREEZE, REJECT = lock_ref("shop"), freeze_ref("shop"), reject_ref("shop", COMMIT.sha)


@pytest.fixture
def refs() -> MemoryRefs:
    return MemoryRefs()


def order(kind: str, reason: str | None = "the till is closed") -> MarkOrder:
    commit = COMMIT.sha if kind in {"reject", "accept"} else None
    return MarkOrder("shop", "ann", reason, commit)


def put(refs: MemoryRefs, kind: str, asked: MarkOrder) -> Marked:
    return (
        marks.freeze(refs, asked, BEGIN) if kind == "freeze" else marks.reject(refs, asked, BEGIN)
    )


@pytest.mark.parametrize(
    ("kind", "ref", "state"), [("freeze", FREEZE, "frozen"), ("reject", REJECT, "rejected")]
)
def test_a_mark_stands_with_who_when_and_why(
    refs: MemoryRefs, kind: str, ref: str, state: str
) -> None:
    report = put(refs, kind, order(kind))

    assert list(refs.refs) == [ref]
    assert (report.state, report.changed) == (state, True)
    assert "ann: the till is closed" in (refs.read(ref) or ("", ""))[1]
    assert report.at == "2026-03-01T12:00:00+00:00"


@pytest.mark.parametrize("kind", ["freeze", "reject"])
def test_a_mark_that_stands_is_told_and_not_replaced(refs: MemoryRefs, kind: str) -> None:
    put(refs, kind, order(kind))
    before = dict(refs.refs)

    again = put(refs, kind, MarkOrder("shop", "bob", "me too", COMMIT.sha))

    assert refs.refs == before
    assert (again.changed, again.by, again.reason) == (False, "ann", "the till is closed")


def test_without_a_reason_that_is_said(refs: MemoryRefs) -> None:
    marks.freeze(refs, order("freeze", None), BEGIN)

    assert "no reason given" in (refs.read(FREEZE) or ("", ""))[1]


REMOVALS = [
    pytest.param(marks.unlock, "unlock", LOCK, "unlocked", id="unlock"),
    pytest.param(marks.unfreeze, "unfreeze", FREEZE, "open", id="unfreeze"),
    pytest.param(marks.accept, "accept", REJECT, "accepted", id="accept"),
]


@pytest.mark.parametrize(("remove", "kind", "ref", "state"), REMOVALS)
def test_a_mark_is_removed_whatever_stands_there(
    refs: MemoryRefs,
    remove: Callable[[MemoryRefs, MarkOrder], Marked],
    kind: str,
    ref: str,
    state: str,
) -> None:
    refs.put(ref, "written by hand")
    refs.put(reject_ref("shop", OTHER.sha), "another commit")

    report = remove(refs, order(kind))

    assert list(refs.refs) == [reject_ref("shop", OTHER.sha)]
    assert (report.state, report.changed) == (state, True)


@pytest.mark.parametrize(("remove", "kind", "ref", "state"), REMOVALS)
def test_what_is_not_there_need_not_be_removed(
    refs: MemoryRefs,
    remove: Callable[[MemoryRefs, MarkOrder], Marked],
    kind: str,
    ref: str,
    state: str,
) -> None:
    report = remove(refs, order(kind))

    assert (report.state, report.changed, refs.swaps) == (state, False, []), ref


@pytest.mark.parametrize(
    ("fate", "changed"), [("after", True), ("before", None)], ids=["done", "not done"]
)
@pytest.mark.parametrize("way", ["set", "removed"])
def test_a_lost_reply_is_looked_into(
    refs: MemoryRefs, way: str, fate: str, changed: bool | None
) -> None:
    if way == "removed":
        refs.put(FREEZE, "closed")
    refs.lose = [fate]

    def act() -> Marked:
        if way == "set":
            return marks.freeze(refs, order("freeze"), BEGIN)
        return marks.unfreeze(refs, order("unfreeze"))

    if changed:
        assert act().changed
    else:
        with pytest.raises(LockUnavailable):
            act()


def test_a_lock_by_hand_lasts_as_long_as_it_is_said(refs: MemoryRefs) -> None:
    report = marks.lock(refs, order("lock", "migration"), BEGIN, 3600.0)

    found = look(refs, "shop")
    assert found is not None
    assert found.note is not None
    assert (report.state, report.changed) == ("locked", True)
    assert found.note.describe() == "ann (migration since 2026-03-01T12:00:00+00:00)"
    assert not found.note.is_free(BEGIN + timedelta(hours=1))
    assert found.note.is_free(BEGIN + timedelta(hours=1, seconds=6))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(render_note(make_note(holder="gitlab job")), id="held"),
        pytest.param("written by hand", id="not to be read"),
    ],
)
def test_a_lock_that_somebody_holds_is_not_taken_by_hand(refs: MemoryRefs, text: str) -> None:
    refs.put(LOCK, text)

    with pytest.raises(Refused) as caught:
        marks.lock(refs, order("lock"), BEGIN, 3600.0)

    assert caught.value.reason == "locked"
    assert "accelerator unlock shop" in str(caught.value.hint)
    assert (refs.read(LOCK) or ("", ""))[1] == text


def test_a_lock_that_ran_out_is_replaced_by_hand(refs: MemoryRefs) -> None:
    refs.put(LOCK, render_note(make_note(holder="dead")))

    report = marks.lock(refs, order("lock"), BEGIN + timedelta(hours=1), 60.0)

    assert report.changed
    assert (refs.read(LOCK) or ("", ""))[1].startswith("ann (")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("x\n\n" + "[" * 200_000, id="nested deep"),
        pytest.param(
            render_note(make_note(expires_at="9999-12-31T23:59:59+00:00")), id="an end in 9999"
        ),
        pytest.param(render_note(make_note(app="shop-eu")), id="a note about another app"),
    ],
)
def test_what_cannot_be_read_is_unlocked_and_nobody_is_named(refs: MemoryRefs, text: str) -> None:
    refs.put(LOCK, text)

    report = marks.unlock(refs, order("unlock"))

    assert (report.changed, report.by, refs.refs) == (True, "ann", {})


def test_what_cannot_even_be_fetched_is_unlocked(refs: MemoryRefs) -> None:
    def fail(_ref: str) -> None:
        raise LockUnavailable("the pack is broken")

    refs.put(LOCK, "anything")
    refs.read = fail  # type: ignore[assignment,method-assign]

    assert marks.unlock(refs, order("unlock")).changed
    assert refs.refs == {}


def test_what_stands_below_a_lock_and_keeps_it_from_being_made_goes_with_it(
    refs: MemoryRefs,
) -> None:
    refs.put(f"{LOCK}/x", "anything")
    refs.put(f"{LOCK}-eu", render_note(make_note(app="shop-eu")))

    assert marks.unlock(refs, order("unlock")).changed
    assert list(refs.refs) == [f"{LOCK}-eu"]


def test_what_stands_above_a_lock_and_keeps_it_from_being_made_goes_with_it(
    refs: MemoryRefs,
) -> None:
    refs.put(LOCK.rpartition("/")[0], "anything")

    assert marks.unlock(refs, order("unlock")).changed
    assert refs.refs == {}


@pytest.mark.parametrize(("kind", "ref"), [("freeze", FREEZE), ("reject", REJECT)])
@pytest.mark.parametrize("text", ["", "x\n\n" + "[" * 200_000, 'x\n\n{"by": [1]}', "x" * 99_999])
def test_a_mark_that_cannot_be_read_stands_all_the_same(
    refs: MemoryRefs, kind: str, ref: str, text: str
) -> None:
    refs.put(ref, text)

    again = put(refs, kind, order(kind))

    assert (again.changed, again.by, again.reason) == (False, "unknown", "unknown")


def test_unlocking_tells_who_held_it(refs: MemoryRefs) -> None:
    refs.put(LOCK, render_note(make_note(holder="gitlab job")))

    assert marks.unlock(refs, order("unlock")).by == "gitlab job"
    assert refs.refs == {}
