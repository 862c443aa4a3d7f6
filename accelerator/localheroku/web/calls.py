"""One API request as handlers see it, and what they may answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from accelerator.localheroku.state import access
from accelerator.localheroku.state.errors import invalid
from accelerator.localheroku.web.shapes import Shapes

if TYPE_CHECKING:
    from accelerator.localheroku.state.objects import Account, App
    from accelerator.localheroku.state.store import State
    from accelerator.localheroku.web.admission import Admission, Caller
    from accelerator.localheroku.web.ranges import Key
    from accelerator.localheroku.web.services import Services


@dataclass(frozen=True)
class Call:
    """One authenticated API request with its parsed body."""

    services: Services
    params: Mapping[str, str]
    query: Mapping[str, str]
    body: Mapping[str, Any]
    is_sdk: bool
    caller: Caller
    allowed: tuple[str, ...]
    admission: Admission

    @property
    def account(self) -> Account:
        """Return whose request this is."""
        return self.caller.account

    @property
    def state(self) -> State:
        """Return what the platform knows."""
        return self.services.state

    @property
    def shapes(self) -> Shapes:
        """Return the shapes for the version that was asked for."""
        return Shapes(self.state, self.services.signer, self.is_sdk)

    @property
    def app(self) -> App:
        """Return the app named in the path, if the account may do this with it."""
        return self.find_app(self.params["app"], self.allowed)

    def find_app(self, identity: str, allowed: tuple[str, ...]) -> App:
        """Return an app by id or name if the account has one of these permissions on it."""
        return access.check_app(self.state, self.account, self.state.app(identity), allowed)


@dataclass(frozen=True)
class Answer:
    """A status with a JSON body."""

    body: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Listing:
    """A list that is still to be cut into pages; `default` names the field it is sorted by."""

    things: Sequence[Any]
    shape: Callable[[Any], Any]
    keys: Mapping[str, Key]
    default: str = "id"


Handler = Callable[[Call], Answer | Listing | Awaitable[Answer | Listing]]


def by(*names: str) -> dict[str, Key]:
    """Return the sort keys for attributes of these names."""
    return {name: _key(name) for name in names}


def _key(name: str) -> Key:
    return lambda thing: getattr(thing, name)


def text(body: Mapping[str, Any], path: str) -> str:
    """Return a required string, `path` being its keys joined by dots."""
    value = optional_text(body, path)
    if value is None:
        raise invalid(f"Param {path} is required.")
    return value


def optional_text(body: Mapping[str, Any], path: str) -> str | None:
    """Return a string that may be absent or null."""
    value: Any = body
    for key in path.split("."):
        if value is None:
            return None
        if not isinstance(value, dict):
            raise invalid(f"Param {path} must be an object.")
        value = value.get(key)
    if not isinstance(value, str | None):
        raise invalid(f"Param {path} must be a string.")
    return value


def flag(body: Mapping[str, Any], path: str) -> bool:
    """Return a required boolean; 0 and 1 pass as well, since heroku3 sends them."""
    value = body.get(path)
    if isinstance(value, int) and value in {0, 1}:
        return bool(value)
    raise invalid(f"Param {path} must be true or false.")


def whole_number(body: Mapping[str, Any], path: str) -> int | None:
    """Return a whole number that may be absent or null."""
    value = body.get(path)
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise invalid(f"Param {path} must be a whole number.")


def texts(body: Mapping[str, Any], path: str) -> list[str]:
    """Return a list of strings that may be absent."""
    value = body.get(path, [])
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise invalid(f"Param {path} must be an array of strings.")
    return value


def only(body: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    """Return an object that has no other properties than these."""
    unknown = sorted(set(body) - set(names))
    if unknown:
        raise invalid(f"Param {unknown[0]} is not known here.")
    return body


def objects(body: Mapping[str, Any], path: str) -> list[Mapping[str, Any]]:
    """Return a required list of objects."""
    value = body.get(path)
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise invalid(f"Param {path} must be an array of objects.")
    return value
