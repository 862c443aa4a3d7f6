"""Connections whose every part has an end: the name, the way there, TLS, and all that follows."""

from __future__ import annotations

import socket
from ipaddress import ip_address
from threading import Thread
from typing import TYPE_CHECKING, Any, ClassVar

from requests.adapters import HTTPAdapter
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError
from urllib3.util.connection import allowed_gai_family, create_connection

from accelerator.remotes import is_loopback

if TYPE_CHECKING:
    import requests
    from urllib3 import BaseHTTPResponse, PoolManager
    from urllib3.connection import HTTPConnection

    from accelerator.web.watch import Watch

    _Connection = HTTPConnection
else:
    _Connection = object

CONNECTIONS = 32

_NAMING = 0.9  # of the time: a name service that is late is to be told from a server that is


class Line(_Connection):
    """What is added to urllib3's connections: the watch of the client cuts them in time."""

    watch: ClassVar[Watch]

    def connect(self) -> None:
        """Connect, up to the point from which on the server may get the request."""
        super().connect()
        # Else urllib3 warns of a certificate that nobody asked for.
        self.is_verified = self.is_verified or is_loopback(self.host)
        self.watch.current.is_connected = True

    def request(self, *args: Any, **options: Any) -> None:
        """Send a request; one on a connection from the pool is watched anew."""
        if self.sock is not None:
            stretch = self.watch.current
            stretch.add(self.sock)
            stretch.is_connected = True
        super().request(*args, **options)

    def _new_conn(self) -> socket.socket:
        stretch = self.watch.current
        try:
            addresses = resolve(self._dns_host, self.port, stretch.remaining * _NAMING)
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error
        failure: OSError = TimeoutError("no time left")
        for address in addresses:
            if stretch.is_over:
                break
            try:
                line = self._connect_to(address, stretch.remaining)
            except OSError as error:
                failure = error
                continue
            stretch.add(line)
            return line
        if isinstance(failure, TimeoutError):
            raise ConnectTimeoutError(self, "no connection in time") from failure
        raise NewConnectionError(self, "no connection") from failure

    def _connect_to(self, address: str, left: float) -> socket.socket:
        return create_connection(
            (address, self.port),
            min(float(self.timeout or left), max(left, 0.001)),
            source_address=self.source_address,
            socket_options=self.socket_options,
        )


def resolve(host: str, port: int, seconds: float) -> list[str]:
    """Find the addresses of a host; `gaierror` also when the name service does not answer in time.

    It knows no timeout and cannot be cut, so a thread asks, and is left behind when it is late.
    """
    if _is_address(host.strip("[]")):
        return [host]
    found: list[str] = []
    failures: list[OSError | UnicodeError] = []

    def ask() -> None:
        try:
            infos = socket.getaddrinfo(host, port, allowed_gai_family(), socket.SOCK_STREAM)
            found.extend(dict.fromkeys(str(info[4][0]) for info in infos))
        except (OSError, UnicodeError) as error:
            failures.append(error)

    asking = Thread(target=ask, name="resolve", daemon=True)
    asking.start()
    asking.join(seconds)
    for failure in failures:
        raise failure if isinstance(failure, socket.gaierror) else _unknown(str(failure))
    if not found:
        raise _unknown("no answer of the name service in time")
    return found


def _unknown(why: str) -> socket.gaierror:
    return socket.gaierror(socket.EAI_AGAIN, why)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


class Adapter(HTTPAdapter):
    """Makes connections that are watched, reads no cookies, and closes them when it is closed."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        super().__init__(pool_maxsize=CONNECTIONS, max_retries=0)

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        """Make the pools of direct connections."""
        super().init_poolmanager(*args, **options)
        _guard(self.poolmanager, self._watch)

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        """Make the pools of connections through a proxy, or find them."""
        is_new = proxy not in self.proxy_manager
        manager = super().proxy_manager_for(proxy, **options)
        if is_new and not proxy.lower().startswith("socks"):  # its connections are of another kind
            _guard(manager, self._watch)
        return manager

    def build_response(
        self, req: requests.PreparedRequest, resp: BaseHTTPResponse
    ) -> requests.Response:
        """Make the response, without a reader of cookies having looked at it."""
        if original := getattr(resp, "_original_response", None):
            del original.msg["Set-Cookie"]
            del original.msg["Set-Cookie2"]
        return super().build_response(req, resp)

    def close(self) -> None:
        """Close all pooled connections, also those of pools an old traceback still holds."""
        for manager in (self.poolmanager, *self.proxy_manager.values()):
            for key in manager.pools.keys():  # noqa: SIM118  # no dict: it cannot be iterated over
                manager.pools[key].close()
        super().close()


def _guard(manager: PoolManager, watch: Watch) -> None:
    """Have all pools of a manager make connections of ours."""
    manager.pool_classes_by_scheme = {
        scheme: _guarded(pool, watch) for scheme, pool in manager.pool_classes_by_scheme.items()
    }


def _guarded(pool: Any, watch: Watch) -> type:
    line = type("Line", (Line, pool.ConnectionCls), {"watch": watch})
    return type(pool.__name__, (pool,), {"ConnectionCls": line})
