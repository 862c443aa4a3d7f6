"""API keys and the ways clients send them."""

import base64
import binascii
import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Credential:
    """What an `Authorization` header carried."""

    kind: Literal["bearer", "basic", "other"]
    secret: str

    @property
    def fingerprint(self) -> str:
        """Return the start of the secret's SHA-256, to tell keys apart without keeping them."""
        return fingerprint(self.secret)


def fingerprint(secret: str) -> str:
    """Return the first twelve hex digits of the SHA-256 of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()[:12]


def new_key() -> str:
    """Return a fresh API key of today's form."""
    return f"HRKU-{secrets.token_urlsafe(32)}"


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


class Keys:
    """The keys that are accepted."""

    def __init__(self, keys: Iterable[str]) -> None:
        self._keys = set(keys)

    def accept(self, credential: Credential | None) -> bool:
        """Say whether a credential is one of the keys."""
        if credential is None or credential.kind == "other":
            return False
        given = credential.secret.encode()
        return any(secrets.compare_digest(given, key.encode()) for key in self._keys)

    def add(self, key: str) -> None:
        """Accept one more key."""
        self._keys.add(key)

    def revoke(self, name: str) -> bool:
        """Stop accepting a key, named by itself or its fingerprint; say whether it was there."""
        found = {key for key in self._keys if name in {key, fingerprint(key)}}
        self._keys -= found
        return bool(found)

    @property
    def fingerprints(self) -> list[str]:
        """Return the fingerprints of all keys."""
        return sorted(fingerprint(key) for key in self._keys)
