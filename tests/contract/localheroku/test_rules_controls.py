"""Every control: its fields, what it refuses, and what it changes."""

from __future__ import annotations

import socket
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from accelerator.localheroku.controls.routes import CONTROLS
from tests.contract.localheroku.platform_fixture import Client, _still, eventually, judges, own
from tests.contract.localheroku.rules import someone, stopped

__all__ = ["_still", "judges", "own"]


def _ask(client: Client, method: str, path: str, body: Any = None) -> requests.Response:
    return client.ask_control(method, path, body)


@pytest.mark.parametrize(
    "control", [pytest.param(each, id=f"{each.method} {each.path or '/'}") for each in CONTROLS]
)
def test_every_control_says_what_it_does_and_refuses_fields_it_does_not_know(
    own: Client, control: Any
) -> None:
    path = control.path.format(app="no-app", account="no-account", key="no-key")

    answer = _ask(own, control.method, path, {"colour": "red"})

    assert control.summary.endswith(".")
    assert answer.status_code == 400
    assert answer.json()["id"] == "bad_request"
    assert "unknown field colour" in answer.json()["message"]
    for name in control.fields:
        assert name in answer.json()["message"]


@pytest.mark.parametrize(
    "control",
    [
        pytest.param(each, id=f"{each.method} {each.path}")
        for each in CONTROLS
        if each.required or each.fields
    ],
)
def test_every_field_is_checked_and_named_when_it_is_wrong(own: Client, control: Any) -> None:
    path = control.path.format(app="no-app", account="no-account", key="no-key")

    for name in control.fields:
        others = {each: None for each in control.required if each != name}
        answer = _ask(own, control.method, path, {name: {"wrong": True}, **others})
        assert answer.status_code == 400, name
        assert f"field {name}" in answer.json()["message"]


@pytest.mark.parametrize(
    ("method", "path", "body", "said"),
    [
        pytest.param("PUT", "/latency", {}, "field seconds is required", id="missing"),
        pytest.param("PUT", "/latency", {"seconds": -1}, "not be negative", id="negative"),
        pytest.param("PUT", "/latency", {"seconds": True}, "number of seconds", id="a boolean"),
        pytest.param("POST", "/clock", {"advance_seconds": 1e300}, "too far", id="beyond all time"),
        pytest.param("POST", "/faults", {"kind": "flood"}, "field kind: must be", id="fault kind"),
        pytest.param("POST", "/faults", {"when": "never"}, "field when: must be", id="fault time"),
        pytest.param("POST", "/faults", {"status": 99}, "field status: must", id="fault status"),
        pytest.param("POST", "/faults", {"path": "("}, "regular expression", id="fault path"),
        pytest.param("POST", "/faults", {"probability": 0}, "above 0", id="fault that never is"),
        pytest.param("POST", "/faults", {"probability": 1.5}, "at most 1", id="over certainty"),
        pytest.param(
            "POST", "/faults", {"kind": "edited"}, "field set: it or drop", id="no change"
        ),
        pytest.param(
            "POST", "/faults", {"drop": ["id"]}, "field set: it or drop", id="no such kind"
        ),
        pytest.param("POST", "/accounts", {"email": "nobody"}, "email address", id="no address"),
        pytest.param("POST", "/keys", {"scopes": "global"}, "must be a list", id="no list"),
        pytest.param("PUT", "/git-storage", {"storage": "tape"}, "one of archive,", id="storage"),
    ],
)
def test_values_without_sense_are_refused(
    own: Client, method: str, path: str, body: Any, said: str
) -> None:
    answer = _ask(own, method, path, body)

    assert answer.status_code == 400
    assert said in answer.json()["message"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        pytest.param("PUT", "/apps/nope/durations", {"build_seconds": 1}, 404, id="unknown app"),
        pytest.param("POST", "/keys", {"account": "x@example.com"}, 404, id="unknown account"),
        pytest.param("DELETE", "/keys/nope", None, 404, id="unknown key"),
        pytest.param("POST", "/accounts", {"email": "you@localheroku.test"}, 422, id="taken email"),
        pytest.param("POST", "/keys", {"scopes": ["all"]}, 422, id="unknown scope"),
        pytest.param("GET", "/../v2", None, 404, id="another version"),
    ],
)
def test_what_is_not_there_or_cannot_be_is_refused_as_heroku_would(
    own: Client, method: str, path: str, body: Any, status: int
) -> None:
    answer = _ask(own, method, path, body)

    assert answer.status_code == status
    assert set(answer.json()) >= {"id", "message"}


