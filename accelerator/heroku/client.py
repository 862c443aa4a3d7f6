"""The client as the steps see it: one noun per resource, usage, and calls in parallel."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar, overload

from accelerator.heroku.apps import Apps, Buildpacks, ConfigVars, Dynos, Features, Formations
from accelerator.heroku.builds import Builds, Sources
from accelerator.heroku.connection import Connection
from accelerator.heroku.exchange import Exchange
from accelerator.heroku.log_sessions import LogSessions
from accelerator.heroku.pipelines import Couplings, Pipelines, Promotions
from accelerator.heroku.releases import OciImages, Releases, Slugs
from accelerator.heroku.storage import Storage
from accelerator.heroku.streams import Streams
from accelerator.heroku.usage import pace_at, run_together

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from types import TracebackType

    from accelerator.events import Listener
    from accelerator.heroku.usage import Usage
    from accelerator.models import Endpoint, Secret
    from accelerator.waiting import Deadline

A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")
T = TypeVar("T")

_NOTHING: Mapping[str, str] = MappingProxyType({})


class Heroku:
    """Heroku's API and its signed addresses, on pooled connections; used from several threads.

    Reads are repeated, for `patience_seconds` of silence and longer through a rate limit. Writes
    are not: one that may have been done raises `OutcomeUnknown`. `environment` is for proxies and
    the CA bundle only. Nothing is sent before the first call.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        key: Secret,
        *,
        deadline: Deadline,
        listener: Listener,
        environment: Mapping[str, str] = _NOTHING,
        patience_seconds: float = 30.0,
    ) -> None:
        self._exchange = Exchange(deadline, listener, patience_seconds, environment)
        self._connection = connection = Connection(endpoint, key, self._exchange)
        self._storage = Storage(self._exchange)
        self.apps = Apps(connection)
        self.buildpacks = Buildpacks(connection)
        self.builds = Builds(connection)
        self.config_vars = ConfigVars(connection)
        self.couplings = Couplings(connection)
        self.dynos = Dynos(connection)
        self.features = Features(connection)
        self.formation = Formations(connection)
        self.oci_images = OciImages(connection)
        self.pipelines = Pipelines(connection)
        self.promotions = Promotions(connection)
        self.releases = Releases(connection)
        self.slugs = Slugs(connection)
        self.sources = Sources(connection, self._storage)
        self.streams = Streams(self._exchange, self._storage)
        self.log_sessions = LogSessions(connection, self._exchange, self._storage)

    @overload
    def together(self, first: Callable[[], A], /) -> tuple[A]: ...
    @overload
    def together(self, first: Callable[[], A], second: Callable[[], B], /) -> tuple[A, B]: ...
    @overload
    def together(
        self, first: Callable[[], A], second: Callable[[], B], third: Callable[[], C], /
    ) -> tuple[A, B, C]: ...
    @overload
    def together(
        self,
        first: Callable[[], A],
        second: Callable[[], B],
        third: Callable[[], C],
        fourth: Callable[[], D],
        /,
    ) -> tuple[A, B, C, D]: ...
    @overload
    def together(self, *calls: Callable[[], T]) -> tuple[T, ...]: ...

    def together(self, *calls: Callable[[], Any]) -> tuple[Any, ...]:
        """Make independent reads in parallel; all end, then the first error in order is raised."""
        return run_together(calls, self._exchange.meter)

    @property
    def usage(self) -> Usage:
        """Return what was asked of the API so far."""
        return self._exchange.meter.usage

    def pace(self) -> float:
        """Return the factor for polling pauses: 1, and up to 8 as the rate limit's tokens go."""
        return pace_at(self.usage.rate_limit_remaining)

    def moment(self) -> datetime:
        """Return the moment by the platform's clock: a runner's own may be off by minutes."""
        return self._exchange.deadline.clock.moment() + self._exchange.meter.skew

    def close(self) -> None:
        """Close all connections."""
        self._connection.close()
        self._storage.close()

    def __enter__(self) -> Heroku:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
