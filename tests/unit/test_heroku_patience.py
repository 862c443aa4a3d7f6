from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from accelerator.errors import (
    AcceleratorError,
    NotThePlatform,
    OutcomeUnknown,
    RateLimited,
    RequestInvalid,
    Unreachable,
)
from accelerator.events import Event, Retried
from accelerator.heroku.answers import Call, NoAnswer
from accelerator.heroku.exchange import Exchange, timeouts
from accelerator.waiting import Deadline

READ = Call("GET", "/apps/shop", repeatable=True)
WRITE = Call("POST", "/apps/shop/builds", repeatable=False)


@dataclass
class FakeClock:
    seconds: float = 100.0
    naps: list[float] = field(default_factory=list)

    def now(self) -> float:
        return self.seconds

    def moment(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, UTC)

    def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.seconds += seconds


@dataclass
class Scene:
    seconds: float = 600.0
    patience: float = 30.0
    clock: FakeClock = field(default_factory=FakeClock)
    events: list[Event] = field(default_factory=list)
    attempts: int = 0

    def __post_init__(self) -> None:
        deadline = Deadline.after(self.clock, self.seconds)
        self.exchange = Exchange(deadline, self.events.append, self.patience, {})

    def run(self, call: Call, *failures: Exception, each_takes: float = 0.0) -> str:
        waiting = list(failures)

        def attempt() -> str:
            self.attempts += 1
            self.clock.seconds += each_takes
            if waiting:
                raise waiting.pop(0)
            return "answer"

        return self.exchange.repeat(call, attempt)


def silence(*, reached: bool = True) -> NoAnswer:
    return NoAnswer("silence", reached=reached)


def test_a_read_is_repeated_until_it_is_answered() -> None:
    scene = Scene()

    answer = scene.run(READ, silence(), silence(reached=False), silence())

    assert answer == "answer"
    assert scene.exchange.meter.usage.retries == 3
    assert [type(event) for event in scene.events] == [Retried] * 3


def test_a_read_gives_up_after_the_patience_not_after_the_deadline() -> None:
    scene = Scene(seconds=3600, patience=30)

    with pytest.raises(Unreachable):
        scene.run(READ, *[silence()] * 10_000)

    assert 30 <= scene.clock.seconds - 100 < 36


def test_a_read_gives_up_at_the_deadline_when_that_comes_first() -> None:
    scene = Scene(seconds=10, patience=30)

    with pytest.raises(Unreachable):
        scene.run(READ, *[silence()] * 10_000)

    assert scene.clock.seconds - 100 <= 10


def test_a_read_is_repeated_once_even_when_the_first_silence_was_long() -> None:
    scene = Scene()

    answer = scene.run(READ, silence(), each_takes=60)

    assert answer == "answer"
    assert scene.attempts == 2


def test_a_platform_that_hangs_is_given_up_after_two_timeouts() -> None:
    scene = Scene()

    with pytest.raises(Unreachable):
        scene.run(READ, *[silence()] * 100, each_takes=60)

    assert scene.attempts == 2


def test_without_patience_nothing_is_repeated() -> None:
    scene = Scene(patience=0)

    with pytest.raises(Unreachable):
        scene.run(READ, silence())

    assert scene.attempts == 1


def test_a_write_that_may_have_been_done_is_never_repeated() -> None:
    scene = Scene()

    with pytest.raises(OutcomeUnknown):
        scene.run(WRITE, silence(), silence())

    assert scene.attempts == 1


@pytest.mark.parametrize(
    "failure",
    [
        pytest.param(silence(reached=False), id="it never arrived"),
        pytest.param(RateLimited("429"), id="it was turned away unread"),
    ],
)
def test_a_write_of_which_nothing_was_done_is_repeated(failure: Exception) -> None:
    scene = Scene()

    assert scene.run(WRITE, failure) == "answer"
    assert scene.attempts == 2


@pytest.mark.parametrize(
    "failure",
    [
        pytest.param(RequestInvalid("422"), id="invalid"),
        pytest.param(NotThePlatform("redirect"), id="somebody else answers"),
    ],
)
def test_what_would_be_answered_the_same_again_is_not_asked_again(
    failure: AcceleratorError,
) -> None:
    scene = Scene()

    with pytest.raises(type(failure)):
        scene.run(READ, failure)

    assert scene.attempts == 1


def test_a_rate_limit_is_waited_out_with_growing_pauses() -> None:
    scene = Scene(seconds=3600)

    scene.run(READ, *[RateLimited("429")] * 7)

    extra = [2, 4, 8, 16, 30, 30, 30]
    assert all(
        least <= nap <= least + 5 for least, nap in zip(extra, scene.clock.naps, strict=True)
    )


def test_a_rate_limit_that_is_not_lifted_is_the_error_at_the_deadline() -> None:
    scene = Scene(seconds=120)

    with pytest.raises(RateLimited):
        scene.run(READ, *[RateLimited("429")] * 1000)

    assert scene.clock.seconds - 100 <= 120


def test_a_rate_limit_that_stays_is_given_up_even_without_a_deadline() -> None:
    scene = Scene(seconds=1e9)

    with pytest.raises(RateLimited):
        scene.run(READ, *[RateLimited("429")] * 1000)

    assert 600 <= scene.clock.seconds - 100 < 640


def test_silence_is_counted_anew_after_a_rate_limit() -> None:
    scene = Scene(seconds=3600, patience=30)

    answer = scene.run(READ, *[RateLimited("429")] * 5, silence(), silence())

    assert answer == "answer"


@pytest.mark.parametrize(
    ("left", "expected"),
    [
        pytest.param(600.0, (5.0, 60.0), id="plenty of time"),
        pytest.param(20.0, (5.0, 20.0), id="less than a read may take"),
        pytest.param(2.0, (2.0, 2.0), id="less than a connection may take"),
        pytest.param(0.001, (0.1, 0.1), id="next to nothing"),
    ],
)
def test_timeouts_are_cut_to_the_deadline(left: float, expected: tuple[float, float]) -> None:
    assert timeouts(READ, Deadline(FakeClock(0.0), left)) == expected


def test_past_the_deadline_nothing_is_sent() -> None:
    with pytest.raises(OutcomeUnknown, match="before POST /apps/shop/builds was sent"):
        timeouts(WRITE, Deadline(FakeClock(100.0), 99.0))


def test_before_a_write_is_sent_once_more_it_is_asked_whether_it_still_may_be() -> None:
    scene, asked = Scene(), list[int]()

    def attempt() -> str:
        scene.attempts += 1
        if scene.attempts < 3:
            raise RateLimited("turned away", "wait")
        return "done"

    def again() -> None:
        asked.append(scene.attempts)
        if len(asked) == 2:
            raise RequestInvalid("no more", "nothing")

    with pytest.raises(RequestInvalid):
        scene.exchange.repeat(WRITE, attempt, again=again)

    assert asked == [1, 2]
