"""Requests made from Heroku's schema, right and wrong in every part, and their answers' rules."""

import base64
import http.client
import json
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any
from urllib.parse import quote, unquote

ACCEPT = "application/vnd.heroku+json; version=3"
TIMEOUT_SECONDS = 10
NOWHERE = "http://127.0.0.1:9/nothing"
STRINGS = [
    "",
    "\ud800",
    "a=b",
    "a",
    "x" * 300,
    "ünï",
    "\x00",
    "-1",
    "0",
    "1",
    "null",
    "..",
    "true",
    "foo bar",
    "~",
]
NUMBERS = [0, 1, 2, -1, 1.5, 10**9, 2**63, -(2**70), True, False]
JUNK: list[Any] = [None, [], {}, [None], {"a": {"b": []}}, *STRINGS, *NUMBERS]
RANGES = [
    "id ..",
    "version ..; max=2, order=desc",
    "version ..; order=desc,max=1",
    "id ..; max=1000;",
    "name a..z; max=1",
    "created_at ..; max=15, order=desc",
    "id ]00000000-0000-4000-8000-000000000000..; max=3",
    "version 5..1; max=1",
    "version x..; max=1",
    "",
    "id",
    "..",
    ";;;",
    "id ..; max=0",
    "id ..; max=-1",
    "id ..; max=99999999999999999999",
    "id ..; order=sideways",
    "nothing ..",
    "bytes=0-",
    "ü ..",
]
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE"]
_KIND = re.compile(r"definitions/([a-z_-]+)/definitions/(?:identity|id|name|version)$")
_PLACE = re.compile(r"\{\(([^)]*)\)\}")


