"""From flags and settings to the orders that the steps take; shared by `deploy` and `ship`."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from threading import Thread
from typing import TYPE_CHECKING

from accelerator.cli.locks import make_lock_policy, reject_quietly
from accelerator.errors import AcceleratorError, RepositoryProblem, UsageProblem
from accelerator.models import Ancestry
from accelerator.steps.compare.reading import Place
from accelerator.steps.guard.direction import Direction
from accelerator.steps.order import DeployOrder
from accelerator.steps.route.build import Subtree
from accelerator.steps.verify.smoke import parse_check

if TYPE_CHECKING:
    from accelerator.cli.options import Allowed
    from accelerator.cli.session import Session
    from accelerator.models import Commit
    from accelerator.repository import Repository
    from accelerator.steps.route.build import Source
    from accelerator.steps.verify.smoke import SmokeCheck


def make_deploy_order(
    session: Session, targets: tuple[str, ...], revision: str | None, allowed: Allowed
) -> DeployOrder:
    """Gather what a deploy to `targets` needs; all flags are checked before the first request."""
    settings = session.settings
    for checks in (settings.smoke, *(stage.smoke or () for stage in settings.stages.values())):
        for check in checks:
            parse_check(check)

    def smoke(stage: str | None) -> tuple[SmokeCheck, ...]:
        return tuple(parse_check(check) for check in settings.smoke_of(stage))

    commit = session.find_commit(revision)
    if settings.same_tree and commit.tree is None:
        commit = session.repository.resolve(commit.sha)

    lineage = Lineage(session)

    def tree() -> tuple[Source, Commit]:
        repository = lineage.repository()
        source = Subtree(repository, settings.prepare.subdir)
        return source, repository.resolve(commit.sha)

    return DeployOrder(
        commit=commit,
        places=tuple(Place(app) for app in session.find_sources()),
        targets=targets,
        tree=tree,
        on_miss=settings.on_miss,
        wait_seconds=settings.wait,
        smoke=smoke,
        rollback=settings.rollback,
        ancestry=lineage.ancestry,
        direction=Direction(allowed.older, allowed.diverged, settings.strict),
        on_superseded=settings.on_superseded,
        read_trees=lineage.read_trees if settings.same_tree else None,
        build_config=settings.prepare.build_config,
        lock=make_lock_policy(session),
        reject=partial(reject_quietly, session),
    )


class Lineage:
    """What the local clone knows of commits; without a clone, nothing.

    The clone is opened in the background, beside the first requests. What is known of two commits
    stays true, so each question is put to it once.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._told: dict[tuple[str, str], Ancestry] = {}
        self._opener = Thread(target=self._open, name="clone", daemon=True)
        self._opener.start()

    def repository(self) -> Repository:
        """Give the clone; raises `RepositoryProblem` where there is none."""
        self._opener.join()
        return self._session.repository

    def ancestry(self, older: str, newer: str) -> Ancestry:
        """Ask the clone, with more history where it is shallow and the answer is not in it."""
        if (older, newer) not in self._told:
            told = self._ask(older, newer)
            if told is Ancestry.UNKNOWN:
                return told
            self._told[older, newer] = told
        return self._told[older, newer]

    def read_trees(self, shas: frozenset[str]) -> dict[str, str]:
        """Read the trees of the commits that are in the clone."""
        return self.repository().read_trees(shas)

    def _ask(self, older: str, newer: str) -> Ancestry:
        try:
            repository = self.repository()
        except RepositoryProblem:
            return Ancestry.UNKNOWN
        told = repository.ancestry(older, newer)
        for everything in (False, True):
            if told is not Ancestry.UNKNOWN:
                break
            if repository.deepen(older, newer, everything=everything):
                told = repository.ancestry(older, newer)
        return told

    def _open(self) -> None:
        with suppress(AcceleratorError):  # it is raised again where the clone is asked for
            _ = self._session.repository


def demand_targets(targets: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse an empty list of targets."""
    if not targets:
        raise UsageProblem("no target is named", "use --to with an app or a stage: --to staging")
    return targets
