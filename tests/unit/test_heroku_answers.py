from __future__ import annotations

import json
import ssl
from typing import Any

import pytest
import requests
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import (
    MaxRetryError,
    NameResolutionError,
    NewConnectionError,
    ProtocolError,
    SSLError,
)

from accelerator.errors import (
    AcceleratorError,
    ExitCode,
    KeyRefused,
    NotFound,
    NotThePlatform,
    OutcomeUnknown,
    RateLimited,
    RequestInvalid,
    Unprocessable,
    Unreachable,
    UsageProblem,
)
from accelerator.heroku.answers import Call, NoAnswer, checked, error_of, silence_of
from accelerator.heroku.paths import how_to_look, make_path

READ = Call("GET", "/apps/shop/releases/7", repeatable=True)
WRITE = Call("POST", "/apps/shop/releases", repeatable=False)


def answer(status: int, body: Any = None, text: str | None = None) -> requests.Response:
    response = requests.Response()
    response.status_code = status
    response._content = (json.dumps(body) if text is None else text).encode()
    response.headers["Request-Id"] = "req-1"
    return response


def refusal(call: Call, response: requests.Response, hide: str = "") -> AcceleratorError:
    try:
        checked(call, response, hide)
    except NoAnswer as failure:
        return error_of(call, failure)
    except AcceleratorError as error:
        return error
    raise AssertionError("nothing was raised")


@pytest.mark.parametrize(
    ("status", "heroku_id", "expected", "exit_code"),
    [
        pytest.param(400, "bad_request", RequestInvalid, ExitCode.RELEASE_FAILED, id="bad request"),
        pytest.param(401, "unauthorized", KeyRefused, ExitCode.KEY_REFUSED, id="wrong key"),
        pytest.param(402, "delinquent", KeyRefused, ExitCode.KEY_REFUSED, id="unpaid"),
        pytest.param(403, "forbidden", KeyRefused, ExitCode.KEY_REFUSED, id="not allowed"),
        pytest.param(403, "two_factor", KeyRefused, ExitCode.KEY_REFUSED, id="second factor"),
        pytest.param(404, "not_found", NotFound, ExitCode.NOT_FOUND, id="not found"),
        pytest.param(406, "not_acceptable", RequestInvalid, ExitCode.RELEASE_FAILED, id="406"),
        pytest.param(408, "timeout", Unreachable, ExitCode.UNREACHABLE, id="server's timeout"),
        pytest.param(409, "conflict", RequestInvalid, ExitCode.RELEASE_FAILED, id="conflict"),
        pytest.param(410, "gone", NotFound, ExitCode.NOT_FOUND, id="gone"),
        pytest.param(422, "invalid_params", Unprocessable, ExitCode.RELEASE_FAILED, id="invalid"),
        pytest.param(429, "rate_limit", RateLimited, ExitCode.UNREACHABLE, id="rate limit"),
        pytest.param(500, "internal", Unreachable, ExitCode.UNREACHABLE, id="server error"),
        pytest.param(503, "unavailable", Unreachable, ExitCode.UNREACHABLE, id="maintenance"),
        pytest.param(302, "x", NotThePlatform, ExitCode.UNREACHABLE, id="redirect"),
    ],
)
def test_a_status_of_a_read_becomes_an_error_that_says_everything(
    status: int, heroku_id: str, expected: type[AcceleratorError], exit_code: ExitCode
) -> None:
    error = refusal(READ, answer(status, {"id": heroku_id, "message": "Because of that."}))

    assert type(error) is expected
    assert error.exit_code is exit_code
    assert error.hint
    if status < 400:
        assert error.message == f"Heroku's address answered 302, a redirect (GET {READ.path})"
        return
    assert error.message.startswith("Because of that")
    assert "req-1" not in error.message + str(error.hint)
    assert error.details == f"GET {READ.path} answered {status} {heroku_id} (request req-1)"


@pytest.mark.parametrize(
    "status", [pytest.param(status, id=str(status)) for status in (302, 408, 500, 502, 503, 504)]
)
def test_a_write_that_may_have_been_done_is_of_unknown_outcome(status: int) -> None:
    error = refusal(WRITE, answer(status, text="<html>"))

    assert type(error) is OutcomeUnknown
    assert error.exit_code is ExitCode.UNKNOWN
    assert "POST /apps/shop/releases" in error.message
    assert "heroku releases -a shop" in (error.hint or "")


