"""Who asks, and whether that is enough: key, scope, second factor, rate limit."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from accelerator.localheroku.state import access
from accelerator.localheroku.state.errors import Refused
from accelerator.localheroku.web.keys import parse_credential

if TYPE_CHECKING:
    from collections.abc import Mapping

    from accelerator.localheroku.state.objects import Account, Key
    from accelerator.localheroku.state.store import State
    from accelerator.localheroku.web.limits import Bucket, Buckets

_LIMITED = Refused(
    429,
    "rate_limit",
    "Your account reached the API rate limit\nPlease wait a few minutes before making new requests",
    url="https://devcenter.heroku.com/articles/platform-api-reference#rate-limits",
)
_SECOND_FACTOR = Refused(
    403,
    "two_factor",
    "A second authentication factor or pre-authorization is required for this request.",
    url="https://devcenter.heroku.com/articles/two-factor-authentication",
)
_WRONG_FACTOR = Refused(403, "invalid_two_factor_code", "Invalid two-factor authentication code.")


# Which scopes of a key are enough: see `state.access`.
Needs = Literal["app", "protected", "identity", "global", "any"]


@dataclass(frozen=True)
class Terms:
    """What a route asks of whoever calls it."""

    needs: Needs
    is_write: bool
    is_free: bool


@dataclass(frozen=True)
class Caller:
    """Whose request this is."""

    key: Key
    account: Account
    bucket: Bucket


class Admission:
    """Let requests in, or refuse them as Heroku does."""

    def __init__(self, state: State, buckets: Buckets) -> None:
        self._state = state
        self._buckets = buckets
        # Accounts that gave their second factor for an app, whose requests then pass without.
        self._pre_authorized: set[tuple[str, str]] = set()

    def identify(self, authorization: str | None) -> Caller:
        """Return who sent this `Authorization` header; refuse wrong and expired keys."""
        credential = parse_credential(authorization)
        if credential is None or credential.kind == "other":
            raise _unauthorized()
        key = access.find_key(self._state, credential.secret)
        if key is None:
            raise _unauthorized()
        account = self._state.accounts.get(key.account_id)
        return Caller(key, account, self._buckets.of(account.id))

    def admit(self, caller: Caller, terms: Terms | None) -> None:
        """Count the request, and refuse it when the limit or the key's scopes do not allow it.

        A request for which there is no route has no terms; it is counted too.
        """
        if not (terms and terms.is_free) and not caller.bucket.take():
            raise _LIMITED
        if terms is not None:
            access.check_scope(caller.key, terms.needs, terms.is_write)

    def check_factor(self, caller: Caller, code: str | None, params: Mapping[str, str]) -> None:
        """Refuse an account with a second factor that neither gives it nor gave it before."""
        wanted = caller.account.two_factor_code
        if wanted is None:
            return
        if code is not None:
            if not secrets.compare_digest(code.encode(), wanted.encode()):
                raise _WRONG_FACTOR
            return
        app = self._state.find_app(params.get("app", ""))
        if app is None or (caller.account.id, app.id) not in self._pre_authorized:
            raise _SECOND_FACTOR

    def pre_authorize(self, account: Account, app_id: str) -> None:
        """Let the account's further requests for an app pass without the second factor."""
        self._pre_authorized.add((account.id, app_id))


def _unauthorized() -> Refused:
    return Refused(401, "unauthorized", "Invalid credentials provided.")
