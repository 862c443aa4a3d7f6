"""Limits of an account and of an app; warnings; changes to what a client has seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.localheroku.platform_fixture import (
    Client,
    _still,
    heroku,
    judges,
    own,
    platform,
)
from tests.contract.localheroku.rules import someone, with_key

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["_still", "heroku", "judges", "own", "platform"]


@pytest.mark.usefixtures("_still")
class TestRateLimit:
    def test_all_keys_of_an_account_share_its_bucket(self, own: Client) -> None:
        second = with_key(own)
        own.control("PUT", "/rate-limit", {"remaining": 2})

        statuses = [client.call("GET", "/apps").status_code for client in (own, second, own)]

        assert statuses == [200, 200, 429]
        assert second.call("GET", "/account/rate-limits").json() == {"remaining": 0}

    def test_every_account_has_a_bucket_of_its_own(self, own: Client) -> None:
        other = someone(own, "other@example.com")
        own.control("PUT", "/rate-limit", {"remaining": 0, "account": "other@example.com"})

        assert other.call("GET", "/apps").status_code == 429
        assert own.call("GET", "/apps").headers["RateLimit-Remaining"] == "4499"

    def test_the_bucket_fills_up_with_the_clock(self, own: Client) -> None:
        own.control("PUT", "/rate-limit", {"remaining": 0})
        refused = own.call("GET", "/apps")
        own.control("POST", "/clock", {"advance_seconds": 60})

        remaining = own.get("/account/rate-limits")["remaining"]

        assert refused.json()["id"] == "rate_limit"
        assert refused.headers["RateLimit-Remaining"] == "0"
        assert remaining == 75


def _remote(client: Client, app: Any, key: str | None = None) -> str:
    chosen = key or client.key or client.platform.api_key
    return str(app["git_url"]).replace("://", f"://heroku:{chosen}@")


@pytest.mark.git
class TestGitLimit:
    def test_the_76th_operation_within_an_hour_is_refused(
        self, own: Client, git: Callable[..., Any], tmp_path: Path
    ) -> None:
        app = own.post("/apps")
        url = f"{_remote(own, app)}/info/refs?service=git-upload-pack"
        statuses = {own.session.get(url, timeout=60).status_code for _ in range(75)}

        refused = git("ls-remote", _remote(own, app), cwd=tmp_path)

        assert statuses == {200}
        assert refused.returncode == 128
        assert "Too many requests for this Git repo. Please try again later." in refused.stderr
        assert "error: 429" in refused.stderr

    def test_it_is_counted_for_each_account_and_app(
        self, own: Client, git: Callable[..., Any], tmp_path: Path
    ) -> None:
        own.control("PUT", "/git-limit", {"per_hour": 1})
        app, another = own.post("/apps"), own.post("/apps")
        other = someone(own, "other@example.com")
        own.post(f"/apps/{app['id']}/collaborators", {"user": "other@example.com"})
        remotes = [_remote(own, app), _remote(own, app), _remote(own, another), _remote(other, app)]

        results = [git("ls-remote", each, cwd=tmp_path).returncode for each in remotes]

        assert results == [0, 128, 0, 0]

    def test_an_hour_later_it_starts_anew(
        self, own: Client, git: Callable[..., Any], tmp_path: Path
    ) -> None:
        own.control("PUT", "/git-limit", {"per_hour": 1})
        remote = _remote(own, own.post("/apps"))
        before = [git("ls-remote", remote, cwd=tmp_path).returncode for _ in range(2)]

        own.control("POST", "/clock", {"advance_seconds": 3601})

        assert before == [0, 128]
        assert git("ls-remote", remote, cwd=tmp_path).returncode == 0

    def test_a_request_without_a_good_key_does_not_count(
        self, own: Client, git: Callable[..., Any], tmp_path: Path
    ) -> None:
        own.control("PUT", "/git-limit", {"per_hour": 1})
        app = own.post("/apps")
        wrong = git("ls-remote", _remote(own, app, "HRKU-wrong"), cwd=tmp_path)

        right = git("ls-remote", _remote(own, app), cwd=tmp_path)

        assert (wrong.returncode, right.returncode) == (128, 0)


def test_a_warning_comes_with_every_answer_until_it_is_withdrawn(own: Client) -> None:
    own.control("PUT", "/warning", {"message": "The stack is old."})
    warned = [own.call("GET", "/apps"), own.call("GET", "/apps/nope")]
    own.control("PUT", "/warning", {"message": None})

    after = own.call("GET", "/apps")

    assert [each.headers["Warning-Message"] for each in warned] == ["The stack is old."] * 2
    assert "Warning-Message" not in after.headers


class TestIfMatch:
    def test_a_change_to_what_the_client_saw_is_made(self, heroku: Client) -> None:
        app = heroku.post("/apps")["id"]
        seen = heroku.call("GET", f"/apps/{app}/config-vars").headers["ETag"]

        answer = heroku.call("PATCH", f"/apps/{app}/config-vars", {"A": "1"}, If_Match=seen)

        assert (answer.status_code, answer.json()) == (200, {"A": "1"})

    def test_a_change_to_what_has_changed_since_is_refused(self, heroku: Client) -> None:
        app = heroku.post("/apps")["id"]
        seen = heroku.call("GET", f"/apps/{app}/config-vars").headers["ETag"]
        heroku.patch(f"/apps/{app}/config-vars", {"A": "1"})

        answer = heroku.call("PATCH", f"/apps/{app}/config-vars", {"A": "2"}, If_Match=seen)

        assert answer.status_code == 412
        assert heroku.get(f"/apps/{app}/config-vars") == {"A": "1"}
