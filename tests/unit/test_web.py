"""HTTP within limits: ends of exchanges, bodies, redirects, whatever the other side says."""

from __future__ import annotations

import gzip
import io
import socket
import threading
import zlib
from contextlib import closing, suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from urllib3 import HTTPResponse

from accelerator.web.bodies import BLOCK_BYTES, TooLong, blocks_of, read_body
from accelerator.web.redirects import follow, next_address
from accelerator.web.sessions import OutOfTime, Session, origin_of, proxies_for, split
from accelerator.web.sockets import resolve
from accelerator.web.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Iterator

TEXTS = st.text(st.characters(exclude_categories=()), max_size=200)
HEADERS = st.text(st.characters(max_codepoint=255), max_size=200)  # as http.client hands them out


def answer(body: bytes = b"", status: int = 200, **headers: str) -> requests.Response:
    """Make an answer whose body is still to be read."""
    made = requests.Response()
    made.status_code = status
    made.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    made.raw = HTTPResponse(io.BytesIO(body), preload_content=False)
    return made


@given(st.binary(max_size=2000), st.integers(1, 200), st.integers(1, 3))
def test_a_packed_body_comes_as_it_was_in_blocks_of_limited_size(
    part: bytes, times: int, members: int
) -> None:
    data = part * times
    packed = gzip.compress(data) * members

    blocks = list(blocks_of(answer(packed, Content_Encoding="gzip")))

    assert b"".join(blocks) == data * members
    assert max(map(len, blocks), default=0) <= BLOCK_BYTES


def test_a_bomb_is_left_after_the_first_block_too_many() -> None:
    bomb = gzip.compress(b"\0" * (32 << 20))
    body = answer(bomb, Content_Encoding="gzip")

    with pytest.raises(TooLong):
        read_body(body, 1 << 20)

    assert body.raw.tell() <= BLOCK_BYTES


@pytest.mark.parametrize(
    "encoding",
    [
        pytest.param("gzip, gzip", id="two layers"),
        pytest.param("deflate", id="deflate"),
        pytest.param("br", id="brotli"),
        pytest.param("gzip," * 999, id="a thousand layers"),
    ],
)
def test_an_encoding_that_nobody_asked_for_is_not_undone(encoding: str) -> None:
    with pytest.raises(requests.exceptions.ContentDecodingError):
        read_body(answer(zlib.compress(b"x"), Content_Encoding=encoding), 1000)


@given(st.binary(max_size=400), st.sampled_from(["", "gzip", "x-gzip", "identity", "GZIP "]))
def test_reading_a_body_raises_errors_of_requests_only(data: bytes, encoding: str) -> None:
    for body in (data, gzip.compress(data)[:-3], gzip.compress(b"x") + data):
        with suppress(requests.exceptions.ContentDecodingError):
            assert len(read_body(answer(body, Content_Encoding=encoding), 300)) <= 300


@pytest.mark.parametrize(
    ("url", "location", "expected"),
    [
        pytest.param("http://a/x", "/y", "http://a/y", id="a path"),
        pytest.param("http://a/x", "//b/y#top", "http://b/y", id="another host"),
        pytest.param("http://a/x", "https://b/ä", "https://b/ä", id="beyond ASCII"),
        pytest.param(
            "http://a/", "http://u:p@b/", "http://b/", id="user info of the site is dropped"
        ),
        pytest.param(
            "http://u:p@a/", "/in", "http://u:p@a/in", id="that of the visitor goes along"
        ),
        pytest.param("http://u:p@a/", "https://a/", "https://u:p@a/", id="to TLS on the same host"),
        pytest.param("http://u:p@a/", "http://b/", "http://b/", id="but to no other host"),
        pytest.param("https://u:p@a/", "http://a/", "http://a/", id="nor back into the clear"),
        pytest.param("http://u:p@a/", "http://a:81/", "http://a:81/", id="nor to another port"),
    ],
)
def test_a_redirect_leads_where_it_says(url: str, location: str, expected: str) -> None:
    assert next_address(url, location.encode().decode("latin-1")) == expected


@pytest.mark.parametrize(
    "location",
    [
        "file:///etc/passwd",
        "javascript:alert(1)",
        "http://[x]/",
        "http://a:99999/",
        "http://a/\x00",
        "http://a/\r\nX: y",
        "http://a\\@b/",
        "http://a/" + "x" * 9000,
    ],
)
def test_a_redirect_to_no_address_of_the_web_is_not_followed(location: str) -> None:
    with pytest.raises(requests.exceptions.InvalidURL):
        next_address("http://a/", location)


