"""How long and how much the client listens, and what it makes of an end that it made itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from accelerator.errors import OutcomeUnknown, Unreachable
from accelerator.heroku.connection import MOST_PAGES
from accelerator.heroku.exchange import BODY_BYTES
from accelerator.models import ArtifactKind, ArtifactRef, SourceBlob
from tests.contract.heroku_bench import APP, BUILD, Bench, bench
from tests.contract.scripted_server import Answer, Seen
from tests.hostile import HOSTILE, TLS, HostileServer

if TYPE_CHECKING:
    from collections.abc import Callable

    from accelerator.heroku import Heroku

__all__ = ["bench"]

COUPLING = {"id": "c", "app": {"id": "a"}, "pipeline": {"id": "p"}, "stage": "staging"}
REF = ArtifactRef(ArtifactKind.SLUG, "s-1")


def read(client: Heroku) -> Any:
    return client.apps.fetch("shop")


def write(client: Heroku) -> Any:
    return client.releases.create("shop", REF, "Promote")


def test_a_list_without_an_end_is_left(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def take(seen: Seen) -> Answer:
        bench.api.seen.append(seen)
        return Answer([COUPLING], 206, {"Next-Range": f"id ]{len(bench.api.seen)}..; max=1"})

    monkeypatch.setattr(bench.api, "take", take)

    with pytest.raises(Unreachable, match="the list does not end"):
        bench.client().couplings.fetch_of_pipeline("p")

    assert len(bench.api.seen) == MOST_PAGES


@pytest.mark.parametrize("following", ["x" * 2000, "\xff", " "])
def test_a_next_range_that_cannot_be_asked_for_is_the_end_of_the_reading(
    bench: Bench, following: str
) -> None:
    bench.api.answers(Answer([COUPLING], 206, {"Next-Range": following}))

    with pytest.raises(Unreachable):
        bench.client(patience_seconds=0.0).couplings.fetch_of_pipeline("p")

    assert len(bench.api.seen) == 1


def test_a_body_longer_than_any_that_is_meant_is_unreadable(bench: Bench) -> None:
    bench.api.answers(Answer(b" " * BODY_BYTES + b"{}"), Answer(b" " * BODY_BYTES + b"{}"))
    client = bench.client(patience_seconds=0.0)

    with pytest.raises(Unreachable, match="longer than any"):
        read(client)
    with pytest.raises(OutcomeUnknown, match="longer than any"):
        write(client)


def test_a_body_of_some_size_is_read(bench: Bench) -> None:
    bench.api.answers(Answer([APP | {"filler": "x" * 3000} for _ in range(1000)]))

    assert len(bench.client().couplings.fetch_apps(["a-1"])) == 1000


@pytest.mark.parametrize(
    ("shape", "call"),
    [
        pytest.param([], lambda client: client.features.enable("shop", "x"), id="a feature"),
        pytest.param("x", lambda client: client.formation.scale("shop", "web", 1), id="scaling"),
        pytest.param(
            {"created_at": "9" * 60},
            lambda client: client.features.enable("shop", "x"),
            id="a date",
        ),
        pytest.param(
            {"quantity": "many"}, lambda client: client.formation.scale("shop", "web", 1), id="text"
        ),
        pytest.param(
            {**BUILD, "id": 7},
            lambda client: client.builds.create("shop", SourceBlob("g", "p"), "c0ffee", "Subject"),
            id="a build",
        ),
        pytest.param({"version": True}, write, id="a release"),
    ],
)
def test_another_shape_after_a_write_leaves_its_outcome_unknown(
    bench: Bench, shape: Any, call: Callable[[Heroku], Any]
) -> None:
    bench.api.answers(Answer(shape, 201))

    with pytest.raises(OutcomeUnknown, match="unexpected shape"):
        call(bench.client())

    assert len(bench.api.seen) == 1


@pytest.mark.parametrize("name", TLS)
def test_a_write_that_ended_in_the_handshake_was_provably_not_sent(bench: Bench, name: str) -> None:
    with HostileServer(TLS[name], is_tls=True).running() as server:
        client = bench.client(seconds=0.5, url=server.url, patience_seconds=0.0)

        with pytest.raises(Unreachable):
            write(client)


@pytest.mark.parametrize(
    "name", ["a status line byte by byte", "headers without an end", "says nothing"]
)
def test_a_proxy_that_holds_the_way_up_is_left_in_time(bench: Bench, name: str) -> None:
    with HostileServer(HOSTILE[name]).running() as proxy:
        client = bench.client(
            seconds=0.5,
            url="https://heroku.test",
            environment={"HTTPS_PROXY": proxy.url},
            patience_seconds=0.0,
        )

        with pytest.raises(Unreachable):
            write(client)


def test_a_write_that_was_sent_and_is_answered_byte_by_byte_is_of_unknown_outcome(
    bench: Bench,
) -> None:
    with HostileServer(HOSTILE["a header byte by byte"]).running() as server:
        client = bench.client(seconds=1.5, url=server.url)

        with pytest.raises(OutcomeUnknown, match=r"no answer from 127\.0\.0\.1:\d+ in time"):
            write(client)


def test_a_log_behind_a_redirect_is_read_and_a_circle_is_not(bench: Bench) -> None:
    bench.elsewhere.at = {
        "/a": Answer(b"", 302, {"Location": "/b"}),
        "/b": Answer(b"one\ntwo\n"),
        "/circle": Answer(b"", 302, {"Location": "/circle"}),
    }
    client = bench.client()

    def follow(path: str) -> list[str]:
        url = bench.elsewhere.url + path
        return list(client.streams.follow(url, deadline=bench.deadline()))

    assert follow("/a") == ["one", "two"]
    assert follow("/circle") == []


@pytest.mark.parametrize(
    "url",
    ["http://x:99999/", "http://[x]/", "file:///etc/passwd", "", "http://" + "a" * 70, "\udfff"],
)
def test_a_signed_address_that_is_none_ends_quietly_for_a_log(bench: Bench, url: str) -> None:
    assert list(bench.client().streams.follow(url, deadline=bench.deadline(1))) == []
