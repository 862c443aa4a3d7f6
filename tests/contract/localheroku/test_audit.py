"""The judgement of everything recorded: it finds what is wrong, and leaves the rest alone."""

import json
from pathlib import Path
from typing import Any

import pytest
import requests

from accelerator.localheroku.controls.recording import VARIABLE
from accelerator.localheroku.server import LocalHeroku
from tests.contract.localheroku.audit import audit

ACCEPT = "application/vnd.heroku+json; version=3"
RIGHT = {"remaining": 4500}
FORMATION = "/apps/shop/formation"


def _line(method: str, path: str, status: int, answer: Any, sent: Any = None) -> str:
    exchange = {
        "method": method,
        "path": path,
        "accept": ACCEPT,
        "sent": "" if sent is None else json.dumps(sent),
        "status": status,
        "answer": json.dumps(answer),
    }
    return json.dumps(exchange)


def _scale(quantity: Any) -> str:
    sent = {"updates": [{"type": "web", "quantity": quantity}]}
    return _line("PATCH", FORMATION, 200, [], sent)


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(_line("GET", "/account/rate-limits", 200, RIGHT), id="a right answer"),
        pytest.param(
            _line("GET", "/apps/x", 404, {"id": "not_found", "message": "No."}), id="an error"
        ),
        pytest.param(_line("GET", "/apps/x", 304, None), id="an answer without a body"),
        pytest.param(_scale(1), id="a request the schema allows"),
        pytest.param(_scale("+1"), id="a request the Heroku CLI sends all the same"),
        pytest.param(
            _line("PATCH", FORMATION, 422, {"id": "x", "message": "No."}, {"updates": 1}),
            id="a forbidden request that was refused",
        ),
    ],
)
def test_what_is_right_passes(line: str) -> None:
    findings = audit([line])

    assert not findings.problems
    assert findings.exchanges == 1


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        pytest.param(
            _line("GET", "/account/rate-limits", 200, {"remaining": "many"}),
            "'many' is not of type",
            id="a value of the wrong type",
        ),
        pytest.param(
            _line("GET", "/account/rate-limits", 200, {}), "missing", id="an absent property"
        ),
        pytest.param(
            _line("GET", "/account/rate-limits", 200, {**RIGHT, "more": 1}),
            "unknown",
            id="a property too much",
        ),
        pytest.param(_line("GET", "/nowhere", 200, {}), "no link", id="an unknown endpoint"),
        pytest.param(
            _line("GET", "/apps/x", 404, {"id": "not_found"}), "'message'", id="half an error"
        ),
        pytest.param(_scale([1]), "request accepted", id="a forbidden request that was accepted"),
    ],
)
def test_what_is_wrong_is_named(line: str, problem: str) -> None:
    findings = audit([line, line])

    ((text, count),) = findings.problems.items()
    assert problem in text
    assert count == 2


def test_endpoints_that_nobody_had_success_with_are_known() -> None:
    endpoint = "GET /account/rate-limits"
    refused = _line("GET", "/account/rate-limits", 401, {"id": "unauthorized", "message": "No."})

    before = audit([refused]).unanswered
    after = audit([refused, _line("GET", "/account/rate-limits", 200, RIGHT)]).unanswered

    assert set(before) - set(after) == {endpoint}


def test_every_exchange_of_a_platform_is_recorded_with_its_bodies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "exchanges.jsonl"
    monkeypatch.setenv(VARIABLE, str(path))
    with LocalHeroku() as platform, requests.Session() as session:
        session.trust_env = False
        headers = {"Accept": ACCEPT, "Authorization": f"Bearer {platform.api_key}"}
        session.headers.update(headers)
        for _ in range(2):
            session.get(f"{platform.url}/apps/nowhere", timeout=60)
        made = session.post(f"{platform.url}/apps", json={"name": "shop"}, timeout=60)

    first, second = (json.loads(line) for line in path.read_text().splitlines())

    assert (first["method"], first["path"], first["status"]) == ("GET", "/apps/nowhere", 404)
    assert json.loads(second["sent"]) == {"name": "shop"}
    assert json.loads(second["answer"]) == made.json()
    assert path.stat().st_mode & 0o777 == 0o600
    assert not audit(path.read_text().splitlines()).problems
