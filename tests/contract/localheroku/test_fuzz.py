"""Whatever a client sends, it gets an answer in Heroku's form, in time, and never a 5xx."""

import contextlib
import json
import logging
from collections.abc import Iterator
from random import Random
from urllib.parse import unquote

import pytest
import requests

from accelerator.localheroku.server import LocalHeroku
from accelerator.localheroku.web.routes import RouteTable
from tests.contract.localheroku.fuzz import ACCEPT, Fuzzer, Request, Wire, check
from tests.contract.localheroku.load import FILES
from tests.contract.localheroku.platform_fixture import Client, heroku, judges, platform
from tests.contract.localheroku.schema import schema_path

__all__ = ["heroku", "judges", "platform"]

MOST_APPS = 12


@pytest.fixture
def own() -> Iterator[Client]:
    with LocalHeroku() as platform, requests.Session() as session:
        session.trust_env = False
        yield Client(platform, session)


@pytest.fixture
def wire(own: Client) -> Iterator[Wire]:
    connection = Wire(own.platform.port)
    yield connection
    connection.close()


def is_served(method: str, path: str) -> bool:
    segments = [unquote(each) for each in path.strip("/").split("/")]
    return RouteTable().find(method, segments) is not None


def revive(client: Client, fuzzer: Fuzzer) -> None:
    """Undo what would make all further requests fail, and see to it that there is an app to use."""
    key = client.platform.api_key
    client.control("PUT", "/rate-limit", {"remaining": 4500})
    if client.call("GET", "/account").status_code == 401:
        client.control("POST", "/keys", {"key": key})
    apps = client.get("/apps")
    for app in apps[: max(0, len(apps) - MOST_APPS)]:
        client.call("DELETE", f"/apps/{app['id']}")
    if not any(app["slug_size"] for app in apps[-MOST_APPS:]):
        app = client.post("/apps", {})
        client.build(app["id"], FILES)
        fuzzer.known.learn("app", app)
        fuzzer.known.learn("release", client.get(f"/apps/{app['id']}/releases"))


@pytest.mark.parametrize(
    ("count", "seed"),
    [
        pytest.param(500, 1, id="500 requests"),
        pytest.param(10_000, 2, id="10,000 requests", marks=pytest.mark.slow),
    ],
)
def test_requests_made_from_the_schema_are_all_answered(
    own: Client, wire: Wire, caplog: pytest.LogCaptureFixture, count: int, seed: int
) -> None:
    caplog.set_level(logging.ERROR)
    schema = json.loads(schema_path().read_text())
    schema["definitions"]["dyno_size"] = schema["definitions"]["dyno-size"]
    chance = Random(seed)  # noqa: S311 - chance, not secrecy
    fuzzer = Fuzzer(schema, chance, own.platform.api_key)
    fuzzer.choose(is_served)
    seen: dict[int, int] = {}
    is_locked_out = False

    for number in range(count):
        if number % 100 == 0 or is_locked_out:
            revive(own, fuzzer)
        request = fuzzer.request()
        status, body = wire.send(request)
        said = check(request, status, body)
        is_locked_out = status == 401 and fuzzer.is_right(request)
        if status in {200, 201, 202, 206}:
            fuzzer.known.learn(request.kind, said)
        seen[status] = seen.get(status, 0) + 1

    assert own.call("GET", "/account").status_code in {200, 401}
    assert {200, 201, 404, 422} <= set(seen)
    assert sum(seen[status] for status in seen if status < 300) > count / 10
    assert [record.getMessage() for record in caplog.records] == []


PATHS = [
    "/",
    "//",
    "/apps//",
    "/apps/%00",
    "/apps/..%2f..%2fetc%2fpasswd",
    "/-/",
    "/-/sources/../../../etc/passwd",
    "/-/slugs/a?expires=1&method=GET&signature=x",
    "/-/builds/a?expires=99999999999999999999&method=GET&signature=%ff",
    "/-/releases/%2e%2e?expires=1",
    "/a.git/info/refs?service=git-receive-pack",
    "/../.git/config",
    "/%2e%2e.git/HEAD",
    "/buildpacks",
    "/buildpacks/heroku/python/revisions",
    "/buildpacks/%ff",
    "/local/v1/nothing",
    "/local/v1/apps/nothing/log",
    "/local/v2",
    "/" + "a/" * 2000,
    "/apps?" + "x=1&" * 5000,
    "/*",
]


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "BREW"])
@pytest.mark.parametrize("body", [None, b"{", b'{"seconds": "NaN"}'], ids=["empty", "cut", "wrong"])
def test_paths_that_mean_nothing_are_refused_in_time(
    heroku: Client, method: str, body: bytes | None
) -> None:
    headers = {"Accept": ACCEPT, "Authorization": f"Bearer {heroku.platform.api_key}"}

    with contextlib.closing(Wire(heroku.platform.port)) as wire:
        for path in PATHS:
            for given in (headers, {}):
                request = Request(method, path, given, body)
                status, _ = wire.send(request)
                assert status < 500, request

    assert heroku.get("/account")["email"]


@pytest.mark.parametrize("text", ["a\x00b", "a\ud800b"], ids=["NUL", "a lone surrogate"])
@pytest.mark.parametrize("place", ["key", "value", "deep"])
def test_text_that_nothing_can_store_is_a_bad_request(
    heroku: Client, text: str, place: str
) -> None:
    path = f"/apps/{heroku.post('/apps')['id']}/config-vars"
    bodies = {"key": {text: "1"}, "value": {"A": text}, "deep": {"A": [{"B": [text]}]}}

    answer = heroku.call("PATCH", path, bodies[place])

    assert (answer.status_code, answer.json()["id"]) == (400, "bad_request")
    assert heroku.get(path) == {}
