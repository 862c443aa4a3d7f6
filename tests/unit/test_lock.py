"""One holder at a time, whatever gets lost on the way."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Barrier, Event, Thread
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelerator.errors import AcceleratorError, LockUnavailable, Refused
from accelerator.models import Swap
from accelerator.steps.guard.acquire import describe_wait, take
from accelerator.steps.guard.held import Found, HeldLock, look
from accelerator.steps.guard.keeper import Keeper
from accelerator.steps.guard.leases import (
    LEASE,
    METERED_LEASE,
    SKEW_SECONDS,
    Lease,
)
from accelerator.steps.guard.notes import (
    expiry,
    lock_ref,
    parse_lock,
    render_note,
)
from accelerator.waiting import Deadline
from tests.unit.fakes import BEGIN, FakeClock, MemoryRefs, make_note

if TYPE_CHECKING:
    from collections.abc import Iterator

    from accelerator.steps.guard.notes import LockNote

REF = lock_ref("shop")
RUN_OUT = METERED_LEASE.seconds + SKEW_SECONDS + 1


class Desk:
    """A lock remote, a clock, and everybody who holds something."""

    def __init__(self) -> None:
        self.clock, self.refs = FakeClock(), MemoryRefs()
        self.held: list[HeldLock] = []
        self.said: list[str] = []
        self.waits: list[str] = []
        self.keepers: list[Keeper] = []

    def take(self, holder: str = "us", seconds: float = 0.0, **changes: Any) -> HeldLock:
        deadline = Deadline.after(self.clock, seconds)
        note = make_note(holder=holder, **changes)
        self.keepers.append(Keeper(self.refs, self.clock.moment))
        held = take(self.keepers[-1], note, deadline, self.said.append, self.waits.append)
        self.held.append(held)
        return held

    def stands(self) -> LockNote | None:
        found = look(self.refs, "shop")
        return found.note if found else None

    def holders(self) -> list[str]:
        """Name everybody who would go on to write now."""
        return [held.note.holder for held in self.held if is_sure(held)]

    def close(self) -> None:
        for keeper in self.keepers:
            keeper.close()


def is_sure(held: HeldLock) -> bool:
    if held.is_over:
        return False
    try:
        held.demand()
    except AcceleratorError:
        return False
    return True


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    yield desk
    desk.close()


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
