"""How far a way is: followed by the steps of `ship` as they end, measured by its document."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from accelerator.demo.chart import Part
from accelerator.demo.tracks import Track, follow_ship, parts_of
from accelerator.events import LogLine, Recorder
from accelerator.models import StepName
from accelerator.output.steps import StepLines
from tests.unit.fakes import FakeClock

BEGUN = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)


def steps_of(*names: tuple[StepName, str | None]) -> list[dict[str, Any]]:
    """Return what a program is told about these steps, one after the other."""
    stream, clock = io.StringIO(), FakeClock()
    recorder = Recorder(clock, [StepLines(stream)])
    for name, app in names:
        with recorder.step(name, f"Do {name}", app) as step:
            step.detail = "v4"
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def names(track: Track) -> list[tuple[str, bool]]:
    return [(part.name, part.end is None) for part in track.way.parts]


@pytest.mark.parametrize("order", [("test", "build"), ("build", "test")], ids=" first, then ".join)
def test_the_talk_of_ship_moves_its_way_on_from_part_to_part(order: tuple[str, str]) -> None:
    track = Track("Prepared and promoted", FakeClock())
    track.start("tests", "build")

    for told in steps_of((StepName(order[0]), None)):
        follow_ship(track, told)
    assert [name for name, is_running in names(track) if is_running] == [
        "build" if order[0] == "test" else "tests"
    ]
    for told in steps_of((StepName(order[1]), "foo-prepare"), (StepName.COMPARE, None)):
        follow_ship(track, told)
    assert names(track)[2:] == [("promote to staging", True)]
    for told in steps_of((StepName.VERIFY, "foo-staging")):
        follow_ship(track, told)
    assert names(track)[2:] == [("promote to staging", False), ("promote to production", True)]
    for told in steps_of((StepName.VERIFY, "foo-production")):
        follow_ship(track, told)
    assert not any(is_running for _, is_running in names(track))


def test_without_tests_the_end_of_the_build_is_where_staging_begins() -> None:
    track = Track("Prepared and promoted", FakeClock())
    track.start("build")

    for told in steps_of((StepName.BUILD, "foo-prepare")):
        follow_ship(track, told)

    assert names(track) == [("build", False), ("promote to staging", True)]


def test_what_a_build_or_a_test_says_moves_nothing() -> None:
    stream, clock = io.StringIO(), FakeClock()
    Recorder(clock, [StepLines(stream)]).emit(LogLine("tests", "    test done · 1 s"))
    track = Track("Prepared and promoted", clock)
    track.start("tests", "build")

    for line in stream.getvalue().splitlines():
        follow_ship(track, json.loads(line))

    assert names(track) == [("tests", True), ("build", True)]


def step(name: str, begin: float, seconds: float) -> dict[str, Any]:
    at = (BEGUN + timedelta(seconds=begin)).isoformat()
    return {"name": name, "started_at": at, "seconds": seconds}


def test_the_parts_of_a_way_are_those_of_its_document_counted_from_the_start_of_the_command() -> (
    None
):
    steps = [
        step("look", 0.5, 0.1),
        step("test", 0.5, 10.0),
        step("archive", 0.6, 0.1),
        step("build", 0.7, 9.0),
        step("compare", 10.6, 0.1),
        step("promote", 10.7, 0.1),
        step("verify", 10.8, 0.2),
        step("promote", 11.2, 0.1),
        step("verify", 11.3, 0.7),
    ]

    parts = parts_of({"steps": steps}, BEGUN)

    assert [(part.name, part.begin, round(part.end or 0, 3)) for part in parts] == [
        ("tests", 0.5, 10.5),
        ("build", 0.5, 9.7),
        ("promote to staging", 10.5, 11.0),
        ("promote to production", 11.0, 12.0),
    ]


def test_a_way_that_is_over_goes_on_no_longer() -> None:
    clock = FakeClock()
    track = Track("Built at every stage", clock)
    track.start("tests")

    track.finish([Part("tests", 0.0, 3.0)])
    clock.sleep(5)

    assert (track.way.elapsed, track.way.is_done) == (3.0, True)
