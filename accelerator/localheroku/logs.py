"""The log of each app: its newest lines in Heroku's format."""

from collections import deque

from accelerator.localheroku.clock import Clock

LINES = 1500


class Logs:
    """Keep the newest lines of every app."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lines: dict[str, deque[str]] = {}

    def write(self, app_id: str, source: str, text: str) -> None:
        """Add a line said by `source`, such as `app[web.1]`."""
        line = f"{self._clock.now().isoformat(timespec='microseconds')} {source}: {text}"
        self._lines.setdefault(app_id, deque(maxlen=LINES)).append(line)

    def read(self, app_id: str, count: int = LINES) -> list[str]:
        """Return the newest lines, oldest of them first."""
        return list(self._lines.get(app_id, ()))[-count:] if count > 0 else []

    def drop(self, app_id: str) -> None:
        """Forget an app's log."""
        self._lines.pop(app_id, None)
