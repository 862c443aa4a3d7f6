"""Redirects, followed by hand: a few, to the web only, and without reading what comes with them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from requests.exceptions import InvalidURL, TooManyRedirects

from accelerator.web.sessions import origin_of, split

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests

MOST = 10

_STATUSES = frozenset({301, 302, 303, 307, 308})
_LONGEST = 8192
_UNFIT = re.compile(r"[\x00-\x1f\x7f\\]")


def follow(
    url: str, ask: Callable[[str], requests.Response], most: int = MOST
) -> requests.Response:
    """Ask at the address, and where its answers send us; each is closed unread but the last.

    Raises `TooManyRedirects` after `most`, and `InvalidURL` for an address that is not followed.
    """
    for _ in range(most + 1):
        answer = ask(url)
        location = answer.headers.get("Location")
        if answer.status_code not in _STATUSES or not location:
            return answer
        answer.close()
        url = next_address(url, location)
    raise TooManyRedirects(f"more than {most} redirects")


def next_address(url: str, location: str) -> str:
    """Return where a `Location` leads from `url`; `InvalidURL` where it does not lead to the web.

    User info in it is dropped. That of `url` goes along to the same origin, or to its TLS side.
    """
    if len(location) > _LONGEST or _UNFIT.search(location):
        raise InvalidURL("a redirect to no address")
    try:
        target = split(urljoin(url, _decoded(location)))
    except ValueError:
        target = split("")
    if target.scheme not in {"http", "https"} or not target.hostname:
        raise InvalidURL("a redirect to no address of the web")
    host = target.netloc.rpartition("@")[2]
    user, at, _ = split(url).netloc.rpartition("@")
    if at and _is_same_site(url, target.geturl()):
        host = f"{user}@{host}"
    return target._replace(netloc=host, fragment="").geturl()


def _decoded(location: str) -> str:
    """Undo what http.client made of the bytes: letters beyond ASCII are UTF-8 in practice."""
    return location.encode("latin-1", "replace").decode("utf-8", "replace")


def _is_same_site(url: str, target: str) -> bool:
    (scheme, host, port), there = origin_of(url), origin_of(target)
    if there == (scheme, host, port):
        return True
    return (scheme, port) == ("http", 80) and there == ("https", host, 443)