@pytest.mark.parametrize(
    ("heroku_id", "word"),
    [
        pytest.param("two_factor", "second factor", id="two factors"),
        pytest.param("suspended", "suspended", id="suspended"),
        pytest.param("forbidden", "deploy", id="permission"),
        pytest.param("delinquent", "unpaid", id="money"),
        pytest.param("something new", "expired", id="an id we do not know"),
    ],
)
def test_a_refused_key_says_what_to_do(heroku_id: str, word: str) -> None:
    error = refusal(READ, answer(403, {"id": heroku_id, "message": "No."}))

    assert word in (error.hint or "")


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        pytest.param("/apps/shop", {}, "app shop was not found", id="an app"),
        pytest.param("/apps/shop/releases/7", {}, "release 7 of app shop", id="a part of it"),
        pytest.param(
            "/apps/shop/releases/7", {"resource": "app"}, "app shop was not", id="as Heroku says"
        ),
        pytest.param("/pipelines/p-1", {}, "pipeline p-1 was", id="a pipeline"),
        pytest.param(
            "/apps/shop/pipeline-couplings", {}, "pipeline coupling of app shop", id="no coupling"
        ),
    ],
)
def test_what_was_not_found_is_named(path: str, body: dict[str, str], expected: str) -> None:
    call = Call("GET", path, repeatable=True)

    error = refusal(call, answer(404, {"id": "not_found", "message": "Gone.", **body}))

    assert expected in error.message
    assert "the key may not see it" in error.message


@pytest.mark.parametrize(
    ("words", "path", "expected"),
    [
        pytest.param(
            "Couldn't find that app.", "/apps/shop", "Couldn't find that app: shop", id="an app"
        ),
        pytest.param(
            "Couldn't find that release.",
            "/apps/shop/releases/7",
            "Couldn't find that release: 7 of app shop",
            id="a part of it",
        ),
        pytest.param("Not found.", "/apps/shop", "Not found: app shop", id="in other words"),
    ],
)
def test_that_something_was_not_found_is_said_once(words: str, path: str, expected: str) -> None:
    call = Call("GET", path, repeatable=True)

    error = refusal(call, answer(404, {"id": "not_found", "message": words}))

    assert error.message == f"{expected}, or the key may not see it"


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        pytest.param(
            "Cannot read https://blobs.test/x?signature=SECRET now", "(address)", id="an address"
        ),
        pytest.param("https://release-output.heroku.com/streams/SECRET", "(address)", id="a log"),
        pytest.param("Key the-SECRET-key is bad", "Key *** is bad", id="the key itself"),
        pytest.param(
            "See https://devcenter.heroku.com/articles/limits",
            "https://devcenter.heroku.com/articles/limits",
            id="a page of the manual stays",
        ),
        pytest.param("two\nlines\x1b[31m", "two lines [31m", id="control characters"),
    ],
)
def test_words_of_the_platform_are_made_harmless(message: str, expected: str) -> None:
    response = answer(422, {"id": "invalid_params", "message": message})

    error = refusal(WRITE, response, hide="the-SECRET-key")

    assert expected in error.message
    assert "SECRET" not in error.message


def test_a_refused_config_change_quotes_no_value() -> None:
    call = Call("PATCH", "/apps/shop/config-vars", repeatable=False)

    error = refusal(call, answer(422, {"id": "invalid_params", "message": "hunter2 is too long"}))

    assert error.message == f"Heroku answered 422 ({call})"
    assert "hunter2" not in str(error.details)
    assert "invalid_params" in str(error.details)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("<html>", id="a page"),
        pytest.param('{"id": "a', id="half an object"),
        pytest.param("", id="nothing"),
    ],
)
def test_an_answer_without_json_is_no_answer(text: str) -> None:
    error = refusal(READ, answer(200, text=text))

    assert type(error) is Unreachable
    assert "no JSON" in error.message


def test_an_error_that_is_no_object_is_told_by_its_status() -> None:
    error = refusal(READ, answer(422, ["odd"]))

    assert error.message == f"Heroku answered 422 ({READ})"
    assert error.details == f"{READ} answered 422 (request req-1)"


@pytest.mark.parametrize("status", [401, 402, 403])
def test_a_refused_key_is_named_by_where_it_was_found(status: int) -> None:
    with pytest.raises(KeyRefused) as caught:
        checked(READ, answer(status, {"message": "No."}), "HRKU-1", "SHOP_KEY")

    assert caught.value.message == f"No ({READ}, with the API key from SHOP_KEY)"


@pytest.mark.parametrize(
    ("path", "body", "app"),
    [
        pytest.param("/apps/shop", {}, "shop", id="the app itself"),
        pytest.param("/apps/shop/builds", {"resource": "app"}, "shop", id="what is below it"),
        pytest.param("/apps/shop/releases/7", {"resource": "release"}, None, id="another thing"),
        pytest.param("/apps/shop/releases/7", {}, None, id="nobody says what"),
        pytest.param("/pipelines/shop", {}, None, id="a pipeline"),
    ],
)
def test_an_app_that_was_not_found_is_known_by_its_name(
    path: str, body: dict[str, str], app: str | None
) -> None:
    error = refusal(Call("GET", path, repeatable=True), answer(404, body))

    assert isinstance(error, NotFound)
    assert error.app == app


def test_a_write_may_be_answered_with_an_empty_body() -> None:
    assert checked(Call("DELETE", "/apps/shop", repeatable=False), answer(202, text="")) is None


