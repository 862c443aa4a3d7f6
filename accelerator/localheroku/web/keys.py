"""The ways clients send their API key."""

import base64
import binascii
from dataclasses import dataclass
from typing import Literal

from accelerator.localheroku.state.access import fingerprint


@dataclass(frozen=True)
class Credential:
    """What an `Authorization` header carried."""

    kind: Literal["bearer", "basic", "other"]
    secret: str

    @property
    def fingerprint(self) -> str:
        """Return the start of the secret's SHA-256, to tell keys apart without keeping them."""
        return fingerprint(self.secret)


def parse_credential(header: str | None) -> Credential | None:
    """Read an `Authorization` header; of Basic the password counts, or a lone user name."""
    if header is None:
        return None
    scheme, _, rest = header.strip().partition(" ")
    if scheme.lower() == "bearer":
        return Credential("bearer", rest.strip())
    if scheme.lower() != "basic":
        return Credential("other", header)
    try:
        user, _, password = base64.b64decode(rest.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return Credential("other", header)
    return Credential("basic", password or user)
