"""How long things take beyond what they need, settable for everything and for single apps."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace


@dataclass(frozen=True)
class Durations:
    """Seconds added to builds, promotions and boots; how long the old dynos serve on.

    A push adds its own twice: it downloads its app's archive, and uploads it again.
    """

    promotion_seconds: float = 0.0
    build_seconds: float = 0.0
    boot_seconds: float = 0.0
    # Heroku takes about three minutes, which nobody would wait for here.
    preboot_seconds: float = 15.0
    # In a space, until the last dyno is replaced; on Heroku several minutes.
    rolling_seconds: float = 15.0
    git_transfer_seconds: float = 0.0


class Timing:
    """The durations of every app."""

    def __init__(self) -> None:
        self.default = Durations()
        self._changes: dict[str, dict[str, float]] = {}

    def of(self, app_id: str) -> Durations:
        """Return the durations of one app."""
        return replace(self.default, **self._changes.get(app_id, {}))

    def change(self, changes: Mapping[str, float], app_id: str | None = None) -> Durations:
        """Change durations of one app, or those of all apps that have none of their own."""
        if app_id is None:
            self.default = replace(self.default, **changes)
            return self.default
        self._changes[app_id] = {**self._changes.get(app_id, {}), **changes}
        return self.of(app_id)

    def drop(self, app_id: str) -> None:
        """Forget what was set for one app."""
        self._changes.pop(app_id, None)


def names() -> tuple[str, ...]:
    """Return what can be set."""
    return tuple(asdict(Durations()))
