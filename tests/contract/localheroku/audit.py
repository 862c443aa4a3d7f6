"""Judge recorded exchanges by Heroku's schema: every answer, and every request that was accepted.

Answers must be exactly what the schema says. A request with an answer below 400 must be one that
the schema allows, but for what `TOLERATED` lists: what real clients send all the same.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from accelerator.localheroku.web.routes import ROUTES, Route, RouteTable
from tests.contract.localheroku.schema import Judge, schema_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# Answers that Heroku gives although its schema does not know the endpoint: method, path, why.
UNKNOWN = (
    ("PUT", "/apps/[^/]+/pre-authorizations", "how the Heroku CLI gives the second factor once"),
)
# Requests that the schema forbids and real clients send: method, path, message, who sends it.
TOLERATED = (
    ("PATCH", "/apps/[^/]+/formation", r"updates/\d+/quantity: '.*' is not of type", "Heroku CLI"),
    ("PATCH", "/apps/[^/]+/formation/[^/]+", r"quantity: '.*' is not of type", "Heroku CLI"),
    ("PATCH", "/apps/[^/]+/formation", r"updates/\d+: .*'size' was unexpected", "Heroku CLI"),
    # What a client leaves out it may also send as null, where the schema knows no null.
    ("POST|PATCH", ".*", r"\w+: None is not ", "heroku3: size, checksum, version"),
    ("POST", "/apps/[^/]+/releases", r"release: (\d+|'\d+') is not", "heroku3, by version"),
    ("POST|PATCH", ".*", r"\w+: [01] is not of type 'boolean'", "heroku3: enabled, maintenance"),
    ("POST", "/oauth/authorizations", r"expires_in: '\d+' is not of type", "Heroku CLI"),
    ("POST", "/oauth/authorizations", r": 'scope' is a required property", "Heroku CLI"),
    ("PATCH", "/oauth/authorizations/[^/]+", r": 'client' is a required property", "Heroku CLI"),
    # Only the schema of version `3.sdk` knows images; that version is not the one all ask for.
    ("POST", "/apps/[^/]+/releases", r": 'slug' is a required property", "apps of generation fir"),
)


# The Heroku CLI asks for account features, and needs to hear that there are none.
ALHANDLERS_REFUSED = (
    ("GET", "/account/features/{feature}"),
    ("PATCH", "/account/features/{feature}"),
)
_NEWLINE = "\n"


@dataclass
class Findings:
    """What an audit found: problems with how often each occurred, and what was looked at."""

    problems: Counter[str] = field(default_factory=Counter)
    exchanges: int = 0
    answered: set[Route] = field(default_factory=set)

    @property
    def unanswered(self) -> list[str]:
        """Return the endpoints that no recorded request had success with."""
        wanted = [route for route in ROUTES if (route.method, route.path) not in ALHANDLERS_REFUSED]
        return [f"{each.method} {each.path}" for each in wanted if each not in self.answered]


def audit(lines: Iterable[str]) -> Findings:
    """Judge recorded exchanges; skips, as tests do, where the schema is not here."""
    judges = {
        False: Judge(schema_path("schema.json")),
        True: Judge(schema_path("schema-3.sdk.json")),
    }
    findings, table = Findings(), RouteTable()
    for line in lines:
        exchange = json.loads(line)
        findings.exchanges += 1
        is_sdk = (exchange["accept"] or "").endswith("version=3.sdk")
        for problem in _problems(judges[is_sdk], exchange):
            findings.problems[problem] += 1
        segments = [unquote(each) for each in exchange["path"].strip("/").split("/")]
        found = table.find(exchange["method"], segments)
        if found is not None and exchange["status"] < 300:
            findings.answered.add(found[0])
    return findings


def _problems(judge: Judge, exchange: dict[str, Any]) -> Iterator[str]:
    method, status = exchange["method"], exchange["status"]
    # Empty segments at the ends mean nothing: heroku3 asks for `/apps/`.
    path = f"/{exchange['path'].strip('/')}"
    if status == 304 or any(method == m and re.fullmatch(p, path) for m, p, _ in UNKNOWN):
        return
    try:
        judge.check(method, path, status, json.loads(exchange["answer"]))
    except (AssertionError, ValueError, KeyError, TypeError) as problem:
        # After the first line `Judge` shows the whole answer.
        yield f"answer {status}: {_general(str(problem).partition(_NEWLINE)[0])[:1000]}"
    if status < 400 and exchange["sent"].strip():
        for problem in judge.refusals(method, path, json.loads(exchange["sent"])):
            if not _is_tolerated(method, path, problem):
                yield f"request accepted: {method} {_general(path)}: {problem[:300]}"


def _is_tolerated(method: str, path: str, problem: str) -> bool:
    return any(
        re.fullmatch(m, method) and re.fullmatch(p, path) and re.match(text, problem)
        for m, p, text, _ in TOLERATED
    )


def _general(text: str) -> str:
    text = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "{}", text)
    return re.sub(r"/(apps|pipelines)/[^/: ]+", r"/\1/{}", text)
