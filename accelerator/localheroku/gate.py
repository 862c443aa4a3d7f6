"""Turn away what web pages of others send: they may not speak to this platform through a browser.

It listens on loopback only, but any page that is open in a browser of this machine reaches that
too. A browser says where a request comes from (`Origin`, `Sec-Fetch-Site`), and under which name
the page asked (`Host`): a page that lets its own name point at loopback, DNS rebinding, is known
by it. The Heroku CLI, git and curl send no `Origin`.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*", re.ASCII)
_SHOWN = re.compile(r"[A-Za-z0-9.:_/\[\]-]{1,200}", re.ASCII)
_PORT = re.compile(r"(?::[0-9]{0,5})?", re.ASCII)
_FRIENDLY = (b"same-origin", b"same-site", b"none")


@dataclass(frozen=True)
class Turned:
    """Why a request is turned away."""

    status: int
    id: str
    message: str


@dataclass(frozen=True)
class Asker:
    """What a request's headers say of where it comes from."""

    hosts: tuple[bytes, ...]
    origins: tuple[bytes, ...]
    site: bytes | None
    mode: bytes | None


def asker_of(headers: Iterable[tuple[bytes, bytes]]) -> Asker:
    """Read the headers, whose names are in small letters."""
    hosts: list[bytes] = []
    origins: list[bytes] = []
    site = mode = None
    for name, value in headers:
        if name == b"host":
            hosts.append(value)
        elif name == b"origin":
            origins.append(value)
        elif name == b"sec-fetch-site":
            site = value
        elif name == b"sec-fetch-mode":
            mode = value
    return Asker(tuple(hosts), tuple(origins), site, mode)


class Gate:
    """Knows the platform's own names: those of loopback, and those it was told."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self.names = tuple(dict.fromkeys(_checked(name) for name in names))

    def turns_from_platform(self, asker: Asker) -> Turned | None:
        """Return why a request to the platform itself is refused, if it is.

        The platform serves no pages, so no page but one under its very address may ask. An app
        is a stranger as well: its page is under another port.
        """
        turned = self._turns_host(asker)
        if turned is not None:
            return turned
        for origin in asker.origins:
            address = origin.partition(b"://")[2].lower()
            if not address or address not in {host.lower() for host in asker.hosts}:
                return _foreign(origin)
        if asker.site not in (None, b"same-origin", b"none"):
            return _foreign(b"")
        return None

    def turns_from_app(self, asker: Asker, method: str) -> Turned | None:
        """Return why a request to an app is refused, if it is.

        Pages of all apps, and others on this machine, may ask. Anybody may link to an app.
        """
        turned = self._turns_host(asker)
        if turned is not None:
            return turned
        for origin in asker.origins:
            # A page without an origin to tell is known by the other header only.
            if origin == b"null":
                if asker.site is None:
                    return _foreign(origin)
            elif not self._is_ours(origin.partition(b"://")[2]):
                return _foreign(origin)
        if asker.site in (None, *_FRIENDLY) or any(each != b"null" for each in asker.origins):
            return None
        is_link = method in {"GET", "HEAD"} and asker.mode == b"navigate"
        return None if is_link else _foreign(b"")

    def _turns_host(self, asker: Asker) -> Turned | None:
        # No browser leaves it out.
        if not asker.hosts or (len(asker.hosts) == 1 and self._is_ours(asker.hosts[0])):
            return None
        named = _shown(b", ".join(asker.hosts))
        return Turned(
            421,
            "misdirected_request",
            f"This platform does not answer to the host {named}, but to those of loopback. If that"
            " is a name of its own, start it with `accelerator local --host NAME`.",
        )

    def _is_ours(self, address: bytes) -> bool:
        name = _name_in(address.decode("latin-1"))
        return name in {"127.0.0.1", "localhost", *self.names} or _is_loopback(name)


def _checked(name: str) -> str:
    """Return a name in small letters; `ValueError` for what is neither name nor address."""
    low = name.lower().removesuffix(".")
    try:
        return str(ipaddress.ip_address(low))
    except ValueError:
        if len(low) > 253 or _NAME.fullmatch(low) is None:
            raise ValueError(f"{name!r} is neither the name of a host nor an IP address") from None
        return low


def _name_in(address: str) -> str:
    """Return the host in ``host:port``, in small letters."""
    if address.startswith("["):
        inside, closed, rest = address[1:].partition("]")
        return inside.lower() if closed and _PORT.fullmatch(rest) else ""
    name, colon, port = address.partition(":")
    return name.lower().removesuffix(".") if _PORT.fullmatch(colon + port) else ""


def _is_loopback(name: str) -> bool:
    if name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _foreign(origin: bytes) -> Turned:
    source = f"of {_shown(origin)}" if origin else "of another site"
    return Turned(
        403,
        "foreign_origin",
        f"This request comes from a web page {source}, and that is not for this platform.",
    )


def _shown(text: bytes) -> str:
    found = _SHOWN.fullmatch(text.decode("latin-1"))
    return f'"{found[0]}"' if found else "it was asked by"
