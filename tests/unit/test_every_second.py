"""Every second of a run belongs to a step: the table and the JSON account for all of it."""

from __future__ import annotations

from contextlib import suppress
from threading import current_thread, main_thread
from typing import TYPE_CHECKING, Any

import pytest

from accelerator.errors import AcceleratorError
from accelerator.models import OnFailure
from accelerator.steps.guard.notes import lock_ref, render_note
from accelerator.steps.prepare import PrepareOrder, prepare
from accelerator.steps.report import PrepareReport
from tests.unit.deployscene import Scene, scene
from tests.unit.fakes import (
    COMMIT,
    FakeClock,
    MemoryRefs,
    Stage,
    make_app,
    make_note,
    make_stage,
)

if TYPE_CHECKING:
    from collections.abc import Callable


class SlowRefs(MemoryRefs):
    """A lock remote whose every answer takes a second, of those that are waited for."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__()
        self.clock = clock

    def _answer(self) -> None:
        if current_thread() is main_thread():
            self.clock.pass_seconds(1.0)
        super()._answer()


def slow(prepared: str | None = "good", *targets: Any, **changes: Any) -> Scene:
    """Set a scene in which the platform and the lock remote take a second for every answer."""
    made = scene(prepared, *(targets or (make_app("shop", "old"),)))
    made.refs = SlowRefs(made.stage.clock)
    made.lock()
    made.change(**changes)
    made.stage.heroku.call_seconds = 1.0
    return made


def cut_short(**changes: Any) -> Scene:
    """Set a scene in which a deploy before ours was interrupted."""
    made = slow(**changes)
    left = make_note(state="interrupted", holder="them", previous_release=1)
    made.refs.put(lock_ref("shop"), render_note(left))
    return made


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(slow, id="a promotion"),
        pytest.param(lambda: slow(None), id="a build"),
        pytest.param(lambda: slow("good", make_app("shop", "good")), id="live already"),
        pytest.param(lambda: slow("good", make_app("shop", "old", coupling=None)), id="a release"),
        pytest.param(
            lambda: slow("good", make_app("shop", "old", crashing={"good"})), id="a way back"
        ),
        pytest.param(
            lambda: slow(
                "good",
                make_app("eu", "old"),
                make_app("us", "old", failing={"good"}),
                waves=(("eu",), ("us",)),
                on_failure=OnFailure.COMPENSATE,
            ),
            id="waves, and all of them back",
        ),
        pytest.param(cut_short, id="after one that was cut short"),
    ],
)
def test_every_second_of_a_deploy_belongs_to_a_step(make: Callable[[], Scene]) -> None:
    made = make()
    clock = made.stage.clock
    begun = clock.now()

    with suppress(AcceleratorError):
        made.deploy()

    assert clock.now() > begun + 5
    assert gaps(made.stage, begun) == []


def test_every_second_of_a_preparation_belongs_to_a_step() -> None:
    stage = make_stage(make_app("shop-prepare"))
    stage.heroku.call_seconds = 1.0
    begun = stage.clock.now()

    prepare(stage.run, PrepareOrder(COMMIT, ("shop-prepare",)), PrepareReport(""))

    assert stage.clock.now() > begun + 2
    assert gaps(stage, begun) == []


def gaps(stage: Stage, begun: float) -> list[tuple[float, float]]:
    """Give the times that are in no step, until now."""
    clock = stage.clock
    offset = clock.now() - clock.moment().timestamp()
    spans = [
        (start := step.started_at.timestamp() + offset, start + step.seconds)
        for step in stage.ear.timed()
    ]
    found, reached = [], begun
    for start, end in [*sorted(spans), (clock.now(), clock.now())]:
        if start > reached + 0.001:
            found.append((reached - begun, start - begun))
        reached = max(reached, end)
    return found
