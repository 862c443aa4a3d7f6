"""The platform and the real Heroku CLI in a network namespace that leads nowhere."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.contract.localheroku.platform_fixture import archive, web_app

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

CLI_VERSION = "11.10.0"
ACCEPT = "application/vnd.heroku+json; version=3"
_REPOSITORY = Path(__file__).resolve().parents[3]
_AGENT = Path(__file__).with_name("agent.py")
_ENTER = ("unshare", "--map-root-user", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh")
# The doors beside the API, which are opened without a key.
_KEYLESS = ("/-/", "/buildpacks")


def find_cli() -> Path | None:
    """Return the Heroku CLI's executable, where one was named or installed."""
    given = os.environ.get("HEROKU_CLI")
    installed = _REPOSITORY / ".cache" / "heroku-cli" / "node_modules" / ".bin" / "heroku"
    found = Path(given) if given else installed
    return found if found.exists() else None


def can_isolate() -> bool:
    """Say whether this machine lets us make a network namespace."""
    if shutil.which("unshare") is None or shutil.which("ip") is None:
        return False
    done = subprocess.run([*_ENTER, "true"], capture_output=True, check=False)
    return done.returncode == 0


class Namespace:
    """A network namespace with nothing but loopback, and our agent in it."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [*_ENTER, sys.executable, str(_AGENT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, do: str, **question: Any) -> Any:
        """Let the agent do something and return its answer."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(f"{json.dumps({'do': do, **question})}\n")
        stdin.flush()
        reply = json.loads(stdout.readline())
        assert "problem" not in reply, reply["problem"]
        return reply["answer"]

    def close(self) -> None:
        """End everything in the namespace."""
        self._process.communicate(timeout=60)


@dataclass(frozen=True)
class Shown:
    """What a command printed and how it ended, and the requests the platform had from it."""

    code: int
    out: str
    err: str
    calls: tuple[str, ...]
    journal: tuple[Mapping[str, Any], ...] = field(repr=False, default=())

    @property
    def text(self) -> str:
        """Return everything it printed."""
        return f"{self.out}\n{self.err}"


