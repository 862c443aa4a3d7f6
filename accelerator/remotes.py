"""Addresses of git repositories: which are taken, where they lead, what of them travels.

An address is a word on git's command line, and git takes much for an address: an option, a program
to be run (``ext::``), a folder that happens to have that name. So only what is known is taken.
Readers here raise `ValueError` with the end of a sentence ("must be …"), without the address: it
may hold a password.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import unquote, urlsplit

from accelerator.models import Secret

FORMS = "a git repository: https://HOST/PATH, ssh://HOST/PATH or USER@HOST:PATH"
_HEROKU = ("heroku.com", "herokai.com", "herokuspace.com", "herokudev.com")
_NO_HOST = "must name a host, and a port only if it is a number up to 65535"
_PORTS = {"https": 443, "http": 80, "ssh": 22}
_HOST = r"(?:[A-Za-z0-9_][A-Za-z0-9._-]*|\[[0-9A-Fa-f:.]+\])"
_USER = r"[A-Za-z0-9_.][A-Za-z0-9_.+-]*"
_AUTHORITY = re.compile(rf"(?P<host>{_HOST})(?::(?P<port>\d{{1,5}}))?", re.ASCII)
_SCP = re.compile(rf"(?:{_USER}@)?(?P<host>{_HOST}):(?P<path>[^-:][^:]*)", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
_NOT_IN_AN_ADDRESS = re.compile(r"[\x00-\x20\x7f-\x9f\\]")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a server is: what has to be equal before a key of one may be sent to the other."""

    scheme: str
    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """True when it is this machine, whatever the network."""
        return is_loopback(self.host)

    @property
    def is_of_heroku(self) -> bool:
        """True when it is one of Heroku's hosts, whichever way it is reached."""
        return is_of_heroku(self.host)


@dataclass(frozen=True, slots=True)
class Remote:
    """A repository's address, as git may be given it.

    `transport` is git's word for the way there. Over HTTP `url` has no user info: that is `user`
    and `password`. `origin` is None for a folder.
    """

    transport: str
    url: str
    origin: Origin | None = None
    user: Secret | None = field(default=None, repr=False)
    password: Secret | None = field(default=None, repr=False)


def parse_remote(text: str) -> Remote:
    """Read an address of a repository that git may be told to read and write."""
    text = text.strip()
    if text.startswith("-") or _NOT_IN_AN_ADDRESS.search(text):
        raise ValueError(
            "must not begin with a dash, nor have blanks, backslashes or control characters in it"
        )
    scheme, separator, _ = text.partition("://")
    if separator and "::" not in scheme:
        return _parse_url(scheme.lower(), text)
    if text.startswith("/"):
        return Remote("file", text)
    found = _SCP.fullmatch(text)
    if not found or "/" in text.partition(":")[0]:
        raise ValueError(f"must be {FORMS}, or an absolute path")
    return Remote("ssh", text, Origin("ssh", found["host"].lower().strip("[]"), _PORTS["ssh"]))


def is_remote_name(text: str) -> bool:
    """Return whether a text can be the name of a remote, as a clone has them: ``origin``."""
    return bool(_NAME.fullmatch(text))


def parse_origin(url: str) -> Origin:
    """Read scheme, host and port of a URL, so that they can be compared."""
    try:
        parts = urlsplit(url)
    except ValueError:  # brackets, or letters that stand for others
        raise ValueError(_NO_HOST) from None
    scheme, authority = parts.scheme.lower(), parts.netloc.rpartition("@")[2]
    found = _AUTHORITY.fullmatch(authority)
    port = int(found["port"] or _PORTS.get(scheme, 0)) if found else 0
    if not found or not 0 < port < 65536:
        raise ValueError(_NO_HOST)
    return Origin(scheme, found["host"].lower().strip("[]"), port)


def is_loopback(host: str) -> bool:
    """Return whether a host's name or address stands for this machine."""
    if host == "localhost":
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return address.is_loopback and (address.version == 4 or address.compressed == "::1")


def is_of_heroku(host: str) -> bool:
    """Return whether a host's name is in one of Heroku's domains."""
    name = host.removesuffix(".")  # as names may end, and lead to the same host
    return any(name == domain or name.endswith(f".{domain}") for domain in _HEROKU)


def _parse_url(scheme: str, text: str) -> Remote:
    if scheme == "file":
        path = text.partition("://")[2]
        if not path.startswith("/"):
            raise ValueError("must name a folder by its absolute path: file:///PATH")
        return Remote("file", f"file://{path}")
    if scheme not in _PORTS:
        raise ValueError(f"must be {FORMS}")
    origin, parts = parse_origin(text), urlsplit(text)
    if parts.query or parts.fragment or not parts.path.strip("/"):
        raise ValueError("must have a path, and neither a query (?) nor a fragment (#)")
    user, colon, password = parts.netloc.rpartition("@")[0].partition(":")
    if scheme == "ssh":
        return _parse_ssh(text, origin, user, has_password=bool(colon))
    if scheme == "http" and not origin.is_loopback:
        raise ValueError("must not be http://, which anybody on the way can read and change")
    return Remote(
        scheme,
        f"{scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}",
        origin,
        Secret(unquote(user)) if user else None,
        Secret(unquote(password)) if password else None,
    )


def _parse_ssh(text: str, origin: Origin, user: str, *, has_password: bool) -> Remote:
    if has_password:
        raise ValueError("must have no password: ssh takes none from an address, only from a key")
    if user and not re.fullmatch(_USER, user, re.ASCII):
        raise ValueError("must name a user of letters, digits, dots, dashes and underscores")
    return Remote("ssh", text, origin)
