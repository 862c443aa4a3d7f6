"""One holder at a time, whatever gets lost on the way: a lock is taken, waited for, taken over."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import TYPE_CHECKING, Any

import pytest

from accelerator.errors import LockUnavailable, Refused
from accelerator.models import Swap
from accelerator.steps.guard.acquire import describe_wait
from accelerator.steps.guard.held import Found
from accelerator.steps.guard.leases import LEASE, METERED_LEASE, SKEW_SECONDS
from accelerator.steps.guard.notes import expiry, render_note
from tests.unit.fakes import BEGIN, MemoryRefs, make_note
from tests.unit.lockdesk import REF, RUN_OUT, Desk

if TYPE_CHECKING:
    from accelerator.steps.guard.notes import LockNote


def test_a_free_lock_is_taken_with_one_change_and_no_look(desk: Desk) -> None:
    held = desk.take()

    assert desk.refs.looks == 1
    assert held.before is None
    assert desk.stands() == held.note
    assert held.note.acquired_at == "2026-03-01T12:00:00+00:00"
    assert held.note.expires_at == expiry(BEGIN, METERED_LEASE)
    assert held.note.written_at == "2026-03-01T12:00:00+00:00"


def test_a_held_lock_is_refused_and_its_holder_named(desk: Desk) -> None:
    desk.take("gitlab job", link="https://ci.example/7")

    with pytest.raises(Refused) as caught:
        desk.take("us")

    assert caught.value.reason == "locked"
    assert "gitlab job" in caught.value.message
    assert "https://ci.example/7" in caught.value.message
    assert "accelerator resume shop" in str(caught.value.hint)


def test_a_lock_by_hand_is_refused_with_what_removes_it(desk: Desk) -> None:
    desk.take("ann", commit="")

    with pytest.raises(Refused) as caught:
        desk.take("us")

    assert "`accelerator unlock shop`" in str(caught.value.hint)
    assert "resume" not in str(caught.value.hint)


def test_a_lock_is_waited_for_and_its_holder_is_told_of_once(desk: Desk) -> None:
    first = desk.take("them")
    naps: list[float] = []

    def sleep(seconds: float) -> None:
        naps.append(seconds)
        desk.clock.pass_seconds(seconds)
        if len(naps) == 4:
            desk.keepers[0].renew()
        if len(naps) == 6:
            first.give_back()

    desk.clock.sleep = sleep  # type: ignore[method-assign]

    ours = desk.take("us", seconds=600)

    assert ours.before is None
    assert len(desk.said) == 1
    assert all(nap >= 1.5 for nap in naps)


def test_who_holds_a_lock_and_for_how_long_is_told_at_each_look(desk: Desk) -> None:
    desk.take("CI job 7")

    with pytest.raises(Refused):
        desk.take("us", seconds=200)

    assert desk.waits[0] == "lock held by CI job 7 for 0 s"
    assert re.fullmatch(r"lock held by CI job 7 for \d:\d\d", desk.waits[-1])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        pytest.param({"holder": ""}, "lock held by somebody for 40 s", id="nobody is named"),
        pytest.param({"acquired_at": "of late"}, "lock held by ann@laptop", id="no moment"),
        pytest.param(
            {"holder": "\x1b[2J", "acquired_at": ""}, "lock held by \\x1b[2J", id="not to be seen"
        ),
    ],
)
def test_what_a_note_cannot_tell_is_left_out_of_the_wait(
    changes: dict[str, Any], said: str
) -> None:
    standing = Found("sha", make_note(**changes))

    assert describe_wait(standing, BEGIN + timedelta(seconds=40)) == said


def test_a_remote_that_counts_no_requests_is_asked_sooner(desk: Desk) -> None:
    desk.refs.is_metered = False
    desk.take("them")

    with pytest.raises(Refused):
        desk.take("us", seconds=3)

    assert max(desk.clock.naps) < 1.5


def test_waiting_asks_the_remote_one_question_a_look(desk: Desk) -> None:
    desk.take("them")
    before = desk.refs.looks
    naps = desk.clock.naps

    with pytest.raises(Refused):
        desk.take("us", seconds=100)

    first_try = 2
    assert desk.refs.looks - before == first_try + len(naps)


def test_a_remote_that_stops_answering_is_no_reason_to_go_on_beside_a_holder(desk: Desk) -> None:
    desk.take("them")

    def sleep(seconds: float) -> None:
        desk.clock.pass_seconds(seconds)
        desk.refs.trouble = LockUnavailable("429")

    desk.clock.sleep = sleep  # type: ignore[method-assign]

    with pytest.raises(Refused) as caught:
        desk.take("us", seconds=600)  # their lock runs out meanwhile, as far as can be seen

    assert "them" in caught.value.message


@pytest.mark.parametrize(
    "note",
    [
        pytest.param(make_note(holder="dead", expires_at=expiry(BEGIN)), id="it ran out"),
        pytest.param(
            make_note(holder="gone", state="interrupted", expires_at="2030-01-01T00:00:00+00:00"),
            id="it was let go",
        ),
    ],
)
def test_a_lock_nobody_keeps_is_taken_over_with_its_unfinished_business(
    desk: Desk, note: LockNote
) -> None:
    desk.refs.put(REF, render_note(note))
    desk.clock.pass_seconds(RUN_OUT)

    held = desk.take("us")

    assert held.before is not None
    assert held.before.note == note
    assert desk.stands() == held.note


def test_a_later_attempt_of_the_same_job_takes_its_lock_over_at_once(desk: Desk) -> None:
    dead = desk.take("them", job="gitlab-1", attempt=7)

    held = desk.take("us", job="gitlab-1", attempt=8)

    assert desk.clock.naps == []
    assert held.before is not None
    assert held.before.note == dead.note
    assert held.taken_at == desk.clock.moment()
    assert desk.stands() == held.note


def test_a_holder_whose_job_was_run_again_notices_it_at_its_next_renewal(desk: Desk) -> None:
    alive = desk.take("them", job="gitlab-1", attempt=7)
    ours = desk.take("us", job="gitlab-1", attempt=8)

    desk.keepers[0].renew()

    assert alive.is_lost
    with pytest.raises(Refused):
        alive.demand()
    alive.give_back()
    assert desk.stands() == ours.note


@pytest.mark.parametrize(
    ("job", "attempt"),
    [
        pytest.param("gitlab-1", 7, id="the same attempt, as of a job with two deploys"),
        pytest.param("gitlab-1", 6, id="an earlier attempt, that was slow to begin"),
        pytest.param("gitlab-2", 8, id="another job"),
        pytest.param(None, None, id="no CI job"),
    ],
)
def test_nobody_else_takes_over_what_has_not_run_out(
    desk: Desk, job: str | None, attempt: int | None
) -> None:
    theirs = desk.take("them", job="gitlab-1", attempt=7)

    with pytest.raises(Refused):
        desk.take("us", job=job, attempt=attempt)

    assert desk.stands() == theirs.note


def test_where_two_may_both_be_told_that_they_took_it_one_looks_again_and_has_not(
    desk: Desk,
) -> None:
    desk.refs.is_advisory = True
    swap = desk.refs.swap

    def overwritten(ref: str, old: str | None, new: str | None) -> Swap:
        end = swap(ref, old, new)
        desk.refs.put(REF, render_note(make_note(holder="them")))  # their upload ended last
        return end

    desk.refs.swap = overwritten  # type: ignore[method-assign]

    with pytest.raises(Refused) as caught:
        desk.take("us")

    assert "shop is locked by them" in caught.value.message
    assert desk.holders() == []


def test_where_it_stands_when_looked_at_again_it_is_ours(desk: Desk) -> None:
    desk.refs.is_advisory = True

    held = desk.take("us")

    assert desk.refs.looks == 2
    assert desk.stands() == held.note


@pytest.mark.parametrize("seconds", [0.0, LEASE.seconds, LEASE.seconds + SKEW_SECONDS])
def test_a_lock_that_may_still_be_held_is_never_taken_over(desk: Desk, seconds: float) -> None:
    note = make_note(holder="them")
    desk.refs.put(REF, render_note(note))
    desk.clock.pass_seconds(seconds)

    with pytest.raises(Refused):
        desk.take("us")

    assert desk.stands() == note


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("hands off", id="prose"),
        pytest.param("x\n\n{}", id="an empty document"),
        pytest.param("x\n\n" + "[" * 200_000, id="nested deep"),
        pytest.param(render_note(make_note(app="shop-eu")), id="a note about another app"),
        pytest.param(
            render_note(make_note(expires_at="9999-12-31T23:59:59+00:00")), id="an end in 9999"
        ),
        pytest.param(
            render_note(make_note(expires_at="0001-01-01T00:00:00+00:00")), id="an end in year 1"
        ),
    ],
)
def test_a_lock_that_cannot_be_read_refuses_and_stays(desk: Desk, text: str) -> None:
    desk.refs.put(REF, text)
    desk.clock.pass_seconds(10 * RUN_OUT)

    with pytest.raises(Refused) as caught:
        desk.take("us")

    assert "cannot be read" in caught.value.message
    assert "accelerator unlock shop" in str(caught.value.hint)
    assert [text for _, text in [desk.refs.read(REF) or ("", "")]] == [text]


def test_a_lock_that_ends_later_than_any_of_ours_is_held_and_told_as_such(desk: Desk) -> None:
    desk.refs.put(REF, render_note(make_note(expires_at="2999-01-01T00:00:00+00:00")))

    with pytest.raises(Refused) as caught:
        desk.take("us", seconds=10)

    assert "until 2999-01-01T00:00:00+00:00, longer than any of ours" in caught.value.message
    assert "accelerator unlock shop" in str(caught.value.hint)
    assert desk.said == [caught.value.message.removeprefix("shop has ")]


def test_a_ref_in_the_place_of_the_lock_is_told_with_what_removes_it(desk: Desk) -> None:
    desk.refs.swap = lambda *_: Swap.LOST  # type: ignore[method-assign]  # as git says of it

    with pytest.raises(Refused) as caught:
        desk.take("us", seconds=5)

    assert "something is in the lock's place" in caught.value.message
    assert "`accelerator unlock shop`" in str(caught.value.hint)


def test_of_many_at_once_one_wins() -> None:
    refs, start, names = MemoryRefs(), Barrier(12), [f"job {n}" for n in range(12)]
    desks = []
    for _ in names:
        desks.append(Desk())
        desks[-1].refs = refs

    def race(desk: Desk, name: str) -> bool:
        start.wait(10)
        try:
            desk.take(name)
        except Refused:
            return False
        return True

    with ThreadPoolExecutor(12) as pool:
        won = list(pool.map(race, desks, names))

    holders = [name for desk in desks for name in desk.holders()]
    for desk in desks:
        desk.close()
    assert sum(won) == 1
    assert holders == [name for name, has_won in zip(names, won, strict=True) if has_won]


def test_of_many_who_take_over_one_wins() -> None:
    refs, start = MemoryRefs(), Barrier(8)
    refs.put(REF, render_note(make_note(state="interrupted")))
    desks = [Desk() for _ in range(8)]

    def race(desk: Desk) -> bool:
        desk.refs = refs
        start.wait(10)
        try:
            return desk.take().before is not None
        except Refused:
            return False

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(race, desks))

    for desk in desks:
        desk.close()
    assert sum(won) == 1


@pytest.mark.parametrize(
    ("fates", "taken_by"),
    [
        pytest.param(["after"], "us", id="done, the reply lost"),
        pytest.param(["before"], "us", id="lost on the way there: tried again"),
        pytest.param(["late"], "us", id="done after we had looked for it"),
        pytest.param(["before", "late", "after"], "us", id="one after the other"),
    ],
)
def test_a_lost_reply_neither_loses_the_lock_nor_waits_for_ourselves(
    desk: Desk, fates: list[str], taken_by: str
) -> None:
    desk.refs.lose = fates

    held = desk.take("us", seconds=120)

    standing = desk.stands()
    assert standing is not None
    assert standing.holder == taken_by
    assert desk.refs.refs[REF] == held._sha
    held.give_back()
    assert desk.refs.refs == {}


def test_a_takeover_that_lands_late_still_knows_what_was_taken_over(desk: Desk) -> None:
    note = make_note(holder="gone", state="interrupted")
    desk.refs.put(REF, render_note(note))
    desk.refs.lose = ["", "late"]

    held = desk.take("us", seconds=120)

    assert held.before is not None
    assert held.before.note == note
