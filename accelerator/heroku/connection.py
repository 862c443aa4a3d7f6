"""heroku3 on our session: our base URL, our key, our errors, and nothing on stdout."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

import heroku3.api
from heroku3.models.app import App as Heroku3App

from accelerator.foreign import parse_json
from accelerator.heroku.answers import Call, NoAnswer, checked, error_of
from accelerator.heroku.exchange import ANSWER_SECONDS
from accelerator.heroku.parsing import parse_list
from accelerator.heroku.paths import make_path
from accelerator.web.sessions import Bearer, Session, origin_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import requests

    from accelerator.errors import AcceleratorError
    from accelerator.heroku.exchange import Exchange
    from accelerator.models import Endpoint, Secret

Value = TypeVar("Value")
Resource = tuple[object, ...]

MAX_PAGE = 1000
MOMENT_SECONDS = 5.0
# Beyond these a list is taken to have no end: 50,000 apps, builds or couplings.
MOST_PAGES = 50
MOST_LIST_BYTES = 32 << 20
MOST_LETTERS = 1 << 16  # of what heroku3 reads: single objects

_RANGE = re.compile(r"[!-~][ -~]{0,999}")


@dataclass(frozen=True)
class Ask:
    """A request before it is sent. A `repeatable` one changes nothing that matters.

    `again` is called before it is sent once more, and raises where it must not be by now.
    """

    method: str
    resource: Resource
    accept: str = "3"
    params: Mapping[str, str] | None = None
    data: str | None = None
    range: str | None = None
    repeatable: bool = False
    again: Callable[[], object] | None = None

    @property
    def call(self) -> Call:
        """Return what may be shown of it."""
        return Call(self.method, make_path(self.resource), self.repeatable)

    @property
    def headers(self) -> dict[str, str]:
        """Return the headers it needs beside the session's."""
        headers = {"Accept": f"application/vnd.heroku+json; version={self.accept}"}
        return headers if self.range is None else {**headers, "Range": self.range}


