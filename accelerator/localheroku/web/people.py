"""Shapes of what belongs to people: their authorizations and their work on apps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelerator.localheroku.state import access
from accelerator.localheroku.state.names import fixed_id
from accelerator.localheroku.web.constants import Shape, short_time

if TYPE_CHECKING:
    from accelerator.localheroku.state.objects import App, Collaborator, Key
    from accelerator.localheroku.state.store import State


def authorization(state: State, key: Key) -> Shape:
    """Return an OAuth authorization with its access token."""
    account = state.accounts.get(key.account_id)
    left = key.expires_at - state.clock.now() if key.expires_at is not None else None
    return {
        "access_token": {
            "expires_in": max(0, round(left.total_seconds())) if left is not None else None,
            "id": fixed_id("access-token", key.id),
            "token": key.token,
        },
        "client": None,
        "created_at": short_time(key.created_at),
        "description": key.description,
        "grant": None,
        "id": key.id,
        "refresh_token": None,
        "scope": list(key.scopes),
        "session": None,
        "updated_at": short_time(key.updated_at),
        "user": {"email": account.email, "full_name": account.name, "id": account.id},
    }


def collaborator(state: State, app: App, one: Collaborator) -> Shape:
    """Return a collaborator of an app."""
    account = state.accounts.get(one.account_id)
    allowed = [
        {"name": name, "description": _MAY[name]}
        for name in access.PERMISSIONS
        if name in one.permissions
    ]
    return {
        "app": {"id": app.id, "name": app.name},
        "created_at": short_time(one.created_at),
        "id": one.id,
        "permissions": allowed,
        "role": "owner" if one.account_id == app.owner_id else "collaborator",
        "updated_at": short_time(one.updated_at),
        "user": {"email": account.email, "federated": False, "id": account.id},
    }


_MAY = {
    "deploy": "Can push code and change config vars.",
    "manage": "Can add and remove collaborators, rename and destroy the app.",
    "operate": "Can scale, restart and roll back.",
    "view": "Can see the app and its releases.",
}
