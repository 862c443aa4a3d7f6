"""The gate of the local platform: what web pages of others send does not get in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelerator.localheroku.gate import Gate, asker_of

HOME = "127.0.0.1:5080"
APP = "127.0.0.1:20001"


def api(host: str | None = HOME, *, names: tuple[str, ...] = (), **headers: str) -> int | None:
    """Return the status a request to the platform is refused with."""
    turned = Gate(names).turns_from_platform(asker_of(fields(host, headers)))
    return turned.status if turned else None


def app(host: str = APP, method: str = "GET", **headers: str) -> int | None:
    """Return the status a request to an app is refused with."""
    turned = Gate().turns_from_app(asker_of(fields(host, headers)), method)
    return turned.status if turned else None


def fields(host: str | None, headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    hosts = [] if host is None else [(b"host", host.encode())]
    named = [(name.replace("_", "-").encode(), text.encode()) for name, text in headers.items()]
    return [(b"accept", b"*/*"), *hosts, *named]


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1:5080",
        "127.0.0.1",
        "127.8.9.1:5080",
        "localhost:5080",
        "LOCALHOST",
        "localhost.",
        "shop.localhost:5080",
        "[::1]:5080",
        None,
    ],
)
def test_every_name_of_loopback_is_a_host_of_ours(host: str | None) -> None:
    assert api(host) is None


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:5080",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "[::1].evil.example",
        "127.0.0.1:80@evil.example",
        "evillocalhost",
        "10.0.0.1",
        "[::2]",
        "[::1",
        "192.168.0.1",
        "",
        "shop.localhost/@evil",
        "\xff\xfe",
    ],
)
def test_a_host_of_anybody_else_is_misdirected(host: str) -> None:
    assert (api(host), app(host)) == (421, 421)


def test_two_hosts_are_none_of_ours() -> None:
    twice = [(b"host", HOME.encode()), (b"host", b"evil.example")]

    turned = Gate().turns_from_platform(asker_of(twice))

    assert turned is not None
    assert turned.status == 421


def test_a_name_that_was_told_is_ours_and_the_refusal_says_how_to_tell_it() -> None:
    assert api("Heroku.Test:5080", names=("heroku.test",)) is None
    assert api("other.heroku.test", names=("heroku.test",)) == 421
    turned = Gate().turns_from_platform(asker_of(fields("heroku.test", {})))
    assert turned is not None
    assert '"heroku.test"' in turned.message
    assert "--host NAME" in turned.message


@pytest.mark.parametrize(
    "name", ["", "*", "a b", "-x", "http://a", "a/b", "a\n", "a" * 300, "a..b"]
)
def test_what_is_no_name_cannot_be_told(name: str) -> None:
    with pytest.raises(ValueError, match="neither the name of a host nor an IP address"):
        Gate([name])


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "http://127.0.0.1:20001",
        "http://shop.localhost:5080",
        "null",
        "",
        "x",
    ],
)
def test_pages_of_others_do_not_reach_the_platform_and_apps_are_others(origin: str) -> None:
    assert api(origin=origin) == 403


def test_the_page_of_the_very_address_is_no_stranger() -> None:
    assert api(origin=f"http://{HOME}") is None
    assert api("LocalHost:5080", origin="http://localhost:5080") is None


@pytest.mark.parametrize(
    ("site", "status"),
    [("none", None), ("same-origin", None), ("same-site", 403), ("cross-site", 403), ("odd", 403)],
)
def test_what_the_browser_says_of_the_site_counts(site: str, status: int | None) -> None:
    assert api(sec_fetch_site=site) == status


@pytest.mark.parametrize(
    ("status", "method", "headers"),
    [
        pytest.param(None, "POST", {}, id="no browser"),
        pytest.param(None, "POST", {"origin": f"http://{APP}"}, id="its own form"),
        pytest.param(None, "POST", {"origin": "http://localhost:3000"}, id="another of ours"),
        pytest.param(
            None,
            "GET",
            {"origin": "http://localhost:3000", "sec_fetch_site": "cross-site"},
            id="another of ours, under a name of its own",
        ),
        pytest.param(
            None, "POST", {"origin": "null", "sec_fetch_site": "same-origin"}, id="a shy form"
        ),
        pytest.param(
            None,
            "GET",
            {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate"},
            id="a link from anywhere",
        ),
        pytest.param(403, "POST", {"origin": "https://evil.example"}, id="a foreign form"),
        pytest.param(403, "POST", {"origin": "null"}, id="nobody's form"),
        pytest.param(
            403,
            "POST",
            {"origin": "null", "sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate"},
            id="a foreign form, sandboxed",
        ),
        pytest.param(
            403,
            "GET",
            {"sec_fetch_site": "cross-site", "sec_fetch_mode": "no-cors"},
            id="a foreign picture",
        ),
    ],
)
def test_an_app_may_be_asked_by_pages_of_this_machine_and_linked_from_anywhere(
    status: int | None, method: str, headers: dict[str, str]
) -> None:
    assert app(method=method, **headers) == status


@given(st.lists(st.tuples(st.sampled_from([b"host", b"origin"]), st.binary()), max_size=4))
def test_the_gate_judges_whatever_bytes_come(headers: list[tuple[bytes, bytes]]) -> None:
    for turned in (
        Gate().turns_from_platform(asker_of(headers)),
        Gate().turns_from_app(asker_of(headers), "GET"),
    ):
        if turned is not None:
            assert turned.status in {403, 421}
            assert turned.message.isprintable()
