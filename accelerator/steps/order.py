"""What to deploy, from where to where, and under which rules: the input of `deploy`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from accelerator.steps.guard.direction import Direction
from accelerator.steps.guard.locks import LockPolicy

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from accelerator.models import Ancestry, Commit
    from accelerator.steps.compare.reading import Place
    from accelerator.steps.route.build import Source
    from accelerator.steps.verify.smoke import SmokeCheck


def _no_checks(_: str | None) -> tuple[SmokeCheck, ...]:
    return ()


def _cannot_tell(_older: str, _newer: str) -> Ancestry:
    from accelerator.models import Ancestry  # noqa: PLC0415  # a default of a default

    return Ancestry.UNKNOWN


def _keep_quiet(_app: str, _commit: Commit, _why: str) -> None:
    """Keep no record of a rejection."""


@dataclass(frozen=True, slots=True)
class DeployOrder:
    """One deploy.

    ``places`` are the apps to look for the commit on, prepare apps first. ``tree`` opens the local
    repository and is called only when the commit has to be built. ``smoke`` gives the checks for a
    target's stage (None when it is in no pipeline). ``ancestry`` asks the local clone about two
    commits, ``read_trees`` about the trees of some (None unless equal trees count). ``reject``
    keeps a commit from a target after an automatic rollback. ``waves`` are groups of the targets,
    each verified before the next (none: all at once); ``on_failure`` says what a failure means
    for the others: stop, continue, or compensate (finished ones go back as well).
    """

    commit: Commit
    places: tuple[Place, ...]
    targets: tuple[str, ...]
    tree: Callable[[], tuple[Source, Commit]]
    on_miss: str = "build"
    wait_seconds: float = 600.0
    smoke: Callable[[str | None], tuple[SmokeCheck, ...]] = _no_checks
    rollback: bool = True
    ancestry: Callable[[str, str], Ancestry] = _cannot_tell
    direction: Direction = field(default_factory=Direction)
    on_superseded: str = "fail"
    read_trees: Callable[[frozenset[str]], Mapping[str, str]] | None = None
    build_config: tuple[str, ...] = ()
    lock: LockPolicy = field(default_factory=LockPolicy)
    plan: bool = False
    waves: tuple[tuple[str, ...], ...] = ()
    on_failure: str = "stop"
    reject: Callable[[str, Commit, str], None] = _keep_quiet
