"""The controls under `/local/v1`: journal, faults, latency, keys, and the command itself."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import requests

from accelerator.localheroku.server import LocalHeroku, listen
from tests.contract.localheroku.platform_fixture import Client, eventually, judges, own, web_app

__all__ = ["judges", "own"]
COMMAND = [sys.executable, "-m", "accelerator", "local"]


def test_the_journal_tells_what_clients_did_without_their_secrets(own: Client) -> None:
    own.control("DELETE", "/journal")
    own.call("GET", "/account", User_Agent="tester/1")
    url = own.upload(web_app())

    journal = own.control("GET", "/journal")

    assert [(each["method"], each["status"]) for each in journal] == [
        ("GET", 200),
        ("POST", 201),
        ("PUT", 200),
    ]
    assert journal[0]["user_agent"] == "tester/1"
    assert journal[0]["authorization_kind"] == "bearer"
    assert journal[0]["credential_sha256"] == own.control("GET", "")["keys"][0]
    assert journal[2]["has_authorization"] is False
    assert journal[2]["request_bytes"] > 0
    text = json.dumps(journal)
    assert own.platform.api_key not in text
    assert "signature" not in text
    assert url.partition("?")[0].rpartition("/")[2] in text


def test_a_status_is_answered_for_the_wanted_occurrence_only(own: Client) -> None:
    fault = {"method": "GET", "path": "^/account$", "occurrence": 2, "status": 502, "id": "bad"}
    own.control("POST", "/faults", fault)

    answers = [own.call("GET", "/account") for _ in range(3)]

    assert [each.status_code for each in answers] == [200, 502, 200]
    assert answers[1].json() == {"id": "bad", "message": "Service unavailable."}
    assert own.control("GET", "/faults")[0]["matched"] == 3


def _statuses(own: Client, **fault: object) -> list[int]:
    own.control("DELETE", "/faults")
    own.control("POST", "/faults", {"path": "^/account$", **fault})
    return [own.call("GET", "/account").status_code for _ in range(60)]


def test_a_fault_of_some_probability_hits_some_requests_the_same_for_the_same_seed(
    own: Client,
) -> None:
    drawn = _statuses(own, probability=0.3, seed=7)
    [counted] = own.control("GET", "/faults")
    again, other = (_statuses(own, probability=0.3, seed=seed) for seed in (7, 8))

    assert 5 < drawn.count(503) < 35
    assert (counted["matched"], counted["hit"]) == (60, drawn.count(503))
    assert again == drawn
    assert other != drawn


def test_a_fault_that_is_certain_for_an_occurrence_hits_no_other(own: Client) -> None:
    statuses = _statuses(own, probability=1, seed=1, occurrences=[2, 5])

    assert [number for number, each in enumerate(statuses, 1) if each == 503] == [2, 5]


@pytest.mark.parametrize(
    ("when", "apps"), [pytest.param("before", 0, id="before"), pytest.param("after", 1, id="after")]
)
@pytest.mark.parametrize("kind", ["reset", "half_body", "hang"])
def test_a_connection_breaks_before_or_after_the_platform_acted(
    own: Client, kind: str, when: str, apps: int
) -> None:
    own.control("POST", "/faults", {"method": "POST", "path": "/apps", "kind": kind, "when": when})
    headers = {
        "Accept": "application/vnd.heroku+json; version=3",
        "Authorization": f"Bearer {own.platform.api_key}",
    }

    broken = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)
    with pytest.raises(broken):
        own.session.post(f"{own.platform.url}/apps", headers=headers, timeout=2)

    eventually(lambda: len(own.get("/apps")) == apps)  # also on a machine that takes longer
    own.control("DELETE", "/faults")
    assert len(own.get("/apps")) == apps


def test_an_answer_can_be_no_json(own: Client) -> None:
    own.control("POST", "/faults", {"path": "/stacks", "kind": "wrong_json"})

    answer = own.session.get(f"{own.platform.url}/stacks", timeout=60)

    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json"
    with pytest.raises(requests.JSONDecodeError):
        answer.json()


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        pytest.param("POST", "/faults", {"kind": "flood"}, id="unknown kind"),
        pytest.param("POST", "/faults", {"path": "("}, id="broken pattern"),
        pytest.param("POST", "/faults", {"colour": "red"}, id="unknown word"),
        pytest.param("PUT", "/latency", {"seconds": -1}, id="negative"),
        pytest.param("PUT", "/latency", {}, id="missing"),
        pytest.param("PUT", "/durations", {"tea_seconds": 1}, id="unknown duration"),
        pytest.param("POST", "/clock", {"advance_seconds": "soon"}, id="no number"),
        pytest.param("PUT", "/nothing", {}, id="unknown control"),
    ],
)
def test_a_control_that_makes_no_sense_is_refused(
    own: Client, method: str, path: str, body: dict[str, Any]
) -> None:
    answer = own.ask_control(method, path, body)

    assert answer.status_code in {400, 404}
    assert set(answer.json()) == {"id", "message"}


def test_keys_are_added_and_revoked(own: Client) -> None:
    key = own.control("POST", "/keys")["key"]
    bearer = f"Bearer {key}"
    assert own.call("GET", "/account", Authorization=bearer).status_code == 200

    own.control("DELETE", f"/keys/{key}")

    assert own.call("GET", "/account", Authorization=bearer).status_code == 401
    assert own.call("GET", "/account").status_code == 200


def test_latency_and_clock_are_settings(own: Client) -> None:
    own.control("PUT", "/latency", {"seconds": 0.01})
    before = own.control("GET", "/clock")["time"]

    own.control("POST", "/clock", {"advance_seconds": 86400})

    assert own.control("GET", "")["latency_seconds"] == 0.01
    assert own.control("GET", "/clock")["time"] > before
    assert own.call("GET", "/account").status_code == 200


def test_nothing_is_left_when_the_platform_stops(tmp_path: Path) -> None:
    marker = tmp_path / "pid"
    with LocalHeroku() as running, requests.Session() as session:
        session.trust_env = False
        client = Client(running, session)
        app = client.post("/apps")
        client.build(
            app["id"], web_app(Procfile=f"web: echo $$ > {marker}; exec python3 -u server.py\n")
        )
        client.page(app)
        build = client.start_build(
            app["id"], web_app(**{"bin/compile": "#!/bin/sh\necho on\nsleep 600\n"})
        )
        stream = session.get(build["output_stream_url"], stream=True, timeout=60)

    assert stream.status_code in {200, 404}
    stream.close()
    with pytest.raises(OSError, match="No such process"):
        _signal(int(marker.read_text()))
    for url in (app["web_url"], running.url):
        with pytest.raises(requests.ConnectionError):
            session.get(url, timeout=60)


def _signal(pid: int) -> None:

    os.kill(pid, 0)


class TestCommand:
    def test_it_prints_one_json_line_and_stops_on_sigterm(self) -> None:
        with _command("--port", "0", "--json") as process, requests.Session() as session:
            session.trust_env = False
            assert process.stdout is not None
            document = json.loads(process.stdout.readline())
            key = {"Authorization": f"Bearer {document['api_key']}"}
            accept = {"Accept": "application/vnd.heroku+json; version=3"}
            answer = session.get(f"{document['url']}/account", headers=key | accept, timeout=60)
            process.send_signal(signal.SIGTERM)
            rest, _ = process.communicate(timeout=30)

        assert answer.status_code == 200
        own = {"url", "api_key", "control_token", "git_url", "pid", "tls_url", "ca_file"}
        assert set(document) == {"schema", "ok", "exit_code", "error", *own}
        assert document["pid"] == process.pid
        assert (process.returncode, rest) == (0, "")

    def test_a_busy_port_is_said_in_one_sentence(self) -> None:
        with LocalHeroku() as running:
            result = subprocess.run(
                [*COMMAND, "--port", str(running.port)],
                capture_output=True,
                text=True,
                check=False,
            )

        assert result.returncode == 2
        assert f"port {running.port}" in result.stderr
        assert result.stdout == ""

    def test_the_exports_point_heroku_clients_at_it(self) -> None:
        environment = {
            "ACCELERATOR_LOCAL_API_KEY": "HRKU-mine",
            "ACCELERATOR_LOCAL_TOKEN": "a-token-of-mine",
        }
        with _command("--port", "0", environment=environment) as process:
            assert process.stdout is not None
            lines = [process.stdout.readline() for _ in range(4)]
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=30)

        assert lines[0].startswith("export HEROKU_HOST=http://127.0.0.1:")
        assert lines[1] == "export HEROKU_API_KEY=HRKU-mine\n"
        assert lines[2] == "export ACCELERATOR_LOCAL_TOKEN=a-token-of-mine\n"
        assert lines[3].startswith("export HEROKU_PARTICLEBOARD_URL=http://127.0.0.1:")


def _command(*arguments: str, environment: dict[str, str] | None = None) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*COMMAND, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={"PATH": "/usr/bin:/bin", **(environment or {})},
        text=True,
    )


def test_the_listener_is_made_so_that_answers_do_not_wait_for_acknowledgements() -> None:
    listener = listen(0)

    with listener:
        assert listener.proto == socket.IPPROTO_TCP
        assert listener.getsockname()[0] == "127.0.0.1"
