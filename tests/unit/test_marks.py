"""Locks, freezes and rejections by hand."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from accelerator.errors import LockUnavailable, Refused
from accelerator.models import Written
from accelerator.output.marks import render_mark
from accelerator.steps.guard import marks
from accelerator.steps.guard.held import look
from accelerator.steps.guard.marks import Desk, Marked, MarkOrder
from accelerator.steps.guard.notes import Mark, freeze_ref, lock_ref, reject_ref, render_note
from accelerator.steps.report import MarkReport
from tests.unit.fakes import BEGIN, COMMIT, OTHER, MemoryRefs, make_note

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

LOCK, FREEZE, REJECT = lock_ref("shop"), freeze_ref("shop"), reject_ref("shop", COMMIT.sha)


@pytest.fixture
def refs() -> MemoryRefs:
    return MemoryRefs()


def order(kind: str, reason: str | None = "the till is closed") -> MarkOrder:
    commit = COMMIT.sha if kind in {"reject", "accept"} else None
    return MarkOrder("shop", "ann", reason, commit)


def at(refs: MemoryRefs, now: datetime = BEGIN) -> Desk:
    return Desk(refs, now, lambda _: None)


def put(refs: MemoryRefs, kind: str, asked: MarkOrder) -> Marked:
    return marks.freeze(at(refs), asked) if kind == "freeze" else marks.reject(at(refs), asked)


def act(desk: Desk, kind: str) -> Marked:
    """Set the mark as somebody asks for it."""
    if kind == "lock":
        return marks.lock(desk, order(kind), 60.0)
    return marks.freeze(desk, order(kind)) if kind == "freeze" else marks.reject(desk, order(kind))


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
    marks.freeze(at(refs), order("freeze", None))

    assert "no reason given" in (refs.read(FREEZE) or ("", ""))[1]


REMOVALS = [
    pytest.param(marks.unlock, "unlock", LOCK, "unlocked", id="unlock"),
    pytest.param(marks.unfreeze, "unfreeze", FREEZE, "open", id="unfreeze"),
    pytest.param(marks.accept, "accept", REJECT, "accepted", id="accept"),
]


@pytest.mark.parametrize(("remove", "kind", "ref", "state"), REMOVALS)
def test_a_mark_is_removed_whatever_stands_there(
    refs: MemoryRefs,
    remove: Callable[[Desk, MarkOrder], Marked],
    kind: str,
    ref: str,
    state: str,
) -> None:
    refs.put(ref, "written by hand")
    refs.put(reject_ref("shop", OTHER.sha), "another commit")

    report = remove(at(refs), order(kind))

    assert list(refs.refs) == [reject_ref("shop", OTHER.sha)]
    assert (report.state, report.changed) == (state, True)


@pytest.mark.parametrize(("remove", "kind", "ref", "state"), REMOVALS)
def test_what_is_not_there_need_not_be_removed(
    refs: MemoryRefs,
    remove: Callable[[Desk, MarkOrder], Marked],
    kind: str,
    ref: str,
    state: str,
) -> None:
    report = remove(at(refs), order(kind))

    assert (report.state, report.changed, refs.swaps) == (state, False, []), ref


@pytest.mark.parametrize("fate", ["before", "after", "late"])
def test_a_lost_reply_is_looked_into_and_a_mark_that_is_not_there_is_written_again(
    refs: MemoryRefs, fate: str
) -> None:
    refs.lose = [fate]

    made = marks.freeze(at(refs), order("freeze"))

    assert (made.changed, made.written, list(refs.refs)) == (True, Written.MADE, [FREEZE])


@pytest.mark.parametrize(
    ("fate", "is_gone"), [("after", True), ("before", False)], ids=["done", "not done"]
)
def test_a_lost_reply_to_a_removal_is_looked_into(
    refs: MemoryRefs, fate: str, is_gone: bool
) -> None:
    refs.put(FREEZE, "closed")
    refs.lose = [fate]

    if is_gone:
        assert marks.unfreeze(at(refs), order("unfreeze")).changed
    else:
        with pytest.raises(LockUnavailable):
            marks.unfreeze(at(refs), order("unfreeze"))


@pytest.mark.parametrize("kind", ["freeze", "reject", "lock"])
@pytest.mark.parametrize(
    ("undo", "written", "naps"),
    [
        pytest.param([], Written.MADE, 1, id="nobody pushes"),
        pytest.param([0], Written.MADE, 1, id="undone at once"),
        pytest.param([1], Written.MADE, 2, id="undone after the first look"),
        pytest.param([1, 0], Written.MADE, 2, id="undone twice"),
        pytest.param([0, 1, 0], Written.LOST, 1, id="undone again and again"),
    ],
)
def test_what_another_push_undoes_on_an_advisory_remote_is_written_again_or_told(
    refs: MemoryRefs, kind: str, undo: list[int], written: Written, naps: int
) -> None:
    refs.is_advisory, refs.undo = True, list(undo)
    slept: list[float] = []

    made = act(Desk(refs, BEGIN, slept.append), kind)

    assert (made.written, made.changed) == (written, written is Written.MADE)
    assert len(slept) == naps
    assert bool(refs.refs) is (written is Written.MADE)
    if written is Written.LOST:
        with pytest.raises(LockUnavailable, match="is gone again"):
            made.demand()
    else:
        made.demand()


@pytest.mark.parametrize(
    ("is_advisory", "end", "written"),
    [
        pytest.param(True, "", Written.UNKNOWN, id="advisory"),
        pytest.param(False, "after", Written.UNKNOWN, id="the reply was lost as well"),
        pytest.param(False, "", Written.MADE, id="compare-and-swap has said so"),
    ],
)
def test_a_mark_that_cannot_be_read_back_is_told_as_what_is_known_of_it(
    refs: MemoryRefs, is_advisory: bool, end: str, written: Written
) -> None:
    refs.is_advisory, refs.lose = is_advisory, [end] if end else []

    def fail() -> dict[str, str]:
        raise LockUnavailable("no answer")

    refs.find = fail  # type: ignore[method-assign]

    made = marks.freeze(at(refs), order("freeze"))

    assert made.written is written
    if written is Written.UNKNOWN:
        with pytest.raises(LockUnavailable, match="cannot be told"):
            made.demand()


@pytest.mark.parametrize("kind", ["freeze", "reject", "lock"])
def test_whoever_is_quicker_by_a_moment_is_seen(refs: MemoryRefs, kind: str) -> None:
    ref = {"freeze": FREEZE, "reject": REJECT, "lock": LOCK}[kind]
    write = refs.write

    def be_quicker(text: str) -> str:
        refs.refs[ref] = write(render_note(Mark("bob", "me first", "today")))
        return write(text)

    refs.write = be_quicker  # type: ignore[method-assign]

    if kind == "lock":
        with pytest.raises(Refused, match="was quicker"):
            act(at(refs), kind)
    else:
        made = act(at(refs), kind)
        assert (made.written, made.changed, made.by) == (Written.STOOD, False, "bob")


def test_a_lock_by_hand_lasts_as_long_as_it_is_said(refs: MemoryRefs) -> None:
    report = marks.lock(at(refs), order("lock", "migration"), 3600.0)
    told = MarkReport("shop", "lock")
    told.ended(report)

    assert report.until == "2026-03-01T13:00:00+00:00"
    assert render_mark(told) == [f"shop is locked until {report.until} (migration)."]
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
        marks.lock(at(refs), order("lock"), 3600.0)

    assert caught.value.reason == "locked"
    assert "accelerator unlock shop" in str(caught.value.hint)
    assert (refs.read(LOCK) or ("", ""))[1] == text


@pytest.mark.parametrize("state", ["held", "interrupted"])
def test_the_note_of_a_deploy_cut_short_is_not_replaced_by_hand(
    refs: MemoryRefs, state: str
) -> None:
    text = render_note(make_note(holder="dead", state=state, extra={"promotion": "p-1"}))
    refs.put(LOCK, text)

    with pytest.raises(Refused) as caught:
        marks.lock(at(refs, BEGIN + timedelta(hours=1)), order("lock"), 60.0)

    assert "accelerator freeze shop" in str(caught.value.hint)
    assert (refs.read(LOCK) or ("", ""))[1] == text


def test_a_lock_that_ran_out_is_replaced_by_hand(refs: MemoryRefs) -> None:
    refs.put(LOCK, render_note(make_note(holder="bob", commit="")))

    report = marks.lock(at(refs, BEGIN + timedelta(hours=1)), order("lock"), 60.0)

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

    report = marks.unlock(at(refs), order("unlock"))

    assert (report.changed, report.by, refs.refs) == (True, None, {})


def test_what_cannot_even_be_fetched_is_unlocked(refs: MemoryRefs) -> None:
    def fail(_ref: str) -> None:
        raise LockUnavailable("the pack is broken")

    refs.put(LOCK, "anything")
    refs.read = fail  # type: ignore[assignment,method-assign]

    assert marks.unlock(at(refs), order("unlock")).changed
    assert refs.refs == {}


def test_what_stands_below_a_lock_and_keeps_it_from_being_made_goes_with_it(
    refs: MemoryRefs,
) -> None:
    refs.put(f"{LOCK}/x", "anything")
    refs.put(f"{LOCK}-eu", render_note(make_note(app="shop-eu")))

    assert marks.unlock(at(refs), order("unlock")).changed
    assert list(refs.refs) == [f"{LOCK}-eu"]


def test_what_stands_above_a_lock_and_keeps_it_from_being_made_goes_with_it(
    refs: MemoryRefs,
) -> None:
    refs.put(LOCK.rpartition("/")[0], "anything")

    assert marks.unlock(at(refs), order("unlock")).changed
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

    assert marks.unlock(at(refs), order("unlock")).by == "gitlab job"
    assert refs.refs == {}
