"""Config vars made comparable without keeping them; pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

Prints = dict[str, str]


@dataclass(frozen=True, slots=True)
class Declared:
    """The config vars that shape builds, by name, and what makes their values comparable."""

    names: tuple[str, ...] = ()
    salt: bytes = field(default=b"", repr=False)

    def prints_of(self, config: Mapping[str, str] | None) -> Prints | None:
        """Keep of config vars what can be compared, and nothing else; None where none were read."""
        if config is None:
            return None
        return {name: fingerprint(config.get(name), self.salt) for name in self.names}


def fingerprint(value: str | None, salt: bytes) -> str:
    """Make a value comparable without keeping it; the salt is new with every run."""
    if value is None:
        return "absent"
    return hashlib.blake2b(value.encode(), key=salt, digest_size=16).hexdigest()
