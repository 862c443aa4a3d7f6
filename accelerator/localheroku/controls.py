"""Controls for tests and demonstrations, under a path Heroku does not have.

They need no key, answer on loopback only like everything else, are neither counted nor
journalled, and keep their meaning under `/local/v1`:

- `GET /local/v1`: what runs here, and the present settings.
- `GET /local/v1/journal`: every request so far; `DELETE` empties it.
- `PUT /local/v1/durations`: any of `promotion_seconds`, `build_seconds`, `boot_seconds`, each
  added to what the thing itself takes.
- `PUT /local/v1/latency`: `{"seconds": 0.1}` before every request.
- `PUT /local/v1/rate-limit`: `{"remaining": 3}`.
- `POST /local/v1/faults`: `{"method", "path" (a regular expression searched in the path),
  "kind": "status"|"reset"|"hang"|"half_body"|"wrong_json", "when": "before"|"after" the platform
  acted, "occurrences": [1, 3] (absent: all), "status", "id", "message"}`; `GET` lists the faults
  with how many requests matched, `DELETE` removes them all and lets hanging requests go.
- `POST /local/v1/clock`: `{"advance_seconds": 86400}`; `GET` tells the time.
- `POST /local/v1/keys`: `{"key": "…"}`, or nothing for a fresh one;
  `DELETE /local/v1/keys/{key or fingerprint}` revokes one.
- `GET /local/v1/apps/{app}/log`: the app's newest log lines as text.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, PlainTextResponse, Response

from accelerator.localheroku.constants import short_time
from accelerator.localheroku.faults import parse_fault
from accelerator.localheroku.keys import new_key
from accelerator.localheroku.state.errors import Refused

if TYPE_CHECKING:
    from starlette.requests import Request

    from accelerator.localheroku.application import Application
    from accelerator.localheroku.engine import Engine

CONTROL_PREFIX = "/local/"
_ROOT = "/local/v1"
Body = dict[str, Any]
Control = Callable[[Body], Response]


class Controls:
    """Answer control requests."""

    def __init__(self, application: Application, engine: Engine) -> None:
        self._application = application
        self._engine = engine
        self._table: dict[tuple[str, str], Control] = {
            ("GET", ""): self._info,
            ("GET", "journal"): self._journal,
            ("DELETE", "journal"): self._clear_journal,
            ("PUT", "durations"): self._durations,
            ("PUT", "latency"): self._latency,
            ("PUT", "rate-limit"): self._rate_limit,
            ("GET", "faults"): self._faults,
            ("POST", "faults"): self._add_fault,
            ("DELETE", "faults"): self._clear_faults,
            ("GET", "clock"): self._time,
            ("POST", "clock"): self._advance,
            ("POST", "keys"): self._add_key,
        }

    async def handle(self, request: Request) -> Response:
        """Answer one control request."""
        name = request.scope["path"].removeprefix(_ROOT).strip("/")
        try:
            body = await _body(request)
            control = self._table.get((request.method, name))
            return control(body) if control else self._with_argument(request.method, name)
        except Refused as refused:
            return JSONResponse(refused.body, refused.status)
        except (ValueError, TypeError, KeyError, OverflowError) as problem:
            return JSONResponse({"id": "invalid_params", "message": str(problem)}, 422)

    def _with_argument(self, method: str, name: str) -> Response:
        kind, _, rest = name.partition("/")
        if (method, kind) == ("DELETE", "keys"):
            if not self._application.keys.revoke(rest):
                raise Refused(404, "not_found", "There is no such key.")
            return JSONResponse({})
        if (method, kind) == ("GET", "apps") and rest.endswith("/log"):
            app = self._engine.state.app(rest.removesuffix("/log"))
            lines = self._engine.logs.read(app.id)
            return PlainTextResponse("".join(f"{each}\n" for each in lines))
        raise Refused(404, "not_found", "There is no such control.")

    def _info(self, _: Body) -> Response:
        return JSONResponse(
            {
                "schema": "accelerator.local/1",
                "url": self._engine.base_url,
                "pid": os.getpid(),
                "time": short_time(self._engine.clock.now()),
                "durations": asdict(self._engine.durations),
                "latency_seconds": self._application.latency_seconds,
                "rate_limit_remaining": self._application.bucket.remaining,
                "keys": self._application.keys.fingerprints,
            }
        )

    def _journal(self, _: Body) -> Response:
        return JSONResponse(self._application.journal.read())

    def _clear_journal(self, _: Body) -> Response:
        self._application.journal.clear()
        return JSONResponse({})

    def _durations(self, body: Body) -> Response:
        durations = self._engine.durations
        unknown = set(body) - set(asdict(durations))
        if unknown:
            raise ValueError(f"unknown: {', '.join(sorted(unknown))}")
        wanted = {name: _seconds(value) for name, value in body.items()}
        for name, value in wanted.items():
            setattr(durations, name, value)
        return JSONResponse(asdict(durations))

    def _latency(self, body: Body) -> Response:
        self._application.latency_seconds = _seconds(body["seconds"])
        return JSONResponse({"seconds": self._application.latency_seconds})

    def _rate_limit(self, body: Body) -> Response:
        self._application.bucket.set(int(body["remaining"]))
        return JSONResponse({"remaining": self._application.bucket.remaining})

    def _faults(self, _: Body) -> Response:
        return JSONResponse(self._application.faults.read())

    def _add_fault(self, body: Body) -> Response:
        return JSONResponse({"number": self._application.faults.add(parse_fault(body))}, 201)

    def _clear_faults(self, _: Body) -> Response:
        self._application.faults.clear()
        return JSONResponse({})

    def _time(self, _: Body) -> Response:
        return JSONResponse({"time": short_time(self._engine.clock.now())})

    def _advance(self, body: Body) -> Response:
        self._engine.clock.advance(_seconds(body["advance_seconds"]))
        return self._time(body)

    def _add_key(self, body: Body) -> Response:
        key = str(body.get("key") or new_key())
        self._application.keys.add(key)
        return JSONResponse({"key": key}, 201)


def _seconds(value: Any) -> float:
    seconds = float(value)
    if not math.isfinite(seconds) or seconds < 0:
        raise ValueError("seconds must not be negative")
    return seconds


async def _body(request: Request) -> Body:
    content = await request.body()
    body = json.loads(content) if content.strip() else {}
    if not isinstance(body, dict):
        raise TypeError("the body must be a JSON object")
    return body
