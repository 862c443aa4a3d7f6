"""The edge of the process, as the commands see it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Invocation:
    """Environment, directory and streams, read once by ``__main__``."""

    environment: Mapping[str, str]
    directory: Path
    stdout: TextIO
    stderr: TextIO