POOL = HTTPConnectionPool("api.test")
NEVER_SENT = [
    pytest.param(
        requests.ConnectionError(
            MaxRetryError(POOL, "/u?SECRET", NewConnectionError(POOL, "refused"))  # type: ignore[arg-type]
        ),
        "cannot connect to",
        id="connection refused",
    ),
    pytest.param(
        requests.ConnectionError(
            MaxRetryError(POOL, "/u?SECRET", NameResolutionError("api.test", POOL, OSError()))  # type: ignore[arg-type]
        ),
        "does not resolve",
        id="no such name",
    ),
    pytest.param(requests.exceptions.InvalidSchema("SECRET"), "address", id="no proper address"),
    pytest.param(requests.ConnectTimeout("SECRET"), "no connection", id="no connection in time"),
    pytest.param(requests.exceptions.ProxyError("SECRET"), "proxy", id="the proxy refuses"),
]
MAYBE_SENT = [
    pytest.param(requests.ReadTimeout("SECRET"), "no answer", id="no answer in time"),
    pytest.param(
        requests.ConnectionError(ProtocolError("SECRET", ConnectionResetError())),
        "was cut",
        id="connection reset",
    ),
    pytest.param(requests.exceptions.ChunkedEncodingError("SECRET"), "cut off", id="half a body"),
]


@pytest.mark.parametrize(("error", "word"), NEVER_SENT)
@pytest.mark.parametrize("call", [pytest.param(READ, id="read"), pytest.param(WRITE, id="write")])
def test_a_request_that_never_arrived_leaves_the_platform_unreachable(
    call: Call, error: requests.RequestException, word: str
) -> None:
    found = error_of(call, silence_of(error, "api.test"))

    assert isinstance(found, Unreachable)
    assert word in found.message
    assert "SECRET" not in found.message


@pytest.mark.parametrize(("error", "word"), MAYBE_SENT)
@pytest.mark.parametrize(
    ("call", "expected"),
    [pytest.param(READ, Unreachable, id="read"), pytest.param(WRITE, OutcomeUnknown, id="write")],
)
def test_a_request_that_may_have_arrived_is_told_from_one_that_did_not(
    call: Call, expected: type, error: requests.RequestException, word: str
) -> None:
    found = error_of(call, silence_of(error, "api.test"))

    assert type(found) is expected
    assert word in found.message
    assert "SECRET" not in found.message


def test_an_untrusted_certificate_is_not_the_platform() -> None:
    reason = SSLError(ssl.SSLCertVerificationError("self-signed"))
    error = requests.exceptions.SSLError(MaxRetryError(POOL, "/", reason))

    found = error_of(WRITE, silence_of(error, "api.test"))

    assert type(found) is NotThePlatform
    assert "certificate" in found.message
    assert "REQUESTS_CA_BUNDLE" in (found.hint or "")


@pytest.mark.parametrize(
    ("segments", "expected"),
    [
        pytest.param(("apps", "shop", "releases", 7), "/apps/shop/releases/7", id="a plain one"),
        pytest.param(("apps", "a/../b"), "/apps/a%2F..%2Fb", id="slashes"),
        pytest.param(("apps", "a?b#c d"), "/apps/a%3Fb%23c%20d", id="query and fragment"),
    ],
)
def test_a_name_stays_in_its_place_in_the_path(segments: tuple[object, ...], expected: str) -> None:
    assert make_path(segments) == expected


@pytest.mark.parametrize("name", [pytest.param(name, id=repr(name)) for name in ("", ".", "..")])
def test_a_name_that_would_move_the_path_is_refused(name: str) -> None:
    with pytest.raises(UsageProblem):
        make_path(("apps", name, "releases"))


@pytest.mark.parametrize(
    ("path", "word"),
    [
        pytest.param("/apps/shop/builds", "shop", id="a build"),
        pytest.param("/apps/shop/builds/b-1", "shop", id="a cancelled build"),
        pytest.param("/pipeline-promotions", "heroku releases", id="a promotion"),
        pytest.param("/apps/shop/something-new", "dashboard", id="what we do not know"),
    ],
)
def test_after_a_lost_write_people_are_told_where_to_look(path: str, word: str) -> None:
    assert word in how_to_look(path)


@pytest.mark.parametrize(
    ("host", "hint"),
    [
        pytest.param("127.0.0.1:5001", "`accelerator local`", id="this machine"),
        pytest.param("[::1]:5001", "`accelerator local`", id="this machine, as IPv6 has it"),
        pytest.param("api.heroku.com", "status.heroku.com", id="Heroku"),
    ],
)
@pytest.mark.parametrize("why", [NewConnectionError(POOL, "refused"), requests.ConnectTimeout()])
def test_who_does_not_answer_decides_where_to_look(host: str, hint: str, why: Exception) -> None:
    error = error_of(READ, silence_of(why, host))

    assert hint in str(error.hint)
