"""What the platform does not do for web pages, other users and endless requests."""

import http.client
import socket
from collections.abc import Mapping
from typing import Any

import pytest
import requests

from accelerator.localheroku.bodies import MOST_JSON, MOST_UPLOAD
from tests.contract.localheroku.platform_fixture import Client, heroku, judges, platform, web_app

__all__ = ["heroku", "judges", "platform"]

MEBIBYTE = 1 << 20
DOORS = ["/account", "/nothing", "/shop.git/info/refs", "/-/sources/x", "/buildpacks", "/local/v1"]


def _send(
    client: Client, method: str, path: str, headers: Mapping[str, str], body: bytes = b""
) -> requests.Response:
    url = f"{client.platform.url}{path}"
    return client.session.request(method, url, data=body, headers=dict(headers), timeout=60)


@pytest.mark.parametrize("path", DOORS)
def test_no_door_opens_under_a_foreign_host_or_to_a_foreign_page(heroku: Client, path: str) -> None:
    right = {"Authorization": f"Bearer {heroku.platform.token}"}
    before = len(heroku.control("GET", "/journal"))

    rebound = _send(heroku, "GET", path, {**right, "Host": "evil.example"})
    page = _send(heroku, "GET", path, {**right, "Origin": "https://evil.example"})
    app = _send(heroku, "GET", path, {**right, "Origin": "http://127.0.0.1:20001"})
    picture = _send(heroku, "GET", path, {**right, "Sec-Fetch-Site": "cross-site"})

    assert [each.status_code for each in (rebound, page, app, picture)] == [421, 403, 403, 403]
    assert set(rebound.json()) == {"id", "message"}
    assert "evil.example" in page.json()["message"]
    assert len(heroku.control("GET", "/journal")) == before


def test_an_app_answers_its_own_page_and_no_other(heroku: Client) -> None:
    app = heroku.post("/apps", {})
    heroku.build(app["id"], web_app())
    url = app["web_url"]

    def ask(**headers: str) -> requests.Response:
        return heroku.session.get(url, headers=headers, timeout=60)

    own = ask(Origin=url.rstrip("/"))
    rebound = ask(Host="evil.example")
    page = ask(Origin="https://evil.example")

    assert (own.status_code, own.text) == (200, "hello")
    assert (rebound.status_code, page.status_code) == (421, 403)
    assert "evil.example" in page.text
    assert "status=403" in heroku.log(app)


class TestControls:
    @pytest.mark.parametrize(
        "authorization",
        [
            pytest.param(None, id="nothing"),
            pytest.param("Bearer wrong", id="something else"),
            pytest.param("Bearer ", id="an empty one"),
            pytest.param("Bearer \xfc\xff", id="letters of another alphabet"),
            pytest.param("Basic {}", id="another scheme"),
            pytest.param("{}", id="no scheme"),
        ],
    )
    def test_no_key_is_minted_without_the_token(
        self, heroku: Client, authorization: str | None
    ) -> None:
        token = heroku.platform.token
        headers = {"Content-Type": "application/json"}
        if authorization is not None:
            headers["Authorization"] = authorization.format(token)
        before = heroku.control("GET", "")["keys"]

        answer = _send(heroku, "POST", "/local/v1/keys", headers, b"{}")

        assert (answer.status_code, answer.json()["id"]) == (401, "unauthorized")
        assert "ACCELERATOR_LOCAL_TOKEN" in answer.json()["message"]
        assert heroku.control("GET", "")["keys"] == before

    def test_an_api_key_is_not_the_token(self, heroku: Client) -> None:
        bearer = {"Authorization": f"Bearer {heroku.platform.api_key}"}

        assert _send(heroku, "GET", "/local/v1", bearer).status_code == 401

    @pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
    @pytest.mark.parametrize(
        "kind", [None, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]
    )
    def test_what_a_form_sends_is_no_control(
        self, heroku: Client, method: str, kind: str | None
    ) -> None:
        headers = {"Authorization": f"Bearer {heroku.platform.token}"}
        headers |= {} if kind is None else {"Content-Type": kind}

        answer = _send(heroku, method, "/local/v1/keys", headers, b"{}")

        assert answer.status_code == 415
        assert "application/json" in answer.json()["message"]

    def test_the_type_may_name_its_alphabet(self, heroku: Client) -> None:
        kind = {"Content-Type": "Application/JSON; charset=utf-8"}
        bearer = {"Authorization": f"bearer {heroku.platform.token}"}

        assert _send(heroku, "PUT", "/local/v1/latency", kind | bearer, b'{"seconds": 0}').ok


class TestSizes:
    @pytest.mark.parametrize("is_chunked", [False, True], ids=["with a length", "in chunks"])
    @pytest.mark.parametrize(
        ("method", "path"), [("POST", "/apps"), ("POST", "/local/v1/keys")], ids=["API", "controls"]
    )
    def test_a_body_longer_than_it_may_be_is_refused(
        self, heroku: Client, method: str, path: str, is_chunked: bool
    ) -> None:
        secret = heroku.platform.token if "local" in path else heroku.platform.api_key
        headers = {
            "Authorization": f"Bearer {secret}",
            "Accept": "application/vnd.heroku+json; version=3",
            "Content-Type": "application/json",
        }
        body = b'{"key": "' + b"a" * MOST_JSON + b'"}'
        sent: Any = iter([body[:MEBIBYTE], body[MEBIBYTE:]]) if is_chunked else body

        answer = _send(heroku, method, path, headers, sent)

        assert answer.status_code == 413
        assert answer.json()["message"] == "The request body is larger than 1 MiB."

    def test_a_source_that_is_announced_too_large_is_refused_unread(self, heroku: Client) -> None:
        blob = heroku.post("/sources")["source_blob"]

        status, text = _announce(blob["put_url"], "PUT", MOST_UPLOAD + 1, {})

        assert (status, text) == (413, "The request body is larger than 1024 MiB.\n")

    def test_a_pack_that_is_announced_too_large_is_refused_unread(self, heroku: Client) -> None:
        app = heroku.post("/apps", {})
        url = f"{heroku.platform.url}/{app['name']}.git/git-receive-pack"
        basic = requests.auth._basic_auth_str("", heroku.platform.api_key)

        status, text = _announce(url, "POST", MOST_UPLOAD + 1, {"Authorization": basic})

        assert (status, "larger than 1024 MiB" in text) == (413, True)

    @pytest.mark.parametrize(
        "start",
        [
            pytest.param(b"GET /", id="a path"),
            pytest.param(b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ", id="a header"),
            pytest.param(
                b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1;",
                id="the size of a chunk",
            ),
        ],
    )
    def test_a_head_without_end_is_hung_up_on(self, heroku: Client, start: bytes) -> None:
        port = int(heroku.platform.url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=60) as stranger:
            stranger.sendall(start)

            with pytest.raises(ConnectionError):
                stranger.sendall(b"a" * 64 * MEBIBYTE)


def _announce(url: str, method: str, size: int, headers: Mapping[str, str]) -> tuple[int, str]:
    """Send a head only, with this length in it."""
    parts = requests.utils.urlparse(url)
    client = http.client.HTTPConnection(parts.netloc, timeout=60)
    try:
        client.putrequest(method, f"{parts.path}?{parts.query}")
        for name, text in {**headers, "Content-Length": str(size)}.items():
            client.putheader(name, text)
        client.endheaders()
        answer = client.getresponse()
        return answer.status, answer.read().decode()
    finally:
        client.close()
