"""Builds side by side, their streams, what is current, and the buildpack that is remembered."""

from __future__ import annotations

from typing import Any

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
from tests.contract.localheroku.rules import release

__all__ = ["heroku", "judges", "own", "platform"]


def test_builds_are_released_as_they_finish_so_that_an_older_commit_may_be_current(
    heroku: Client,
) -> None:
    app = heroku.post("/apps")["id"]
    worker = web_app(Procfile="worker: sleep 600\n")
    durations = f"/apps/{app}/durations"
    heroku.control("PUT", durations, {"build_seconds": 3})
    older = heroku.start_build(app, worker, "a" * 40)
    heroku.control("PUT", durations, {"build_seconds": 0})
    newer = heroku.start_build(app, worker, "b" * 40)

    builds = {each["id"]: heroku.finished_build(app, each["id"]) for each in (newer, older)}

    found = heroku.get(f"/apps/{app}/releases", Range="version ..; order=desc")
    of = {each["id"]: each for each in found}
    versions = [of[builds[each["id"]]["release"]["id"]]["version"] for each in (newer, older)]
    assert versions == [3, 4]
    assert found[0]["slug"]["id"] == builds[older["id"]]["slug"]["id"]
    assert found[0]["current"] is True
    listed = heroku.get(f"/apps/{app}/builds", Range="created_at ..; order=desc")
    assert [each["id"] for each in listed] == [newer["id"], older["id"]]


def test_a_failed_release_on_top_is_newest_but_not_current(heroku: Client) -> None:
    app = heroku.post("/apps")["id"]
    heroku.build(app, web_app(Procfile="worker: sleep 600\n"))

    build = heroku.build(app, web_app(Procfile="worker: sleep 600\nrelease: exit 1\n"))

    newest = heroku.release(app, build["release"]["id"])
    assert (build["status"], newest["status"], newest["current"]) == ("succeeded", "failed", False)
    current = [each for each in heroku.get(f"/apps/{app}/releases") if each["current"]]
    assert [each["version"] for each in current] == [newest["version"] - 1]


def test_a_cancelled_build_leaves_no_release(heroku: Client) -> None:
    app = heroku.post("/apps")["id"]
    heroku.control("PUT", f"/apps/{app}/durations", {"build_seconds": 600})
    build = heroku.start_build(app, web_app())
    accept = "application/vnd.heroku+json; version=3.cancel-build"

    cancelled = heroku.call("DELETE", f"/apps/{app}/builds/{build['id']}", Accept=accept)
    again = heroku.call("DELETE", f"/apps/{app}/builds/{build['id']}", Accept=accept)

    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "failed")
    assert again.status_code == 422
    url = build["output_stream_url"]
    eventually(lambda: "Build canceled" in heroku.session.get(url, timeout=60).text)
    assert len(heroku.get(f"/apps/{app}/releases")) == 2


class TestDetectedBuildpack:
    def test_it_is_set_for_good(self, heroku: Client) -> None:
        app = heroku.post("/apps")["id"]
        files = {"requirements.txt": "", "Procfile": "worker: sleep 600\n"}

        build = heroku.build(app, files)

        assert [each["name"] for each in build["buildpacks"]] == ["heroku/python"]
        found = heroku.get(f"/apps/{app}/buildpack-installations")
        assert [each["buildpack"]["name"] for each in found] == ["heroku/python"]

    def test_the_apps_own_is_not(self, heroku: Client) -> None:
        app = heroku.post("/apps")["id"]

        heroku.build(app, web_app(Procfile="worker: sleep 600\n"))

        assert heroku.get(f"/apps/{app}/buildpack-installations") == []

    def test_one_named_for_a_single_build_is_not(self, heroku: Client) -> None:
        app = heroku.post("/apps")["id"]
        url = heroku.upload({"requirements.txt": "", "Procfile": "worker: sleep 600\n"})
        body = {"source_blob": {"url": url}, "buildpacks": [{"url": "urn:buildpack:heroku/python"}]}

        build = heroku.finished_build(app, heroku.post(f"/apps/{app}/builds", body)["id"])

        assert build["status"] == "succeeded"
        assert heroku.get(f"/apps/{app}/buildpack-installations") == []


class TestStreams:
    @pytest.fixture
    def url(self, heroku: Client) -> str:
        """The stream of a release command that wrote three lines."""
        app = heroku.post("/apps")["id"]
        types = {"release": "printf 'one\\ntwo\\nthree'", "worker": "true"}
        return str(release(heroku, app, process_types=types)["output_stream_url"])

    def _events(self, client: Client, url: str, after: str | None = None) -> list[tuple[str, str]]:
        headers = {"Accept": "text/event-stream", **({"Last-Event-Id": after} if after else {})}
        answer = client.session.get(url, headers=headers, timeout=60)
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        blocks = [block.split("\n") for block in answer.text.strip().split("\n\n") if block]
        return [(id.removeprefix("id: "), data.removeprefix("data: ")) for id, data in blocks]

    def test_events_carry_a_line_each_and_end(self, heroku: Client, url: str) -> None:
        events = self._events(heroku, url)

        assert [data for _, data in events] == ["one", "two", "three"]
        assert len({id for id, _ in events}) == 3

    def test_they_are_resumed_after_the_last_one_seen(self, heroku: Client, url: str) -> None:
        first, *rest = self._events(heroku, url)

        assert self._events(heroku, url, after=first[0]) == rest
        assert self._events(heroku, url, after=rest[-1][0]) == []

    def test_plain_text_is_resumed_at_a_byte(self, heroku: Client, url: str) -> None:
        whole = heroku.session.get(url, timeout=60)
        rest = heroku.session.get(url, headers={"Range": "bytes=4-"}, timeout=60)

        assert whole.text == "one\ntwo\nthree\n"
        assert (rest.status_code, rest.text) == (206, "two\nthree\n")
        assert rest.headers["Content-Range"] == "bytes 4-13/14"

    def test_a_stream_that_has_not_begun_is_not_found_and_then_is_followed_to_its_end(
        self, heroku: Client, tmp_path: Any
    ) -> None:
        app = heroku.post("/apps")["id"]
        gate = tmp_path / "gate"
        waiting = f"while [ ! -e {gate} ]; do sleep 0.05; done; echo begun; sleep 0.3; echo over"
        files = web_app(Procfile=f"release: {waiting}\nworker: sleep 600\n")
        build = heroku.build(app, files)
        url = heroku.get(f"/apps/{app}/releases/{build['release']['id']}")["output_stream_url"]
        early = heroku.session.get(url, timeout=60)
        gate.touch()

        eventually(lambda: heroku.session.head(url, timeout=60).status_code == 200)
        text = heroku.session.get(url, timeout=60).text

        assert early.status_code == 404
        assert text == "begun\nover\n"
