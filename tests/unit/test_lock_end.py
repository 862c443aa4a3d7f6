"""A lock that is held: looked at before each write, given back, left for the next one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelerator.errors import LockUnavailable, Refused
from accelerator.steps.guard.leases import METERED_LEASE
from accelerator.steps.guard.notes import expiry, parse_lock
from tests.unit.lockdesk import REF, RUN_OUT, Desk


def test_a_fresh_lock_is_not_asked_about_before_a_write(desk: Desk) -> None:
    held = desk.take()
    looks = desk.refs.looks

    held.demand()

    assert desk.refs.looks == looks


def test_a_lock_that_ran_out_untouched_is_renewed_before_a_write(desk: Desk) -> None:
    held = desk.take()
    desk.clock.pass_seconds(RUN_OUT)

    held.demand()

    assert held.note.expires_at == expiry(desk.clock.moment(), METERED_LEASE)


def test_a_lock_that_somebody_took_is_noticed_before_a_write(desk: Desk) -> None:
    slept = desk.take("us")
    desk.clock.pass_seconds(RUN_OUT)
    theirs = desk.take("them")

    with pytest.raises(Refused, match="somebody took it away"):
        slept.demand()

    assert slept.is_lost
    assert theirs.before is not None
    assert desk.holders() == ["them"]


def test_a_lost_lock_is_not_given_back_for_its_new_holder(desk: Desk) -> None:
    slept = desk.take("us")
    desk.clock.pass_seconds(RUN_OUT)
    theirs = desk.take("them")

    slept.give_back()

    assert desk.stands() == theirs.note


def test_a_lock_given_back_is_gone(desk: Desk) -> None:
    desk.take("us").give_back()

    assert desk.refs.refs == {}
    assert desk.take("them").before is None


def test_a_lock_left_open_is_free_and_tells_the_next_one(desk: Desk) -> None:
    ours = desk.take("us", artifact="slug-1", previous_release=33)
    desk.clock.pass_seconds(30)
    moment = desk.clock.moment()

    ours.leave_open()
    theirs = desk.take("them")

    assert theirs.before is not None
    left = theirs.before.note
    assert left is not None
    assert (left.state, left.holder, left.artifact, left.previous_release) == (
        "interrupted",
        "us",
        "slug-1",
        33,
    )
    assert left.last_seen_at == moment


def test_a_note_that_is_handed_on_is_never_the_one_that_was_fetched(desk: Desk) -> None:
    """A shallow commit is refused by servers: in the same second the same text is the same."""
    desk.take("us").leave_open()
    left = desk.stands()

    desk.take("them").hand_on()

    handed_on = desk.stands()
    assert left is not None
    assert handed_on is not None
    said = {"nonce": handed_on.nonce, "written_at": handed_on.written_at}
    assert handed_on == replace(left, **said)
    assert handed_on.nonce != left.nonce


@pytest.mark.parametrize("when", ["taking", "giving back"])
def test_a_remote_that_does_not_answer_is_said_to_be_unavailable(desk: Desk, when: str) -> None:
    held = desk.take() if when == "giving back" else None
    desk.refs.trouble = LockUnavailable("no answer")

    with pytest.raises(LockUnavailable):
        held.give_back() if held else desk.take()


def test_an_interrupt_while_taking_leaves_no_lock_behind(desk: Desk) -> None:
    desk.refs.lose = ["after"]
    find, looks = desk.refs.find, []

    def interrupted() -> dict[str, str]:
        looks.append("look")
        if len(looks) == 1:
            raise KeyboardInterrupt
        return find()

    desk.refs.find = interrupted  # type: ignore[method-assign]

    with pytest.raises(KeyboardInterrupt):
        desk.take()

    assert desk.refs.refs == {}


def test_what_stands_there_is_written_for_people_first(desk: Desk) -> None:
    desk.take("gitlab job")

    _, text = desk.refs.read(REF) or ("", "")

    assert text.startswith("gitlab job (promote of c0ffee00 since ")
    assert parse_lock(text) is not None


FATES = ("", "", "", "after", "before", "late")
ACTS = st.one_of(
    st.tuples(st.just("take"), st.integers(0, 3)),
    st.tuples(st.just("renew"), st.integers(0, 3)),
    st.tuples(st.just("give back"), st.integers(0, 3)),
    st.tuples(st.just("leave open"), st.integers(0, 3)),
    st.tuples(st.just("pass"), st.sampled_from((1, 20, 30, 40, 60, 280, 310))),
    st.tuples(st.just("away"), st.booleans()),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(ACTS, max_size=25), st.lists(st.sampled_from(FATES), max_size=60), st.booleans())
def test_whatever_happens_nobody_writes_beside_another(
    acts: list[tuple[str, Any]], fates: list[str], is_metered: bool
) -> None:
    desk = Desk()
    desk.refs.lose, desk.refs.is_metered = list(fates), is_metered
    try:
        for act, which in acts:
            perform(desk, act, which)

            assert len(desk.holders()) <= 1, (act, which)
    finally:
        desk.close()


def perform(desk: Desk, act: str, which: Any) -> None:
    mine = [held for held in desk.held if held.note.holder == f"job {which}"]
    held = mine[-1] if mine else None
    try:
        if act == "pass":
            desk.clock.pass_seconds(which)
        elif act == "away":
            desk.refs.trouble = LockUnavailable("away") if which else None
        elif act == "take":
            desk.take(f"job {which}")
        elif held is not None and act == "renew":
            held.renew()
        elif held is not None and act == "give back":
            held.give_back()
        elif held is not None:
            held.leave_open()
    except (Refused, LockUnavailable):
        return