@given(
    HEADERS
    | st.sampled_from(["http://", "//", "[", "/"]).flatmap(lambda a: HEADERS.map(lambda b: a + b))
)
def test_a_location_leads_to_the_web_without_user_info_or_is_an_invalid_url(location: str) -> None:
    try:
        found = urlsplit(next_address("https://site.test/a", location))
    except requests.exceptions.InvalidURL:
        return
    assert found.scheme in {"http", "https"}
    assert found.hostname
    assert found.username is None


@given(TEXTS)
def test_no_text_is_too_odd_for_the_readers_of_addresses(text: str) -> None:
    for url in (text, f"http://{text}", f"http://host:{text}/"):
        split(url).hostname  # noqa: B018  # it may be None, but raises nothing
        assert len(origin_of(url)) == 3
        assert proxies_for(url, {"all_proxy": "", "no_proxy": text}) == {}


def test_redirects_end_after_ten_each_closed_unread() -> None:
    seen: list[requests.Response] = []

    def ask(_: str) -> requests.Response:
        seen.append(answer(b"x" * 99, 302, Location=f"/{len(seen)}"))
        return seen[-1]

    with pytest.raises(requests.TooManyRedirects):
        follow("http://a/", ask)

    assert len(seen) == 11
    assert all(each.raw.closed and each.raw.tell() == 0 for each in seen)


def test_an_unread_redirect_is_no_redirect_for_requests() -> None:
    with Session({}) as session:
        assert session.get_redirect_target(answer(b"", 302, Location="/")) is None  # type: ignore[func-returns-value]


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with closing(ours), closing(theirs):
        yield ours, theirs


def test_a_stretch_that_is_over_cuts_what_is_being_read(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    watch = Watch()
    stretch = watch.begin(0.05)
    stretch.add(pair[0])

    assert pair[0].recv(1) == b""  # without the cut this waits for ever
    assert stretch.is_over
    stretch.end()


def test_a_connection_that_is_made_too_late_is_cut_at_once(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    watch = Watch()
    stretch = watch.begin(0.0)
    while not stretch.is_over:
        threading.Event().wait(0.01)

    stretch.add(pair[0])

    assert pair[0].recv(1) == b""
    stretch.end()


def test_a_stretch_that_ended_or_was_extended_is_not_cut(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    watch = Watch()
    with watch.changed:  # nothing is cut before all is said, however long that takes
        ended, extended, last = watch.begin(0.02), watch.begin(0.02), watch.begin(0.06)
        extended.add(pair[0])
        extended.extend(600)
        ended.end()

    while not last.is_over:
        threading.Event().wait(0.01)

    assert not ended.is_over
    assert not extended.is_over
    pair[1].send(b"x")
    assert pair[0].recv(1) == b"x"
    extended.end()
    last.end()


def test_what_is_whole_after_the_cut_is_out_of_time_all_the_same() -> None:
    with Session({}) as session, pytest.raises(OutOfTime) as caught, session.within(600) as stretch:
        stretch.cut()

    assert not caught.value.reached


def test_one_thread_watches_all_stretches_and_rests_when_there_are_none() -> None:
    before = set(threading.enumerate())
    watch = Watch()
    stretches = [watch.begin(60) for _ in range(100)]

    [thread] = [each for each in set(threading.enumerate()) - before if each.name == "watch"]
    for stretch in stretches:
        stretch.end()
    watch.rest()
    thread.join(60)
    assert not thread.is_alive()


def test_an_end_that_never_comes_is_waited_for(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    watch = Watch()
    never, soon = watch.begin(float("inf")), watch.begin(0.02)
    soon.add(pair[0])

    assert pair[0].recv(1) == b""

    assert not never.is_over
    never.end()
    soon.end()


def test_a_name_service_that_hangs_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    has_left = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: has_left.wait(30) and [])

    with pytest.raises(socket.gaierror, match="in time"):
        resolve("shop.test", 443, 0.05)

    has_left.set()


@pytest.mark.parametrize("name", ["a..b", "x" * 64 + ".test", "\udfff.test", "a\x00b"])
def test_what_is_no_name_of_a_host_is_unknown(name: str) -> None:
    with pytest.raises(socket.gaierror):
        resolve(name, 443, 5)
