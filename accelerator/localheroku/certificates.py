"""A certificate authority of this machine alone, for the platform's TLS port."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

NAMES = ("127.0.0.1", "localhost", "*.heroku.com", "heroku.com")


@dataclass(frozen=True)
class Certificates:
    """Files in PEM form: the authority clients have to trust, and the server's key and chain."""

    authority: Path
    server: Path


def issue(directory: Path) -> Certificates:
    """Make an authority and a certificate for loopback, and write both into `directory`.

    The authority's own key is not kept, so nothing else can ever be signed with it. Raises
    `ModuleNotFoundError` where trustme is not installed.
    """
    import trustme  # noqa: PLC0415 - heavy, and an extra

    made = Certificates(directory / "ca.pem", directory / "server.pem")
    authority = trustme.CA()
    leaf = authority.issue_cert(*NAMES)
    _write(made.authority, authority.cert_pem.bytes())
    _write(made.server, leaf.private_key_and_cert_chain_pem.bytes())
    return made


def _write(path: Path, content: bytes) -> None:
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_bytes(content)
