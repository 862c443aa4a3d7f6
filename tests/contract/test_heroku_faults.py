"""Reads survive what goes wrong, writes are never sent twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from accelerator.errors import (
    AcceleratorError,
    KeyRefused,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    RequestInvalid,
    Unreachable,
)
from accelerator.heroku import Heroku, Usage
from accelerator.models import ArtifactKind, ArtifactRef, SourceBlob
from tests.contract.heroku_bench import (
    APP,
    BUILD,
    BUSY,
    HALF,
    HANG,
    LIMITED,
    NOT_JSON,
    RELEASE,
    RESET,
    Bench,
    bench,
    nobody,
)
from tests.contract.scripted_server import Answer

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["bench"]


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(BUSY, id="an error of the platform"),
        pytest.param(LIMITED, id="a rate limit"),
        pytest.param(NOT_JSON, id="a page instead of JSON"),
        pytest.param(HALF, id="half a body"),
        pytest.param(RESET, id="a reset connection"),
    ],
)
def test_a_read_survives(bench: Bench, fault: Answer) -> None:
    bench.api.answers(fault, fault, Answer(APP))
    client = bench.client()

    app = client.apps.fetch("shop")

    assert app.name == "shop"
    assert [retry.what for retry in bench.retries] == ["GET /apps/shop"] * 2
    assert not any("GET" in retry.why for retry in bench.retries)
    assert client.usage == Usage(requests=3, round_trips=3, retries=2, rate_limit_remaining=None)


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(BUSY, id="an error of the platform"),
        pytest.param(NOT_JSON, id="a page instead of JSON"),
        pytest.param(Answer(BUILD, 201, fault="half"), id="half a body"),
        pytest.param(RESET, id="a reset connection"),
        pytest.param(Answer({"unexpected": 1}, 201), id="an answer of another shape"),
        pytest.param(Answer(None, 302, {"Location": "/x"}), id="a redirect"),
    ],
)
def test_a_write_is_sent_once_and_its_outcome_unknown_after(bench: Bench, fault: Answer) -> None:
    bench.api.answers(fault, Answer(BUILD, 201))

    with pytest.raises(OutcomeUnknown, match="POST /apps/shop/builds") as caught:
        bench.client().builds.create("shop", SourceBlob("g", "p"), "c0ffee", "Subject")

    assert len(bench.api.seen) == 1
    assert "shop" in (caught.value.hint or "")
    assert bench.retries == []


def test_a_write_nobody_answers_is_sent_once(bench: Bench) -> None:
    bench.api.answers(HANG)

    with pytest.raises(OutcomeUnknown, match=r"no answer from 127\.0\.0\.1"):
        bench.client(seconds=1.5).releases.create(
            "shop", ArtifactRef(ArtifactKind.SLUG, "s-1"), "Promote"
        )

    assert len(bench.api.seen) == 1


def test_a_rate_limited_write_waits_and_is_sent_again(bench: Bench) -> None:
    bench.api.answers(LIMITED, LIMITED, Answer(RELEASE, 201))

    release = bench.client().releases.create(
        "shop", ArtifactRef(ArtifactKind.SLUG, "s-1"), "Promote"
    )

    assert release.version == 7
    assert bench.clock.skipped >= 6


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(lambda client: client.apps.fetch("shop"), id="a read"),
        pytest.param(lambda client: client.apps.create("shop"), id="a write"),
    ],
)
def test_a_platform_that_is_down_is_unreachable(
    bench: Bench, call: Callable[[Heroku], Any]
) -> None:
    with nobody() as url, pytest.raises(Unreachable, match="cannot connect to"):
        call(bench.client(url=url, patience_seconds=2.0))

    assert bench.retries
    assert bench.clock.skipped < 10


def test_a_name_that_does_not_resolve_is_unreachable(bench: Bench) -> None:
    with pytest.raises(Unreachable):
        bench.client(url="http://nobody.invalid:1", patience_seconds=0.0).apps.create("shop")


def test_after_the_deadline_nothing_is_sent(bench: Bench) -> None:
    with pytest.raises(OutcomeUnknown, match="before GET /apps/shop was sent"):
        bench.client(seconds=-1).apps.fetch("shop")

    assert bench.api.seen == []


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        pytest.param(401, KeyRefused, id="a wrong key"),
        pytest.param(404, NotFound, id="an unknown app"),
        pytest.param(422, RequestInvalid, id="an invalid request"),
    ],
)
def test_a_refusal_is_not_repeated(
    bench: Bench, status: int, expected: type[AcceleratorError]
) -> None:
    refusal = {"id": "some_id", "message": "Some words."}
    bench.api.answers(Answer(refusal, status, {"Request-Id": "req-1"}))

    with pytest.raises(expected, match=r"^Some words") as caught:
        bench.client().apps.fetch("shop")

    assert caught.value.details == f"GET /apps/shop answered {status} some_id (request req-1)"
    assert len(bench.api.seen) == 1


def test_a_rate_limit_that_stays_is_said_at_the_deadline(bench: Bench) -> None:
    bench.api.at["/apps/shop"] = LIMITED

    with pytest.raises(RateLimited):
        bench.client(seconds=60).apps.fetch("shop")

    assert 30 < bench.clock.skipped < 60


def test_making_a_source_is_repeated_since_an_unused_one_is_nothing(bench: Bench) -> None:
    bench.api.answers(BUSY, Answer({"source_blob": {"get_url": "g", "put_url": "p"}}, 201))

    assert bench.client().sources.create() == SourceBlob("g", "p")
    assert [seen.path for seen in bench.api.seen] == ["/sources"] * 2
