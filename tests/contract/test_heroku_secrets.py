"""Where the key goes, through which proxy, trusting whom; and what is never shown."""

from __future__ import annotations

import io
import logging
import ssl
from typing import TYPE_CHECKING

import pytest
import trustme

from accelerator.errors import (
    KeyRefused,
    NotThePlatform,
    RequestInvalid,
    UsageProblem,
)
from accelerator.events import Requested
from accelerator.models import SourceBlob
from tests.contract.heroku_bench import (
    APP,
    KEY,
    RESET,
    Bench,
    bench,
)
from tests.contract.scripted_server import Answer

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["bench"]


@pytest.mark.parametrize("status", [pytest.param(code, id=str(code)) for code in (301, 302, 307)])
def test_a_redirect_to_another_origin_is_not_followed(bench: Bench, status: int) -> None:
    bench.api.answers(Answer(None, status, {"Location": f"{bench.elsewhere.url}/apps/shop"}))

    with pytest.raises(NotThePlatform, match="a redirect"):
        bench.client().apps.fetch("shop")

    assert bench.elsewhere.seen == []
    assert len(bench.api.seen) == 1


def test_the_key_is_in_no_representation_error_event_or_log(
    bench: Bench, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    bench.api.answers(Answer({"id": "x", "message": f"Key {KEY} is bad"}, 401))
    bench.elsewhere.answers(Answer(b"log\n"), Answer(b"", 403))
    client = bench.client()

    with pytest.raises(KeyRefused) as caught:
        client.apps.fetch("shop")
    list(
        client.streams.follow(f"{bench.elsewhere.url}/s/SIGNED?q=SIGNED", deadline=bench.deadline())
    )
    with pytest.raises(RequestInvalid) as refused:
        client.sources.upload(
            SourceBlob("g", f"{bench.elsewhere.url}/p/SIGNED?q=SIGNED"), io.BytesIO(b"x"), 1
        )

    shown = [client, vars(client), caught.value, refused.value, bench.events, caplog.text]
    shown += [thing for thing in vars(client).values() if hasattr(thing, "__dict__")]
    text = repr(shown) + str(caught.value) + str(refused.value) + "".join(capfd.readouterr())
    assert KEY not in text
    assert "SIGNED" not in text
    assert "(signed url)" in text


def test_events_tell_every_request_without_its_query(bench: Bench) -> None:
    bench.api.answers(Answer([], headers={"Request-Id": "req-1"}), RESET, Answer(APP))
    client = bench.client()

    client.pipelines.find("foo")
    client.apps.fetch("shop")

    told = [
        (event.method, event.path, event.status, event.request_id)
        for event in bench.events
        if isinstance(event, Requested)
    ]
    assert told == [
        ("GET", "/pipelines", 200, "req-1"),
        ("GET", "/apps/shop", None, None),
        ("GET", "/apps/shop", 200, None),
    ]


def test_the_environment_given_names_the_proxy(bench: Bench) -> None:
    bench.elsewhere.at["http://heroku.test/apps/shop"] = Answer(APP)
    client = bench.client(url="http://heroku.test", environment={"HTTP_PROXY": bench.elsewhere.url})

    assert client.apps.fetch("shop").name == "shop"


def test_the_environment_of_the_process_is_not_looked_at(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login x password other-key\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, bench.elsewhere.url)
    monkeypatch.setenv("NO_PROXY", "")
    bench.api.answers(Answer(APP))

    bench.client().apps.fetch("shop")

    assert bench.api.seen[0].headers["Authorization"] == f"Bearer {KEY}"
    assert bench.elsewhere.seen == []


@pytest.fixture
def authority(bench: Bench) -> trustme.CA:
    """Make the API server speak TLS with a certificate of an authority of our own."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    listener = bench.api.server.socket
    bench.api.server.socket = context.wrap_socket(
        listener, server_side=True, do_handshake_on_connect=False
    )
    return authority


def test_a_certificate_of_nobody_we_trust_is_said_at_once(
    bench: Bench, authority: trustme.CA
) -> None:
    del authority

    with pytest.raises(NotThePlatform, match=r"certificate of 127\.0\.0\.1"):
        bench.client(url=f"https://{bench.api.host}").apps.create("shop")

    assert bench.retries == []


@pytest.mark.parametrize(
    "variable", [pytest.param(name, id=name) for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")]
)
def test_the_environment_given_names_the_authorities(
    bench: Bench, authority: trustme.CA, tmp_path: Path, variable: str
) -> None:
    bundle = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(bundle))
    bench.api.answers(Answer(APP))
    client = bench.client(url=f"https://{bench.api.host}", environment={variable: str(bundle)})

    assert client.apps.fetch("shop").name == "shop"


def test_a_bundle_that_is_not_there_is_a_mistake_of_the_environment(
    bench: Bench, tmp_path: Path
) -> None:
    environment = {"REQUESTS_CA_BUNDLE": str(tmp_path / "none.pem")}

    with pytest.raises(UsageProblem, match="CA bundle"):
        bench.client(url="https://127.0.0.1:1", environment=environment).apps.fetch("shop")