def test_the_durations_of_one_app_win_over_those_of_all(own: Client) -> None:
    app = own.post("/apps")["id"]
    own.control("PUT", "/durations", {"build_seconds": 1, "boot_seconds": 2})

    own.control("PUT", f"/apps/{app}/durations", {"build_seconds": 5})

    assert own.control("GET", "/durations")["build_seconds"] == 1
    mine = own.control("GET", f"/apps/{app}/durations")
    assert (mine["build_seconds"], mine["boot_seconds"]) == (5, 2)


def test_how_git_is_kept_is_set_for_all_apps_or_for_one(own: Client) -> None:
    app, other = own.post("/apps")["id"], own.post("/apps")["id"]
    at_first = own.control("GET", "/git-storage")

    own.control("PUT", f"/apps/{app}/git-storage", {"storage": "archive"})
    own.control("PUT", "/git-storage", {"storage": "compare-and-swap"})

    assert at_first == {"storage": "archive"}
    assert own.control("GET", f"/apps/{app}/git-storage") == {"storage": "archive"}
    assert own.control("GET", f"/apps/{other}/git-storage") == {"storage": "compare-and-swap"}
    assert own.control("GET", "")["git_storage"] == "compare-and-swap"


def test_the_archive_of_one_app_can_take_longer(own: Client) -> None:
    slow, quick = own.post("/apps"), own.post("/apps")
    own.control("PUT", f"/apps/{slow['id']}/durations", {"git_transfer_seconds": 600})
    key = {"auth": ("", own.platform.api_key), "data": b"0000"}
    kind = {"Content-Type": "application/x-git-receive-pack-request"}
    address = own.platform.url + "/{}.git/git-receive-pack"

    with pytest.raises(requests.ReadTimeout):
        own.session.post(address.format(slow["name"]), headers=kind, timeout=0.3, **key)

    answer = own.session.post(address.format(quick["name"]), headers=kind, timeout=60, **key)
    assert answer.status_code == 200


def test_a_promotion_to_one_app_can_take_longer(own: Client) -> None:
    source, quick, slow = stopped(own), own.post("/apps"), own.post("/apps")
    pipeline = own.post("/pipelines", {"name": "shop"})
    for app in (source, quick, slow):
        body = {"app": app["id"], "pipeline": pipeline["id"], "stage": "staging"}
        own.post("/pipeline-couplings", body)
    own.control("PUT", f"/apps/{slow['id']}/durations", {"promotion_seconds": 600})

    made = own.post(
        "/pipeline-promotions",
        {
            "pipeline": {"id": pipeline["id"]},
            "source": {"app": {"id": source["id"]}},
            "targets": [{"app": {"id": app["id"]}} for app in (quick, slow)],
        },
    )

    found = own.get(f"/pipeline-promotions/{made['id']}/promotion-targets")
    status = {each["app"]["id"]: (each["status"], each["release"] is None) for each in found}
    assert status == {quick["id"]: ("succeeded", False), slow["id"]: ("pending", True)}


def test_latency_comes_before_every_request(own: Client) -> None:
    own.control("PUT", "/latency", {"seconds": 600})
    url = f"{own.platform.url}/account"

    with pytest.raises(requests.ReadTimeout):
        own.session.get(url, timeout=0.3)

    own.control("PUT", "/latency", {"seconds": 0})
    assert own.call("GET", "/account").status_code == 200


