"""Accounts with a second factor."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.contract.localheroku.platform_fixture import Client, judges, own
from tests.contract.localheroku.rules import someone

__all__ = ["judges", "own"]


class TestSecondFactor:
    @pytest.fixture
    def guarded(self, own: Client) -> Client:
        return someone(own, "careful@example.com", two_factor_code="123456")

    def test_a_request_without_the_code_is_refused(self, guarded: Client) -> None:
        answer = guarded.call("GET", "/apps")

        assert answer.status_code == 403
        assert answer.json()["id"] == "two_factor"
        assert guarded.get("/account")["two_factor_authentication"] is True

    @pytest.mark.parametrize(
        ("code", "status", "id"),
        [
            pytest.param("123456", 201, None, id="right"),
            pytest.param("654321", 403, "invalid_two_factor_code", id="wrong"),
        ],
    )
    def test_the_code_is_checked(
        self, guarded: Client, code: str, status: int, id: str | None
    ) -> None:
        answer = guarded.call("POST", "/apps", Heroku_Two_Factor_Code=code)

        assert answer.status_code == status
        assert (answer.json()["id"] == id) is (id is not None)

    def test_an_app_can_be_authorized_beforehand(self, guarded: Client) -> None:
        app = guarded.call("POST", "/apps", Heroku_Two_Factor_Code="123456").json()["id"]
        assert guarded.call("GET", f"/apps/{app}").status_code == 403
        path = f"/apps/{app}/pre-authorizations"  # Heroku's schema does not know it

        unjudged = replace(guarded, judge=None)
        answer = unjudged.call("PUT", path, Heroku_Two_Factor_Code="123456")

        assert (answer.status_code, answer.json()) == (200, {})
        assert guarded.call("GET", f"/apps/{app}").status_code == 200
        assert guarded.call("GET", "/apps").status_code == 403

    def test_it_can_be_switched_off(self, guarded: Client) -> None:
        guarded.control("PATCH", "/accounts/careful@example.com", {"two_factor_code": None})

        assert guarded.call("GET", "/apps").status_code == 200
