"""From settings to a run: endpoint, key, Heroku, the local clone, the lock remote, the rules.

Commands start here, and so may a board or a hook: everything they do with the platform takes the
`Run` of a `Connection` and an order, both plain values.
"""

from __future__ import annotations

import getpass
import os
import re
import socket
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from accelerator.credentials import find_key, without_key
from accelerator.environment import detect_ci, find_commit
from accelerator.errors import UsageProblem
from accelerator.heroku import Heroku
from accelerator.models import Commit, LockMode, Secret, StepName
from accelerator.repository import HEROKU, HerokuGit, Lineage, LockPlace, for_git
from accelerator.settings import STAGES, endpoint
from accelerator.steps.compare.stages import find_name, resolve_targets
from accelerator.steps.compare.wanted import SourceApp
from accelerator.steps.guard.direction import Direction
from accelerator.steps.guard.policy import LockPolicy, demand_enough
from accelerator.steps.order import Rules
from accelerator.steps.run import Run, Waits
from accelerator.steps.under_way import UnderWay
from accelerator.steps.verify.settled import Verification
from accelerator.steps.verify.sound import demand_sound
from accelerator.waiting import Deadline

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from accelerator.events import Recorder
    from accelerator.heroku import Usage
    from accelerator.models import App, Endpoint
    from accelerator.repository import LockHost
    from accelerator.settings import Settings
    from accelerator.steps.verify.smoke import SmokeCheck

FULL_SHA = re.compile(r"[0-9a-f]{40}")
FOREVER = 10 * 365 * 24 * 3600.0


