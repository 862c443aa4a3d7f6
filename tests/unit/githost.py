"""A git host on loopback: bare repositories behind one key, as on Heroku."""

from __future__ import annotations

import base64
import os
import subprocess
import threading
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator
    from pathlib import Path

KEY = "01234567-89ab-cdef-0123-456789abcdef"
ENCODED = base64.b64encode(f":{KEY}".encode()).decode()


class GitHost(ThreadingHTTPServer):
    """Serves bare repositories with `git http-backend`, as Heroku does: one key, any user name."""

    daemon_threads = False  # closing the server waits for its answers

    def __init__(
        self, root: Path, environment: dict[str, str], tls: ssl.SSLContext | None = None
    ) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.root, self.environment, self.tls = root, environment, tls
        self.expected = f"Basic {ENCODED}"
        self.leads_to = ""
        self.seen: list[tuple[str, str | None]] = []
        self.agents: set[str | None] = set()
        self.answers: dict[str, int] = {}
        self.during_push: Callable[[], None] = lambda: None

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.server_address[1]}"

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Greet by TLS in the thread of the request."""
        if self.tls:
            try:
                request = self.tls.wrap_socket(request, server_side=True)
            except OSError:  # the client does not trust us
                return
        super().finish_request(request, client_address)
        if self.tls:
            with suppress(OSError):
                request.unwrap()
            request.close()

    def create(self, app: str, hook: str = "") -> Path:
        path = self.root / f"{app}.git"
        run(["git", "init", "-q", "--bare", "-b", "main", str(path)], self.root, self.environment)
        run(["git", "config", "http.receivepack", "true"], path, self.environment)
        script = path / "hooks" / "pre-receive"
        script.parent.mkdir(exist_ok=True)
        script.write_text(f"#!/bin/sh\n{hook}\n")
        script.chmod(0o755)
        return path


class _Handler(BaseHTTPRequestHandler):
    server: GitHost
    protocol_version = "HTTP/1.0"

    def log_message(self, format: str, *args: Any) -> None:
        """Stay quiet."""

    def do_GET(self) -> None:
        self._serve(b"")

    def do_POST(self) -> None:
        self.server.during_push()
        self._serve(self.rfile.read(int(self.headers["Content-Length"])))

    def _serve(self, body: bytes) -> None:
        path, _, query = self.path.partition("?")
        self.server.seen.append((path, self.headers["Authorization"]))
        self.server.agents.add(self.headers["User-Agent"])
        status = self.server.answers.get(path.split("/")[-1])
        if self.server.leads_to:
            self.send_response(302)
            self.send_header("Location", f"{self.server.leads_to}{self.path}")
            self.end_headers()
        elif status:
            self.send_error(status)
        elif self.headers["Authorization"] != self.server.expected:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="Git"')
            self.end_headers()
        elif not (self.server.root / path.split("/")[1]).is_dir():
            self.send_error(404)
        else:
            self._run_backend(path, query, body)

    def _run_backend(self, path: str, query: str, body: bytes) -> None:
        cgi = {
            "GIT_PROJECT_ROOT": str(self.server.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "REMOTE_USER": "heroku",
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
        }
        backend = subprocess.Popen(
            ["git", "http-backend"],
            env={**self.server.environment, **cgi},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert backend.stdin is not None
        assert backend.stdout is not None
        with backend:
            backend.stdin.write(body)
            backend.stdin.close()
            self.wfile.write(b"HTTP/1.0 200 OK\r\n")
            while data := os.read(backend.stdout.fileno(), 65536):
                self.wfile.write(data)


def run(command: list[str], cwd: Path, environment: dict[str, str]) -> str:
    done = subprocess.run(
        command, cwd=cwd, env=environment, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@contextmanager
def hosting(
    root: Path, environment: dict[str, str], tls: ssl.SSLContext | None = None
) -> Iterator[GitHost]:
    """Serve the bare repositories below a folder."""
    root.mkdir()
    with GitHost(root, environment, tls) as server:
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        yield server
        server.shutdown()
        serving.join()


def git_environment(home: Path) -> dict[str, str]:
    """Give an environment in which git knows nobody and nothing of this machine."""
    home.mkdir()
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "GIT_CONFIG_GLOBAL": str(home / ".gitconfig"),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "Dev",
        "GIT_AUTHOR_EMAIL": "dev@example.com",
        "GIT_COMMITTER_NAME": "Dev",
        "GIT_COMMITTER_EMAIL": "dev@example.com",
    }
