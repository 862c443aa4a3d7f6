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
from typing import TYPE_CHECKING

from accelerator.checks import parse_checks
from accelerator.credentials import find_home, find_key, without_key
from accelerator.environment import detect_ci, find_commit
from accelerator.errors import UsageProblem
from accelerator.heroku import Heroku
from accelerator.models import Commit, LockMode, Secret, StepName
from accelerator.places import Places
from accelerator.repository import HerokuGit, Lineage, for_git
from accelerator.settings import STAGES, endpoint
from accelerator.steps.compare.stages import StageSource, find_name, resolve_targets
from accelerator.steps.compare.wanted import SourceApp
from accelerator.steps.guard.direction import Direction
from accelerator.steps.guard.policy import LockPolicy, demand_enough
from accelerator.steps.order import Rules
from accelerator.steps.run import Run, Waits
from accelerator.steps.under_way import UnderWay
from accelerator.steps.verify.settled import Verification
from accelerator.waiting import Deadline

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from accelerator.events import Recorder
    from accelerator.heroku import Usage
    from accelerator.models import Endpoint
    from accelerator.repository import LockHost
    from accelerator.settings import Settings

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
        home = find_home(self.environment)
        key = find_key(self.settings.key_env, self.environment, self.endpoint, home)
        self.events.note(f"API key from {key.source}", "detail")
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
            self.places.marks,
            environment=self.environment_without_key,
            guess=self.places.guess,
            under_way=self.under_way,
        )

    def run_at_home(self, app: str) -> Run:
        """Connect for one target: with what keeps its marks, which is then no guess."""
        return replace(self.run, marks=self.places.find_marks_of(app), guess=None)

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
    def places(self) -> Places:
        """Find prepare apps, and what keeps locks, freezes and rejections."""
        return Places(
            self.settings,
            self.endpoint.git_url,
            self.clone,
            self._for_git,
            self.deadline,
            lambda: self.heroku,
            lambda: self.key,
        )

    @property
    def prepare_apps(self) -> tuple[str, ...]:
        """Return the names of the prepare apps; raises `UsageProblem` when none is named."""
        return self.places.prepare_apps

    @property
    def lock_host(self) -> LockHost:
        """Find where locks, freezes and rejections are kept, for no target in particular."""
        return self.places.lock_host

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
        sources: tuple[str, ...] | None = None,
    ) -> Rules:
        """Make the rules of deploys; whatever is wrong in them is raised before any request.

        The commit is looked for on `sources`: the prepare apps, if nothing else is said.
        """
        settings, ci = self.settings, detect_ci(self.environment)
        apps = self.prepare_apps if sources is None else sources
        if settings.lock is LockMode.REQUIRED:
            host = self.lock_host
            demand_enough(settings.lock, is_advisory=host.is_heroku, is_named=host.is_named_heroku)
        return Rules(
            verification=self._make_verification(),
            sources=tuple(map(SourceApp, apps)),
            on_miss=settings.on_miss,
            wait_seconds=settings.wait,
            same_tree=settings.same_tree,
            verify_source=settings.verify_source,
            build_config=settings.prepare.build_config,
            direction=Direction(allow_older, allow_diverged, settings.strict),
            on_superseded=settings.on_superseded,
            may_lose_processes=may_lose_processes,
            pipeline=settings.pipeline,
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
        source = StageSource(self.prepare_apps[0], self.settings.pipeline)
        with self.events.brief(StepName.LOOK):
            found = tuple(resolve_targets(self.heroku, source, wave) for wave in waves)
        apps = [app for wave in found for app in wave]
        if twice := sorted({app for app in apps if apps.count(app) > 1}):
            raise UsageProblem(
                f"{', '.join(twice)} would be deployed to twice",
                "name each target once, by its app or by its stage",
            )
        return found

    def find_app(self, target: str) -> str:
        """Find the app a target stands for, by the name that Heroku has for it.

        Raises `NotFound` where there is none, and `UsageProblem` for several.
        """
        if target not in STAGES:
            fetch = self.heroku.apps.fetch
            return fetch(find_name(target, fetch)).name
        asked = self.prepare_apps[0] if self.settings.prepare.apps else None
        names = resolve_targets(self.heroku, StageSource(asked, self.settings.pipeline), (target,))
        if len(names) > 1:
            raise UsageProblem(
                f"several apps are at stage {target}: {', '.join(names)}", "name one of them"
            )
        return names[0]

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
        everywhere = parse_checks(settings, None)
        by_stage = {stage: parse_checks(settings, stage) for stage in STAGES}
        return Verification(everywhere, by_stage, settings.rollback)


def _find_user() -> str:
    """Return who runs this; its number where it has no name, as in containers of any user id."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no variable names one, and no entry in passwd
        return f"user {os.getuid()}"
