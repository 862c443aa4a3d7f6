"""What is written into the lock remote, and read back from it."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelerator.foreign import one_line
from accelerator.steps.guard.leases import (
    LEASE,
    LOOK_SECONDS,
    MARGIN_SECONDS,
    METERED_LEASE,
    SKEW_SECONDS,
    Lease,
)
from accelerator.steps.guard.notes import (
    BY_HAND_SECONDS,
    NOTE_LETTERS,
    SLACK_SECONDS,
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
        job="gitlab-0a1b",
        attempt=7,
    )

    assert parse_lock(render_note(note)) == note


words = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


@settings(deadline=None)
@given(words, words, words)
def test_whatever_names_and_reasons_hold_the_note_stays_readable(
    holder: str, link: str, reason: str
) -> None:
    note, mark = make_note(holder=holder, link=link), Mark(holder, reason, "now")

    shown = {"holder": one_line(holder), "link": one_line(link)}
    by, why = (one_line(text) or "unknown" for text in (holder, reason))
    assert parse_lock(render_note(note)) == replace(note, **shown)
    assert parse_mark(render_note(mark)) == Mark(by, why, "now")


def test_the_first_line_is_for_people() -> None:
    first = render_note(make_note(holder="gitlab\n\njob", link="https://ci.example/1")).split("\n")

    assert first[0] == (
        "gitlab job (promote of c0ffee00 since 2026-03-01T12:00:00+00:00, https://ci.example/1)"
    )
    assert first[1] == ""


def test_a_lock_by_hand_names_no_commit() -> None:
    said = make_note(commit="", route="migration").describe()

    assert said == "ann@laptop (migration since 2026-03-01T12:00:00+00:00)"


LET_GO = "interrupted"


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
        pytest.param(with_body(previous_release=True), id="a release that is true"),
        pytest.param(with_body(previous_release=-1), id="a release below the first"),
        pytest.param(with_body(previous_release=10**30), id="a release beyond counting"),
        pytest.param(with_body(commit="feature"), id="a branch for a commit"),
        pytest.param(with_body(commit="c0ffee00"), id="half a commit"),
        pytest.param(with_body(commit="C0FFEE" + "0" * 34), id="a commit in capitals"),
        pytest.param(with_body(commit="0" * 41), id="a commit of 41 digits"),
        pytest.param(with_body(commit=COMMIT.sha + "\n"), id="a commit and a line end"),
        pytest.param(with_body(commit=["--upload-pack=x"]), id="a commit that is a list"),
        pytest.param(with_body(expires_at="9999-12-31T23:59:59+00:00"), id="an end in 9999"),
        pytest.param(with_body(expires_at="0001-01-01T00:00:00+00:00"), id="an end in the year 1"),
        pytest.param(with_body(written_at="0001-01-01T00:00:00+14:00"), id="written before time"),
        pytest.param(with_body(holder=["a"]), id="a holder that is a list"),
        pytest.param(with_body(link={"a": 1}), id="a link that is an object"),
        pytest.param("ann\n\n" + "[" * 15_000, id="nested deep"),
        pytest.param("ann\n\n" + '{"a":' * 2_500 + "1" + "}" * 2_500, id="objects nested deep"),
        pytest.param('ann\n\n{"previous_release": ' + "1" * 5_000 + "}", id="5000 digits"),
        pytest.param("x" * 5_000_000, id="five megabytes"),
        pytest.param("x" * NOTE_LETTERS + with_body(), id="a note below too long a line"),
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
        pytest.param("held", LEASE.seconds, False, id="at its end"),
        pytest.param("held", LEASE.seconds + SKEW_SECONDS, False, id="within the clocks' skew"),
        pytest.param("held", LEASE.seconds + SKEW_SECONDS + 1, True, id="past the skew"),
        pytest.param("interrupted", 0, True, id="let go"),
        pytest.param("something new", 0, False, id="a state nobody here knows counts as held"),
        pytest.param("something new", LEASE.seconds + SKEW_SECONDS + 1, True, id="and ends, too"),
    ],
)
def test_a_lock_is_free_when_it_was_let_go_or_ran_out(
    state: str, seconds: float, expected: bool
) -> None:
    note = make_note(state=state, expires_at=expiry(BEGIN))

    assert note.is_free(BEGIN + timedelta(seconds=seconds)) is expected


@pytest.mark.parametrize("lease", [LEASE, METERED_LEASE])
def test_renewing_moves_the_end_and_says_when(lease: Lease) -> None:
    note, later = make_note(), BEGIN + timedelta(seconds=60)

    renewed = note.renewed(later, "n2", lease)

    said = {"expires_at": expiry(later, lease), "written_at": later.isoformat(), "nonce": "n2"}
    assert renewed == replace(note, **said)
    assert renewed.last_seen_at == later


def test_a_note_of_an_earlier_version_was_written_three_minutes_before_its_end() -> None:
    note = make_note(written_at=None, expires_at=(BEGIN + timedelta(seconds=180)).isoformat())

    assert note.last_seen_at == BEGIN


@pytest.mark.parametrize("lease", [LEASE, METERED_LEASE])
def test_a_renewal_that_fails_twice_is_tried_again_before_the_lock_runs_out(lease: Lease) -> None:
    tries = lease.renew + lease.pause(1) + lease.pause(2)

    assert tries < lease.seconds
    assert lease.renew + MARGIN_SECONDS < lease.seconds  # renewed in time, no write renews it first


def test_a_lock_in_herokus_git_leaves_most_of_an_hours_requests_to_others() -> None:
    requests_of_a_push, requests_of_two_waves = 2, 14

    kept_for_an_hour = requests_of_a_push * 3600 / METERED_LEASE.renew

    assert kept_for_an_hour == 40  # as docs/how-to/lock-freeze-reject.md says
    assert kept_for_an_hour + requests_of_two_waves < 75


def test_a_dead_holder_of_an_uncounted_remote_blocks_for_less_than_a_minute() -> None:
    assert LEASE.seconds + SKEW_SECONDS < 60


@pytest.mark.parametrize("lease", [LEASE, METERED_LEASE])
def test_a_remote_that_goes_on_failing_is_asked_less_and_less(lease: Lease) -> None:
    pauses = [lease.pause(failures) for failures in range(1, 8)]

    assert pauses[:2] == [lease.retry, 2 * lease.retry]
    assert pauses == sorted(pauses)
    assert pauses[-1] == lease.pause(0) == lease.renew


US = make_note(job="gitlab-0a1b", attempt=7)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({"attempt": 6}, True, id="the same job, an earlier attempt"),
        pytest.param({"attempt": 7}, False, id="this very attempt"),
        pytest.param({"attempt": 8}, False, id="a later attempt"),
        pytest.param({"job": "gitlab-ffff", "attempt": 6}, False, id="another job"),
        pytest.param({"job": None, "attempt": None}, False, id="no CI job"),
        pytest.param({"attempt": None}, False, id="an attempt nobody counted"),
    ],
)
def test_only_an_earlier_attempt_of_the_same_job_leaves_its_lock_to_us(
    changes: dict[str, object], *, expected: bool
) -> None:
    assert replace(US, **changes).is_of_earlier_attempt(US) is expected  # type: ignore[arg-type]
    assert not make_note().is_of_earlier_attempt(make_note())


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"job": "gitlab-0a1b"}, id="no attempt"),
        pytest.param({"attempt": 6}, id="no job"),
        pytest.param({"job": "gitlab-0a1b", "attempt": True}, id="an attempt that is no number"),
        pytest.param({"job": "gitlab-0a1b", "attempt": -1}, id="a negative one"),
        pytest.param({"job": "gitlab-0a1b", "attempt": 10**18}, id="one beyond all counting"),
        pytest.param({"job": ["x"], "attempt": 6}, id="a job that is no text"),
        pytest.param({"job": "a\u001b[2J", "attempt": 6}, id="a job with a control character"),
    ],
)
def test_what_is_no_name_of_a_job_and_its_attempt_is_not_taken_for_one(
    body: dict[str, object],
) -> None:
    note = parse_lock(with_body(**body))

    assert note is not None
    assert (note.job, note.attempt) == (None, None)


@pytest.mark.parametrize(
    ("state", "taken_after", "expected"),
    [
        pytest.param("interrupted", 300, 0, id="let go: when it was let go"),
        pytest.param("held", 60, LEASE.seconds - MARGIN_SECONDS, id="ran out: its last moment"),
        pytest.param("held", 5, 5 + LOOK_SECONDS, id="taken over: the last look before that"),
    ],
)
def test_the_last_write_of_a_holder_is_as_late_as_it_can_be(
    state: str, taken_after: float, expected: float
) -> None:
    note = make_note(state=state).renewed(BEGIN, "n", LEASE)

    last = note.last_write_at(BEGIN + timedelta(seconds=taken_after))

    assert last == BEGIN + timedelta(seconds=expected)


def test_a_note_that_is_handed_on_still_says_when_the_last_write_can_have_begun() -> None:
    dead = make_note(state="held").renewed(BEGIN, "n", LEASE)
    taken_at = BEGIN + timedelta(seconds=14)

    first = dead.handed_on(taken_at)
    again = first.handed_on(taken_at + timedelta(seconds=5))

    for note in (first, again):
        last = note.last_write_at(taken_at + timedelta(seconds=60))
        assert last >= dead.last_write_at(taken_at)
    assert first.state == "interrupted"


def test_a_promotion_that_a_deploy_cut_short_began_is_named_by_whoever_takes_over() -> None:
    left = make_note(extra={"promotion": "p-1"})

    assert make_note().succeeding(left).promotion == "p-1"
    assert make_note().succeeding(make_note()).promotion is None


def test_a_mark_says_what_is_known_of_it() -> None:
    assert parse_mark("hands off") == Mark("unknown", "unknown", "unknown")
    assert parse_mark('x\n\n{"by": "ann"}') == Mark("ann", "unknown", "unknown")


def test_the_refs_of_one_app_are_not_those_of_another() -> None:
    refs = {
        *(lock_ref("a"), lock_ref("a-b"), freeze_ref("a")),
        *(reject_ref("a", COMMIT.sha), reject_ref("a-b", COMMIT.sha)),
    }

    assert len(refs) == 5
    assert not any(ref.startswith("refs/") for ref in refs)  # only the store knows where they are
    assert isinstance(make_note(), LockNote)


names = st.sampled_from([*LockNote.__slots__, "by", "reason", "at", "other"])
moments = st.sampled_from(
    ["9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+14:00", "2026-03-01T12:00:00+00:00", ""]
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | moments,
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | names, inner),
    max_leaves=8,
)
documents = st.dictionaries(names, values).map(lambda body: {**asdict(make_note()), **body})
texts = (
    st.text(st.characters())
    | st.binary().map(lambda raw: raw.decode("utf-8", "replace"))
    | documents.map(lambda body: "ann\n\n" + json.dumps(body))
)


@settings(deadline=None)
@given(texts)
def test_whatever_a_stranger_wrote_reading_it_never_raises_and_shows_one_line(text: str) -> None:
    lock, mark = parse_lock(text), parse_mark(text)

    shown = [mark.by, mark.reason, mark.at]
    if lock is not None:
        lock.is_free(BEGIN)
        lock.is_overlong(BEGIN)
        assert lock.last_write_at(BEGIN) < BEGIN + timedelta(days=366_000)
        assert lock.last_seen_at < BEGIN + timedelta(days=366_000)
        assert lock.commit == "" or len(lock.commit) in {40, 64}
        assert lock.promotion is None or lock.promotion.isascii()
        shown += [lock.describe(), lock.holder, lock.acquired_at, lock.link or ""]
        assert parse_lock(render_note(lock)) == lock
    assert all(line == one_line(line) and len(line) < 1100 for line in shown)


def test_a_note_whose_texts_are_as_long_as_can_be_is_still_read_when_it_is_written_again() -> None:
    endless = "\U0001f600" * 30_000
    note = make_note(
        holder=endless,
        route=endless,
        link=endless,
        artifact=endless,
        state=endless,
        nonce=endless,
        app=endless,
        extra={"from": ["a" * 60] * 30, "promotion": "p" * 64, "more": endless},
    )

    again = parse_lock(render_note(note)[:NOTE_LETTERS])

    assert again is not None
    assert again.holder.endswith("…")
    assert parse_lock(render_note(again)) == again
    assert "more" not in again.extra
    assert parse_mark(render_note(Mark(endless, endless, endless))).reason.endswith("…")


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        pytest.param({"promotion": "7b10612b-36a6-44b3-9078-504116e70f7b"}, True, id="an id"),
        pytest.param({"promotion": "../apps/shop"}, False, id="a path"),
        pytest.param({"promotion": "x" * 65}, False, id="too long"),
        pytest.param({"promotion": 7}, False, id="a number"),
        pytest.param({"promotion": ""}, False, id="nothing"),
        pytest.param([], False, id="no object"),
        pytest.param(None, False, id="none"),
    ],
)
def test_a_promotion_is_taken_from_a_note_by_its_id_alone(extra: object, *, expected: bool) -> None:
    note = parse_lock(with_body(extra=extra))

    assert note is not None
    assert (note.promotion is not None) is expected


def test_a_moment_is_shown_as_we_write_it_whatever_parts_date_and_time() -> None:
    note = parse_lock(with_body(acquired_at="2026-03-01\x1b12:00:00.5+00:00"))

    assert note is not None
    assert note.acquired_at == "2026-03-01T12:00:00+00:00"


def test_a_commit_of_a_repository_with_longer_shas_is_one() -> None:
    note = parse_lock(with_body(commit="a" * 64))

    assert note is not None
    assert note.commit == "a" * 64


@pytest.mark.parametrize(
    ("commit", "seconds", "expected"),
    [
        pytest.param(COMMIT.sha, METERED_LEASE.seconds, False, id="just renewed"),
        pytest.param(
            COMMIT.sha, METERED_LEASE.seconds + SLACK_SECONDS, False, id="by another clock"
        ),
        pytest.param(COMMIT.sha, METERED_LEASE.seconds + SLACK_SECONDS + 1, True, id="no deploy's"),
        pytest.param("", 8 * 3600, False, id="by hand, for a day's work"),
        pytest.param("", BY_HAND_SECONDS, False, id="by hand, for a year"),
        pytest.param("", BY_HAND_SECONDS + SLACK_SECONDS + 1, True, id="by hand, longer"),
    ],
)
def test_a_lock_that_ends_later_than_any_of_ours_is_known_for_it(
    commit: str, seconds: float, *, expected: bool
) -> None:
    end = (BEGIN + timedelta(seconds=seconds)).isoformat()
    held, let_go = (make_note(commit=commit, expires_at=end, state=s) for s in ("held", LET_GO))

    assert held.is_overlong(BEGIN) is expected
    assert not held.is_free(BEGIN)
    assert not let_go.is_overlong(BEGIN)
