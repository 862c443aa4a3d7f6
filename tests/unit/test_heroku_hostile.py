"""Readers of answers, given anything: a value of ours, or the one error that says it is none."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from requests.structures import CaseInsensitiveDict

from accelerator.errors import AcceleratorError, ExitCode
from accelerator.events import Requested
from accelerator.heroku.answers import MOST_VALUES, Call, NoAnswer, checked, error_of, parse_body
from accelerator.heroku.exchange import Exchange
from accelerator.heroku.streams import _start_of
from accelerator.heroku.usage import MOST_SKEW, Meter, parse_date
from accelerator.waiting import Deadline, SystemClock
from tests.unit.test_heroku_shapes import SHAPES, TEXTS

NOW = datetime(2026, 1, 1, tzinfo=UTC)
READ = Call("GET", "/apps/shop", repeatable=True)
WRITE = Call("POST", "/apps/shop/releases", repeatable=False)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"[" * 200_000, id="nested deep"),
        pytest.param(b"[" + b"{}," * MOST_VALUES + b"{}]", id="more values than are meant"),
        pytest.param(b'{"version": ' + b"9" * 5000 + b"}", id="a number of 5,000 digits"),
        pytest.param(b"NaN", id="no number"),
        pytest.param(b"\xff\xfe[", id="half a letter"),
    ],
)
def test_a_body_that_would_break_a_reader_is_no_json(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_body(body)


def answer(status: int, body: bytes, headers: dict[str, str] | None = None) -> requests.Response:
    response = requests.Response()
    response.status_code = status
    response._content = body
    response.headers = CaseInsensitiveDict(headers or {})
    return response


@given(
    st.sampled_from([READ, WRITE]),
    st.integers(100, 599),
    st.binary(max_size=60) | SHAPES.map(lambda item: json.dumps(item).encode()),
    TEXTS,
    st.sampled_from(["", "the-key"]),
)
def test_every_answer_is_json_or_an_error_with_a_clean_message(
    call: Call, status: int, body: bytes, request_id: str, hide: str
) -> None:
    try:
        checked(call, answer(status, body, {"Request-Id": request_id}), hide)
    except NoAnswer as failure:
        error = error_of(call, failure)
    except AcceleratorError as known:
        error = known
    else:
        assert 200 <= status < 300
        return

    assert error.exit_code in {
        ExitCode.RELEASE_FAILED,
        ExitCode.UNKNOWN,
        ExitCode.KEY_REFUSED,
        ExitCode.UNREACHABLE,
        ExitCode.NOT_FOUND,
    }
    assert error.message.isprintable()


@pytest.mark.parametrize("status", [403, 404, 422, 500])
@pytest.mark.parametrize("field", ["id", "message", "resource"])
@given(TEXTS | st.sampled_from(["http://[x]", "see https://[::1", "\ud800", "a" * 9999]))
def test_herokus_words_are_shown_in_a_line_whatever_they_are(
    status: int, field: str, text: str
) -> None:
    body = {"id": "an_id", "message": "Words.", field: text}

    with pytest.raises((NoAnswer, AcceleratorError)) as caught:
        checked(READ, answer(status, json.dumps(body).encode()))

    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 2000


@given(TEXTS, TEXTS)
def test_no_header_is_too_odd_for_the_meter(remaining: str, date: str) -> None:
    meter = Meter()

    meter.see_remaining(remaining)
    meter.see_date(date, NOW)

    assert abs(meter.skew) <= MOST_SKEW


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("Thu, 01 Jan 2026 00:00:05 GMT", 5, id="as it should be"),
        pytest.param("Thu, 01 Jan 2026 00:00:05 -0000", 5, id="of no known zone"),
        pytest.param("Thu, 01 Jan 2026 01:00:05 +0100", 5, id="of another zone"),
        pytest.param(
            "Thu, 01 Jan 2026 00:00:05 GMT, Thu, 01 Jan 2026 00:00:06 GMT", 5, id="two of them"
        ),
        pytest.param("Fri, 31 Dec 9999 23:59:59 GMT", 0, id="the year 9999"),
        pytest.param("Fri, 31 Dec 9999 23:59:59 -2359", 0, id="past the year 9999"),
        pytest.param("Mon, 01 Jan 0001 00:00:00 +2359", 0, id="before the year 1"),
        pytest.param("Thu, 01 Jan 2026 00:00:05 +9999999999999", 0, id="a zone that is none"),
        pytest.param("x" * 70_000, 0, id="a long one"),
        pytest.param("", 0, id="an empty one"),
        pytest.param(None, 0, id="none"),
    ],
)
def test_the_clock_follows_a_date_that_can_be_meant(text: str | None, expected: int) -> None:
    meter = Meter()

    meter.see_date(text, NOW)

    assert meter.skew == timedelta(seconds=expected)


@given(TEXTS | st.datetimes().map(lambda moment: f"{moment:%a, %d %b %Y %H:%M:%S} -0000"))
def test_a_date_is_aware_or_none(text: str) -> None:
    found = parse_date(text)

    assert found is None or found.utcoffset() == timedelta()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("4500", 4500, id="a count"),
        pytest.param("9" * 5000, None, id="5,000 digits"),
        pytest.param("٣", None, id="digits of another script"),
        pytest.param("-1", None, id="below zero"),
    ],
)
def test_the_tokens_left_are_a_count_or_not_known(text: str, expected: int | None) -> None:
    meter = Meter()

    meter.see_remaining(text)

    assert meter.usage.rate_limit_remaining == expected


@given(TEXTS | st.text("bytes 0123456789-*/", max_size=40), st.integers(0, 99))
def test_a_content_range_is_a_position_of_ours_or_no_answer(text: str, position: int) -> None:
    part: Any = answer(206, b"", {"Content-Range": text})

    try:
        start = _start_of(part, position)
    except NoAnswer:
        return

    assert 0 <= start <= position


def test_a_listener_that_fails_does_not_replace_the_answer() -> None:
    told: list[object] = []

    def listener(event: object) -> None:
        told.append(event)
        raise OSError("the reader has gone")

    clock = SystemClock()
    exchange = Exchange(Deadline.after(clock, 60), listener, 0.0, {})
    headers = {"Date": "x", "RateLimit-Remaining": "9" * 5000, "Request-Id": "a\x1b[31m\x00b"}

    exchange._report(WRITE, answer(201, b"{}", headers), 0.1)

    assert told == [Requested("POST", WRITE.path, 201, 0.1, r"a\x1b[31m\x00b")]