@dataclass
class World:
    """One platform; commands run with the environment that points them at it."""

    namespace: Namespace
    cli: Path
    home: Path
    url: str
    api_key: str
    token: str
    plain_url: str
    ca_file: str | None
    platform: str

    @classmethod
    def start(cls, namespace: Namespace, cli: Path, directory: Path, *, tls: bool) -> World:
        """Start a platform with the installed command and prepare a home for its clients."""
        home = directory / "home"
        (home / ".cache" / "heroku").mkdir(parents=True)
        (home / ".cache" / "heroku" / "terms-of-service").touch()
        program = str(Path(sys.executable).with_name("accelerator"))
        argv = [program, "local", "--port", "0", "--json", *(["--tls"] if tls else [])]
        environment = {"PATH": os.environ["PATH"], "HOME": str(home), **_recording()}
        started = namespace.ask("start", argv=argv, env=environment, cwd=str(directory))
        text = namespace.ask("wait", name=started["name"], **{"for": "}\n"})["text"]
        said = json.loads(text[text.index("{") :])  # we are root in the namespace, and told of it
        return cls(
            namespace=namespace,
            cli=cli,
            home=home,
            url=said["tls_url"] if tls else said["url"],
            api_key=said["api_key"],
            token=said["control_token"],
            plain_url=said["url"],
            ca_file=said["ca_file"] if tls else None,
            platform=started["name"],
        )

    @property
    def environment(self) -> dict[str, str]:
        """Return what the CLI and git see: this platform only, and a home of their own."""
        trust = ("NODE_EXTRA_CA_CERTS", "GIT_SSL_CAINFO") if self.ca_file else ()
        return {
            "HEROKU_HOST": self.url,
            "HEROKU_API_KEY": self.api_key,
            "HEROKU_PARTICLEBOARD_URL": self.url,
            "HEROKU_BUILDPACK_REGISTRY_URL": self.url,
            "HOME": str(self.home),
            "XDG_CACHE_HOME": str(self.home / ".cache"),
            "GIT_CONFIG_GLOBAL": str(self.home / ".gitconfig"),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "DISABLE_TELEMETRY": "true",
            "HEROKU_SKIP_NEW_VERSION_CHECK": "1",
            "HEROKU_DISABLE_AUTOUPDATE": "1",
            "NO_COLOR": "1",
            "CI": "1",
            "COLUMNS": "200",
            "PATH": f"{self.cli.parent}:{os.environ['PATH']}",
            **{f"GIT_{who}_NAME": "Ada" for who in ("AUTHOR", "COMMITTER")},
            **{f"GIT_{who}_EMAIL": "ada@example.com" for who in ("AUTHOR", "COMMITTER")},
            **{name: str(self.ca_file) for name in trust},
        }

    @property
    def pushing(self) -> dict[str, str]:
        """Return what a push over plain HTTP needs; over TLS the CLI's own helper is enough."""
        if self.ca_file:
            return {}
        https = self.url.replace("http://", "https://")
        secret = base64.b64encode(f"heroku:{self.api_key}".encode()).decode()
        settings = {
            f"url.{self.url}/.pushInsteadOf": f"{https}/",
            f"http.{self.url}/.extraHeader": f"Authorization: Basic {secret}",
        }
        pairs = enumerate(settings.items())
        numbered = {
            f"GIT_CONFIG_{what}_{n}": v
            for n, kv in pairs
            for what, v in zip(("KEY", "VALUE"), kv, strict=True)
        }
        return {"GIT_CONFIG_COUNT": str(len(settings)), **numbered}

    def run(self, *argv: str, cwd: Path | None = None, **extra: str) -> Shown:
        """Run a command to its end, with every request it made taken from the journal."""
        self.control("DELETE", "/journal")
        done = self.namespace.ask(
            "run",
            argv=list(argv),
            env={**self.environment, **extra},
            cwd=str(cwd or self.home),
            seconds=120,
        )
        journal = self.control("GET", "/journal")
        for entry in journal:
            assert entry["status"] is not None, entry
            assert entry["status"] < 500, entry
            is_keyless = entry["path"].startswith(_KEYLESS)
            assert entry["has_authorization"] is not is_keyless or ".git/" in entry["path"], entry
        calls = tuple(f"{each['method']} {each['path']}" for each in journal)
        return Shown(done["code"], done["out"], done["err"], calls, tuple(journal))

    def heroku(self, *arguments: str, code: int = 0, cwd: Path | None = None) -> Shown:
        """Run a command of the CLI that has to end with `code`."""
        shown = self.run(str(self.cli), *arguments, cwd=cwd)
        assert shown.code == code, shown
        # The platform has answered, so there was a platform: nothing else can be reached.
        assert shown.calls, shown
        return shown

    def start_heroku(self, *arguments: str) -> str:
        """Start a command of the CLI that does not end by itself."""
        argv = [str(self.cli), *arguments]
        asked = self.namespace.ask("start", argv=argv, env=self.environment, cwd=str(self.home))
        return str(asked["name"])

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> dict[str, Any]:
        """Send one request to the API and return status, headers and text."""
        content = json.dumps(body).encode() if body is not None else b""
        return self.fetch(
            method,
            f"{self.url}{path}",
            content,
            {
                "Accept": ACCEPT,
                "Authorization": f"Bearer {self.api_key}",
                "Content-Type": "application/json",
                **headers,
            },
        )

    def fetch(
        self, method: str, url: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """Send one request anywhere in the namespace."""
        answer = self.namespace.ask(
            "http",
            method=method,
            url=url,
            body=base64.b64encode(body).decode(),
            headers=dict(headers or {}),
            ca_file=self.ca_file,
        )
        assert isinstance(answer, dict)
        return answer

    def api(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Return the JSON of an API request that succeeds."""
        answer = self.send(method, path, body, **headers)
        assert answer["status"] < 300, answer
        return json.loads(answer["text"])

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """Use one of the platform's own controls."""
        bearer = f"Bearer {self.token}"
        return self.api(method, f"/local/v1{path}", body, Authorization=bearer)

    def create_app(self, **files: str) -> Any:
        """Make an app; with files, also build and release them."""
        app = self.api("POST", "/apps", {})
        if files:
            self.build(app["name"], files)
        return self.api("GET", f"/apps/{app['name']}")

    def build(self, app: str, files: Mapping[str, str], commit: str = "a" * 40) -> Any:
        """Build and release a web app with some further files; return the finished build."""
        blob = self.api("POST", "/sources")["source_blob"]
        source = archive(web_app(**files))
        stored = self.fetch("PUT", blob["put_url"], source, {"Content-Length": str(len(source))})
        assert stored["status"] == 200, stored
        wanted = {"source_blob": {"url": blob["get_url"], "version": commit}}
        path = f"/apps/{app}/builds/{self.api('POST', f'/apps/{app}/builds', wanted)['id']}"
        self.eventually(lambda: self.api("GET", path)["status"] != "pending")
        build = self.api("GET", path)
        assert build["status"] == "succeeded", self.fetch("GET", build["output_stream_url"])
        return build

    def releases(self, app: str) -> list[Any]:
        """Return an app's releases, oldest first."""
        found: list[Any] = self.api("GET", f"/apps/{app}/releases")
        return found

    def eventually(self, look: Callable[[], Any]) -> Any:
        """Return what `look` answers as soon as that is true."""
        deadline = time.monotonic() + 60
        while not (found := look()):
            assert time.monotonic() < deadline, "it did not happen in time"
            time.sleep(0.05)
        return found

    def stop(self) -> None:
        """Stop the platform."""
        self.namespace.ask("stop", name=self.platform)


def _recording() -> dict[str, str]:
    names = ("ACCELERATOR_LOCAL_RECORD", "COVERAGE_PROCESS_START")
    return {name: os.environ[name] for name in names if name in os.environ}
