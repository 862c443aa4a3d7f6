"""The apps that a target stands for: its own name, or those at a stage of the pipeline."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelerator.errors import NotFound, UsageProblem
from accelerator.settings import STAGES

if TYPE_CHECKING:
    from accelerator.heroku import Heroku
    from accelerator.steps.run import Run


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
