"""Logs are split into lines with little memory, and nothing is left out in silence."""

from __future__ import annotations

import io
import re
import tracemalloc
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelerator.lines import LINE_BYTES, last_words, read_lines, split_lines

if TYPE_CHECKING:
    from collections.abc import Iterator

MEGABYTE = 1 << 20


def split(*blocks: bytes) -> list[str]:
    return list(split_lines(blocks))


@pytest.mark.parametrize(
    ("blocks", "lines"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param([b""], [], id="an empty block"),
        pytest.param([b"a\nb\n"], ["a", "b"], id="lines"),
        pytest.param([b"a\r\nb\r\n"], ["a", "b"], id="lines of another system"),
        pytest.param([b"a\r", b"\nb"], ["a", "b"], id="a line end split over blocks"),
        pytest.param([b"a", b"b\nc"], ["ab", "c"], id="a line split over blocks"),
        pytest.param([b"a\n\n\nb"], ["a", "", "", "b"], id="empty lines"),
        pytest.param([b"\r\n\r\n"], ["", ""], id="empty lines of another system"),
        pytest.param([b"1%\r2%\r3%\n"], ["1%", "2%", "3%"], id="a progress bar"),
        pytest.param([b"\r1%\r2%\r", b"\n"], ["1%", "2%"], id="one that ends its line apart"),
        pytest.param([b"1%\r\r\r\nx"], ["1%", "x"], id="line ends that were doubled"),
        pytest.param([b"1%\r2%\r"], ["1%", "2%"], id="one that is cut off"),
        pytest.param([b"gr\xc3", b"\xbcn\n"], ["grün"], id="a letter split over blocks"),
        pytest.param([b"\xc3\r\xbc\n"], ["\ufffd", "\ufffd"], id="bytes that are no letters"),
        pytest.param([b"\xc3"], ["\ufffd"], id="half a letter at the end"),
        pytest.param(
            ["a\x0bb\x0cc\x85d\u2028e\n".encode()],
            ["a\x0bb\x0cc\x85d\u2028e"],
            id="no other character ends a line",
        ),
    ],
)
def test_lines_end_at_line_feeds_and_at_carriage_returns(
    blocks: list[bytes], lines: list[str]
) -> None:
    assert split(*blocks) == lines


@given(st.lists(st.sampled_from([b"a", b"\r", b"\n", b"\r\n", "ü".encode()])), st.data())
def test_where_blocks_end_makes_no_difference(parts: list[bytes], data: st.DataObject) -> None:
    text = b"".join(parts)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)))))
    blocks = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]

    assert split(*blocks) == split(text)


@given(st.lists(st.binary(max_size=20).filter(lambda line: not re.search(rb"[\r\n]", line))))
def test_lines_with_line_feeds_come_out_as_they_are(lines: list[bytes]) -> None:
    text = b"".join(line + b"\n" for line in lines)

    assert split(text) == [line.decode("utf-8", "replace") for line in lines]


def test_a_line_comes_out_as_soon_as_its_end_has_come() -> None:
    fed: list[bytes] = []

    def blocks() -> Iterator[bytes]:
        for block in (b"one\ntw", b"o\n", b"three"):
            fed.append(block)
            yield block

    lines = split_lines(blocks())

    assert next(lines) == "one"
    assert len(fed) == 1
    assert next(lines) == "two"
    assert len(fed) == 2


def test_a_long_line_is_cut_and_the_rest_counted() -> None:
    lines = split(b"x" * 10_000, b"y" * 10_000 + b"\nnext\n")

    assert lines == [f"{'x' * LINE_BYTES} … {20_000 - LINE_BYTES} more bytes", "next"]


def test_no_letter_is_cut_in_two() -> None:
    [line] = split(b"x" + "ü".encode() * LINE_BYTES)

    assert line.count("ü") == (LINE_BYTES - 1) // 2
    assert "\ufffd" not in line
    assert line.endswith(f"{2 * LINE_BYTES + 1 - len(line.partition(' ')[0].encode())} more bytes")


def test_many_rewrites_are_thinned_and_those_left_out_are_counted() -> None:
    count = 1000

    lines = split(*(b"%d%%\r" % number for number in range(1, count + 1)), b"done\nnext\n")

    assert lines[:10] == [f"{number}%" for number in range(1, 11)]
    assert lines[10:12] == ["20% … after 9 rewrites left out", "40% … after 19 rewrites left out"]
    assert lines[-2:] == ["done … after 360 rewrites left out", "next"]
    left_out = sum(int(found[1]) for line in lines if (found := re.search(r"after (\d+)", line)))
    assert len(lines) - 2 + left_out == count


def test_the_last_rewrite_is_what_stays_on_the_line() -> None:
    lines = split(*(b"%d%%\r" % number for number in range(1, 101)), b"\n", b"next\n")

    assert lines[-2:] == ["100% … after 19 rewrites left out", "next"]


def test_each_line_has_its_own_run_of_rewrites() -> None:
    progress = b"".join(b"%d%%\r" % number for number in range(12)) + b"\n"

    once = split(progress)

    assert split(progress, progress) == [*once, *once]


@pytest.mark.parametrize(
    "block",
    [
        pytest.param(b"x" * 8192, id="one endless line"),
        pytest.param(b" 50%\r" * 1638, id="one endless progress bar"),
        pytest.param(b"\r" * 8192, id="carriage returns and nothing else"),
        pytest.param(b"\xc3" * 8192, id="halves of letters"),
    ],
)
def test_memory_and_output_stay_flat_whatever_comes(block: bytes) -> None:
    tracemalloc.start()
    try:
        letters = sum(len(line) for line in split_lines(block for _ in range(64)))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak < MEGABYTE // 4  # of half a megabyte that was read
    assert letters < 8192


def test_a_pipe_is_read_to_its_end() -> None:
    pipe = io.BufferedReader(io.BytesIO(b"a\nb\rc"))  # type: ignore[arg-type]  # raw enough

    assert list(read_lines(pipe)) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        pytest.param([], None, id="nothing"),
        pytest.param(["", "  "], None, id="blanks"),
        pytest.param(["one", "two", "", "three", "four"], "two; three; four", id="the last ones"),
        pytest.param(
            ["-----> Python", " !     No Procfile", " !", " !     Push rejected", "done"],
            "No Procfile; Push rejected",
            id="what is marked",
        ),
        pytest.param(
            [" !  No Procfile", " !     Push rejected, failed to compile", " !     Push failed"],
            "No Procfile; Push rejected, failed to compile",
            id="what tells something",
        ),
        pytest.param(["\x1b[31mred", "red"], "\\x1b[31mred; red", id="made visible"),
        pytest.param(["x" * 999], "x" * 299 + "…", id="cut"),
    ],
)
def test_the_last_words_of_a_log_are_what_is_marked_or_stands_at_its_end(
    lines: list[str], said: str | None
) -> None:
    assert last_words(lines) == said
