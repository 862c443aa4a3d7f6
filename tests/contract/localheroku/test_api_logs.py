"""Log sessions: plain and as events, chosen lines, lines that follow, and their ends."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.contract.localheroku.platform_fixture import (
    Client,
    eventually,
    heroku,
    judges,
    own,
    platform,
    web_app,
)

__all__ = ["heroku", "judges", "own", "platform"]
EVENTS = {"Accept": "text/event-stream"}


@pytest.fixture
def app(heroku: Client) -> Any:
    """An app that has been asked for `/one`."""
    made = heroku.post("/apps")
    heroku.build(made["name"], web_app("logged"))
    _ask(heroku, made, "one")
    eventually(lambda: "served /one" in _read(heroku, made, lines=1000).text)
    return made


def _ask(heroku: Client, app: Any, page: str) -> None:
    address = heroku.get(f"/apps/{app['id']}")["web_url"]
    assert heroku.session.get(f"{address}{page}", timeout=60).status_code == 200


def _open(heroku: Client, app: Any, **wish: Any) -> str:
    return str(heroku.post(f"/apps/{app['id']}/log-sessions", wish)["logplex_url"])


def _read(heroku: Client, app: Any, **wish: Any) -> requests.Response:
    return heroku.session.get(_open(heroku, app, **wish), timeout=60)


def _events(text: str) -> list[tuple[int, str]]:
    found = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if line[:1] != ":")
        if fields:
            found.append((int(fields["id"]), fields["data"]))
    return found


def test_the_newest_lines_come_as_text(heroku: Client, app: Any) -> None:
    everything, last = _read(heroku, app, lines=1000), _read(heroku, app, lines=2)

    lines = everything.text.splitlines()
    assert "app[api]: Release v1 created by user" in lines[0]
    assert last.text.splitlines() == lines[-2:]
    assert everything.headers["Content-Type"].startswith("text/plain")


@pytest.mark.parametrize(
    ("wish", "source"),
    [
        pytest.param({"dyno": "web.1", "source": "app"}, "app[web.1]:", id="a dyno's own lines"),
        pytest.param({"dyno_name": "router"}, "heroku[router]:", id="the schema's name for it"),
        pytest.param({"type": "web", "source": "heroku"}, "heroku[web.1]:", id="a process type"),
        pytest.param({"dyno": "web", "source": "app"}, "app[web.1]:", id="a type as the CLI says"),
        pytest.param({"dyno": "api"}, "app[api]:", id="the platform's own lines"),
    ],
)
def test_lines_are_chosen(heroku: Client, app: Any, wish: dict[str, str], source: str) -> None:
    lines = _read(heroku, app, lines=1000, **wish).text.splitlines()

    assert lines
    assert all(source in line for line in lines)


def test_lines_come_as_events_with_growing_ids(heroku: Client, app: Any) -> None:
    url = _open(heroku, app, lines=1000)

    answer = heroku.session.get(url, headers=EVENTS, timeout=60)

    events = _events(answer.text)
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    assert [text for _, text in events] == _read(heroku, app, lines=1000).text.splitlines()
    assert sorted({number for number, _ in events}) == [number for number, _ in events]


def test_events_are_resumed_after_the_last_one_seen(heroku: Client, app: Any) -> None:
    url = _open(heroku, app, lines=1000)
    events = _events(heroku.session.get(url, headers=EVENTS, timeout=60).text)

    headers = {**EVENTS, "Last-Event-ID": str(events[2][0])}
    again = heroku.session.get(url, headers=headers, timeout=60)

    assert _events(again.text) == events[3:]


def _follow(heroku: Client, url: str) -> tuple[requests.Response, Iterator[str]]:
    answer = heroku.session.get(url, stream=True, timeout=60)
    return answer, answer.iter_lines(chunk_size=1, decode_unicode=True)


def test_a_tail_goes_on_with_what_happens(heroku: Client, app: Any) -> None:
    answer, lines = _follow(heroku, _open(heroku, app, lines=0, tail=True, source="app"))

    _ask(heroku, app, "two")

    with answer:
        assert "app[web.1]: served /two" in next(line for line in lines if "served" in line)


def test_a_tail_ends_with_its_app(heroku: Client, app: Any) -> None:
    answer, lines = _follow(heroku, _open(heroku, app, lines=1, tail=True))
    next(lines)

    heroku.call("DELETE", f"/apps/{app['id']}")

    with answer:
        list(lines)
        assert answer.raw.closed


def test_a_tail_ends_with_the_platform(own: Client) -> None:
    app = own.post("/apps")
    answer, lines = _follow(own, _open(own, app, tail=True))
    next(lines)

    own.platform.stop()

    with answer:
        assert all("Release v2" in line for line in lines)


@pytest.mark.parametrize(
    "key", ["HRKU-whatever", None], ids=["with a key", "with a wrong signature"]
)
def test_the_address_alone_opens_a_log(heroku: Client, app: Any, key: str | None) -> None:
    url = _open(heroku, app)
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    wrong = url if key else url.replace("signature=", "signature=0")

    answer = heroku.session.get(wrong, headers=headers, timeout=60)

    assert answer.status_code == (400 if key else 403)
    assert heroku.session.head(url, timeout=60).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"lines": "many"}, id="lines in words"),
        pytest.param({"lines": True}, id="lines that are true"),
        pytest.param({"lines": -1}, id="less than no lines"),
        pytest.param({"tail": "yes"}, id="tail in words"),
        pytest.param({"source": 1}, id="a source that is a number"),
    ],
)
def test_what_makes_no_sense_is_refused(heroku: Client, body: Any) -> None:
    app = heroku.post("/apps")["name"]

    assert heroku.call("POST", f"/apps/{app}/log-sessions", body).status_code == 422
