"""What every step asks of its run: work side by side, and nothing new once it is given up."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import TYPE_CHECKING, Any

import pytest

from accelerator.errors import Interrupted
from tests.unit.fakes import Stage, make_stage

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def stage() -> Stage:
    return make_stage()


def test_work_side_by_side_keeps_the_order_whoever_is_done_first(stage: Stage) -> None:
    is_done, ends = Event(), []

    def together(*reads: Callable[[], Any]) -> tuple[Any, ...]:
        with ThreadPoolExecutor(len(reads)) as pool:
            return tuple(future.result() for future in [pool.submit(read) for read in reads])

    def work(app: str) -> str:
        if app == "shop":
            assert is_done.wait(10)  # for the second one, which so runs beside it
        ends.append(app)
        is_done.set()
        return app.upper()

    stage.heroku.together = together  # type: ignore[method-assign]

    assert stage.run.side_by_side(work, ("shop", "shop-eu")) == ("SHOP", "SHOP-EU")
    assert ends == ["shop-eu", "shop"]


def test_one_thing_alone_is_done_without_a_thread(stage: Stage) -> None:
    def together(*_: Callable[[], Any]) -> tuple[Any, ...]:
        raise AssertionError("asked")

    stage.heroku.together = together  # type: ignore[method-assign]

    assert stage.run.side_by_side(str.upper, ("shop",)) == ("SHOP",)


def test_an_interrupt_keeps_what_runs_beside_from_starting_anything_new(stage: Stage) -> None:
    def together(*reads: Callable[[], Any]) -> tuple[Any, ...]:
        reads[0]()
        raise KeyboardInterrupt

    stage.heroku.together = together  # type: ignore[method-assign]

    with pytest.raises(KeyboardInterrupt):
        stage.run.side_by_side(str.upper, ("shop", "shop-eu"))

    assert stage.run.stop.is_set()
    with pytest.raises(Interrupted):
        stage.run.refuse_if_stopping()


def test_a_failure_comes_out_and_gives_nothing_up(stage: Stage) -> None:
    def fail(app: str) -> str:
        raise ValueError(app)

    with pytest.raises(ValueError, match="shop"):
        stage.run.side_by_side(fail, ("shop", "shop-eu"))

    stage.run.refuse_if_stopping()
