"""All objects of the platform, each kind in its own table."""

import uuid
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, Protocol, TypeVar

from accelerator.localheroku.clock import Clock
from accelerator.localheroku.state.errors import missing
from accelerator.localheroku.state.objects import (
    Account,
    App,
    Build,
    Collaborator,
    Coupling,
    Dyno,
    Key,
    Pipeline,
    Promotion,
    Release,
    Slug,
    Target,
)


class Kept(Protocol):
    """Anything with an id can be kept."""

    id: str


Thing = TypeVar("Thing", bound=Kept)
Changed = Callable[[str, Kept, bool], None]


def new_id() -> str:
    """Return a fresh uuid."""
    return str(uuid.uuid4())


def ignore_change(kind: str, thing: Kept, is_dropped: bool) -> None:
    """Take no notice of a change: the state lives in memory only."""


class Table(Generic[Thing]):
    """Objects of one kind by id, and grouped by their owner in the order they came."""

    def __init__(self, kind: str, owner: Callable[[Thing], str], changed: Changed) -> None:
        self._kind = kind
        self._owner = owner
        self._changed = changed
        self._by_id: dict[str, Thing] = {}
        self._by_owner: dict[str, dict[str, Thing]] = {}

    def save(self, thing: Thing) -> Thing:
        """Keep a new or changed object, and say so to the listener."""
        self.put(thing)
        self._changed(self._kind, thing, False)
        return thing

    def put(self, thing: Thing) -> None:
        """Take in an object that an earlier platform kept; nobody is told."""
        self._by_id[thing.id] = thing
        self._by_owner.setdefault(self._owner(thing), {})[thing.id] = thing

    def drop(self, thing: Thing) -> None:
        """Forget an object."""
        owner = self._owner(thing)
        self._by_id.pop(thing.id, None)
        mine = self._by_owner.get(owner, {})
        mine.pop(thing.id, None)
        if not mine:
            self._by_owner.pop(owner, None)
        self._changed(self._kind, thing, True)

    def find(self, id: str | None) -> Thing | None:
        """Return the object with this id, if there is one."""
        return self._by_id.get(id) if id else None

    def get(self, id: str) -> Thing:
        """Return the object with this id or refuse as Heroku does."""
        thing = self._by_id.get(id)
        if thing is None:
            raise missing(self._kind)
        return thing

    def of(self, owner_id: str) -> list[Thing]:
        """Return the objects of one owner, oldest first."""
        return list(self._by_owner.get(owner_id, {}).values())

    def drop_all(self, things: Iterable[Thing]) -> None:
        """Forget several objects."""
        for thing in list(things):
            self.drop(thing)

    @property
    def kind(self) -> str:
        """Return Heroku's word for the objects in it."""
        return self._kind

    def __iter__(self) -> Iterator[Thing]:
        return iter(list(self._by_id.values()))


class State:
    """Everything the platform knows; touched by its event loop only."""

    def __init__(self, clock: Clock, changed: Changed = ignore_change) -> None:
        self.clock = clock
        now = clock.now()
        self.accounts: Table[Account] = Table("account", lambda account: account.id, changed)
        self.keys: Table[Key] = Table("oauth_authorization", lambda key: key.account_id, changed)
        self.collaborators: Table[Collaborator] = Table(
            "collaborator", lambda one: one.app_id, changed
        )
        # The account of the keys the platform starts with.
        self.account = self.accounts.save(
            Account(new_id(), "you@localheroku.test", "You", now, now)
        )
        self.apps: Table[App] = Table("app", lambda app: app.owner_id, changed)
        self.slugs: Table[Slug] = Table("slug", lambda slug: slug.app_id, changed)
        self.builds: Table[Build] = Table("build", lambda build: build.app_id, changed)
        self.releases: Table[Release] = Table("release", lambda one: one.app_id, changed)
        self.dynos: Table[Dyno] = Table("dyno", lambda dyno: dyno.app_id, changed)
        self.pipelines: Table[Pipeline] = Table("pipeline", lambda one: one.owner_id, changed)
        self.couplings: Table[Coupling] = Table(
            "pipeline_coupling", lambda one: one.pipeline_id, changed
        )
        self.promotions: Table[Promotion] = Table(
            "pipeline_promotion", lambda one: one.pipeline_id, changed
        )
        self.targets: Table[Target] = Table("promotion_target", lambda t: t.promotion_id, changed)

    def fill(self, kept: Iterable[tuple[str, Any]]) -> None:
        """Take in what an earlier platform kept, by kind and in the order it came."""
        tables = {each.kind: each for each in vars(self).values() if isinstance(each, Table)}
        things = list(kept)
        if any(kind == self.accounts.kind for kind, _ in things):
            self.accounts.drop(self.account)
        for kind, thing in things:
            tables[kind].put(thing)
        self.account = next(iter(self.accounts))

    def find_app(self, identity: str) -> App | None:
        """Return the app with this id or name, if there is one."""
        by_id = self.apps.find(identity)
        return by_id or next((app for app in self.apps if app.name == identity), None)

    def app(self, identity: str) -> App:
        """Return the app with this id or name or refuse as Heroku does."""
        app = self.find_app(identity)
        if app is None:
            raise missing("app")
        return app
