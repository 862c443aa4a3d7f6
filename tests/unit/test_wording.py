from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelerator.output.wording import (
    render_clock,
    render_distance,
    with_times_for_people,
    wrap,
    wrap_line,
)

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def zone(monkeypatch: pytest.MonkeyPatch) -> object:
    """Read all times in a zone that is not UTC."""
    monkeypatch.setenv("TZ", "XYZ-2")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            "since 2026-03-01T11:59:48+00:00", "since 13:59:48 XYZ, 12 s ago", id="a moment ago"
        ),
        pytest.param("until 2026-03-01T12:58:00Z)", "until 14:58:00 XYZ, in 58 min)", id="to come"),
        pytest.param(
            "2026-02-27T08:00:00.123Z",
            "2026-02-27 10:00:00 XYZ, 2 days ago",
            id="another day",
        ),
        pytest.param("on 2026-99-99T99:99:99Z", "on 2026-99-99T99:99:99Z", id="no moment at all"),
        pytest.param("Test it", "Test it", id="no moment"),
    ],
)
def test_moments_are_told_in_local_time_and_by_how_far_they_are(text: str, expected: str) -> None:
    assert with_times_for_people(text, NOW) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (-0.4, "0 s ago"),
        (-119, "119 s ago"),
        (-7199, "120 min ago"),
        (1799, "in 30 min"),
        (90000, "in 25 h"),
    ],
)
def test_a_distance_is_told_in_the_unit_that_says_most(seconds: float, expected: str) -> None:
    assert render_distance(seconds) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"), [(0.9, "0 s"), (59.9, "59 s"), (200, "3:20"), (3725, "1:02:05")]
)
def test_a_clock_is_narrow(seconds: float, expected: str) -> None:
    assert render_clock(seconds) == expected


@given(st.text(st.sampled_from("ab `"), max_size=60), st.integers(5, 30))
def test_wrapping_loses_no_word_and_breaks_no_command(text: str, width: int) -> None:
    lines = wrap(text, width, width)

    assert " ".join(lines).split() == text.split()
    assert all(len(line) <= width or " " not in line or "`" in line for line in lines)
    assert all(line.count("`") % 2 == 0 for line in lines) or text.count("`") % 2


def test_a_line_of_a_result_that_is_broken_goes_on_indented() -> None:
    assert wrap_line("  shop: it is " + "very " * 4 + "long", 30) == [
        "  shop: it is very very very",
        "    very long",
    ]
    assert wrap_line("x " * 40, 12) == ["x " * 40]