@pytest.mark.parametrize(
    ("fault", "check"),
    [
        pytest.param({"kind": "wrong_json"}, lambda text: text == '{"unexpected": ', id="cut JSON"),
        pytest.param(
            {"kind": "wrong_shape"}, lambda text: text == '{"unexpected":true}', id="other JSON"
        ),
        pytest.param(
            {"kind": "status", "status": 500, "id": "oops", "message": "Broken."},
            lambda text: text == '{"id":"oops","message":"Broken."}',
            id="status",
        ),
    ],
)
@pytest.mark.parametrize(("when", "made"), [("before", 0), ("after", 1)])
def test_a_wrong_answer_comes_before_or_after_the_platform_acted(
    own: Client, fault: dict[str, Any], check: Any, when: str, made: int
) -> None:
    own.control("POST", "/faults", {"method": "POST", "path": "^/apps$", "when": when, **fault})

    answer = own.session.post(
        f"{own.platform.url}/apps",
        headers={
            "Accept": "application/vnd.heroku+json; version=3",
            "Authorization": f"Bearer {own.platform.api_key}",
        },
        timeout=60,
    )

    assert check(answer.text)
    assert len(own.get("/apps")) == made


def test_faults_hit_the_wanted_route_and_occurrences_only(own: Client) -> None:
    fault = {"method": "GET", "path": "^/apps$", "occurrences": [2, 4], "status": 503}
    own.control("POST", "/faults", fault)

    statuses = [own.call("GET", "/apps").status_code for _ in range(5)]

    assert statuses == [200, 503, 200, 503, 200]
    assert own.call("GET", "/account").status_code == 200


def test_a_fault_can_break_git_and_signed_urls_too(own: Client) -> None:
    app = own.post("/apps")
    url = own.post("/sources")["source_blob"]["put_url"]
    own.control("POST", "/faults", {"path": r"\.git/|^/-/", "kind": "reset"})

    for method, address in (("GET", f"{app['git_url']}/info/refs"), ("PUT", url)):
        with pytest.raises(requests.ConnectionError):
            own.session.request(method, address, timeout=60)


def test_a_hanging_request_is_let_go_when_the_faults_are_removed(own: Client) -> None:
    own.control("POST", "/faults", {"path": "^/account$", "kind": "hang"})
    parts = urlsplit(own.platform.url)
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=30) as client:
        client.sendall(b"GET /account HTTP/1.1\r\nHost: localhost\r\n\r\n")
        eventually(lambda: own.control("GET", "/faults")[0]["matched"])

        own.control("DELETE", "/faults")

        with pytest.raises(ConnectionResetError):
            client.recv(1)


def test_the_journal_tells_accounts_apart(own: Client) -> None:
    other = someone(own, "other@example.com")
    own.control("DELETE", "/journal")
    own.call("GET", "/apps")
    other.call("GET", "/apps")

    journal = own.control("GET", "/journal")

    assert len({each["credential_sha256"] for each in journal}) == 2
    assert [each["status"] for each in journal] == [200, 200]


@pytest.mark.usefixtures("_still")
def test_controls_are_neither_counted_nor_journalled_nor_disturbed(own: Client) -> None:
    own.control("DELETE", "/journal")
    own.control("POST", "/faults", {"status": 500})
    own.control("PUT", "/rate-limit", {"remaining": 5})

    info = own.control("GET", "")

    assert info["rate_limit_remaining"] == 5
    assert own.control("GET", "/journal") == []


def test_accounts_are_listed_without_their_codes(own: Client) -> None:
    someone(own, "careful@example.com", two_factor_code="123456")

    found = own.control("GET", "/accounts")

    assert [(each["email"], each["two_factor"]) for each in found] == [
        ("you@localheroku.test", False),
        ("careful@example.com", True),
    ]
    assert "123456" not in str(found)
