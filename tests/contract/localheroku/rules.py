"""Short ways to slugs, releases, people and pipelines for the tests of the platform's rules."""

from __future__ import annotations

import io
import tarfile
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tests.contract.localheroku.platform_fixture import SERVER, WEB, Client, eventually

if TYPE_CHECKING:
    from collections.abc import Mapping

SERVE = WEB.removeprefix("web: ").strip()
DAY = 86400


def packed(files: Mapping[str, str]) -> bytes:
    """Return the bytes of a slug with these files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, text in files.items():
            data = text.encode()
            info = tarfile.TarInfo(f"./app/{name}")
            info.size, info.mode = len(data), 0o755
            tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def slug(client: Client, app: str, text: str = "hello", **about: Any) -> Any:
    """Announce and upload the slug of a small web app that says `text`; no build is needed."""
    body = {"process_types": {"web": SERVE}, "commit": "c" * 40, **about}
    made = client.post(f"/apps/{app}/slugs", body)
    data = packed({"server.py": SERVER, "text": text})
    stored = client.session.put(made["blob"]["url"], data=data, timeout=60)
    assert stored.status_code == 200, stored.text
    return made


def release(client: Client, app: str, text: str = "hello", **about: Any) -> Any:
    """Release such a slug and wait until the release is over."""
    body = {"slug": slug(client, app, text, **about)["id"]}
    made = client.post(f"/apps/{app}/releases", body)
    return client.release(app, made["id"])


def stopped(client: Client, **body: Any) -> Any:
    """Make an app that runs nothing."""
    app = client.post("/apps", body)
    release(client, app["id"], process_types={"worker": "true"})
    return app


def sleepy(client: Client, app: str, text: str = "hello", **about: Any) -> Any:
    """Release a slug without a web process: quick, since no dyno starts."""
    return release(client, app, text, process_types={"worker": "sleep 600"}, **about)


def someone(client: Client, email: str, **account: Any) -> Client:
    """Return a client with a key of another account, made now."""
    client.control("POST", "/accounts", {"email": email, **account})
    return with_key(client, account=email)


def with_key(client: Client, **options: Any) -> Client:
    """Return a client with another key."""
    return replace(client, key=client.control("POST", "/keys", options)["key"])


def serving(client: Client, app: Any, text: str) -> None:
    """Wait until an app's own address answers with `text`."""

    def look() -> bool:
        answer = client.session.get(app["web_url"], timeout=60)
        return answer.status_code == 200 and answer.text == text

    eventually(look)


class Line:
    """A pipeline with a source app and some targets that run nothing."""

    def __init__(self, client: Client, *targets: str, source: str = "development") -> None:
        self.client = client
        self.pipeline = client.post("/pipelines", {"name": "shop"})
        self.source = self.add(client.post("/apps"), source)
        self.targets = [self.add(client.post("/apps"), stage) for stage in targets]

    def add(self, app: Any, stage: str) -> Any:
        """Put an app into the pipeline."""
        body = {"app": app["id"], "pipeline": self.pipeline["id"], "stage": stage}
        self.client.post("/pipeline-couplings", body)
        return app

    def body(self, *targets: Any, **source: Any) -> dict[str, Any]:
        """Return the body of a promotion."""
        return {
            "pipeline": {"id": self.pipeline["id"]},
            "source": {"app": {"id": self.source["id"]}, **source},
            "targets": [{"app": {"id": each["id"]}} for each in targets or self.targets],
        }

    def promoted(self, client: Client | None = None, *targets: Any) -> list[Any]:
        """Promote and return the targets once none is pending, in the order they were given."""
        asking = client or self.client
        made = asking.post("/pipeline-promotions", self.body(*targets))
        path = f"/pipeline-promotions/{made['id']}/promotion-targets"
        eventually(lambda: all(each["status"] != "pending" for each in asking.get(path)))
        found = {each["app"]["id"]: each for each in asking.get(path)}
        return [found[each["id"]] for each in targets or self.targets]
