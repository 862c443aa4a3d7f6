"""The picture of the demo: bars of both ways, on one axis, in lines that fit."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from accelerator.demo.chart import LEAST_BAR, LEFT_WIDTH, Part, Way, draw

PREPARED = Way(
    "Prepared and promoted",
    (
        Part("tests", 0.0, 10.0),
        Part("build", 0.0, 9.0),
        Part("promote to staging", 10.0, 11.0),
        Part("promote to production", 11.0, 12.0),
    ),
    12.0,
    is_done=True,
)
BUILT = Way(
    "Built at every stage",
    (Part("tests", 0.0, 10.0), Part("push to staging", 10.0, 20.0), Part("push to production", 20)),
    24.0,
)

seconds = st.floats(0, 5000, allow_nan=False)


@st.composite
def ways(draw_from: st.DrawFn) -> Way:
    parts = []
    for name in draw_from(st.lists(st.sampled_from(["tests", "promote to production"]))):
        begin, end = sorted([draw_from(seconds), draw_from(seconds)])
        parts.append(Part(name, begin, draw_from(st.sampled_from([end, None]))))
    last = max((part.end or part.begin for part in parts), default=0.0)
    return Way("A way", tuple(parts), last, draw_from(st.booleans()))


def bar(line: str) -> tuple[int, int]:
    """Return where a bar begins and ends on its line."""
    return line.index("#"), line.rindex("#") + 1


def test_what_ran_at_the_same_time_stands_above_one_another_and_what_followed_does_not() -> None:
    texts = [row.text() for row in draw([PREPARED, BUILT], LEFT_WIDTH + 24)]

    bars = [bar(text) for text in texts if "#" in text]
    assert [(begin - LEFT_WIDTH, end - LEFT_WIDTH) for begin, end in bars] == [
        (0, 10),
        (0, 9),
        (10, 11),
        (11, 12),
        (0, 10),
        (10, 20),
        (20, 24),
    ]


def test_a_way_that_is_over_says_when_production_served_and_one_under_way_does_not() -> None:
    titles = [row.words for row in draw([PREPARED, BUILT], 79) if row.is_title]

    assert titles == ["Prepared and promoted: in production after 12.0 s", "Built at every stage"]


def test_a_way_that_has_not_begun_says_what_it_waits_for() -> None:
    (row,) = draw([Way("Built at every stage", ())], 79)

    assert row.text() == "Built at every stage: waits for the other way"


def test_a_part_that_runs_is_as_long_as_the_time_so_far() -> None:
    rows = draw([BUILT], 79)

    assert [row.is_running for row in rows if row.length] == [False, False, True]
    assert "  4.0 s" in rows[-1].words


def test_bars_of_a_growing_picture_keep_their_scale_between_round_numbers() -> None:
    def first_bar(elapsed: float) -> int:
        way = Way("A way", (Part("tests", 0.0, 5.0), Part("build", 5.0)), elapsed)
        return draw([way], 79, is_growing=True)[1].length

    assert first_bar(11.0) == first_bar(14.9) > first_bar(15.1)


@given(st.lists(ways(), max_size=3), st.integers(1, 200), st.booleans())
def test_no_line_is_wider_than_the_terminal_where_a_bar_has_room_at_all(
    drawn: list[Way], width: int, is_growing: bool
) -> None:
    rows = draw(drawn, width, is_growing=is_growing)

    bars = [row for row in rows if not row.is_title]
    assert len(bars) == sum(len(way.parts) for way in drawn)
    assert all(row.length >= 1 for row in bars)
    assert all(len(row.text()) <= max(width, LEFT_WIDTH + LEAST_BAR) for row in bars)
