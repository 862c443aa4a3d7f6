"""Heroku's token bucket: 4500 requests an hour, refilled all the time."""

from accelerator.localheroku.clock import Clock

CAPACITY = 4500
PER_SECOND = CAPACITY / 3600


class Bucket:
    """Count the requests of one account."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tokens = float(CAPACITY)
        self._filled_at = clock.monotonic()

    @property
    def remaining(self) -> int:
        """Return how many requests may be made right now."""
        now = self._clock.monotonic()
        self._tokens = min(CAPACITY, self._tokens + (now - self._filled_at) * PER_SECOND)
        self._filled_at = now
        return int(self._tokens)

    def take(self) -> bool:
        """Take a token; say whether there was one."""
        if self.remaining < 1:
            return False
        self._tokens -= 1
        return True

    def set(self, remaining: int) -> None:
        """Put exactly so many tokens into the bucket."""
        self._filled_at = self._clock.monotonic()
        self._tokens = float(remaining)