@dataclass(frozen=True)
class Request:
    """One request as it goes out."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes | None
    # What a good answer is of, to learn from it.
    kind: str = ""

    def __str__(self) -> str:
        return f"{self.method} {self.path[:200]} {self.headers} {(self.body or b'')[:400]!r}"


@dataclass
class Known:
    """Names and ids that exist, by kind; the newest only."""

    by_kind: dict[str, list[str]] = field(default_factory=dict)

    def learn(self, kind: str, body: Any) -> None:
        """Remember how to name what an answer holds."""
        things = body if isinstance(body, list) else [body]
        names = self.by_kind.setdefault(kind, [])
        for thing in things[:5]:
            if isinstance(thing, dict):
                given = (thing.get(each) for each in ("id", "name", "version", "type"))
                names += [str(each) for each in given if isinstance(each, str | int)]
        del names[:-30]


class Fuzzer:
    """Make requests from the links of a schema."""

    def __init__(self, schema: dict[str, Any], chance: Random, key: str) -> None:
        self.known = Known()
        self._definitions = schema["definitions"]
        self._chance = chance
        self._key = key
        self._links = [
            (name, link)
            for name, each in self._definitions.items()
            for link in each.get("links", ())
        ]

    def choose(self, is_wanted: Callable[[str, str], bool]) -> None:
        """Leave out most of the links that are not wanted, by method and path."""
        wanted = [
            (name, link)
            for name, link in self._links
            if is_wanted(link["method"], _PLACE.sub("x", link["href"]))
        ]
        self._links = [*wanted * 20, *self._links]

    def request(self) -> Request:
        """Make the next request."""
        name, link = self._chance.choice(self._links)
        method = self._chance.choice(METHODS) if self._is(0.02) else link["method"]
        path = _PLACE.sub(lambda match: self._name(unquote(match[1])), link["href"])
        query = f"?{self._quoted()}={self._quoted()}" if self._is(0.05) else ""
        has_body = "schema" in link or self._is(0.05)
        body = self._body(link.get("schema", {})) if has_body else None
        return Request(method, path + query, self._headers(method), body, name)

    def is_right(self, request: Request) -> bool:
        """Say whether a request carries the key."""
        return request.headers["Authorization"] == f"Bearer {self._key}"

    def _is(self, likelihood: float) -> bool:
        return self._chance.random() < likelihood

    def _text(self) -> str:
        return self._chance.choice(STRINGS)

    def _quoted(self) -> str:
        return quote(self._text(), safe="", errors="replace")

    def _name(self, reference: str) -> str:
        """Name a thing in a path."""
        names = self._names(reference)
        if names and not self._is(0.15):
            return quote(self._chance.choice(names), safe="")
        junk = [self._quoted(), str(uuid.uuid4()), "%ff%fe", "%2e%2e", "a%2Fb", "'\""]
        return self._chance.choice(junk)

    def _names(self, reference: str) -> list[str]:
        match = _KIND.search(reference)
        return self.known.by_kind.get(match[1], []) if match else []

    def _headers(self, method: str) -> dict[str, str]:
        headers = {"Accept": ACCEPT, "Authorization": f"Bearer {self._key}"}
        if self._is(0.1):
            headers["Accept"] = self._chance.choice([ACCEPT + ".sdk", "*/*", "", "version=2", "é"])
        if self._is(0.05):
            headers["Authorization"] = self._chance.choice(
                ["", "Bearer", "Bearer é", "Basic !!!", "Basic " + "A" * 3000, self._basic()]
            )
        if method == "GET" and self._is(0.4):
            headers["Range"] = self._chance.choice(RANGES)
        if self._is(0.1):
            headers["If-None-Match"] = self._chance.choice(['"x"', "W/", "*", "é"])
        if self._is(0.05):
            headers["Content-Type"] = self._chance.choice(["text/plain", "", "a/b; charset=utf-7"])
        return headers

    def _basic(self) -> str:
        return "Basic " + base64.b64encode(f":{self._key}".encode()).decode()

    def _body(self, schema: dict[str, Any]) -> bytes:
        content = json.dumps(self._value(schema)).encode()
        if not self._is(0.08):
            return content
        spoilt = [
            content[: len(content) // 2],
            b"\xff\xfe" + content,
            b"[" * 100_000,
            b'{"a":' * 50_000,
            b"NaN",
            b"[1]",
            b'"text"',
            b"{} {}",
            b'{"\\ud800": "\\udfff"}',
            b'{"app": "' + b"x" * 1_000_000 + b'"}',
            b'{"quantity": 1' + b"0" * 5000 + b"}",
        ]
        return self._chance.choice(spoilt)

    def _value(self, schema: dict[str, Any], depth: int = 0) -> Any:
        if self._is(0.08):
            return self._chance.choice(JUNK)
        if "$ref" in schema:
            return self._referred(schema["$ref"], depth)
        for word in ("anyOf", "oneOf"):
            if word in schema:
                return self._value(self._chance.choice(schema[word]), depth)
        if "enum" in schema:
            return self._chance.choice(schema["enum"])
        kinds = schema.get("type", ["object"])
        kind = self._chance.choice(kinds if isinstance(kinds, list) else [kinds])
        return self._of_type(kind, schema, depth)

    def _referred(self, reference: str, depth: int) -> Any:
        names = self._names(reference)
        if names and not self._is(0.1):
            return self._chance.choice(names)
        found: Any = {"definitions": self._definitions}
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]
        return self._value(found, depth + 1)

    def _of_type(self, kind: str, schema: dict[str, Any], depth: int) -> Any:
        if kind == "object":
            return self._object(schema, depth)
        if kind == "array":
            count = self._chance.randint(0, 3) if depth < 5 else 0
            return [self._value(schema.get("items", {}), depth + 1) for _ in range(count)]
        if kind == "string":
            return self._string(schema)
        if kind in {"integer", "number"}:
            return self._chance.choice(NUMBERS)
        return self._is(0.5) if kind == "boolean" else None

    def _object(self, schema: dict[str, Any], depth: int) -> dict[str, Any]:
        if depth > 6:
            return {}
        required = schema.get("required", ())
        made = {
            name: self._value(each, depth + 1)
            for name, each in schema.get("properties", {}).items()
            if self._is(0.95 if name in required else 0.5)
        }
        for each in schema.get("patternProperties", {}).values():
            made |= {f"K{self._chance.randint(0, 9)}": self._value(each, depth + 1)}
        if self._is(0.05):
            made[self._text()] = self._chance.choice(JUNK)
        return made

    def _string(self, schema: dict[str, Any]) -> str:
        if schema.get("format") == "uuid":
            return str(uuid.uuid4())
        example = schema.get("example")
        if isinstance(example, str) and self._is(0.6):
            # Nothing outside this machine is asked.
            return NOWHERE if "://" in example else example
        return self._chance.choice([*STRINGS, NOWHERE, f"name-{self._chance.randint(0, 99)}"])


class Wire:
    """One kept connection that sends requests as they are."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)

    def send(self, request: Request) -> tuple[int, bytes]:
        """Send a request and return status and body of its answer; it must come in time."""
        headers = {name: value.encode() for name, value in request.headers.items()}
        try:
            self._connection.request(
                request.method,
                request.path,
                request.body,
                headers,  # type: ignore[arg-type] # bytes are sent as they are
            )
            answer = self._connection.getresponse()
            return answer.status, answer.read()
        except (http.client.HTTPException, OSError) as problem:
            raise AssertionError(f"no answer to {request}: {problem!r}") from problem

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def check(request: Request, status: int, body: bytes) -> Any:
    """Return what an answer says; raise when it is one that Heroku would not give."""
    assert status < 500, f"{status} {body[:400]!r} to {request}"
    if request.method == "HEAD" or status in {204, 304}:
        return None
    said = json.loads(body)
    if status >= 400:
        assert isinstance(said.get("id"), str), f"{status} {said} to {request}"
        assert isinstance(said.get("message"), str), f"{status} {said} to {request}"
    return said
