"""Heroku's limits per hour: 4500 requests per account, 75 git operations per account and app."""

from collections import deque

from accelerator.localheroku.clock import Clock

CAPACITY = 4500
PER_SECOND = CAPACITY / 3600
GIT_PER_HOUR = 75
_HOUR = 3600


class Bucket:
    """Count the requests of one account; the bucket fills up all the time."""

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
        """Take a token; return whether there was one."""
        if self.remaining < 1:
            return False
        self._tokens -= 1
        return True

    def set(self, remaining: int) -> None:
        """Put exactly so many tokens into the bucket."""
        self._filled_at = self._clock.monotonic()
        self._tokens = float(remaining)


class Buckets:
    """The bucket of every account, shared by all of its keys."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._buckets: dict[str, Bucket] = {}

    def of(self, account_id: str) -> Bucket:
        """Return an account's bucket."""
        return self._buckets.setdefault(account_id, Bucket(self._clock))


class GitLimit:
    """Count the git operations of each account on each app within the last hour."""

    def __init__(self, clock: Clock) -> None:
        self.per_hour = GIT_PER_HOUR
        self._clock = clock
        self._taken: dict[tuple[str, str], deque[float]] = {}

    def take(self, account_id: str, app_id: str) -> bool:
        """Count an operation; return whether it is still within the limit."""
        now = self._clock.monotonic()
        taken = self._taken.setdefault((account_id, app_id), deque())
        while taken and taken[0] <= now - _HOUR:
            taken.popleft()
        if len(taken) >= self.per_hour:
            return False
        taken.append(now)
        return True
