"""What strangers wrote is read within limits, and raises nothing but ValueError."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelerator.foreign import (
    hide_credentials,
    one_line,
    parse_count,
    parse_json,
    parse_moment,
    visible,
)

BIDIRECTIONAL = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain\ttext", "plain\ttext"),
        ("grün 日本 🙂", "grün 日本 🙂"),
        ("\x1b[31mred", r"\x1b[31mred"),
        ("a\rb\nc", r"a\x0db\x0ac"),
        ("\x9b31m", r"\x9b31m"),
        ("evil\u202etxt", r"evil\u202etxt"),
        ("a\u2028b", r"a\u2028b"),
        ("half \ud800", r"half \ud800"),
    ],
)
def test_control_characters_are_written_out(text: str, shown: str) -> None:
    assert visible(text) == shown


@given(st.text(st.characters(exclude_categories=())))
def test_nothing_that_acts_on_a_terminal_is_left_in_a_visible_text(text: str) -> None:
    shown = visible(text)
    for letter in shown:
        assert letter == "\t" or unicodedata.category(letter) not in {"Cc", "Zl", "Zp", "Cs"}
        assert unicodedata.bidirectional(letter) not in BIDIRECTIONAL
    shown.encode()


@given(st.text(st.characters(exclude_categories=())), st.integers(1, 50))
def test_one_line_is_one_line_within_its_limit(text: str, most: int) -> None:
    line = one_line(text, most)
    assert len(line) <= most
    assert len(line.splitlines()) <= 1


def test_a_text_that_is_cut_says_so() -> None:
    assert one_line("abc def", 5) == "abc …"
    assert one_line(" " * 100 + "word", 10).endswith("…")


@pytest.mark.parametrize(
    "text",
    ["", "{", "[" * 200_000, "NaN", "[Infinity]", "9" * 5000, "1" * 101, b"\xff", '{"a":1}x'],
)
def test_what_is_no_json_is_a_value_error(text: str | bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_json(text, 300_000 if text != "1" * 101 else 100)


@given(st.binary(max_size=200))
def test_reading_json_raises_nothing_else(data: bytes) -> None:
    try:
        parse_json(data, 100)
    except ValueError:
        return


@pytest.mark.parametrize(
    "text",
    ["9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", "2026-01-01", "soon", None, 5],
)
def test_what_is_no_moment_is_a_value_error(text: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_moment(text)


def test_a_moment_is_read_in_utc() -> None:
    assert parse_moment("2026-01-01T02:00:00+02:00").isoformat() == "2026-01-01T00:00:00+00:00"


@given(st.text())
def test_a_count_of_digits_is_a_number_and_all_else_is_none(text: str) -> None:
    count = parse_count(text)
    assert count is None or 0 <= count < 10**12


def test_a_count_too_long_to_be_meant_is_none() -> None:
    assert parse_count("9" * 5000) is None
    assert parse_count(" 4500 ") == 4500
    assert parse_count("0\x1f") == 0


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://ann:secret@host/x.git", "https://***@host/x.git"),
        ("https://token@host", "https://***@host"),
        ("https://u:p@ss@host:8443/@scope/x@1", "https://***@host:8443/@scope/x@1"),
        ("HTTPS://u:p@HOST/", "HTTPS://***@HOST/"),
        ("https://u:@host/", "https://***@host/"),
        ("https://u:p@[::1]:80/x", "https://***@[::1]:80/x"),
        ("https://u:p/s?s#w@host/x", "https://***@host/x"),
        ("fatal: 'https://u:p@h/x': no", "fatal: 'https://***@h/x': no"),
        ("https://a:b@c,https://d:e@f/", "https://***@c,https://***@f/"),
        ("https://a:b@c/,https://d:e@f/", "https://***@c/,https://***@f/"),
        ("https://u:p@ss@h see http://x@y", "https://***@h see http://***@y"),
        ("https://u:p'w\"@host/", "https://***@host/"),
        ("u:p@ss@host", "***@host"),
        ("HEROKU_HOST='u:p/w@host'", "HEROKU_HOST='***@host'"),
        ("//user@host", "//***@host"),
        ("https://host/a@b/?c=d@e", "https://host/a@b/?c=d@e"),
        ("https://host:8443/x@y", "https://host:8443/x@y"),
        ("https://[::1]:80/x@y", "https://[::1]:80/x@y"),
        ("held by ann@laptop since noon", "held by ann@laptop since noon"),
        ("git@github.com:shop/locks@2.git", "git@github.com:shop/locks@2.git"),
    ],
)
def test_the_user_info_of_every_address_is_masked_and_nothing_else(text: str, shown: str) -> None:
    assert hide_credentials(text) == shown


def letters(without: str = "") -> st.SearchStrategy[str]:
    return st.text(st.characters(categories=("L", "N", "P", "S"), exclude_characters=without))


@given(
    st.sampled_from(["https", "ssh", "HTTP"]),
    # Where an @ comes first and a slash later, nobody can say what is the host.
    st.tuples(letters("@"), letters()) | st.tuples(letters("/?#"), letters("/?#")),
    st.booleans(),
)
def test_no_password_is_left_of_an_address(
    scheme: str, around: tuple[str, str], hide_query: bool
) -> None:
    begin, end = around
    text = f"fatal: {scheme}://user:x{begin}S3CRET{end}@host.example/path, they said"

    assert "S3CRET" not in hide_credentials(text, hide_query=hide_query)


@given(st.text(st.sampled_from("ab:/@?#['\" .1")))
def test_masking_again_changes_nothing(text: str) -> None:
    masked = hide_credentials(text, hide_query=True)

    assert hide_credentials(masked, hide_query=True) == masked


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://host/x?sig=a/b?c#d", "https://host/x?***"),
        ("https://u:p@host?token=1", "https://***@host?***"),
        ("(GET https://host/x?a=b): 500", "(GET https://host/x?***): 500"),
        ("/health?token=1 {commit}", "/health?*** {commit}"),
        ("https://host/x? Why?", "https://host/x? Why?"),
        ("is that so?yes", "is that so?yes"),
    ],
)
def test_queries_are_masked_where_that_is_wanted(text: str, shown: str) -> None:
    assert hide_credentials(text, hide_query=True) == shown
    assert "token=1" not in text or "token=1" in hide_credentials(text)


@pytest.mark.parametrize(
    "text", ["://" * 100_000, "'a:" * 100_000, "://a:x" * 100_000, "?/" * 99999]
)
def test_masking_takes_time_in_proportion_to_the_text(text: str) -> None:
    assert hide_credentials(text + "@", hide_query=True)
