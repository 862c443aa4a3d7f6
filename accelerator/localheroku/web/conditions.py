"""What controls lay on requests."""

from dataclasses import dataclass


@dataclass
class Conditions:
    """How long a request waits before it is handled, and the warning on each API answer."""

    latency_seconds: float = 0.0
    warning: str | None = None
