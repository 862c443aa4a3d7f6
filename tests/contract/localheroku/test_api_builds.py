"""Sources, builds, slugs, output streams and signed URLs."""

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.contract.localheroku.platform_fixture import (
    ACCEPT,
    Client,
    archive,
    eventually,
    heroku,
    judges,
    own,
    platform,
    web_app,
)

__all__ = ["heroku", "judges", "own", "platform"]
COMMIT = "0123456789abcdef0123456789abcdef01234567"
BROKEN = web_app(**{"bin/compile": "#!/bin/sh\necho it broke\nexit 1\n"})


@pytest.fixture
def app(heroku: Client) -> str:
    return str(heroku.post("/apps")["id"])


def test_a_build_leaves_a_slug_of_the_commit_and_releases_it(heroku: Client, app: str) -> None:
    build = heroku.build(app, web_app(), COMMIT)

    slug = heroku.get(f"/apps/{app}/slugs/{build['slug']['id']}")
    assert slug["commit"] == build["source_blob"]["version"] == COMMIT
    assert slug["process_types"]["web"].startswith("python3")
    release = heroku.get(f"/apps/{app}/releases/{build['release']['id']}")
    assert release["slug"] == {"id": slug["id"]}
    assert release["artifacts"] == [{"type": "slug", "id": slug["id"]}]
    assert (release["current"], release["status"]) == (True, "succeeded")
    assert release["description"] == f"Deploy {COMMIT[:8]}"
    assert len({build["id"], slug["id"], release["id"]}) == 3


def test_the_slug_can_be_downloaded_and_has_its_checksum(heroku: Client, app: str) -> None:
    build = heroku.build(app, web_app())
    slug = heroku.get(f"/apps/{app}/slugs/{build['slug']['id']}")

    data = heroku.session.get(slug["blob"]["url"], timeout=60).content

    assert slug["blob"]["method"] == "get"
    assert slug["checksum"] == f"SHA256:{hashlib.sha256(data).hexdigest()}"
    assert slug["size"] == len(data)


def test_the_output_tells_the_story_of_the_build(heroku: Client, app: str) -> None:
    build = heroku.build(app, web_app())

    output = heroku.session.get(build["output_stream_url"], timeout=60).text

    release = heroku.get(f"/apps/{app}/releases/{build['release']['id']}")
    for line in (
        "-----> Copying",
        "-----> Launching...",
        f"       Released v{release['version']}",
    ):
        assert f"{line}\n" in output


def test_a_failed_build_makes_no_release(heroku: Client, app: str) -> None:
    build = heroku.finished_build(app, heroku.start_build(app, BROKEN)["id"])

    assert build["status"] == "failed"
    assert (build["slug"], build["release"]) == (None, None)
    assert "it broke\n" in heroku.session.get(build["output_stream_url"], timeout=60).text
    assert len(heroku.get(f"/apps/{app}/releases")) == 2


@pytest.mark.parametrize(
    ("blob", "reason"),
    [
        pytest.param({"url": "http://127.0.0.1:1/x"}, "could not be downloaded", id="no server"),
        pytest.param({"url": "file:///etc/passwd"}, "must be http", id="a file"),
    ],
)
def test_a_source_that_cannot_be_read_fails_the_build(
    heroku: Client, app: str, blob: dict[str, str], reason: str
) -> None:
    made = heroku.post(f"/apps/{app}/builds", {"source_blob": blob})

    build = heroku.finished_build(app, made["id"])

    assert build["status"] == "failed"
    assert reason in heroku.session.get(build["output_stream_url"], timeout=60).text


def test_a_source_with_another_checksum_fails_the_build(heroku: Client, app: str) -> None:
    blob = {"url": heroku.upload(web_app()), "checksum": f"SHA256:{'0' * 64}"}
    made = heroku.post(f"/apps/{app}/builds", {"source_blob": blob})

    build = heroku.finished_build(app, made["id"])

    assert build["status"] == "failed"


