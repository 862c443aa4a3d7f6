"""Serve the guestbook on $PORT until told to stop."""

import os
import signal
import sys
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIServer, make_server

from guestbook.store import Store
from guestbook.web import Guestbook


class Server(ThreadingMixIn, WSGIServer):
    """One thread a request."""

    daemon_threads = True


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    application = Guestbook(Store(os.environ["DATABASE_FILE"]), os.environ)
    with make_server("", int(os.environ["PORT"]), application, server_class=Server) as server:
        print(f"listening on {server.server_port}", flush=True)
        server.serve_forever()
