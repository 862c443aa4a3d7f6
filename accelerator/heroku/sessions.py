"""HTTP sessions: who gets the key, through which proxy, trusting whom."""

from __future__ import annotations

import ipaddress
import logging
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase

from accelerator import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping

    from accelerator.models import Secret

USER_AGENT = f"slug-accelerator/{__version__}"
CONNECTIONS = 32

_CA_BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
_PORTS = {"http": 80, "https": 443}


def origin_of(url: str) -> tuple[str, str, int]:
    """Return scheme, host and port: what a key may be bound to."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", _port(parts)


class Bearer(AuthBase):
    """Put the key on requests to one origin, and on no other."""

    def __init__(self, key: Secret, origin: tuple[str, str, int]) -> None:
        self._key = key
        self._origin = origin

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the header, if the request goes where the key belongs."""
        if origin_of(request.url or "") == self._origin:
            request.headers["Authorization"] = f"Bearer {self._key.reveal()}"
        return request


@dataclass(frozen=True)
class AddressesHidden(logging.Filter):
    """Drops urllib3's own log lines: they carry whole addresses, and ours may be capabilities.

    The `Requested` events carry the same without them. Equal filters count as one, so adding it for
    every client is harmless.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Let nothing through."""
        del record
        return False


class ClosingAdapter(HTTPAdapter):
    """Closes its connections when it is closed; else only the garbage collector would."""

    def close(self) -> None:
        """Close all pooled connections, also those of pools an old traceback still holds."""
        for manager in (self.poolmanager, *self.proxy_manager.values()):
            for key in manager.pools.keys():  # noqa: SIM118  # no dict: it cannot be iterated over
                manager.pools[key].close()
        super().close()


def make_session(environment: Mapping[str, str], auth: AuthBase | None = None) -> requests.Session:
    """Make a pooled session that takes nothing from the machine but `environment`.

    Without `trust_env` requests reads neither netrc nor proxies nor a CA bundle by itself: the
    first would send the wrong key, the others are set from `environment`.
    """
    session = requests.Session()
    session.trust_env = False
    session.auth = auth
    session.headers["User-Agent"] = USER_AGENT
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.verify = next(
        (environment[name] for name in _CA_BUNDLES if environment.get(name)), True
    )
    for scheme in ("http://", "https://"):
        session.mount(scheme, ClosingAdapter(pool_maxsize=CONNECTIONS, max_retries=0))
    logging.getLogger("urllib3.connectionpool").addFilter(AddressesHidden())
    return session


def proxies_for(url: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Choose the proxy for one address; this machine itself is never reached through one."""
    parts = urlsplit(url)
    proxy = _variable(environment, f"{parts.scheme}_proxy") or _variable(environment, "all_proxy")
    if not proxy or _is_direct(parts, _variable(environment, "no_proxy")):
        return {}
    return {parts.scheme: proxy}


def _variable(environment: Mapping[str, str], name: str) -> str:
    return environment.get(name) or environment.get(name.upper()) or ""


def _is_direct(parts: SplitResult, no_proxy: str) -> bool:
    host = parts.hostname or ""
    address = _address(host)
    if host == "localhost" or (address is not None and address.is_loopback):
        return True
    entries = [entry.strip().lower() for entry in no_proxy.split(",")]
    return any(_covers(entry, host, _port(parts)) for entry in entries if entry)


def _covers(entry: str, host: str, port: int) -> bool:
    if entry == "*":
        return True
    address = _address(host)
    if address is not None and "/" in entry:
        return _in_network(address, entry)
    name, colon, number = entry.rpartition(":")
    if colon and number.isdecimal() and ":" not in name:
        return int(number) == port and _covers(name, host, port)
    name = entry.removeprefix("*").removeprefix(".")
    return host == name or host.endswith(f".{name}")


def _in_network(address: ipaddress.IPv4Address | ipaddress.IPv6Address, network: str) -> bool:
    try:
        return address in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _port(parts: SplitResult) -> int:
    return parts.port or _PORTS.get(parts.scheme, 0)
