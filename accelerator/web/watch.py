"""The hard end of requests: at its moment the connection is cut, wherever the exchange stands.

A socket's timeout is for one `recv`. Who sends a byte per second keeps it from ever passing: in
the TLS handshake, the status line, a header, the body. So one thread cuts what takes too long; it
sleeps until the next end is due, and ends when there is none. What a cut connection still gave
may look whole, so `Stretch.is_over` decides, not how the reading ended.
"""

from __future__ import annotations

import heapq
import socket
from contextlib import suppress
from itertools import count
from threading import Condition, Thread, local
from time import monotonic

_NAP_SECONDS = 3600.0  # an end may be further away than a condition can wait: never, say


class Stretch:
    """The time of one exchange. What is cut at its end are duplicates of its sockets.

    The connection may close its own socket early (HTTP/1.0) and read on, or wrap it in TLS.
    """

    def __init__(self, ends_at: float, watch: Watch) -> None:
        self.ends_at = ends_at
        self.is_over = False
        self.is_connected = False  # until then, the server provably got no request
        self._watch = watch
        self._lines: list[socket.socket] = []

    @property
    def remaining(self) -> float:
        """Return the seconds left, never below zero."""
        return max(0.0, self.ends_at - monotonic())

    def add(self, line: socket.socket) -> None:
        """Cut this connection too, at once if it is too late."""
        # Family and type do not matter for cutting, and asking for them costs two system calls.
        double = socket.fromfd(line.fileno(), socket.AF_INET, socket.SOCK_STREAM)
        with self._watch.changed:
            self._lines.append(double)
            if self.is_over:
                self.cut()

    def extend(self, seconds: float) -> None:
        """Let it take that many seconds from now."""
        self._watch.schedule(self, seconds)

    def cut(self) -> None:
        """End it now."""
        self.is_over = True
        for line in self._lines:
            with suppress(OSError):  # the other side was quicker
                line.shutdown(socket.SHUT_RDWR)

    def end(self) -> None:
        """Let go of what was watched."""
        with self._watch.changed:
            lines, self._lines = self._lines, []
            self.ends_at = float("inf")
        for line in lines:
            line.close()


class Watch:
    """Cuts the exchanges of one client when their time is over; beginning one is cheap."""

    def __init__(self) -> None:
        self.changed = Condition()
        self._due: list[tuple[float, int, Stretch]] = []
        self._numbers = count()
        self._is_running = False
        self._here = local()

    @property
    def current(self) -> Stretch:
        """Return the stretch this thread is in: there is no request outside of one."""
        stretch: Stretch = self._here.stretch
        return stretch

    def begin(self, seconds: float) -> Stretch:
        """Begin a stretch of this thread; the caller ends it."""
        stretch = self._here.stretch = Stretch(0.0, self)
        self.schedule(stretch, seconds)
        return stretch

    def schedule(self, stretch: Stretch, seconds: float) -> None:
        """Cut the stretch that many seconds from now, and not before."""
        with self.changed:
            stretch.ends_at = monotonic() + seconds
            heapq.heappush(self._due, (stretch.ends_at, next(self._numbers), stretch))
            if not self._is_running:
                self._is_running = True
                Thread(target=self._run, name="watch", daemon=True).start()
            elif self._due[0][2] is stretch:
                self.changed.notify()

    def rest(self) -> None:
        """Forget what has ended, so that the thread need not wait for it."""
        with self.changed:
            self._due = [due for due in self._due if due[2].ends_at <= due[0]]
            heapq.heapify(self._due)
            self.changed.notify()

    def _run(self) -> None:
        with self.changed:
            while self._due:
                at, _, stretch = self._due[0]
                if (left := at - monotonic()) > 0:
                    self.changed.wait(min(left, _NAP_SECONDS))
                    continue
                heapq.heappop(self._due)
                if stretch.ends_at <= at:  # neither ended nor extended since
                    stretch.cut()
            self._is_running = False
