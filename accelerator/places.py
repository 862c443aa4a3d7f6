"""Where things are kept, by the settings and the pipelines: prepare apps, and marks of targets.

Whatever is written about a target (a lock, a freeze, a rejection) has to be found by everybody who
asks about it. `steps.guard.home` has the rule where settings name no place.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING

from accelerator.errors import UsageProblem
from accelerator.repository import HEROKU, LockPlace
from accelerator.steps.compare.membership import find_listed
from accelerator.steps.compare.stages import StageSource, find_name, resolve_targets
from accelerator.steps.guard.home import find_home
from accelerator.steps.run import GuessedHome

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from accelerator.heroku import Heroku
    from accelerator.models import Coupling, Secret
    from accelerator.repository import Lineage, LockHost
    from accelerator.settings import Settings
    from accelerator.waiting import Deadline


@dataclass
class Places:
    """The prepare apps of a run, and where marks of targets are kept.

    `reach` connects to the platform and `key` finds the key: only where they are needed.
    """

    settings: Settings
    git_url: str
    clone: Lineage
    for_git: Mapping[str, str]
    deadline: Deadline
    reach: Callable[[], Heroku]
    key: Callable[[], Secret]

    @cached_property
    def lock_host(self) -> LockHost:
        """Find where locks, freezes and rejections are kept, for no target in particular."""
        return self._place_at("" if self._is_named else self._find_any_home()).find(self.key)

    def lock_host_of(self, app: str) -> LockHost:
        """Find where the locks, freezes and rejections of a target are kept."""
        return self._place_at(self.find_home(app)).find(self.key)

    def find_marks_of(self, app: str) -> LockPlace:
        """Return the same for a run that is about this target alone."""
        return replace(self._place_at(self.find_home(app)), key=self.key())

    def find_home(self, app: str) -> str:
        """Find the app whose git keeps the marks of a target; empty where another place is named.

        A lock remote decides first, then the pipeline of the target, then the file, then who asks,
        so that all who ask about one target look into one place. A file comes after the pipeline:
        it may be that of another project, or none where somebody freezes in a hurry. Raises
        `UsageProblem` where nothing tells.
        """
        if self._is_named:
            return ""
        home = find_home(self.reach(), {app: self._find_coupling(app)}, {}, self._otherwise)
        if home is None:
            raise UsageProblem(
                f"nothing tells where the locks and freezes of {app} are kept: it is in no "
                "pipeline that has an app at stage development",
                "name the prepare app with --from, or a git repository with --lock-remote",
            )
        return home

    def _find_coupling(self, app: str) -> Coupling | None:
        """Find the place of an app in its pipeline, by its own word or that of a pipeline."""
        heroku = self.reach()
        own = heroku.couplings.find_of_app(app)
        if own is not None:
            return own
        asked = dict.fromkeys((*self.settings.prepare.apps, self.settings.home or ""))
        others = [each for each in asked if each not in {"", app}]
        known = heroku.together(*(partial(heroku.couplings.find_of_app, each) for each in others))
        return find_listed(heroku, (app,), known, self.settings.pipeline).get(app)

    @property
    def _is_named(self) -> bool:
        """Return whether settings name another place than an app's git."""
        return self.settings.lock_remote not in {None, HEROKU}

    @cached_property
    def _otherwise(self) -> str | None:
        """Return the app that keeps the marks where no pipeline tells: the file's, or --from's."""
        if self.settings.home is not None:
            return self._find_name(self.settings.home)
        return self.prepare_apps[0] if self.settings.prepare.apps else None

    def _find_any_home(self) -> str:
        pipeline = self.settings.pipeline
        if self.settings.prepare.apps or pipeline is None:
            return self._otherwise or self.prepare_apps[0]
        names = resolve_targets(self.reach(), StageSource(None, pipeline), ("development",))
        return self.find_home(names[0])

    def _place_at(self, app: str) -> LockPlace:
        named, git = self.settings.lock_remote, self.git_url
        return LockPlace(named, app, git, self.clone, self.for_git, self.deadline)

    @property
    def marks(self) -> LockPlace | None:
        """Return what a run looks into first; None where nothing is named."""
        app = "" if self._is_named else self._otherwise
        return None if app is None else replace(self._place_at(app), key=self.key())

    @property
    def guess(self) -> GuessedHome | None:
        """Return the app that is looked into until the pipeline of the targets is known."""
        if self._is_named or self._otherwise is None:
            return None
        key = self.key()
        return GuessedHome(self._otherwise, lambda app: replace(self._place_at(app), key=key))

    @cached_property
    def prepare_apps(self) -> tuple[str, ...]:
        """Return the names of the prepare apps; raises `UsageProblem` when none is named."""
        if not self.settings.prepare.apps:
            raise UsageProblem(
                "no prepare app is named",
                "use --from APP (for prepare: --app APP), or set prepare.apps in accelerator.toml",
            )
        return tuple(dict.fromkeys(self._find_name(app) for app in self.settings.prepare.apps))

    def find_sources(self, app: str) -> tuple[str, ...]:
        """Find the prepare apps of a target: those that are named, or that of its pipeline."""
        if self.settings.prepare.apps:
            return self.prepare_apps
        home = find_home(self.reach(), {app: self._find_coupling(app)}, {}, None)
        if home is None:
            raise UsageProblem(
                f"{app} is in no pipeline that has an app at stage development, where its prepare "
                "app would be",
                "name the prepare app with --from",
            )
        return (home,)

    def _find_name(self, app: str) -> str:
        return find_name(app, lambda text: self.reach().apps.fetch(text))  # noqa: PLW0108  # late
