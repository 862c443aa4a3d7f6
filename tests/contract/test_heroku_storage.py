"""Uploads and logs at signed addresses."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest

from accelerator.errors import (
    OutcomeUnknown,
    RequestInvalid,
    Unreachable,
)
from accelerator.lines import LINE_BYTES
from accelerator.models import SourceBlob
from tests.contract.heroku_bench import (
    BUSY,
    HANG,
    RESET,
    Bench,
    bench,
    nobody,
)
from tests.contract.scripted_server import Answer

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["bench"]


def test_an_upload_is_plain_and_whole(bench: Bench) -> None:
    bench.elsewhere.answers(Answer(b""))
    data = bytes(range(256)) * 1000
    file = io.BytesIO(b"before" + data)
    file.seek(6)

    bench.client().sources.upload(
        SourceBlob("g", f"{bench.elsewhere.url}/put?signature=x"), file, len(data)
    )

    (seen,) = bench.elsewhere.seen
    assert (seen.method, seen.path, seen.body) == ("PUT", "/put?signature=x", data)
    assert seen.headers["Content-Length"] == str(len(data))
    assert seen.headers["Content-Type"] == ""
    assert "Transfer-Encoding" not in seen.headers
    assert "Authorization" not in seen.headers


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(Answer(b"", 503), id="an error of the storage"),
        pytest.param(RESET, id="a reset connection"),
    ],
)
def test_an_upload_begins_again_with_the_same_bytes(bench: Bench, fault: Answer) -> None:
    bench.elsewhere.answers(fault, Answer(b""))
    client = bench.client()

    client.sources.upload(SourceBlob("g", f"{bench.elsewhere.url}/put"), io.BytesIO(b"abc"), 3)

    assert [seen.body for seen in bench.elsewhere.seen] == [b"abc", b"abc"]
    assert client.usage.requests == 0


class OneWay(io.RawIOBase):
    """A file that can be read once."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self._inner = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._inner.readinto(buffer)


def test_an_upload_that_cannot_be_rewound_is_sent_once(bench: Bench) -> None:
    bench.elsewhere.answers(Answer(b"", 503), Answer(b""))

    with pytest.raises(Unreachable):
        bench.client().sources.upload(
            SourceBlob("g", f"{bench.elsewhere.url}/put"),
            OneWay(b"abc"),  # type: ignore[arg-type]
            3,
        )

    assert len(bench.elsewhere.seen) == 1


def test_a_refused_upload_is_an_error_without_the_address(bench: Bench) -> None:
    bench.elsewhere.answers(Answer(b"<Error>SIGNED</Error>", 403))

    with pytest.raises(RequestInvalid, match=r"PUT \(signed url\) answered 403") as caught:
        bench.client().sources.upload(
            SourceBlob("g", f"{bench.elsewhere.url}/SIGNED"), io.BytesIO(b"abc"), 3
        )

    assert "SIGNED" not in str(caught.value) + str(caught.value.hint)


def test_a_storage_that_is_down_is_unreachable_without_its_address(bench: Bench) -> None:
    client = bench.client(patience_seconds=1.0)

    with nobody() as url, pytest.raises(Unreachable) as caught:
        client.sources.upload(SourceBlob("g", f"{url}/SIGNED"), io.BytesIO(b"abc"), 3)

    chain = [caught.value, caught.value.__cause__]
    assert "SIGNED" not in repr([(str(error), repr(error)) for error in chain])


def test_a_source_shorter_than_announced_is_a_bug_and_no_hang(bench: Bench) -> None:
    blob = SourceBlob("g", f"{bench.elsewhere.url}/put")

    with pytest.raises(ValueError, match="2 bytes shorter"):
        bench.client().sources.upload(blob, io.BytesIO(b"abc"), 5)


