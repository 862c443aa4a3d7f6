"""What an answer, or none, means: Heroku's statuses and the network's failures as our errors.

Heroku's own words come first in a message, then which request it was. Status, Heroku's id and the
request id are details, for whoever asks for them. Never in either: a header, a query, a signed
address, a config value or the text of an exception of requests.
"""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from requests import exceptions as errors
from urllib3.exceptions import (
    LocationValueError,
    MaxRetryError,
    NameResolutionError,
    NewConnectionError,
)

from accelerator.errors import (
    AcceleratorError,
    KeyRefused,
    NotFound,
    NotThePlatform,
    OutcomeUnknown,
    RateLimited,
    RequestInvalid,
    Unprocessable,
    Unreachable,
)
from accelerator.foreign import one_line, parse_json
from accelerator.heroku.paths import describe_missing, find_app, how_to_look
from accelerator.remotes import is_loopback
from accelerator.web.bodies import TooLong
from accelerator.web.sessions import split

if TYPE_CHECKING:
    from collections.abc import Mapping

    import requests

SIGNED = "(signed url)"

_STATUS_PAGE = "https://status.heroku.com says whether Heroku has trouble; then run this again"
_LOCAL_PLATFORM = "look whether `accelerator local` is running; HEROKU_HOST leads to this machine"
_PUBLIC_HOSTS = ("devcenter.heroku.com", "help.heroku.com", "status.heroku.com")
_LONGEST_MESSAGE = 400
_SAYS_MISSING = re.compile(r"(?i)\b(could ?n[o']t find|not found|no such)\b")
_MARKS = (b"[", b"{", b",", b":")
MOST_VALUES = 400_000
_KEY_HINTS: Mapping[str, str] = {
    "two_factor": "this account is asked for a second factor, which CI cannot give: make a key of "
    "its own with `heroku authorizations:create`",
    "suspended": "the account or app is suspended: Heroku's support can tell why",
    "delinquent": "the account has unpaid invoices: see the billing page of the dashboard",
    "forbidden": "the key's account needs the `deploy` permission on the app, and the key a scope "
    "that allows this",
    "unauthorized": "the key is wrong, expired or revoked; `heroku authorizations:create` makes "
    "one that lasts",
}

# What kept an answer from us: whether the server may have got the request, whether that stays.
_SILENCES: tuple[tuple[tuple[type[Exception], ...], str, bool, bool], ...] = (
    ((errors.ProxyError,), "the proxy did not let it through", False, False),
    ((errors.ConnectTimeout,), "no connection to {host} in time", False, False),
    ((NameResolutionError,), "the name of {host} does not resolve", False, False),
    ((NewConnectionError,), "cannot connect to {host}", False, False),
    (
        (errors.InvalidURL, errors.InvalidSchema, errors.MissingSchema, LocationValueError),
        "the address cannot be used",
        False,
        True,
    ),
    ((errors.TooManyRedirects,), "it redirects without end", True, True),
    ((errors.Timeout,), "no answer from {host} in time", True, False),
    ((TooLong,), "the answer is longer than any that is meant", True, False),
    ((errors.ContentDecodingError,), "the answer cannot be decoded", True, False),
    ((errors.ChunkedEncodingError,), "the answer was cut off", True, False),
)


@dataclass(frozen=True, slots=True)
class Call:
    """One request as it may be shown. A `repeatable` one changes nothing that matters."""

    method: str
    path: str
    repeatable: bool

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class NoAnswer(Exception):  # becomes an error once it is known what was asked
    """No usable answer came. `reached` is false when the server provably got no request.

    `hopeless` failures stay when asked again. `host` did not answer at all.
    """

    host = ""

    def __init__(
        self, why: str, *, reached: bool, hopeless: bool = False, details: str | None = None
    ) -> None:
        super().__init__(why)
        self.why, self.details = why, details
        self.reached = reached
        self.hopeless = hopeless


def error_of(call: Call, failure: NoAnswer) -> AcceleratorError:
    """Turn silence into an error: a write that may have happened is never just unreachable."""
    error = _error_of(call, failure)
    error.details = failure.details
    return error


def _error_of(call: Call, failure: NoAnswer) -> AcceleratorError:
    if failure.reached and not call.repeatable:
        return OutcomeUnknown(
            f"{failure.why}; whether {call} was done is not known", how_to_look(call.path)
        )
    if failure.hopeless:
        return NotThePlatform(
            f"{failure.why} ({call})",
            "check the proxy (HTTPS_PROXY, NO_PROXY), the CA bundle (REQUESTS_CA_BUNDLE) and the "
            "host (HEROKU_HOST)",
        )
    host = split(f"//{failure.host}").hostname or ""
    hint = _LOCAL_PLATFORM if is_loopback(host) else _STATUS_PAGE
    return Unreachable(f"{failure.why} ({call})", hint)


def silence_of(error: Exception, host: str, *, is_sent: bool = True) -> NoAnswer:
    """Return why there is no answer, without the text of `error`: it may hold a signed address.

    Without `is_sent` no request can have reached the server, whatever went wrong.
    """
    silence = _silence_of(error, host, is_sent=is_sent)
    silence.host = host
    return silence


