"""Where the platform is: `HEROKU_HOST` and `HEROKU_GIT_HOST` as the Heroku CLI reads them.

One difference, on purpose: where the CLI warns about a host it does not recognise and then calls
the real service with the key, this refuses.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from accelerator.errors import HostNotRecognised, UsageProblem
from accelerator.foreign import hide_credentials, visible
from accelerator.models import Endpoint
from accelerator.remotes import is_loopback, is_of_heroku

if TYPE_CHECKING:
    from collections.abc import Mapping

# Labels as hosts have them (RFC 1123, section 2.1): none is empty, none begins with a dash.
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_AUTHORITY = re.compile(
    rf"(?P<host>{_LABEL}(?:\.{_LABEL}){{0,20}}|\[[0-9A-Fa-f:.]+\])(?::(?P<port>\d{{1,5}}))?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class _Host:
    """A host as configured: `scheme` is empty when only a name was given."""

    scheme: str
    name: str
    authority: str

    @property
    def is_loopback(self) -> bool:
        return is_loopback(self.name)


def endpoint(environment: Mapping[str, str]) -> Endpoint:
    """Return the base URLs of the platform; raises rather than guess where the key may go.

    A full URL in `HEROKU_HOST` is the API and, with the same host and port, git; a bare domain
    stands for ``https://api.…`` and ``https://git.…``. `HEROKU_GIT_HOST` replaces git's host.
    """
    host = _read("HEROKU_HOST", environment.get("HEROKU_HOST", "").strip() or "heroku.com")
    if host.scheme:
        api_url = git_url = f"{host.scheme}://{host.authority}"
    else:
        _refuse_bare_loopback("HEROKU_HOST", host)
        api_url, git_url = f"https://api.{host.authority}", f"https://git.{host.authority}"
    if named := environment.get("HEROKU_GIT_HOST", "").strip():
        git_host = _read("HEROKU_GIT_HOST", named)
        # Without a scheme a loopback host speaks as the API does: the local platform has no TLS.
        local = host.scheme if git_host.is_loopback and host.is_loopback else ""
        git_url = f"{git_host.scheme or local or 'https'}://{git_host.authority}"
    return Endpoint(api_url=api_url, git_url=git_url)


def _read(variable: str, value: str) -> _Host:
    scheme, separator, rest = value.partition("://")
    scheme = scheme.lower() if separator else ""
    found = _AUTHORITY.fullmatch((rest if separator else value).removesuffix("/"))
    if not found or scheme not in ("", "http", "https"):
        raise HostNotRecognised(variable, _shown(value))
    name, port = found["host"].lower().strip("[]"), found["port"]
    if not (is_of_heroku(name) or is_loopback(name)) or int(port or 0) > 65535:
        raise HostNotRecognised(variable, _shown(value))
    if scheme == "http" and not is_loopback(name):
        raise UsageProblem(
            f"{variable}={_shown(value)} would send the API key in clear text",
            f"use https://{name}, or unset {variable}",
        )
    return _Host(scheme, name, urlsplit(f"//{found[0].lower()}").netloc)


def _refuse_bare_loopback(variable: str, host: _Host) -> None:
    # The Heroku CLI would make https://api.127.0.0.1:5001 of it, which is nowhere.
    if host.is_loopback:
        raise HostNotRecognised(variable, host.authority)


def _shown(value: str) -> str:
    """Make a refused value fit for a message: no credentials, no control characters."""
    address = visible("".join("?" if letter.isspace() else letter for letter in value))
    if "//" in address:
        return hide_credentials(address, hide_query=True)
    return hide_credentials(f"//{address}", hide_query=True).removeprefix("//")
