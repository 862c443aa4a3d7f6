"""From flags and settings to the orders that the steps take; shared by `deploy` and `ship`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelerator.errors import UsageProblem
from accelerator.steps.facts import Place
from accelerator.steps.order import DeployOrder
from accelerator.steps.smoke import parse_check

if TYPE_CHECKING:
    from accelerator.cli.session import Session
    from accelerator.models import Commit
    from accelerator.steps.build import Source
    from accelerator.steps.smoke import SmokeCheck


def make_deploy_order(session: Session, targets: tuple[str, ...]) -> DeployOrder:
    """Gather what a deploy to `targets` needs; all flags are checked before the first request."""
    settings = session.settings
    for checks in (settings.smoke, *(stage.smoke or () for stage in settings.stages.values())):
        for check in checks:
            parse_check(check)

    def smoke(stage: str | None) -> tuple[SmokeCheck, ...]:
        return tuple(parse_check(check) for check in settings.smoke_of(stage))

    commit = session.find_commit()

    def tree() -> tuple[Source, Commit]:
        return session.repository, session.repository.resolve(commit.sha)

    return DeployOrder(
        commit=commit,
        places=tuple(Place(app) for app in session.find_sources()),
        targets=targets,
        tree=tree,
        on_miss=settings.on_miss,
        smoke=smoke,
        rollback=settings.rollback,
    )


def demand_targets(targets: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse an empty list of targets."""
    if not targets:
        raise UsageProblem("no target is named", "use --to with an app or a stage: --to staging")
    return targets