class Connection(heroku3.api.Heroku):  # type: ignore[misc]  # heroku3 has no types
    """The API host, and the only thing that holds the key.

    heroku3's own calls work on it (`app`), with our retries and errors, because all its traffic
    passes the two methods replaced here.
    """

    def __init__(self, endpoint: Endpoint, key: Secret, exchange: Exchange) -> None:
        bearer = Bearer(key, origin_of(endpoint.api_url))
        super().__init__(session=Session(exchange.environment, bearer, exchange.watch))
        self._heroku_url = endpoint.api_url.rstrip("/")
        self._api_key_verified = True  # else heroku3 asks for the rate limits to find out
        self._key = key
        self._exchange = exchange

    def close(self) -> None:
        """Close the pooled connections."""
        self._session.close()

    def app(self, app: str) -> Any:
        """Return heroku3's app for its own calls, without a request for it first."""
        return Heroku3App.new_from_dict({"id": app, "name": app}, h=self)

    def fetch(
        self,
        resource: Resource,
        parse: Callable[[Any], Value],
        params: Mapping[str, str] | None = None,
        accept: str = "3",
    ) -> Value:
        """Read one object, or a list that has no pages."""
        ask = Ask("GET", resource, accept, params, repeatable=True)
        return self._parsed(ask, parse)

    def fetch_all(self, resource: Resource, parse: Callable[[Any], Value]) -> tuple[Value, ...]:
        """Read a list, all of its pages."""
        ask = Ask("GET", resource, range=f"id ..; max={MAX_PAGE};", repeatable=True)
        return self._all_of(ask, parse)

    def fetch_newest(
        self, resource: Resource, parse: Callable[[Any], Value], order_by: str, limit: int
    ) -> tuple[Value, ...]:
        """Read one page of a list, the newest first."""
        order = f"{order_by} ..; order=desc,max={min(limit, MAX_PAGE)};"
        ask = Ask("GET", resource, range=order, repeatable=True)
        return self._parsed(ask, lambda items: parse_list(items, parse))

    def fetch_once(self, resource: Resource, parse: Callable[[Any], Value]) -> tuple[Value, ...]:
        """Read the first page of a list that nothing depends on: asked for once, for moments."""
        ask = Ask("GET", resource, range=f"id ..; max={MAX_PAGE};", repeatable=True)
        try:
            _, found = self._send(ask, MOMENT_SECONDS)
        except NoAnswer as failure:
            raise error_of(ask.call, failure) from failure.__cause__
        return self.understand(ask, lambda: parse_list(found, parse))

    def filter_all(
        self, resource: Resource, body: object, parse: Callable[[Any], Value]
    ) -> tuple[Value, ...]:
        """Read a list that is asked for with a POST: a read all the same, so repeatable."""
        everything = f"id ..; max={MAX_PAGE};"
        ask = Ask(
            "POST", resource, "3.filters", None, json.dumps(body), everything, repeatable=True
        )
        return self._all_of(ask, parse)

    def write(
        self,
        method: str,
        resource: Resource,
        body: object,
        parse: Callable[[Any], Value],
        accept: str = "3",
        again: Callable[[], object] | None = None,
    ) -> Value:
        """Change something, once. An answer that makes no sense leaves the outcome unknown.

        What was turned away unread is sent again, after a pause and if `again` lets it.
        """
        data = None if body is None else json.dumps(body)
        return self._parsed(Ask(method, resource, accept, data=data, again=again), parse)

    def write_harmlessly(
        self, resource: Resource, parse: Callable[[Any], Value], body: object = None
    ) -> Value:
        """Create something nobody would miss or notice: repeated like a read."""
        data = None if body is None else json.dumps(body)
        return self._parsed(Ask("POST", resource, data=data, repeatable=True), parse)

    def understand(self, ask: Ask, make: Callable[[], Value]) -> Value:
        """Make a value of an answer; one of an unexpected shape counts as no answer."""
        try:
            return make()
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
            raise self._no_answer(ask, "the answer has an unexpected shape") from error

    def _no_answer(self, ask: Ask, why: str) -> AcceleratorError:
        return error_of(ask.call, NoAnswer(why, reached=True))

    def _parsed(self, ask: Ask, parse: Callable[[Any], Value]) -> Value:
        _, found = self._answer(ask)
        return self.understand(ask, lambda: parse(found))

    def _all_of(self, ask: Ask, parse: Callable[[Any], Value]) -> tuple[Value, ...]:
        items: list[Value] = []
        size = 0
        for _ in range(MOST_PAGES):
            answer, page = self._answer(ask)
            items += self.understand(ask, lambda found=page: parse_list(found, parse))  # type: ignore[misc]
            size += len(answer.content)
            following = answer.headers.get("Next-Range")
            if answer.status_code != 206 or following in {None, ask.range}:
                return tuple(items)
            if size > MOST_LIST_BYTES or not _RANGE.fullmatch(following or ""):
                break
            ask = replace(ask, range=following)
        raise self._no_answer(ask, "the list does not end")

    def _answer(self, ask: Ask) -> tuple[requests.Response, Any]:
        """Return the answer, and the JSON in it; asked for again where that is sensible."""
        return self._exchange.repeat(ask.call, lambda: self._send(ask), again=ask.again)

    def _send(self, ask: Ask, seconds: float = ANSWER_SECONDS) -> tuple[requests.Response, Any]:
        call = ask.call
        answer = self._exchange.send(
            self._session,
            call,
            self._heroku_url + make_path(ask.resource),
            self._exchange.deadline,
            seconds,
            params=ask.params,
            data=ask.data,
            headers=ask.headers,
        )
        return answer, checked(call, answer, self._key.reveal(), self._key.source)

    def _http_resource(
        self,
        method: str,
        resource: Resource | str,
        params: Mapping[str, str] | None = None,
        data: str | None = None,
        **ranges: Any,
    ) -> requests.Response:
        """Replace heroku3's: it has no retries, no errors of Heroku's and may print."""
        segments = (resource,) if isinstance(resource, str) else tuple(resource)
        wanted = self._get_headers_for_request(**ranges).get("Range")
        is_read = method == "GET"
        answer, _ = self._answer(Ask(method, segments, "3", params, data, wanted, is_read))
        return answer

    def _get_data(
        self, resource: Resource | str, params: Mapping[str, str] | None = None, **ranges: Any
    ) -> list[Any]:
        """Replace heroku3's, which prints a warning for every further page."""
        segments = (resource,) if isinstance(resource, str) else tuple(resource)
        wanted = self._get_headers_for_request(**ranges).get("Range")
        ask = Ask("GET", segments, "3", params, None, wanted, repeatable=True)
        return list(self._all_of(ask, lambda item: item))

    @staticmethod
    def _resource_deserialize(s: str) -> Any:
        """Replace heroku3's, which has no limits; dates go on to a parser that guesses long."""
        return parse_json(s, MOST_LETTERS)
