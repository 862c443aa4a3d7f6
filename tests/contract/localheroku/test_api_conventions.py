"""The conventions of Heroku's HTTP API that hold for every request."""

import base64
import uuid

import pytest

from tests.contract.localheroku.platform_fixture import (
    ACCEPT,
    Client,
    _still,
    heroku,
    judges,
    own,
    platform,
)

__all__ = ["_still", "heroku", "judges", "own", "platform"]


def test_a_request_without_the_version_is_not_acceptable(heroku: Client) -> None:
    answer = heroku.call("GET", "/account", Accept="application/json")

    assert answer.status_code == 406
    assert answer.json()["id"] == "not_acceptable"


@pytest.mark.parametrize(
    "accept",
    [
        pytest.param(ACCEPT, id="plain"),
        pytest.param("application/vnd.heroku+json; version=3.cedar-acm", id="heroku3"),
        pytest.param("application/vnd.heroku+json;version=3.docker-releases", id="no blank"),
        pytest.param("application/vnd.heroku+json; version=3.sdk", id="sdk"),
        pytest.param("application/vnd.heroku+json; version=3, */*", id="with others"),
    ],
)
def test_every_variant_of_version_3_is_accepted(heroku: Client, accept: str) -> None:
    assert heroku.call("GET", "/account", Accept=accept).status_code == 200


def _basic(text: str) -> str:
    return f"Basic {base64.b64encode(text.encode()).decode()}"


@pytest.mark.parametrize(
    "form",
    [
        pytest.param("Bearer {key}", id="bearer"),
        pytest.param(":{key}", id="basic with empty user"),
        pytest.param("me@example.com:{key}", id="basic with any user"),
        pytest.param("{key}:", id="basic with the key as user"),
    ],
)
def test_the_key_is_taken_in_every_form_clients_send(heroku: Client, form: str) -> None:
    text = form.format(key=heroku.platform.api_key)
    header = text if text.startswith("Bearer") else _basic(text)

    assert heroku.call("GET", "/account", Authorization=header).status_code == 200


@pytest.mark.parametrize(
    "header",
    [
        pytest.param(None, id="none"),
        pytest.param("Bearer wrong", id="wrong"),
        pytest.param("Basic !!!", id="not base64"),
        pytest.param("Digest x", id="another scheme"),
    ],
)
def test_a_wrong_key_is_refused_in_herokus_words(heroku: Client, header: str | None) -> None:
    answer = heroku.call("GET", "/account", Authorization=header)

    assert answer.status_code == 401
    assert answer.json() == {"id": "unauthorized", "message": "Invalid credentials provided."}


def test_every_answer_names_its_request_and_the_tokens_left(heroku: Client) -> None:
    good, bad = heroku.call("GET", "/account"), heroku.call("GET", "/apps/nope")

    assert uuid.UUID(good.headers["Request-Id"]) != uuid.UUID(bad.headers["Request-Id"])
    assert int(bad.headers["RateLimit-Remaining"]) > 0
    assert good.headers["Content-Type"] == "application/json; charset=utf-8"


@pytest.mark.parametrize(
    ("method", "path", "resource"),
    [
        pytest.param("GET", "/apps/nope", "app", id="app"),
        pytest.param("GET", "/pipelines/nope", "pipeline", id="pipeline"),
        pytest.param(
            "GET", f"/pipeline-promotions/{uuid.UUID(int=1)}", "promotion", id="promotion"
        ),
        pytest.param("GET", "/no/such/thing", "endpoint", id="unknown route"),
        pytest.param("DELETE", "/account", "endpoint", id="unknown method"),
        pytest.param("GET", "/account/features/x", "feature", id="account feature"),
    ],
)
def test_what_is_not_there_is_not_found(
    heroku: Client, method: str, path: str, resource: str
) -> None:
    answer = heroku.call(method, path)

    assert answer.status_code == 404
    assert answer.json()["id"] == "not_found"
    assert resource in answer.json()["message"]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"{", id="cut"),
        pytest.param(b"[]", id="not an object"),
        pytest.param(b"\xff\xfe", id="not text"),
    ],
)
def test_a_body_that_is_no_json_object_is_a_bad_request(heroku: Client, body: bytes) -> None:
    answer = heroku.session.post(
        f"{heroku.platform.url}/apps",
        data=body,
        headers={"Accept": ACCEPT, "Authorization": f"Bearer {heroku.platform.api_key}"},
        timeout=60,
    )

    assert answer.status_code == 400
    assert answer.json()["id"] == "bad_request"


def test_an_unchanged_answer_is_not_sent_twice(heroku: Client) -> None:
    first = heroku.call("GET", "/account")

    second = heroku.call("GET", "/account", If_None_Match=first.headers["ETag"])

    assert second.status_code == 304
    assert second.content == b""


def test_the_account_answers_under_both_of_its_names(heroku: Client) -> None:
    account = heroku.get("/account")

    assert heroku.get("/users/~") == account
    assert heroku.get(f"/users/{account['email']}") == account
    assert heroku.get("/account/features") == []


def test_version_sdk_gives_the_generation_as_text(heroku: Client) -> None:
    app = heroku.post("/apps")

    sdk = heroku.get(f"/apps/{app['id']}", Accept=f"{ACCEPT}.sdk")

    assert app["generation"]["name"] == "cedar"
    assert sdk["generation"] == "cedar"


