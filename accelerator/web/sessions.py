"""HTTP sessions: who gets the key, through which proxy, trusting whom."""

from __future__ import annotations

import ipaddress
import logging
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

import requests
from requests.auth import AuthBase
from urllib3.exceptions import HTTPError

from accelerator import __version__
from accelerator.remotes import is_loopback
from accelerator.web.bodies import ENCODINGS
from accelerator.web.sockets import Adapter
from accelerator.web.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from accelerator.models import Secret
    from accelerator.web.watch import Stretch

USER_AGENT = f"slug-accelerator/{__version__}"

_CA_BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
_PORTS = {"http": 80, "https": 443}


def origin_of(url: str) -> tuple[str, str, int]:
    """Return scheme, host and port: what a key may be bound to. What is no address has no host."""
    parts = split(url)
    return parts.scheme, parts.hostname or "", _port(parts)


def split(url: str) -> SplitResult:
    """Split an address, whoever wrote it; what is none (a bracket too few, say) has no parts."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # not looked at before it is asked for
    except ValueError:
        return SplitResult("", "", "", "", "")
    return parts


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


class OutOfTime(requests.Timeout):
    """An exchange was cut at its end. `reached` is false where the server provably got nothing."""

    def __init__(self, *, reached: bool) -> None:
        super().__init__("cut at the end of its time")
        self.reached = reached


class Session(requests.Session):
    """A pooled session that takes nothing from the machine but `environment`.

    Without `trust_env` requests reads neither netrc nor proxies nor a CA bundle by itself: the
    first would send the wrong key, the others are set from `environment`. Bodies are left unread:
    `accelerator.web.bodies` reads them. Several sessions may share a watch.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        auth: AuthBase | None = None,
        watch: Watch | None = None,
    ) -> None:
        super().__init__()
        self.watch = watch or Watch()
        self.trust_env = False
        self.auth = auth
        self.stream = True
        self.headers.update({"User-Agent": USER_AGENT, "Accept-Encoding": ENCODINGS})
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self.verify = next(
            (environment[name] for name in _CA_BUNDLES if environment.get(name)), True
        )
        for scheme in ("http://", "https://"):
            self.mount(scheme, Adapter(self.watch))
        for name in ("connectionpool", "connection", "response"):
            logging.getLogger(f"urllib3.{name}").addFilter(AddressesHidden())

    @contextmanager
    def within(self, seconds: float) -> Iterator[Stretch]:
        """Give what is asked and read in the block that much time; `OutOfTime` when it is over."""
        stretch = self.watch.begin(seconds)
        try:
            with in_time(stretch):
                yield stretch
        finally:
            stretch.end()

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Find no redirect in any answer: requests would read its body, to whatever end."""
        del resp

    def close(self) -> None:
        """Close the pooled connections, and let the watch rest."""
        super().close()
        self.watch.rest()


@contextmanager
def in_time(stretch: Stretch) -> Iterator[None]:
    """Raise `OutOfTime` where the stretch was cut: what was read then may look whole or broken."""
    try:
        yield
    except (requests.RequestException, HTTPError, HTTPException, OSError, ValueError):
        if stretch.is_over:
            raise OutOfTime(reached=stretch.is_connected) from None
        raise
    if stretch.is_over:
        raise OutOfTime(reached=stretch.is_connected)


def proxies_for(url: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Choose the proxy for one address; this machine itself is never reached through one."""
    parts = split(url)
    proxy = _variable(environment, f"{parts.scheme}_proxy") or _variable(environment, "all_proxy")
    if not proxy or _is_direct(parts, _variable(environment, "no_proxy")):
        return {}
    return {parts.scheme: proxy}


def _variable(environment: Mapping[str, str], name: str) -> str:
    return environment.get(name) or environment.get(name.upper()) or ""


def _is_direct(parts: SplitResult, no_proxy: str) -> bool:
    host = parts.hostname or ""
    if is_loopback(host):
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
