"""A running platform and a client that has every answer judged by Heroku's schema."""

import io
import tarfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
import requests

from accelerator.localheroku import clock
from accelerator.localheroku.server import LocalHeroku
from tests.contract.localheroku.schema import Judge, schema_path

ACCEPT = "application/vnd.heroku+json; version=3"
WEB = "web: python3 -u server.py\n"
SERVER = """
import http.server, os, sys
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        text = open("text").read() + os.environ.get("GREETING", "")
        body = text.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args):
        print("served", self.path)
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""
COMPILE = "#!/bin/sh\necho '-----> Copying'\n"


def web_app(text: str = "hello", **files: str) -> dict[str, str]:
    """Return the files of a small web app with its own `bin/compile`."""
    return {
        "Procfile": WEB,
        "server.py": SERVER,
        "text": text,
        "bin/detect": "#!/bin/sh\necho Own\n",
        "bin/compile": COMPILE,
        **files,
    }


def archive(files: Mapping[str, str]) -> bytes:
    """Return a source archive; what lies under `bin/` is executable."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, text in files.items():
            data = text.encode()
            info = tarfile.TarInfo(name)
            info.size = len(data)
            info.mode = 0o755 if name.startswith("bin/") else 0o644
            tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def eventually(look: Callable[[], Any], seconds: float = 30.0) -> Any:
    """Return what `look` answers as soon as that is true."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
    return found


def ask_control(
    platform: LocalHeroku, session: requests.Session, method: str, path: str, body: Any = None
) -> requests.Response:
    """Send a control request with the platform's token; one that writes is JSON in any case."""
    return session.request(
        method,
        f"{platform.url}/local/v1{path}",
        json={} if body is None and method != "GET" else body,
        headers={"Authorization": f"Bearer {platform.token}"},
        timeout=60,
    )


@dataclass
class Client:
    """A plain API client; `judge` checks every answer it gets."""

    platform: LocalHeroku
    session: requests.Session
    judge: Judge | None = None
    sdk_judge: Judge | None = None
    key: str | None = None

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> requests.Response:
        """Send one request with key and version and return the answer."""
        sent = {
            "Accept": ACCEPT,
            "Authorization": f"Bearer {self.key or self.platform.api_key}",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        answer = self.session.request(
            method,
            f"{self.platform.url}{path}",
            json=body,
            headers={name: value for name, value in sent.items() if value is not None},
            timeout=60,
        )
        self._judge(method, path.partition("?")[0], answer, sent["Accept"])
        return answer

    def _judge(self, method: str, path: str, answer: requests.Response, accept: str) -> None:
        judge = self.sdk_judge if "3.sdk" in accept else self.judge
        if judge is not None and answer.status_code != 304:
            judge.check(method, path, answer.status_code, answer.json())

    def get(self, path: str, **headers: str) -> Any:
        """Return the body of a successful read."""
        answer = self.call("GET", path, **headers)
        assert answer.status_code in {200, 206}, answer.text
        return answer.json()

    def post(self, path: str, body: Any = None) -> Any:
        """Return the body of a successful create."""
        answer = self.call("POST", path, body)
        assert answer.status_code == 201, answer.text
        return answer.json()

    def patch(self, path: str, body: Any) -> Any:
        """Return the body of a successful change."""
        answer = self.call("PATCH", path, body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def ask_control(self, method: str, path: str, body: Any = None) -> requests.Response:
        """Send a control request, whatever comes back."""
        return ask_control(self.platform, self.session, method, path, body)

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """Use a control of the platform."""
        answer = self.ask_control(method, path, body)
        assert answer.ok, answer.text
        return answer.json()

    def upload(self, files: Mapping[str, str]) -> str:
        """Upload a source archive and return the URL to read it."""
        blob = self.post("/sources")["source_blob"]
        stored = self.session.put(blob["put_url"], data=archive(files), timeout=60)
        assert stored.status_code == 200, stored.text
        return str(blob["get_url"])

    def start_build(self, app: str, files: Mapping[str, str], commit: str = "a" * 40) -> Any:
        """Start a build of some files."""
        url = self.upload(files)
        return self.post(f"/apps/{app}/builds", {"source_blob": {"url": url, "version": commit}})

    def finished_build(self, app: str, build_id: str) -> Any:
        """Return a build once it is no longer pending."""
        path = f"/apps/{app}/builds/{build_id}"
        eventually(lambda: self.get(path)["status"] != "pending")
        return self.get(path)

    def build(self, app: str, files: Mapping[str, str], commit: str = "a" * 40) -> Any:
        """Build some files and return the finished build."""
        build = self.finished_build(app, self.start_build(app, files, commit)["id"])
        output = self.session.get(build["output_stream_url"], timeout=60).text
        assert build["status"] == "succeeded", output
        return build

    def release(self, app: str, identity: str | int) -> Any:
        """Return a release once it is no longer pending."""
        path = f"/apps/{app}/releases/{identity}"
        eventually(lambda: self.get(path)["status"] != "pending")
        return self.get(path)

    def page(self, app: Mapping[str, Any]) -> str:
        """Return what an app's own address answers."""
        answer = self.session.get(app["web_url"], timeout=60)
        assert answer.status_code == 200, self.log(app)
        return answer.text

    def log(self, app: Mapping[str, Any]) -> str:
        """Return an app's log."""
        return self.ask_control("GET", f"/apps/{app['id']}/log").text


@pytest.fixture(scope="session")
def platform() -> Iterator[LocalHeroku]:
    """One platform for the tests that do not disturb each other."""
    with LocalHeroku() as running:
        yield running


@pytest.fixture(scope="session")
def judges() -> tuple[Judge | None, Judge | None]:
    """Heroku's schema for versions `3` and `3.sdk`, where it is here."""
    found = []
    for name in ("schema.json", "schema-3.sdk.json"):
        try:
            found.append(Judge(schema_path(name)))
        except pytest.skip.Exception:
            found.append(None)
    return found[0], found[1]


@pytest.fixture
def heroku(platform: LocalHeroku, judges: tuple[Judge | None, Judge | None]) -> Iterator[Client]:
    """A client of the shared platform."""
    with requests.Session() as session:
        session.trust_env = False
        yield Client(platform, session, *judges)


@pytest.fixture
def _still(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no time pass on platforms of this process but what is told: no bucket fills up."""
    now = time.monotonic()
    monkeypatch.setattr(clock, "time", SimpleNamespace(monotonic=lambda: now))


@pytest.fixture
def own(judges: tuple[Judge | None, Judge | None]) -> Iterator[Client]:
    """A client of a platform of its own, for tests that disturb it."""
    with LocalHeroku() as running, requests.Session() as session:
        session.trust_env = False
        yield Client(running, session, *judges)
