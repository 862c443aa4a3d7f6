"""Rules for accounts, their keys, and who may do what with which app."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from accelerator.localheroku.state.errors import forbidden, invalid, missing
from accelerator.localheroku.state.names import fixed_id
from accelerator.localheroku.state.objects import Account, App, Collaborator, Key, Pipeline
from accelerator.localheroku.state.store import State, new_id

if TYPE_CHECKING:
    from collections.abc import Iterable

SCOPES = ("global", "identity", "read", "write", "read-protected", "write-protected")
PERMISSIONS = ("deploy", "manage", "operate", "view")
ALL = frozenset(PERMISSIONS)
# What a key needs for a request: which of its scopes let it read, and which let it write.
_ENOUGH = {
    "any": (SCOPES, SCOPES),
    "identity": (("global", "identity"), ("global",)),
    "global": (("global",), ("global",)),
    "app": (
        ("global", "read", "write", "read-protected", "write-protected"),
        ("global", "write", "write-protected"),
    ),
    "protected": (
        ("global", "read-protected", "write-protected"),
        ("global", "write-protected"),
    ),
}
_START_UP = "Start-up key"
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")


@dataclass(frozen=True)
class Grant:
    """What a new key may do, and for how long."""

    scopes: tuple[str, ...] = ("global",)
    expires_in: float | None = None
    description: str = ""


def new_token() -> str:
    """Return a fresh token of today's form."""
    return f"HRKU-{secrets.token_urlsafe(32)}"


def fingerprint(token: str) -> str:
    """Return the first twelve hex digits of a token's SHA-256, to name it without saying it."""
    return hashlib.sha256(token.encode()).hexdigest()[:12]


def create_account(state: State, email: str, two_factor_code: str | None = None) -> Account:
    """Make an account; an email belongs to one account only."""
    if not _EMAIL.fullmatch(email):
        raise invalid(f"{email!r} is not an email address")
    if find_account(state, email) is not None:
        raise invalid(f"Email {email} is already taken")
    now = state.clock.now()
    name = email.partition("@")[0]
    return state.accounts.save(Account(new_id(), email, name, now, now, two_factor_code))


def find_account(state: State, identity: str) -> Account | None:
    """Return the account with this id or email, if there is one."""
    by_id = state.accounts.find(identity)
    return by_id or next((each for each in state.accounts if each.email == identity), None)


def account(state: State, identity: str) -> Account:
    """Return the account with this id or email or refuse."""
    found = find_account(state, identity)
    if found is None:
        raise missing("user")
    return found


def create_key(state: State, owner: Account, grant: Grant, token: str | None = None) -> Key:
    """Make a key of an account."""
    check_scopes(grant.scopes)
    if grant.expires_in is not None and not 0 < grant.expires_in < 10**10:
        raise invalid("Param expires_in must be a positive number of seconds.")
    chosen = token or new_token()
    if any(key.token == chosen for key in state.keys):
        raise invalid("This key exists already.")
    now = state.clock.now()
    ends = now + timedelta(seconds=grant.expires_in) if grant.expires_in is not None else None
    return state.keys.save(
        Key(new_id(), owner.id, chosen, grant.scopes, grant.description, now, now, ends)
    )


def check_scopes(scopes: Iterable[str]) -> None:
    """Refuse scopes that Heroku does not have."""
    unknown = set(scopes) - set(SCOPES)
    if unknown or not scopes:
        raise invalid(f"Scope must be some of {', '.join(SCOPES)}")


def ensure_key(state: State, token: str) -> Key:
    """Return the start-up account's key with this token, made unless it is there."""
    known = next((key for key in state.keys if key.token == token), None)
    return known or create_key(state, state.account, Grant(description=_START_UP), token)


def start_up_tokens(state: State) -> tuple[str, ...]:
    """Return the keys that a platform before this one started with, or a fresh one."""
    known = [key.token for key in state.keys if key.description == _START_UP]
    return tuple(known) or (new_token(),)


def find_key(state: State, token: str) -> Key | None:
    """Return the key with this token, unless it has expired."""
    given, now = token.encode(), state.clock.now()
    for key in state.keys:
        if secrets.compare_digest(given, key.token.encode()):
            return key if key.expires_at is None or now < key.expires_at else None
    return None


def check_scope(key: Key, needs: str, is_write: bool) -> None:
    """Refuse when none of the key's scopes is enough for a request."""
    if not set(key.scopes) & set(_ENOUGH[needs][is_write]):
        raise forbidden("The scope of this OAuth authorization does not allow this request.")


def permissions(state: State, who: Account, app: App) -> frozenset[str]:
    """Return what an account may do with an app; nothing when it is a stranger."""
    if app.owner_id == who.id:
        return ALL
    for one in state.collaborators.of(app.id):
        if one.account_id == who.id:
            return frozenset(one.permissions)
    return frozenset()


def check_app(state: State, who: Account, app: App, any_of: tuple[str, ...] = ("view",)) -> App:
    """Return the app if the account has one of these permissions on it."""
    allowed = permissions(state, who, app)
    if not allowed:
        raise forbidden(f"You do not have access to the app {app.name}.")
    if not set(any_of) & (allowed | {"view"}):
        raise forbidden(
            f"You do not have permission to do this on {app.name}."
            f" You need to have the {' or '.join(any_of)} permission on this app."
        )
    return app


def visible_apps(state: State, who: Account) -> list[App]:
    """Return the apps an account owns or works on."""
    return [app for app in state.apps if permissions(state, who, app)]


def can_see_pipeline(state: State, who: Account, pipeline: Pipeline) -> bool:
    """Return whether an account owns a pipeline or may see one of its apps."""
    if pipeline.owner_id == who.id:
        return True
    apps = (state.apps.find(each.app_id) for each in state.couplings.of(pipeline.id))
    return any(permissions(state, who, app) for app in apps if app is not None)


def describe_key(state: State, key: Key, description: str) -> Key:
    """Give a key another description."""
    key.description = description
    key.updated_at = state.clock.now()
    return state.keys.save(key)


def rotate_key(state: State, key: Key) -> Key:
    """Give a key another token; the old one is refused from now on."""
    key.token = new_token()
    key.updated_at = state.clock.now()
    return state.keys.save(key)


def collaborators_of(state: State, app: App) -> list[Collaborator]:
    """Return everybody who works on an app: its owner, then those who were added."""
    owner = Collaborator(
        fixed_id("collaborator", app.id),
        app.id,
        app.owner_id,
        PERMISSIONS,
        app.created_at,
        app.created_at,
    )
    return [owner, *state.collaborators.of(app.id)]


def add_collaborator(
    state: State, app: App, who: Account, allowed: tuple[str, ...] = PERMISSIONS
) -> Collaborator:
    """Let an account work on an app."""
    unknown = set(allowed) - ALL
    if unknown:
        raise invalid(f"Permissions must be some of {', '.join(PERMISSIONS)}")
    if permissions(state, who, app):
        raise invalid(f"User {who.email} is already a collaborator on app {app.name}.")
    now = state.clock.now()
    return state.collaborators.save(
        Collaborator(new_id(), app.id, who.id, tuple(sorted(allowed)), now, now)
    )