def _silence_of(error: Exception, host: str, *, is_sent: bool) -> NoAnswer:
    if _is_untrusted(error):
        return NoAnswer(f"the certificate of {host} is not trusted", reached=False, hopeless=True)
    seen = (error, _reason(error))
    for classes, why, reached, hopeless in _SILENCES:
        if any(isinstance(each, classes) for each in seen):
            told = why.format(host=host)
            return NoAnswer(told, reached=reached and is_sent, hopeless=hopeless)
    return NoAnswer(f"the connection to {host} was cut", reached=is_sent)


def checked(call: Call, response: requests.Response, hide: str = "", key_source: str = "") -> Any:
    """Return the JSON of an answer, or raise what it means.

    `hide` is never quoted. `key_source` says where the key is from that was sent along.
    """
    status = response.status_code
    if status >= 500 or status == 408:
        words = _words(call, response, hide)
        why = f"{words.rstrip('.')} (answered {status})" if words else f"Heroku answered {status}"
        raise NoAnswer(why, reached=True, details=_told(call, response, hide))
    if status >= 400:
        error = _refusal(call, response, hide, key_source)
        error.details = _told(call, response, hide)
        raise error
    if status >= 300:
        raise NoAnswer(
            f"Heroku's address answered {status}, a redirect", reached=True, hopeless=True
        )
    if status < 200:
        raise NoAnswer(f"Heroku answered {status}, which is no end", reached=True)
    if not response.content and call.method != "GET":
        return None
    try:
        return parse_body(response.content)
    except ValueError as error:
        raise NoAnswer(f"Heroku answered {status} with no JSON", reached=True) from error


def parse_body(body: bytes) -> Any:
    """Read the JSON of a body; `ValueError` for what is none, or takes much more room than text.

    Each value needs some 70 bytes, and two letters can make one (``[]``): so they are counted.
    """
    if sum(body.count(mark) for mark in _MARKS) > MOST_VALUES:
        raise ValueError(f"more than {MOST_VALUES} values")
    return parse_json(body, len(body))


def _refusal(
    call: Call, response: requests.Response, hide: str, key_source: str
) -> AcceleratorError:
    body, words = _body(response), _words(call, response, hide)
    said = words.rstrip(".") or f"Heroku answered {response.status_code}"
    match response.status_code:
        case 401 | 402 | 403:
            whose = f", with the API key from {key_source}" if key_source else ""
            hint = _KEY_HINTS.get(body.get("id", ""), _KEY_HINTS["unauthorized"])
            return KeyRefused(f"{said} ({call}{whose})", hint)
        case 404 | 410:
            resource = body.get("resource")
            resource = None if resource is None else _clean(resource, hide)
            return NotFound(
                _describe_missing(said, describe_missing(call.path, resource)),
                "check the spelling, and that the key's account has access",
                resource,
                find_app(call.path, resource),
            )
        case 429:
            hint = "give CI an account of its own: the limit is per account"
            return RateLimited(f"{said} ({call})", hint)
        case 422:
            return Unprocessable(f"{said} ({call})", "Heroku did nothing")
        case _:
            return RequestInvalid(f"{said} ({call})", "Heroku did nothing")


def _describe_missing(said: str, missing: str) -> str:
    """Name what a 404 was about; that it was not found is said once, by Heroku or by us."""
    if not _SAYS_MISSING.search(said):
        return f"{said}: {missing} was not found, or the key may not see it"
    name = missing.removeprefix(f"{said.rpartition(' ')[2]} ")
    return f"{said}: {name}, or the key may not see it"


def _words(call: Call, response: requests.Response, hide: str) -> str:
    """Return what Heroku says; nothing about config vars, where complaints may quote values."""
    if call.method == "PATCH" and call.path.endswith("/config-vars"):
        return ""
    return _clean(_body(response).get("message", ""), hide)


def _told(call: Call, response: requests.Response, hide: str) -> str:
    """Return what Heroku's support asks for: the request, its status, Heroku's id, its own id."""
    parts = [f"{call} answered {response.status_code}"]
    if ident := _body(response).get("id"):
        parts.append(_clean(ident, hide))
    if request_id := response.headers.get("Request-Id"):
        parts.append(f"(request {_clean(request_id, hide)})")
    return " ".join(parts)


def _body(response: requests.Response) -> dict[str, str]:
    try:
        body = parse_body(response.content)
    except ValueError:
        return {}
    if not isinstance(body, dict):
        return {}
    return {name: value for name, value in body.items() if isinstance(value, str)}


def _clean(text: str, hide: str) -> str:
    """Make foreign words fit for one line of a log: no addresses, no control characters."""
    text = text.replace(hide, "***") if hide else text
    text = re.sub(r"https?://\S+", _public, text)
    text = "".join(char if char.isprintable() else " " for char in text)
    return one_line(text, _LONGEST_MESSAGE)


def _public(found: re.Match[str]) -> str:
    return found[0] if split(found[0]).hostname in _PUBLIC_HOSTS else "(address)"


def _reason(error: Exception) -> object:
    inner = error.args[0] if error.args else None
    return inner.reason if isinstance(inner, MaxRetryError) else inner


def _is_untrusted(error: object) -> bool:
    """Look for a refused certificate, however deep the libraries have wrapped it."""
    if not isinstance(error, BaseException):
        return False
    inner = (error.__cause__, getattr(error, "reason", None), *error.args[:1])
    return isinstance(error, ssl.SSLCertVerificationError) or any(map(_is_untrusted, inner))
