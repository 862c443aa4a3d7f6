"""Signed URLs: uploads, downloads and output streams."""

import pytest

from tests.contract.localheroku.platform_fixture import (
    Client,
    eventually,
    heroku,
    judges,
    own,
    platform,
    web_app,
)

__all__ = ["heroku", "judges", "own", "platform"]


@pytest.fixture
def app(heroku: Client) -> str:
    return str(heroku.post("/apps")["id"])


class TestSignedUrls:
    """A signed URL is the permission: nothing else is asked for, and nothing else is taken."""

    def test_a_request_with_an_authorization_header_is_refused(self, heroku: Client) -> None:
        blob = heroku.post("/sources")["source_blob"]
        key = {"Authorization": f"Bearer {heroku.platform.api_key}"}

        answers = [
            heroku.session.put(blob["put_url"], data=b"x", headers=key, timeout=60),
            heroku.session.get(blob["get_url"], headers=key, timeout=60),
        ]

        assert [each.status_code for each in answers] == [400, 400]

    def test_a_url_is_good_for_its_own_method_and_name_only(self, heroku: Client) -> None:
        one, two = (heroku.post("/sources")["source_blob"] for _ in range(2))
        name_of_two = two["put_url"].partition("?")[0]
        swapped = f"{name_of_two}?{one['put_url'].partition('?')[2]}"

        assert heroku.session.put(one["get_url"], data=b"x", timeout=60).status_code == 403
        assert heroku.session.get(one["put_url"], timeout=60).status_code == 403
        assert heroku.session.put(swapped, data=b"x", timeout=60).status_code == 403
        assert heroku.session.delete(one["put_url"], timeout=60).status_code == 405

    def test_an_upload_without_its_length_is_refused(self, heroku: Client) -> None:
        blob = heroku.post("/sources")["source_blob"]

        chunked = heroku.session.put(blob["put_url"], data=iter([b"x"]), timeout=60)

        assert chunked.status_code == 411
        assert heroku.session.get(blob["get_url"], timeout=60).status_code == 404

    def test_the_sources_of_an_app_are_the_same_storage(self, heroku: Client, app: str) -> None:
        blob = heroku.post(f"/apps/{app}/sources")["source_blob"]

        heroku.session.put(blob["put_url"], data=b"abc", timeout=60)

        assert heroku.session.get(blob["get_url"], timeout=60).content == b"abc"


class TestOutputStreams:
    SLOW = web_app(**{"bin/compile": "#!/bin/sh\necho one\nsleep 600\necho two\n"})

    def test_a_stream_is_not_there_until_output_starts(self, own: Client) -> None:
        own.control("PUT", "/durations", {"build_seconds": 1})
        app = own.post("/apps")["id"]
        build = own.start_build(app, web_app())

        early = own.session.get(build["output_stream_url"], timeout=60)

        assert early.status_code == 404
        assert own.finished_build(app, build["id"])["status"] == "succeeded"
        assert own.session.get(build["output_stream_url"], timeout=60).status_code == 200

    def test_a_running_build_is_followed_live(self, heroku: Client, app: str) -> None:
        build = heroku.start_build(app, self.SLOW)
        url = build["output_stream_url"]
        eventually(lambda: heroku.session.head(url, timeout=60).status_code == 200)

        with heroku.session.get(url, stream=True, timeout=60) as answer:
            lines = answer.iter_lines(chunk_size=1)
            found = next(line for line in lines if b"one" in line)
            status = heroku.get(f"/apps/{app}/builds/{build['id']}")["status"]
            heroku.call("DELETE", f"/apps/{app}/builds/{build['id']}")
            rest = b"".join(lines)

        assert found.strip() == b"one"
        assert answer.headers["Content-Type"].startswith("text/plain")
        assert status == "pending"
        assert b"two" not in rest

    def test_a_cut_stream_is_resumed_where_it_ended(self, heroku: Client, app: str) -> None:
        url = heroku.build(app, web_app())["output_stream_url"]
        whole = heroku.session.get(url, timeout=60).content

        rest = heroku.session.get(url, headers={"Range": "bytes=10-"}, timeout=60)
        beyond = heroku.session.get(url, headers={"Range": f"bytes={len(whole)}-"}, timeout=60)

        assert rest.status_code == 206
        assert rest.content == whole[10:]
        assert beyond.status_code == 416
