"""The apps that a target stands for: by name, by id, or those at a stage of the pipeline.

Locks, freezes, rejections and documents are by name, so an app has to have one name in all of them:
that which Heroku gives it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from accelerator.errors import NotFound, UsageProblem
from accelerator.foreign import one_line
from accelerator.settings import STAGES

if TYPE_CHECKING:
    from collections.abc import Callable

    from accelerator.heroku import Heroku
    from accelerator.models import App
    from accelerator.steps.run import Run

_NAME = re.compile(r"[a-z][a-z0-9-]{0,29}")  # an id is longer, and new apps get no other letters
_NAME_OR_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*", re.ASCII)


def find_name(text: str, fetch: Callable[[str], App]) -> str:
    """Return the name of the app that a text stands for.

    What can only be a name stands for itself. What may be an id, or another spelling, is asked
    for. Raises `UsageProblem` where it can be neither, and `NotFound` where there is no such app.
    """
    if _NAME.fullmatch(text):
        return text
    if not _NAME_OR_ID.fullmatch(text):
        raise UsageProblem(
            f"{one_line(text, 60)!r} cannot be the name of an app",
            "`heroku apps` lists the names of yours",
        )
    return fetch(text).name


def resolve_targets(run: Run, source: str, targets: tuple[str, ...]) -> tuple[str, ...]:
    """Turn ids into names, and stages into the names of the apps there in the source's pipeline.

    App names pass through without a request. Raises `NotFound` for a stage without an app, and
    `UsageProblem` for a target that is the source itself, or is named in two ways.
    """
    names: list[str] = []
    given: dict[str, str] = {}
    apps_at: dict[str, list[str]] | None = None
    for target in targets:
        if target not in STAGES:
            name = find_name(target, run.heroku.apps.fetch)
            if given.setdefault(name, target) != target:
                raise UsageProblem(
                    f"{given[name]} and {target} are one app, {name}", "name each target once"
                )
            names.append(name)
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
