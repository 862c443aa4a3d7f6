from __future__ import annotations

import threading
from datetime import UTC

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelerator.waiting import Deadline, StillPending, SystemClock, reading, wait_for
from tests.unit.fakes import FakeClock

durations = st.floats(0, 200, allow_nan=False)


class Flaky(Exception):
    """A failure worth repeating."""


def test_pauses_grow_by_three_tenths_up_to_two_seconds() -> None:
    clock = FakeClock()
    answers = iter([False] * 12 + [True])

    wait_for(lambda: next(answers), bool, Deadline.after(clock, 60))

    assert clock.naps[:3] == pytest.approx([0.15, 0.195, 0.2535])
    assert clock.naps[-2:] == [2.0, 2.0]


def test_what_is_done_at_the_first_look_is_not_waited_for() -> None:
    clock = FakeClock()

    seen = wait_for(lambda: "done", lambda _: True, Deadline.after(clock, 60))

    assert (seen, clock.naps) == ("done", [])


def test_a_run_that_is_told_to_stop_has_less_time_left_everywhere() -> None:
    clock = FakeClock()
    shared = Deadline.after(clock, 60)
    earlier = shared.within(30)

    shared.shorten(4)
    shared.shorten(20)

    assert (shared.remaining, shared.within(30).remaining) == (4, 4)
    assert earlier.remaining == 30


def test_what_is_known_already_takes_the_place_of_the_first_look() -> None:
    clock, looks = FakeClock(), iter(["done"])

    seen = wait_for(
        lambda: next(looks), lambda seen: seen == "done", Deadline.after(clock, 60), first="pending"
    )

    assert (seen, clock.naps) == ("done", [0.15])


def test_pauses_are_longer_when_the_platform_asks_for_it() -> None:
    clock = FakeClock()
    answers, factors = iter([False, False, True]), iter([1.0, 8.0])

    wait_for(lambda: next(answers), bool, Deadline.after(clock, 60), lambda: next(factors))

    assert clock.naps == pytest.approx([0.15, 1.56])


def test_waiting_ends_with_what_was_seen_last() -> None:
    clock = FakeClock()
    looks = iter(range(100))

    with pytest.raises(StillPending) as pending:
        wait_for(lambda: next(looks), lambda _: False, Deadline.after(clock, 0.5))

    assert pending.value.seen == 2
    assert clock.naps == pytest.approx([0.15, 0.195])


def test_a_deadline_knows_whether_an_outer_one_cuts_it_short() -> None:
    run = Deadline.after(FakeClock(), 10)

    assert not run.cut_short
    assert not run.within(10).cut_short
    assert run.within(11).cut_short
    assert run.within(11).within(5).cut_short  # on the safe side


def test_a_deadline_is_put_off_and_never_brought_forward() -> None:
    run = Deadline.after(FakeClock(), 100)
    own = run.within(10)

    own.put_off(run.within(50))
    own.put_off(run.within(20))
    assert (own.remaining, own.cut_short) == (50, False)

    own.put_off(run.within(500))
    assert (own.remaining, own.cut_short) == (100, True)


def test_a_deadline_in_the_past_still_allows_one_look() -> None:
    clock = FakeClock()

    with pytest.raises(StillPending) as pending:
        wait_for(lambda: "seen", lambda _: False, Deadline.after(clock, -5))

    assert (pending.value.seen, clock.naps) == ("seen", [])


@settings(max_examples=40, deadline=None)
@given(limit=durations, look_seconds=st.floats(0, 30), factor=st.floats(1, 8))
def test_no_look_begins_after_the_deadline(
    limit: float, look_seconds: float, factor: float
) -> None:
    clock = FakeClock()
    deadline = Deadline.after(clock, limit)
    begun: list[float] = []

    def look() -> None:
        begun.append(clock.now())
        clock.pass_seconds(look_seconds)

    with pytest.raises(StillPending):
        wait_for(look, lambda _: False, deadline, lambda: factor)

    assert begun[0] == 1000.0
    assert all(moment <= deadline.at for moment in begun)


def test_a_failing_look_is_not_swallowed() -> None:
    def look() -> bool:
        raise Flaky

    with pytest.raises(Flaky):
        wait_for(look, bool, Deadline.after(FakeClock(), 60))


def test_waking_ends_a_pause_and_makes_the_next_ones_short_again() -> None:
    wake = threading.Event()
    offered: list[float] = []

    class Listening(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            offered.append(timeout or 0)
            return wake.is_set()

        def clear(self) -> None:
            wake.clear()

    looks = iter([0, 1, 2, 3, 4])

    def look() -> int:
        seen = next(looks)
        if seen == 2:
            wake.set()
        return seen

    wait_for(look, lambda seen: seen == 4, Deadline.after(FakeClock(), 60), wake=Listening())

    assert offered == pytest.approx([0.15, 0.195, 0.2535, 0.15])
    assert not wake.is_set()


def read(clock: FakeClock, failures: list[Exception], seconds: float = 60.0) -> list[float]:
    pauses: list[float] = []

    def look() -> str:
        if failures:
            raise failures.pop(0)
        return "answer"

    answer = reading(
        look,
        Deadline.after(clock, seconds),
        lambda error: isinstance(error, Flaky),
        lambda error: float(error.args[0]) if error.args else 0.0,
        lambda _, pause: pauses.append(pause),
    )
    assert answer == "answer"
    return pauses


def test_a_read_is_repeated_until_it_answers_and_every_pause_is_told() -> None:
    clock = FakeClock()

    pauses = read(clock, [Flaky(), Flaky(), Flaky()])

    assert len(pauses) == 3
    assert clock.naps == pauses
    assert all(pause <= limit for pause, limit in zip(pauses, [0.25, 0.5, 1.0], strict=True))


def test_a_failure_may_ask_for_more_patience() -> None:
    pauses = read(FakeClock(), [Flaky(30)])

    assert 30 <= pauses[0] <= 30.25


def test_a_failure_that_is_not_worth_repeating_comes_out_at_once() -> None:
    clock = FakeClock()

    with pytest.raises(ValueError, match="no"):
        read(clock, [ValueError("no")])

    assert clock.naps == []


@settings(max_examples=40, deadline=None)
@given(limit=durations, patience=st.floats(0, 50))
def test_a_read_ends_with_the_real_error_before_the_deadline(limit: float, patience: float) -> None:
    clock = FakeClock()
    last: list[Exception] = [Flaky(patience) for _ in range(3_000)]
    keep = list(last)

    with pytest.raises(Flaky) as caught:
        read(clock, last, limit)

    assert clock.now() <= 1000.0 + limit
    assert caught.value in keep


def test_a_deadline_never_grows_by_being_divided() -> None:
    clock = FakeClock()
    whole = Deadline.after(clock, 10)

    short, long = whole.within(4), whole.within(400)

    assert (short.remaining, long.remaining) == (4, 10)


def test_a_deadline_that_has_passed_has_nothing_left() -> None:
    clock = FakeClock()
    deadline = Deadline.after(clock, 10)

    clock.pass_seconds(11)

    assert deadline.remaining == 0.0


def test_the_system_clock_runs_and_knows_its_zone() -> None:
    clock = SystemClock()
    before = clock.now()

    clock.sleep(0.001)

    assert clock.now() > before
    assert clock.moment().tzinfo is UTC