@pytest.fixture
def elsewhere() -> Iterator[str]:
    """A web server that gives out a source archive."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = archive(web_app("from elsewhere"))
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/source.tgz"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_source_may_lie_on_any_web_server(heroku: Client, app: str, elsewhere: str) -> None:
    made = heroku.post(f"/apps/{app}/builds", {"source_blob": {"url": elsewhere}})

    assert heroku.finished_build(app, made["id"])["status"] == "succeeded"


def test_builds_run_at_once_and_are_released_as_they_finish(heroku: Client, app: str) -> None:
    slow = web_app(**{"bin/compile": "#!/bin/sh\nsleep 1\n"})
    first = heroku.start_build(app, slow, "1" * 40)

    second = heroku.build(app, web_app(), "2" * 40)
    first = heroku.finished_build(app, first["id"])

    versions = {
        each["source_blob"]["version"][0]: heroku.get(
            f"/apps/{app}/releases/{each['release']['id']}"
        )["version"]
        for each in (first, second)
    }
    assert versions == {"2": 3, "1": 4}


def test_a_cancelled_build_has_failed_and_releases_nothing(heroku: Client, app: str) -> None:
    endless = web_app(**{"bin/compile": "#!/bin/sh\necho waiting\nsleep 600\n"})
    build = heroku.start_build(app, endless)
    stream = build["output_stream_url"]
    eventually(lambda: heroku.session.head(stream, timeout=60).status_code == 200)
    with heroku.session.get(stream, timeout=60, stream=True) as running:
        assert any(b"waiting" in line for line in running.iter_lines(chunk_size=1))

    cancelled = heroku.call("DELETE", f"/apps/{app}/builds/{build['id']}")

    assert cancelled.json()["status"] == "failed"
    assert heroku.call("DELETE", f"/apps/{app}/builds/{build['id']}").status_code == 422
    assert "canceled" in heroku.session.get(stream, timeout=60).text
    assert len(heroku.get(f"/apps/{app}/releases")) == 2


def test_a_build_needs_a_url(heroku: Client, app: str) -> None:
    answer = heroku.call("POST", f"/apps/{app}/builds", {"source_blob": {"version": "x"}})

    assert answer.status_code == 422
    assert "source_blob.url" in answer.json()["message"]


class TestSlugs:
    def test_a_slug_is_announced_uploaded_and_released(self, heroku: Client, app: str) -> None:
        source = heroku.build(app, web_app("uploaded"))
        made = heroku.get(f"/apps/{app}/slugs/{source['slug']['id']}")
        data = heroku.session.get(made["blob"]["url"], timeout=60).content
        other = heroku.post("/apps")["id"]
        body = {"process_types": made["process_types"], "commit": COMMIT}

        slug = heroku.post(f"/apps/{other}/slugs", body)
        early = heroku.call("POST", f"/apps/{other}/releases", {"slug": slug["id"]})
        stored = heroku.session.put(slug["blob"]["url"], data=data, timeout=60)
        again = heroku.session.put(slug["blob"]["url"], data=data, timeout=60)
        release = heroku.post(f"/apps/{other}/releases", {"slug": slug["id"]})

        assert slug["blob"]["method"] == "put"
        assert early.status_code == 422
        assert (stored.status_code, again.status_code) == (200, 409)
        assert release["slug"] == {"id": slug["id"]}
        found = heroku.get(f"/apps/{other}/slugs/{slug['id']}")
        assert (found["commit"], found["size"]) == (COMMIT, len(data))
        assert found["checksum"] == made["checksum"]

    def test_a_slug_is_not_found_on_an_app_that_never_had_it(
        self, heroku: Client, app: str
    ) -> None:
        build = heroku.build(app, web_app())
        other = heroku.post("/apps")["id"]

        assert heroku.call("GET", f"/apps/{other}/slugs/{build['slug']['id']}").status_code == 404


def test_the_build_cache_is_kept_until_it_is_cleared(heroku: Client, app: str) -> None:
    counting = web_app(**{"bin/compile": "#!/bin/sh\necho x >> $2/count\nwc -l < $2/count\n"})
    lines = []
    for step in range(3):
        if step == 2:
            heroku.session.delete(
                f"{heroku.platform.url}/apps/{app}/build-cache",
                headers={"Accept": ACCEPT, "Authorization": f"Bearer {heroku.platform.api_key}"},
                timeout=60,
            )
        build = heroku.build(app, counting)
        output = heroku.session.get(build["output_stream_url"], timeout=60).text
        lines.append(next(each.strip() for each in output.splitlines() if each.strip().isdigit()))

    assert lines == ["1", "2", "1"]