@pytest.mark.usefixtures("_still")
def test_the_rate_limit_refuses_when_the_bucket_is_empty_and_tells_for_free(own: Client) -> None:
    own.control("PUT", "/rate-limit", {"remaining": 1})

    assert own.get("/account/rate-limits") == {"remaining": 1}
    assert own.call("GET", "/account").headers["RateLimit-Remaining"] == "0"
    refused = own.call("GET", "/account")
    assert refused.status_code == 429
    assert refused.json() == {
        "id": "rate_limit",
        "message": "Your account reached the API rate limit\n"
        "Please wait a few minutes before making new requests",
        "url": "https://devcenter.heroku.com/articles/platform-api-reference#rate-limits",
    }
    own.control("POST", "/clock", {"advance_seconds": 60})
    assert own.call("GET", "/account").headers["RateLimit-Remaining"] == "74"


class TestPages:
    """Lists with a `Range` header, on the releases of an app."""

    @pytest.fixture
    def path(self, heroku: Client) -> str:
        app = heroku.post("/apps")["id"]
        for number in range(5):
            heroku.patch(f"/apps/{app}/config-vars", {"NUMBER": str(number)})
        return f"/apps/{app}/releases"

    @pytest.mark.parametrize(
        ("header", "versions"),
        [
            pytest.param(None, [1, 2, 3, 4, 5, 6, 7], id="none: ascending"),
            pytest.param("", [1, 2, 3, 4, 5, 6, 7], id="empty"),
            pytest.param("version ..; order=desc,max=1", [7], id="config:set"),
            pytest.param("version ..; max=3, order=desc", [7, 6, 5], id="comma and blank"),
            pytest.param("version ..; order=desc,max=2;", [7, 6], id="heroku3 with limit"),
            pytest.param("version ..; ;", [1, 2, 3, 4, 5, 6, 7], id="heroku3"),
            pytest.param("version ..; order=desc", [7, 6, 5, 4, 3, 2, 1], id="no max"),
            pytest.param("version 3..5", [3, 4, 5], id="both ends"),
            pytest.param("version ]3..5", [4, 5], id="exclusive start"),
            pytest.param("version 6..; max=1000;", [6, 7], id="open end"),
        ],
    )
    def test_every_spelling_of_a_range_is_understood(
        self, heroku: Client, path: str, header: str | None, versions: list[int]
    ) -> None:
        headers = {} if header is None else {"Range": header}

        found = heroku.get(path, **headers)

        assert [each["version"] for each in found] == versions

    @pytest.mark.parametrize("order", ["", ", order=desc"], ids=["ascending", "descending"])
    @pytest.mark.parametrize("field", ["version", "id"])
    def test_following_next_range_reads_everything_once(
        self, heroku: Client, path: str, field: str, order: str
    ) -> None:
        wanted: str | None = f"{field} ..; max=3{order}"
        pages = []
        while wanted:
            answer = heroku.call("GET", path, Range=wanted)
            wanted = answer.headers.get("Next-Range")
            assert answer.status_code == (206 if wanted else 200)
            pages.append([each[field] for each in answer.json()])

        assert [len(page) for page in pages] == [3, 3, 1]
        everything = [each for page in pages for each in page]
        assert everything == sorted(set(everything), reverse=bool(order))

    def test_a_page_says_what_it_holds(self, heroku: Client, path: str) -> None:
        answer = heroku.call("GET", path, Range="version 2..; max=2")

        assert answer.headers["Content-Range"] == "version 2..3"
        assert answer.headers["Next-Range"] == "version ]3..; max=2"
        assert answer.headers["Accept-Ranges"] == "version, id"

    @pytest.mark.parametrize(
        "header",
        [
            pytest.param("colour ..", id="unknown field"),
            pytest.param("nonsense", id="no range"),
            pytest.param("version x..", id="not a number"),
            pytest.param("version ..; max=0", id="no items"),
            pytest.param("version ..; max=many", id="max is no number"),
            pytest.param("version ..; order=up", id="unknown order"),
        ],
    )
    def test_a_range_that_cannot_be_given_is_refused(
        self, heroku: Client, path: str, header: str
    ) -> None:
        answer = heroku.call("GET", path, Range=header)

        assert answer.status_code == 416
        assert answer.json()["id"] == "requested_range_not_satisfiable"

    def test_builds_can_be_paged_by_the_moment_they_started(self, heroku: Client) -> None:
        app = heroku.post("/apps")["id"]
        blob = {"source_blob": {"url": "https://127.0.0.1:1/none"}}
        made = [heroku.post(f"/apps/{app}/builds", blob)["id"] for _ in range(3)]

        first = heroku.call("GET", f"/apps/{app}/builds", Range="created_at ..; max=2, order=desc")
        rest = heroku.get(f"/apps/{app}/builds", Range=first.headers["Next-Range"])

        assert [each["id"] for each in first.json()] == [made[2], made[1]]
        assert [each["id"] for each in rest] == [made[0]]
        assert [each["id"] for each in heroku.get(f"/apps/{app}/builds")] == made
