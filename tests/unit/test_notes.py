"""What is written into the lock remote, and read back from it."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelerator.steps.guard.notes import (
    LOCK_SECONDS,
    RENEW_SECONDS,
    RETRY_SECONDS,
    SKEW_SECONDS,
    LockNote,
    Mark,
    expiry,
    freeze_ref,
    lock_ref,
    parse_lock,
    parse_mark,
    reject_ref,
    render_note,
)
from tests.unit.fakes import BEGIN, COMMIT, make_note


def test_a_lock_is_read_back_as_it_was_written() -> None:
    note = make_note(
        link="https://ci.example/1",
        artifact="slug-1",
        previous_release=33,
        written_at=BEGIN.isoformat(),
        extra={"from": ["shop-prepare"]},
    )

    assert parse_lock(render_note(note)) == note


words = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


@given(words, words, words)
def test_whatever_names_and_reasons_hold_the_note_stays_readable(
    holder: str, link: str, reason: str
) -> None:
    note, mark = make_note(holder=holder, link=link), Mark(holder or "x", reason or "y", "now")

    assert parse_lock(render_note(note)) == note
    assert parse_mark(render_note(mark)) == mark


def test_the_first_line_is_for_people() -> None:
    first = render_note(make_note(holder="gitlab\n\njob", link="https://ci.example/1")).split("\n")

    assert first[0] == (
        "gitlab job (promote of c0ffee00 since 2026-03-01T12:00:00+00:00, https://ci.example/1)"
    )
    assert first[1] == ""


def test_a_lock_by_hand_names_no_commit() -> None:
    said = make_note(commit="", route="migration").describe()

    assert said == "ann@laptop (migration since 2026-03-01T12:00:00+00:00)"


def with_body(**changes: object) -> str:
    return "ann\n\n" + json.dumps({**asdict(make_note()), **changes})


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("locked by hand, ask Ann", id="prose"),
        pytest.param("ann\n\n{", id="cut off"),
        pytest.param("ann\n\n[]", id="no object"),
        pytest.param("ann\n\n{}", id="nothing in it"),
        pytest.param(with_body(expires_at=""), id="no end"),
        pytest.param(with_body(expires_at="soon"), id="an end that is no moment"),
        pytest.param(with_body(expires_at=None), id="an end of nothing"),
        pytest.param(with_body(expires_at=1772366400), id="an end as a number"),
        pytest.param(with_body(expires_at="2026-03-01T12:00:00"), id="an end without a zone"),
        pytest.param(with_body(acquired_at="yesterday"), id="a beginning that is no moment"),
        pytest.param(with_body(commit=None), id="no commit"),
        pytest.param(with_body(holder=7), id="a holder that is no name"),
        pytest.param(with_body(previous_release="v7"), id="a release that is no number"),
    ],
)
def test_what_is_not_whole_is_not_read_as_a_lock(text: str) -> None:
    assert parse_lock(text) is None


def test_what_a_later_version_adds_is_no_hindrance() -> None:
    assert parse_lock(with_body(colour="red")) == make_note()


@pytest.mark.parametrize(
    ("state", "seconds", "expected"),
    [
        pytest.param("held", 0, False, id="just taken"),
        pytest.param("held", LOCK_SECONDS, False, id="at its end"),
        pytest.param("held", LOCK_SECONDS + SKEW_SECONDS, False, id="within the clocks' skew"),
        pytest.param("held", LOCK_SECONDS + SKEW_SECONDS + 1, True, id="past the skew"),
        pytest.param("interrupted", 0, True, id="let go"),
        pytest.param("something new", 0, False, id="a state nobody here knows counts as held"),
        pytest.param("something new", LOCK_SECONDS + SKEW_SECONDS + 1, True, id="and ends, too"),
    ],
)
def test_a_lock_is_free_when_it_was_let_go_or_ran_out(
    state: str, seconds: float, expected: bool
) -> None:
    note = make_note(state=state, expires_at=expiry(BEGIN))

    assert note.is_free(BEGIN + timedelta(seconds=seconds)) is expected


def test_renewing_moves_the_end_and_nothing_else() -> None:
    note = make_note()

    renewed = note.renewed(BEGIN + timedelta(seconds=60), "n2")

    assert renewed == replace(note, nonce="n2", expires_at=expiry(BEGIN + timedelta(seconds=60)))
    assert renewed.last_seen_at == BEGIN + timedelta(seconds=60)


def test_a_failed_renewal_is_tried_again_before_the_lock_runs_out() -> None:
    assert RENEW_SECONDS + 3 * RETRY_SECONDS < LOCK_SECONDS


def test_a_mark_says_what_is_known_of_it() -> None:
    assert parse_mark("hands off") == Mark("unknown", "unknown", "unknown")
    assert parse_mark('x\n\n{"by": "ann"}') == Mark("ann", "unknown", "unknown")


def test_the_refs_of_one_app_are_not_those_of_another() -> None:
    refs = {
        *(lock_ref("a"), lock_ref("a-b"), freeze_ref("a")),
        *(reject_ref("a", COMMIT.sha), reject_ref("a-b", COMMIT.sha)),
    }

    assert len(refs) == 5
    assert all(ref.startswith("refs/heads/accelerator/") for ref in refs)
    assert isinstance(make_note(), LockNote)
