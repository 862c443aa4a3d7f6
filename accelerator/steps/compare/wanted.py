"""What is to be decided: which commit, where it may lie, and to which apps it is to go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from accelerator.errors import NotFound, UsageProblem
from accelerator.models import OnMiss
from accelerator.settings import STAGES

if TYPE_CHECKING:
    from accelerator.heroku import Heroku
    from accelerator.models import Commit
    from accelerator.steps.run import Run


@dataclass(frozen=True, slots=True)
class SourceApp:
    """An app to look for the commit on; only promotions from prepare apps are offered."""

    app: str
    is_prepare: bool = True


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be decided: which commit, where it may lie, where it is to go.

    ``build_config`` names config vars that shape the build. ``same_tree`` lets artifacts of equal
    trees count. ``on_miss`` and ``wait_seconds`` say what happens while nothing is prepared.
    ``looks_only`` is for a plan: no build is waited for.
    """

    commit: Commit
    sources: tuple[SourceApp, ...]
    targets: tuple[str, ...]
    build_config: tuple[str, ...] = ()
    same_tree: bool = False
    on_miss: OnMiss = OnMiss.BUILD
    wait_seconds: float = 600.0
    looks_only: bool = False


def resolve_targets(run: Run, source: str, targets: tuple[str, ...]) -> tuple[str, ...]:
    """Turn stage names into the names of the apps at that stage of the source's pipeline.

    App names pass through without a request. Raises `NotFound` for a stage without an app, and
    `UsageProblem` for a target that is the source itself.
    """
    names: list[str] = []
    apps_at: dict[str, list[str]] | None = None
    for target in targets:
        if target not in STAGES:
            names.append(target)
            continue
        apps_at = apps_at if apps_at is not None else _fetch_stages(run.heroku, source)
        if not apps_at.get(target):
            raise NotFound(
                f"the pipeline of {source} has no app at stage {target}",
                f"add one with `heroku pipelines:add`, or name the app: --to {source}-{target}",
            )
        names += apps_at[target]
    if source in names:
        raise UsageProblem(
            f"{source} is both the source and a target", "name another app with --to"
        )
    return tuple(dict.fromkeys(names))


def _fetch_stages(heroku: Heroku, source: str) -> dict[str, list[str]]:
    coupling = heroku.couplings.find_of_app(source)
    if coupling is None:
        raise NotFound(
            f"{source} is in no pipeline, so stage names mean nothing for it",
            "name the target apps with --to, or add the app to a pipeline",
        )
    couplings = heroku.couplings.fetch_of_pipeline(coupling.pipeline_id)
    names = {app.id: app.name for app in heroku.couplings.fetch_apps([c.app_id for c in couplings])}
    stages: dict[str, list[str]] = {}
    for other in couplings:
        if other.app_id in names and other.app_id != coupling.app_id:
            stages.setdefault(other.stage, []).append(names[other.app_id])
    return {stage: sorted(apps) for stage, apps in stages.items()}