def test_an_upload_ends_at_the_deadline(bench: Bench) -> None:
    class Slow(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            bench.clock.sleep(300)
            return super().read(size)

    blob = SourceBlob("g", f"{bench.elsewhere.url}/put")

    with pytest.raises(OutcomeUnknown, match="the time allowed was over"):
        bench.client(seconds=600).sources.upload(blob, Slow(b"x" * 100_000), 100_000)


def test_a_range_without_its_position_is_asked_for_again(bench: Bench) -> None:
    bench.elsewhere.answers(Answer(LOG, fault="half"), Answer(LOG, 206), rest(len(LOG) // 2))

    assert follow(bench) == LINES


LOG = "-----> Python app detected\r\n       Grüße\n\nDone".encode()
LINES = ["-----> Python app detected", "       Grüße", "", "Done"]


def follow(bench: Bench, seconds: float = 600) -> list[str]:
    url = f"{bench.elsewhere.url}/streams/SIGNED"
    return list(bench.client().streams.follow(url, deadline=bench.deadline(seconds)))


def rest(start: int) -> Answer:
    headers = {"Content-Range": f"bytes {start}-{len(LOG) - 1}/{len(LOG)}"}
    return Answer(LOG[start:], 206, headers)


def test_a_log_comes_line_by_line_and_without_the_key(bench: Bench) -> None:
    bench.elsewhere.answers(Answer(LOG))

    assert follow(bench) == LINES
    assert "Authorization" not in bench.elsewhere.seen[0].headers
    assert "Range" not in bench.elsewhere.seen[0].headers


def test_a_progress_bar_in_a_log_comes_in_lines_and_never_as_one(bench: Bench) -> None:
    bench.elsewhere.answers(Answer(b"50%\r100%\rdone\n" + b"x" * 100_000))

    *lines, long = follow(bench)

    assert lines == ["50%", "100%", "done"]
    assert long.startswith("x" * LINE_BYTES + " … ")


def test_a_log_is_waited_for_until_it_starts(bench: Bench) -> None:
    bench.elsewhere.answers(*[Answer(b"", 404)] * 5, Answer(LOG))

    assert follow(bench) == LINES


def test_a_log_that_never_starts_is_given_up_quietly(bench: Bench) -> None:
    bench.elsewhere.at["/streams/SIGNED"] = Answer(b"", 404)

    assert follow(bench, seconds=3600) == []
    assert 80 < bench.clock.skipped < 140


@pytest.mark.parametrize(
    "resumed",
    [
        pytest.param(rest, id="from there on"),
        pytest.param(lambda half: rest(half - 7), id="from a little earlier"),
        pytest.param(lambda _: Answer(LOG), id="from the start"),
    ],
)
def test_a_cut_log_goes_on_without_losing_or_repeating_a_byte(
    bench: Bench, resumed: Callable[[int], Answer]
) -> None:
    half = len(LOG) // 2
    bench.elsewhere.answers(Answer(LOG, fault="half"), RESET, BUSY, resumed(half))

    assert follow(bench) == LINES
    assert {seen.headers.get("Range") for seen in bench.elsewhere.seen[1:]} == {f"bytes={half}-"}


def test_keepalives_are_neither_shown_nor_counted(bench: Bench) -> None:
    quiet = b"\0\0" + LOG[:10] + b"\0\0\0\0"
    cut = Answer(quiet + b"x" * len(quiet), fault="half")
    bench.elsewhere.answers(cut, rest(10))

    assert follow(bench) == LINES
    assert bench.elsewhere.seen[1].headers["Range"] == "bytes=10-"


@pytest.mark.parametrize(
    "end",
    [
        pytest.param(Answer(b"", 416), id="nothing is left"),
        pytest.param(Answer(b"", 403), id="the address has expired"),
        pytest.param(Answer(b"", 410), id="the log is gone"),
    ],
)
def test_a_log_that_cannot_be_had_ends_quietly(bench: Bench, end: Answer) -> None:
    bench.elsewhere.answers(Answer(b"one\ntwo\n" * 2, fault="half"), end)

    assert follow(bench) == ["one", "two"]


def test_a_log_of_a_storage_that_is_down_ends_quietly(bench: Bench) -> None:
    with nobody() as url:
        stream = bench.client().streams.follow(f"{url}/s", deadline=bench.deadline(3600))
        lines = list(stream)

    assert lines == []
    assert bench.clock.skipped < 40


def test_a_quiet_log_ends_at_its_deadline(bench: Bench) -> None:
    bench.elsewhere.answers(HANG)

    assert follow(bench, seconds=0.3) == []


def test_a_log_that_falls_quiet_is_left_at_the_deadline_with_what_it_said(bench: Bench) -> None:
    bench.elsewhere.answers(Answer(b"one\ntwo\n" * 2, fault="stall"))

    assert follow(bench, seconds=1.5) == ["one", "two"]
