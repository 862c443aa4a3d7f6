"""The Platform API's conventions around every handler: keys, versions, errors, pages, ETags."""

from __future__ import annotations

import hashlib
import inspect
import json
import logging
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from starlette.responses import Response

from accelerator.localheroku import bodies
from accelerator.localheroku.state.errors import Refused
from accelerator.localheroku.web.admission import Admission, Caller
from accelerator.localheroku.web.calls import Answer, Call, Listing
from accelerator.localheroku.web.ranges import take_page
from accelerator.localheroku.web.routes import Route, RouteTable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

    from accelerator.localheroku.web.conditions import Conditions
    from accelerator.localheroku.web.limits import Buckets
    from accelerator.localheroku.web.services import Services

_ACCEPT = re.compile(r"application/vnd\.heroku\+json\s*;\s*version=3(\.[a-z0-9.-]+)?", re.I)
# NUL and lone surrogates: valid in JSON, but in no database, environment or UTF-8 text.
_NO_TEXT = re.compile("[\0\ud800-\udfff]")
_JSON = "application/json; charset=utf-8"
_LOG = logging.getLogger(__name__)


class Api:
    """Answer API requests."""

    def __init__(self, services: Services, buckets: Buckets, conditions: Conditions) -> None:
        self._services = services
        self._conditions = conditions
        self._admission = Admission(services.state, buckets)
        self._routes = RouteTable()

    async def handle(self, request: Request) -> Response:
        """Answer one request; every failure is an answer in Heroku's form."""
        caller: Caller | None = None
        try:
            caller = self._admission.identify(request.headers.get("authorization"))
            response = await self._checked(request, caller)
        except Refused as refused:
            response = render(refused.body, refused.status)
        except Exception:
            _LOG.exception("%s %s failed", request.method, request.url.path)
            body = {"id": "internal_server_error", "message": "Internal server error."}
            response = render(body, 500)
        if caller is not None:
            response.headers["RateLimit-Remaining"] = str(caller.bucket.remaining)
        if self._conditions.warning is not None:
            response.headers["Warning-Message"] = self._conditions.warning
        return response

    async def _checked(self, request: Request, caller: Caller) -> Response:
        found = self._routes.find(request.method, _segments(request))
        self._admission.admit(caller, found[0].terms if found else None)
        accept = _ACCEPT.search(request.headers.get("accept", ""))
        if accept is None:
            raise Refused(
                406,
                "not_acceptable",
                "The Accept header must be application/vnd.heroku+json; version=3.",
                url="https://devcenter.heroku.com/articles/platform-api-reference#clients",
            )
        if found is None:
            raise Refused(404, "not_found", "The requested API endpoint was not found.")
        if found[0].asks_factor:
            code = request.headers.get("heroku-two-factor-code")
            self._admission.check_factor(caller, code, found[1])
        is_sdk = (accept[1] or "").lower() == ".sdk"
        return await self._run(request, found, caller, is_sdk)

    async def _run(
        self, request: Request, found: tuple[Route, dict[str, str]], caller: Caller, is_sdk: bool
    ) -> Response:
        route, params = found
        call = Call(
            services=self._services,
            params=params,
            query=dict(request.query_params),
            body=await _body(request),
            is_sdk=is_sdk,
            caller=caller,
            allowed=route.permissions,
            admission=self._admission,
        )
        await self._check_match(request, call)
        return _conditional(request, await self._rendered(request, route, call))

    async def _rendered(self, request: Request, route: Route, call: Call) -> Response:
        answer = route.handler(call)
        if inspect.isawaitable(answer):
            answer = await answer
        if isinstance(answer, Listing):
            answer = _page(answer, request)
        return render(answer.body, answer.status, answer.headers)

    async def _check_match(self, request: Request, call: Call) -> None:
        """Refuse a change to something that is not as the client saw it last."""
        seen = request.headers.get("if-match", "*")
        found = self._routes.find("GET", _segments(request))
        if request.method in {"GET", "HEAD"} or seen == "*" or found is None:
            return
        route, params = found
        call = replace(call, params=params, body={}, allowed=route.permissions)
        if seen != _etag(await self._rendered(request, route, call)):
            raise Refused(412, "precondition_failed", "The resource has changed since.")


def render(body: Any, status: int, headers: Mapping[str, str] | None = None) -> Response:
    """Return a JSON response."""
    content = json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
    return Response(content, status, dict(headers or {}), _JSON)


def _segments(request: Request) -> list[str]:
    raw = request.scope.get("raw_path") or request.scope["path"].encode()
    path = raw.decode("latin-1").partition("?")[0]
    return [unquote(each) for each in path.strip("/").split("/")]


async def _body(request: Request) -> Mapping[str, Any]:
    try:
        content = await bodies.read(request)
    except bodies.TooLarge as problem:
        raise Refused(413, "bad_request", str(problem)) from None
    if not content.strip():
        return {}
    try:
        parsed = json.loads(content)
    except (ValueError, RecursionError):
        raise Refused(400, "bad_request", "Unable to parse the JSON in the request body.") from None
    if not isinstance(parsed, dict):
        raise Refused(400, "bad_request", "The request body must be a JSON object.")
    if not _is_text(parsed):
        raise Refused(400, "bad_request", "The request body holds characters that are no text.")
    return parsed


def _is_text(parsed: Any) -> bool:
    """Return whether all strings can be stored, sent and given to a process."""
    rest = [parsed]
    while rest:
        value = rest.pop()
        if isinstance(value, dict):
            rest += [*value, *value.values()]
        elif isinstance(value, list):
            rest += value
        elif isinstance(value, str) and _NO_TEXT.search(value):
            return False
    return True


def _page(listing: Listing, request: Request) -> Answer:
    header = request.headers.get("range", "")
    page = take_page(listing.things, listing.keys, header, listing.default)
    return Answer([listing.shape(each) for each in page.items], page.status, page.headers)


def _etag(response: Response) -> str:
    return f'"{hashlib.sha256(bytes(response.body)).hexdigest()[:32]}"'


def _conditional(request: Request, response: Response) -> Response:
    if request.method != "GET":
        return response
    etag = _etag(response)
    response.headers["ETag"] = etag
    if request.headers.get("if-none-match") not in {etag, f"W/{etag}"}:
        return response
    kept = {key: response.headers[key] for key in ("ETag", "Next-Range") if key in response.headers}
    return Response(None, 304, kept)
