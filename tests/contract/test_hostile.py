"""Whatever answers: the client and the visitor end in time, in little room, with a word for it."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.contract.hostile_bench import DEADLINE_SECONDS
from tests.hostile import HOSTILE, TLS, HostileServer

if TYPE_CHECKING:
    from collections.abc import Iterable
    from contextlib import AbstractContextManager

ROOT = Path(__file__).resolve().parents[2]
MARGIN_SECONDS = 20.0  # what holds it up does so for ever; a busy machine for some seconds
MOST_MIB = 150  # of one exchange at a time; several at once share what there is
EXIT_CODES = {"5", "9", "11"}
# How each kind of exchange may end.
ENDS = {
    "smoke": {"flaw"},
    "read": EXIT_CODES,
    "list": EXIT_CODES,
    "write": EXIT_CODES,
    "change": EXIT_CODES | {"done"},  # by heroku3; an object is all that is expected
    "upload": EXIT_CODES | {"done"},  # storage says all with its status: its bodies are not read
    "log": {"done"},  # logs are for eyes: they just end
}
# Some that held the tool up, filled the memory or broke it; all together are slow.
SAMPLE = {
    "a header byte by byte",
    "a redirect whose body drips",
    "a redirect with a gzip bomb",
    "a body byte by byte",
    "JSON nested deep",
    "dates of all kinds",
    "never reads",
    "a handshake byte by byte",
}


# What is meant to fill the memory.
HEAVY = [
    *("a header without an end", "cookies that explode", "a body without an end"),
    *("JSON nested deep", "JSON of many small values", "a chunk's extension without an end"),
    *("a gzip bomb", "a gzip bomb in a gzip bomb", "a redirect with a gzip bomb"),
    *("a redirect whose body does not end", "an error whose words do not end"),
]


def judge(kinds: Iterable[str], names: Iterable[str], at_once: int) -> float:
    """Try the forms in a process of its own, compare with what is promised; return its MiB."""
    cases = [(kind, name) for name in names for kind in kinds]
    with ExitStack() as stack:
        urls = {name: stack.enter_context(serving(name)).url for name in names}
        done = subprocess.run(
            [sys.executable, "-m", "tests.contract.hostile_bench", str(at_once)],
            input=json.dumps([(kind, urls[name]) for kind, name in cases]),
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)

    for (kind, name), (end, seconds) in zip(cases, found["ends"], strict=True):
        assert end in ENDS[kind], (kind, name, end)
        assert seconds <= DEADLINE_SECONDS + MARGIN_SECONDS, (kind, name, seconds)
    peak: float = found["peak_mib"]
    return peak


def serving(name: str) -> AbstractContextManager[HostileServer]:
    return HostileServer({**HOSTILE, **TLS}[name], is_tls=name in TLS).running()


def test_there_are_more_than_fifty_ways_to_be_hostile() -> None:
    assert len(HOSTILE) + len(TLS) > 50
    assert {*HOSTILE, *TLS} >= SAMPLE


def test_a_hostile_server_is_left_in_time_with_a_word_for_it() -> None:
    judge(ENDS, SAMPLE, at_once=len(ENDS) * len(SAMPLE))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ENDS)
def test_no_way_to_be_hostile_holds_anything_up(kind: str) -> None:
    judge([kind], [*HOSTILE, *TLS], at_once=6)


@pytest.mark.slow
def test_what_is_meant_to_fill_the_memory_does_not() -> None:
    assert judge(ENDS, HEAVY, at_once=1) < MOST_MIB
