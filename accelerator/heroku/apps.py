"""Apps and what is set on them: config vars, features, formation, dynos."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from accelerator.heroku.connection import Ask
from accelerator.heroku.parsing import (
    parse_app,
    parse_buildpack_installations,
    parse_config_vars,
    parse_dyno,
    parse_feature,
    parse_formation,
    parse_name,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from accelerator.heroku.connection import Connection
    from accelerator.models import App, Dyno, Formation


@dataclass(frozen=True, repr=False)
class Apps:
    """`/apps`."""

    _connection: Connection

    def fetch(self, app: str) -> App:
        """Read an app by name or id."""
        return self._connection.fetch(("apps", app), parse_app)

    def fetch_names(self) -> tuple[str, ...]:
        """Read the names of the apps that the key may see: once, and no more than a page."""
        return self._connection.fetch_once(("apps",), parse_name)

    def create(self, name: str) -> App:
        """Create an app of that name."""
        return self._connection.write("POST", ("apps",), {"name": name}, parse_app)

    def destroy(self, app: str) -> None:
        """Destroy an app and everything in it."""
        self._connection.app(app).delete()


@dataclass(frozen=True, repr=False)
class ConfigVars:
    """`/apps/{app}/config-vars`; every change makes a release."""

    _connection: Connection

    def fetch(self, app: str) -> Mapping[str, str]:
        """Read all config vars."""
        return self._connection.fetch(("apps", app, "config-vars"), parse_config_vars)

    def update(self, app: str, changes: Mapping[str, str | None]) -> None:
        """Set some config vars, in one release; None removes one."""
        ask = Ask("PATCH", ("apps", app, "config-vars"))
        self._connection.understand(
            ask, lambda: self._connection.app(app).update_config(dict(changes))
        )


@dataclass(frozen=True, repr=False)
class Buildpacks:
    """`/apps/{app}/buildpack-installations`."""

    _connection: Connection

    def fetch(self, app: str) -> tuple[str, ...]:
        """Read the app's own list, in order; empty where Heroku is to detect the language."""
        resource = ("apps", app, "buildpack-installations")
        return self._connection.fetch(resource, parse_buildpack_installations)


@dataclass(frozen=True, repr=False)
class Features:
    """`/apps/{app}/features`, the labs features."""

    _connection: Connection

    def is_enabled(self, app: str, name: str) -> bool:
        """Read whether a feature is switched on."""
        return self._connection.fetch(("apps", app, "features", name), parse_feature)

    def enable(self, app: str, name: str) -> None:
        """Switch a feature on; its effects begin with the next release."""
        ask = Ask("PATCH", ("apps", app, "features", name))
        self._connection.understand(ask, lambda: self._connection.app(app).enable_feature(name))


@dataclass(frozen=True, repr=False)
class Formations:
    """`/apps/{app}/formation`."""

    _connection: Connection

    def fetch(self, app: str) -> tuple[Formation, ...]:
        """Read how many dynos run each process type."""
        return self._connection.fetch_all(("apps", app, "formation"), parse_formation)

    def scale(self, app: str, process_type: str, quantity: int) -> None:
        """Run that many dynos of a process type."""
        ask = Ask("PATCH", ("apps", app, "formation", process_type))
        self._connection.understand(
            ask, lambda: self._connection.app(app).scale_formation_process(process_type, quantity)
        )


@dataclass(frozen=True, repr=False)
class Dynos:
    """`/apps/{app}/dynos`."""

    _connection: Connection

    def fetch(self, app: str) -> tuple[Dyno, ...]:
        """Read the dynos that there are now."""
        return self._connection.fetch_all(("apps", app, "dynos"), parse_dyno)
