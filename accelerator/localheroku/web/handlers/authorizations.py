"""OAuth authorizations: the account's API keys, as clients see and make them."""

from typing import Any

from accelerator.localheroku.state import access
from accelerator.localheroku.state.errors import invalid, missing
from accelerator.localheroku.state.objects import Key
from accelerator.localheroku.web import people
from accelerator.localheroku.web.calls import Answer, Call, Listing, by, optional_text

_DESCRIPTION = "Long-lived user authorization"


def listing(call: Call) -> Listing:
    """List the account's authorizations."""
    keys = call.state.keys.of(call.account.id)
    return Listing(keys, lambda key: people.authorization(call.state, key), by("id", "created_at"))


def info(call: Call) -> Answer:
    """Answer with one authorization."""
    return Answer(people.authorization(call.state, _key(call)))


def create(call: Call) -> Answer:
    """Make a key; without a scope it may do everything, without an end it lasts."""
    if call.body.get("client") is not None:
        raise missing("oauth_client")
    grant = access.Grant(
        scopes=_scopes(call.body.get("scope")),
        expires_in=_seconds(call.body.get("expires_in")),
        description=optional_text(call.body, "description") or _DESCRIPTION,
    )
    made = access.create_key(call.state, call.account, grant)
    return Answer(people.authorization(call.state, made), 201)


def update(call: Call) -> Answer:
    """Describe an authorization anew."""
    key = _key(call)
    if call.body.get("client") is not None:
        raise missing("oauth_client")
    description = optional_text(call.body, "description") or key.description
    return Answer(
        people.authorization(call.state, access.describe_key(call.state, key, description))
    )


def destroy(call: Call) -> Answer:
    """Revoke an authorization and answer with what it was."""
    key = _key(call)
    shape = people.authorization(call.state, key)
    call.state.keys.drop(key)
    return Answer(shape)


def regenerate(call: Call) -> Answer:
    """Give an authorization another token; the old one is refused from now on."""
    return Answer(people.authorization(call.state, access.rotate_key(call.state, _key(call))))


def _key(call: Call) -> Key:
    key = call.state.keys.find(call.params["authorization"])
    if key is None or key.account_id != call.account.id:
        raise missing("oauth_authorization")
    return key


def _scopes(given: Any) -> tuple[str, ...]:
    if given is None:
        return ("global",)
    if not isinstance(given, list) or not all(isinstance(each, str) for each in given):
        raise invalid("Param scope must be an array of scopes.")
    return tuple(given)


def _seconds(given: Any) -> int | None:
    """Read `expires_in`, which the Heroku CLI sends as a string."""
    if given is None:
        return None
    text = given if isinstance(given, str) else str(given)
    if isinstance(given, bool) or not (text.isascii() and text.isdigit()) or len(text) > 10:
        raise invalid("Param expires_in must be a positive number of seconds.")
    return int(text)