class Connection:
    """What a run starts from. Nothing is read or connected before it is asked for."""

    def __init__(
        self,
        settings: Settings,
        environment: Mapping[str, str],
        directory: Path,
        events: Recorder,
    ) -> None:
        self.settings, self.environment, self.events = settings, environment, events
        self.deadline = Deadline.after(events.clock, settings.timeout or FOREVER)
        # Git gets the key where it needs one, for that one host.
        given = Secret(environment.get(settings.key_env, "").strip())
        self._for_git = for_git(without_key(environment, given, settings.key_env))
        subdir, is_exact = settings.prepare.subdir, settings.verify_source
        self.clone = Lineage(
            directory,
            self._for_git,
            subdir,
            is_exact=is_exact,
            deadline=self.deadline,
            tell=events.note,
        )
        self._heroku: Heroku | None = None
        self.under_way = UnderWay()

    @cached_property
    def endpoint(self) -> Endpoint:
        """Return where the platform is."""
        return endpoint(self.environment)

    @cached_property
    def key(self) -> Secret:
        """Find the API key; where it came from is said, its value never."""
        home = Path(self.environment.get("HOME") or Path.home())
        key, source = find_key(self.settings.key_env, self.environment, self.endpoint, home)
        self.events.note(f"API key from {source}", "detail")
        return key

    @cached_property
    def heroku(self) -> Heroku:
        """Connect to the platform."""
        self._heroku = Heroku(
            self.endpoint,
            self.key,
            deadline=self.deadline,
            listener=self.events.emit,
            environment=self.environment,
        )
        return self._heroku

    @cached_property
    def run(self) -> Run:
        """Connect: the collaborators and limits of this run."""
        self.clone.open_ahead()
        return Run(
            self.heroku,
            self.events,
            self.deadline,
            self._waits,
            self.clone,
            HerokuGit(self.endpoint.git_url, self.key),
            self._marks,
            environment=self.environment_without_key,
            under_way=self.under_way,
        )

    @cached_property
    def environment_without_key(self) -> dict[str, str]:
        """Return the environment without any API key, for children that have no need of one."""
        return without_key(self.environment, self.key, self.settings.key_env)

    @property
    def key_variables(self) -> set[str]:
        """Return the variables that children should not inherit: those with a key in them."""
        given = Secret(self.environment.get(self.settings.key_env, "").strip())
        kept = without_key(self.environment, given, self.settings.key_env)
        return self.environment.keys() - kept.keys()

    @cached_property
    def lock_host(self) -> LockHost:
        """Find where locks, freezes and rejections are kept; the prepare app's git by default."""
        return self._lock_place.find(lambda: self.key)

    @property
    def _lock_place(self) -> LockPlace:
        named, git = self.settings.lock_remote, self.endpoint.git_url
        app = self.prepare_apps[0] if named in {None, HEROKU} else ""
        return LockPlace(named, app, git, self.clone, self._for_git, self.deadline)

    @property
    def _marks(self) -> LockPlace | None:
        if not self.settings.lock_remote and not self.settings.prepare.apps:
            return None
        return replace(self._lock_place, key=self.key)

    @cached_property
    def prepare_apps(self) -> tuple[str, ...]:
        """Return the names of the prepare apps; raises `UsageProblem` when none is named."""
        if not self.settings.prepare.apps:
            raise UsageProblem(
                "no prepare app is named",
                "use --from APP (for prepare: --app APP), or set prepare.apps in accelerator.toml",
            )
        return tuple(dict.fromkeys(self._find_name(app) for app in self.settings.prepare.apps))

    @property
    def author(self) -> str:
        """Return who this run is, for notes in the lock remote: the CI job, or user and machine."""
        ci = detect_ci(self.environment)
        if ci.name:
            return f"{ci.name} job {os.getpid()}" if ci.job_url is None else f"{ci.name} job"
        return f"{_find_user()}@{socket.gethostname()}"

    @property
    def usage(self) -> Usage | None:
        """Return what was asked of the API so far, or None when nothing was connected."""
        return self._heroku.usage if self._heroku else None

    def find_commit(self, revision: str | None) -> Commit:
        """Find the commit: as named, by a CI variable, HEAD. A full sha needs no clone yet.

        That of an annotated tag stands for the commit it names. Where the same source counts, the
        commit has to be in the clone.
        """
        found = find_commit(self.environment)
        named = revision or (found[1] if found else "HEAD")
        if FULL_SHA.fullmatch(named) and not self.settings.same_tree:
            return Commit(self.clone.peel(named))
        return self.clone.resolve(named)

    def find_own_commit(self) -> str | None:
        """Find the commit that this CI job is about, by the CI system's word."""
        found = find_commit(self.environment)
        if found is None or not FULL_SHA.fullmatch(found[1]):
            return found[1] if found else None
        return self.clone.peel(found[1])

    def make_rules(
        self,
        *,
        allow_older: bool = False,
        allow_diverged: bool = False,
        may_lose_processes: bool = False,
    ) -> Rules:
        """Make the rules of deploys; whatever is wrong in them is raised before any request."""
        settings, ci = self.settings, detect_ci(self.environment)
        sources = tuple(SourceApp(app) for app in self.prepare_apps)
        if settings.lock is LockMode.REQUIRED:
            host = self.lock_host
            demand_enough(settings.lock, is_advisory=host.is_heroku, is_named=host.is_named_heroku)
        return Rules(
            verification=self._make_verification(),
            sources=sources,
            on_miss=settings.on_miss,
            wait_seconds=settings.wait,
            same_tree=settings.same_tree,
            verify_source=settings.verify_source,
            build_config=settings.prepare.build_config,
            direction=Direction(allow_older, allow_diverged, settings.strict),
            on_superseded=settings.on_superseded,
            may_lose_processes=may_lose_processes,
            lock=LockPolicy(
                settings.lock,
                settings.lock_wait,
                self.author,
                ci.job_url,
                ci.job,
                ci.attempt,
            ),
        )

    def resolve_waves(self, waves: Iterable[tuple[str, ...]]) -> tuple[tuple[str, ...], ...]:
        """Turn ids into names, and stages into the apps there in the prepare app's pipeline.

        Raises `UsageProblem` for an app that is in two waves: it would be released twice.
        """
        with self.events.brief(StepName.LOOK):
            found = tuple(resolve_targets(self.run, self.prepare_apps[0], wave) for wave in waves)
        apps = [app for wave in found for app in wave]
        if twice := sorted({app for app in apps if apps.count(app) > 1}):
            raise UsageProblem(
                f"{', '.join(twice)} would be deployed to twice",
                "name each target once, by its app or by its stage",
            )
        return found

    def find_app(self, target: str) -> str:
        """Find the name of the app a target stands for; raises `UsageProblem` for several."""
        if target not in STAGES:
            return self._find_name(target)
        (names,) = self.resolve_waves([(target,)])
        if len(names) > 1:
            raise UsageProblem(
                f"several apps are at stage {target}: {', '.join(names)}", "name one of them"
            )
        return names[0]

    def _find_name(self, app: str) -> str:
        return find_name(app, self._fetch_app)

    def _fetch_app(self, app: str) -> App:
        return self.heroku.apps.fetch(app)

    def close(self) -> None:
        """Close what was connected."""
        if self._heroku is not None:
            self._heroku.close()

    @property
    def _waits(self) -> Waits:
        limits = self.settings.deadlines
        return Waits(
            limits.build,
            limits.promotion,
            limits.release_phase,
            limits.dynos,
            limits.smoke_deadline,
            limits.traces,
            limits.switch,
        )

    def _make_verification(self) -> Verification:
        settings = self.settings
        everywhere = _parse_checks(settings, None)
        by_stage = {stage: _parse_checks(settings, stage) for stage in STAGES}
        return Verification(everywhere, by_stage, settings.rollback)


def _find_user() -> str:
    """Return who runs this; its number where it has no name, as in containers of any user id."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no variable names one, and no entry in passwd
        return f"user {os.getuid()}"


def _parse_checks(settings: Settings, stage: str | None) -> tuple[SmokeCheck, ...]:
    source = settings.smoke_source(stage)
    return tuple(demand_sound(text, source) for text in settings.smoke_of(stage))
