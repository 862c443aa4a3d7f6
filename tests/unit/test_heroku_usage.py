from __future__ import annotations

import threading

import pytest
import requests

from accelerator.errors import (
    RequestInvalid,
    Unreachable,
)
from accelerator.heroku.usage import Meter, pace_at, run_together
from accelerator.models import Secret
from accelerator.web.sessions import Bearer, origin_of, proxies_for


@pytest.mark.parametrize(
    ("remaining", "expected"),
    [
        pytest.param(None, 1.0, id="nothing known"),
        pytest.param(4500, 1.0, id="a full bucket"),
        pytest.param(1000, 1.0, id="just enough"),
        pytest.param(500, 4.5, id="half of that"),
        pytest.param(0, 8.0, id="none left"),
    ],
)
def test_polling_slows_down_as_tokens_run_low(remaining: int | None, expected: float) -> None:
    assert pace_at(remaining) == expected


def test_together_counts_as_its_longest_member() -> None:
    meter = Meter()
    meter.count_request()

    def ask(times: int) -> int:
        for _ in range(times):
            meter.count_request()
        return times

    def nested() -> int:
        ask(1)
        return sum(run_together((lambda: ask(2), lambda: ask(4)), meter))

    answers = run_together((lambda: ask(3), nested, lambda: ask(1)), meter)
    meter.count_request()

    assert answers == (3, 6, 1)
    assert (meter.usage.requests, meter.usage.round_trips) == (13, 7)


def test_together_runs_all_to_their_end_and_raises_the_first_error_in_order() -> None:
    ended = threading.Event()
    first_failed = threading.Event()

    def late() -> None:
        first_failed.wait(10)
        raise Unreachable("first in order")

    def early() -> None:
        first_failed.set()
        raise RequestInvalid("first in time")

    with pytest.raises(Unreachable, match="first in order"):
        run_together((late, early, ended.set), Meter())

    assert ended.is_set()


def test_together_of_nothing_is_nothing() -> None:
    assert run_together((), Meter()) == ()


@pytest.mark.parametrize(
    ("url", "environment", "expected"),
    [
        pytest.param("https://api.heroku.com", {}, {}, id="none is set"),
        pytest.param(
            "https://api.heroku.com", {"HTTPS_PROXY": "p:1"}, {"https": "p:1"}, id="upper case"
        ),
        pytest.param(
            "https://api.heroku.com",
            {"https_proxy": "q:1", "HTTPS_PROXY": "p:1"},
            {"https": "q:1"},
            id="lower case comes first",
        ),
        pytest.param("https://a.test", {"HTTP_PROXY": "p:1"}, {}, id="only for http"),
        pytest.param("https://a.test", {"ALL_PROXY": "p:1"}, {"https": "p:1"}, id="for all"),
        pytest.param("http://127.0.0.1:5001", {"HTTP_PROXY": "p:1"}, {}, id="this machine"),
        pytest.param("http://localhost:5001", {"HTTP_PROXY": "p:1"}, {}, id="this machine's name"),
        *[
            pytest.param(
                "https://api.heroku.com", {"HTTPS_PROXY": "p:1", "NO_PROXY": no_proxy}, {}, id=word
            )
            for no_proxy, word in (
                ("*", "nothing goes through it"),
                ("x.test, heroku.com", "a parent domain"),
                (".heroku.com", "a parent domain with a dot"),
                ("api.heroku.com:443", "host and port"),
            )
        ],
        pytest.param(
            "https://api.heroku.com",
            {"HTTPS_PROXY": "p:1", "NO_PROXY": "oku.com,api.heroku.com:8443"},
            {"https": "p:1"},
            id="a name that only ends alike",
        ),
        pytest.param(
            "https://10.1.2.3",
            {"HTTPS_PROXY": "p:1", "NO_PROXY": "no/net,10.0.0.0/8"},
            {},
            id="a network",
        ),
    ],
)
def test_a_proxy_is_chosen_from_the_environment_given(
    url: str, environment: dict[str, str], expected: dict[str, str]
) -> None:
    assert proxies_for(url, environment) == expected


@pytest.mark.parametrize(
    ("url", "is_sent"),
    [
        pytest.param("https://api.heroku.com/apps", True, id="the API"),
        pytest.param("https://api.heroku.com:443/apps", True, id="the API with its port"),
        pytest.param("http://api.heroku.com/apps", False, id="without TLS"),
        pytest.param("https://api.heroku.com:8443/apps", False, id="another port"),
        pytest.param("https://api.heroku.com.evil.test/apps", False, id="another host"),
        pytest.param("https://api.heroku.com@evil.test/apps", False, id="a user name of that name"),
    ],
)
def test_the_key_goes_to_one_origin_only(url: str, is_sent: bool) -> None:
    bearer = Bearer(Secret("the-key"), origin_of("https://api.heroku.com"))
    request = requests.Request("GET", url, auth=bearer).prepare()

    assert (request.headers.get("Authorization") == "Bearer the-key") is is_sent
    assert "the-key" not in repr(vars(bearer))
