"""Controls for tests and demonstrations, under a path Heroku does not have.

They need the token that the platform was started with, and no key: whoever may use them can mint
keys. They are neither counted, journalled nor disturbed by faults, and keep their meaning under
`/local/v1`. The table is `CONTROLS`; a field it does not name is refused with 400, as is a value
that makes no sense.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, PlainTextResponse, Response

from accelerator.localheroku import bodies
from accelerator.localheroku.controls import handlers
from accelerator.localheroku.controls.fields import (
    BadField,
    changes,
    email,
    flag,
    maybe_text,
    number,
    objects_of,
    one_of,
    pattern,
    probability,
    seconds,
    text,
    texts,
)
from accelerator.localheroku.durations import names
from accelerator.localheroku.gitserver import repositories
from accelerator.localheroku.state.errors import Refused

if TYPE_CHECKING:
    from starlette.requests import Request

    from accelerator.localheroku.controls.handlers import Desk

CONTROL_PREFIX = "/local/"
_ROOT = "/local/v1"
_UNAUTHORIZED = Refused(
    401,
    "unauthorized",
    "Controls want the token that the platform printed at its start, as"
    " `Authorization: Bearer $ACCELERATOR_LOCAL_TOKEN`.",
)
# What a form of a web page sends without asking first is none of this type.
_NO_JSON = Refused(415, "unsupported_media_type", "Send JSON, as `Content-Type: application/json`.")
Parse = Callable[[Any], Any]
Run = Callable[["Desk", Mapping[str, str], Mapping[str, Any]], Any]


@dataclass(frozen=True)
class Control:
    """A method and path below `/local/v1`, the fields of its body, and what it does."""

    method: str
    path: str
    run: Run
    fields: Mapping[str, Parse] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    status: int = 200

    @property
    def summary(self) -> str:
        """Return what it does, in one sentence."""
        return (self.run.__doc__ or "").strip().partition("\n")[0]


_DURATIONS = dict.fromkeys(names(), seconds)
_STORAGE = {"storage": one_of(*repositories.KINDS)}
_FAULT: dict[str, Parse] = {
    "method": pattern,
    "path": pattern,
    "kind": text,
    "when": text,
    "occurrence": number,
    "occurrences": objects_of(number),
    "status": number,
    "id": text,
    "message": text,
    "probability": probability,
    "seed": number,
    "set": changes,
    "drop": texts,
}

CONTROLS = (
    Control("GET", "", handlers.info),
    Control("GET", "/journal", handlers.journal),
    Control("DELETE", "/journal", handlers.clear_journal),
    Control("GET", "/durations", handlers.durations),
    Control("PUT", "/durations", handlers.set_durations, _DURATIONS),
    Control("GET", "/apps/{app}/durations", handlers.durations),
    Control("PUT", "/apps/{app}/durations", handlers.set_durations, _DURATIONS),
    Control("PUT", "/latency", handlers.set_latency, {"seconds": seconds}, ("seconds",)),
    Control(
        "PUT",
        "/rate-limit",
        handlers.set_rate_limit,
        {"remaining": number, "account": text},
        ("remaining",),
    ),
    Control("PUT", "/git-limit", handlers.set_git_limit, {"per_hour": number}, ("per_hour",)),
    Control("GET", "/git-storage", handlers.git_storage),
    Control("PUT", "/git-storage", handlers.set_git_storage, _STORAGE, ("storage",)),
    Control("GET", "/apps/{app}/git-storage", handlers.git_storage),
    Control("PUT", "/apps/{app}/git-storage", handlers.set_git_storage, _STORAGE, ("storage",)),
    Control("GET", "/faults", handlers.faults),
    Control("POST", "/faults", handlers.add_fault, _FAULT, status=201),
    Control("DELETE", "/faults", handlers.clear_faults),
    Control("GET", "/clock", handlers.clock),
    Control("POST", "/clock", handlers.advance, {"advance_seconds": seconds}, ("advance_seconds",)),
    Control("GET", "/accounts", handlers.accounts),
    Control(
        "POST",
        "/accounts",
        handlers.add_account,
        {"email": email, "two_factor_code": maybe_text},
        ("email",),
        201,
    ),
    Control(
        "PATCH",
        "/accounts/{account}",
        handlers.change_account,
        {"two_factor_code": maybe_text},
        ("two_factor_code",),
    ),
    Control(
        "POST",
        "/keys",
        handlers.add_key,
        {
            "key": text,
            "account": text,
            "scopes": texts,
            "expires_in_seconds": seconds,
            "description": text,
        },
        status=201,
    ),
    Control("DELETE", "/keys/{key}", handlers.revoke_key),
    Control(
        "POST",
        "/apps/{app}/collaborators",
        handlers.add_collaborator,
        {"account": text, "permissions": texts},
        ("account",),
        201,
    ),
    Control(
        "PUT",
        "/apps/{app}/generation",
        handlers.set_generation,
        {"generation": text},
        ("generation",),
    ),
    Control("PUT", "/apps/{app}/space", handlers.set_space, {"space": maybe_text}, ("space",)),
    Control("PUT", "/apps/{app}/web-url", handlers.set_web_url, {"present": flag}, ("present",)),
    Control("PUT", "/apps/{app}/lagging-releases", handlers.set_lag, {"reads": number}, ("reads",)),
    Control(
        "POST",
        "/apps/{app}/failing-promotions",
        handlers.fail_promotions,
        {"error_message": text, "count": number},
        status=201,
    ),
    Control(
        "PUT",
        "/promotions",
        handlers.set_promotions,
        {"own_only": flag},
        ("own_only",),
    ),
    Control("PUT", "/warning", handlers.set_warning, {"message": maybe_text}, ("message",)),
    Control("GET", "/apps/{app}/log", handlers.log),
)


class Controls:
    """Answer control requests."""

    def __init__(self, desk: Desk, token: str) -> None:
        self._desk = desk
        self._token = token.encode()

    async def handle(self, request: Request) -> Response:
        """Answer one control request."""
        try:
            self._admit(request)
            control, params = _find(request.method, request.scope["path"])
            body = _checked(control, await _body(request))
            answer = control.run(self._desk, params, body)
        except BadField as problem:
            return JSONResponse({"id": "bad_request", "message": str(problem)}, 400)
        except Refused as refused:
            return JSONResponse(refused.body, refused.status)
        except bodies.TooLarge as problem:
            return JSONResponse({"id": "bad_request", "message": str(problem)}, 413)
        if isinstance(answer, str):
            return PlainTextResponse(answer)
        return JSONResponse(answer, control.status)

    def _admit(self, request: Request) -> None:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        is_token = hmac.compare_digest(given.strip().encode(), self._token)
        if scheme.lower() != "bearer" or not is_token:
            raise _UNAUTHORIZED
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if request.method in {"POST", "PUT", "PATCH"} and kind != "application/json":
            raise _NO_JSON


def _find(method: str, path: str) -> tuple[Control, dict[str, str]]:
    if path == _ROOT or path.startswith(f"{_ROOT}/"):
        segments = path.removeprefix(_ROOT).strip("/").split("/")
        for control in CONTROLS:
            wanted = control.path.strip("/").split("/")
            if control.method == method and (params := _match(wanted, segments)) is not None:
                return control, params
    raise Refused(404, "not_found", "There is no such control.")


def _match(wanted: list[str], segments: list[str]) -> dict[str, str] | None:
    if len(wanted) != len(segments):
        return None
    pairs = list(zip(wanted, segments, strict=True))
    if any(not name.startswith("{") and name != segment for name, segment in pairs):
        return None
    return {name[1:-1]: segment for name, segment in pairs if name.startswith("{")}


def _checked(control: Control, body: Mapping[str, Any]) -> dict[str, Any]:
    unknown = sorted(set(body) - set(control.fields))
    if unknown:
        known = ", ".join(control.fields) or "none"
        raise BadField(f"unknown field {', '.join(unknown)} (known: {known})")
    absent = [name for name in control.required if name not in body]
    if absent:
        raise BadField(f"field {', '.join(absent)} is required")
    return {name: _parsed(name, control.fields[name], value) for name, value in body.items()}


def _parsed(name: str, parse: Parse, value: Any) -> Any:
    try:
        return parse(value)
    except (ValueError, TypeError, OverflowError) as problem:
        raise BadField(f"field {name}: {problem}") from None


async def _body(request: Request) -> Mapping[str, Any]:
    content = await bodies.read(request)
    try:
        body = json.loads(content) if content.strip() else {}
    except (ValueError, RecursionError):
        raise BadField("the body is not JSON") from None
    if not isinstance(body, dict):
        raise BadField("the body must be a JSON object")
    return body
