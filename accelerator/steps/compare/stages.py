"""The apps that a target stands for: by name, by id, or those at a stage of the pipeline.

Locks, freezes, rejections and documents are by name, so an app has to have one name in all of them:
that which Heroku gives it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from accelerator.errors import NotFound, UsageProblem
from accelerator.foreign import one_line
from accelerator.settings import STAGES

if TYPE_CHECKING:
    from collections.abc import Callable

    from accelerator.heroku import Heroku
    from accelerator.models import App, Pipeline

    Names = tuple[str, ...]

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


@dataclass(frozen=True, slots=True)
class StageSource:
    """What tells which pipeline stage names are about: an app in it, its own name, or both."""

    app: str | None = None
    pipeline: str | None = None

    def __str__(self) -> str:
        return f"pipeline {self.pipeline}" if self.pipeline else f"the pipeline of {self.app}"


def resolve_targets(heroku: Heroku, source: StageSource, targets: tuple[str, ...]) -> Names:
    """Turn ids into names, and stages into the names of the apps there in the pipeline.

    App names pass through without a request. Raises `NotFound` for a stage without an app, and
    `UsageProblem` for a target that is the source itself, or is named in two ways.
    """
    names: list[str] = []
    given: dict[str, str] = {}
    apps_at: dict[str, list[str]] | None = None
    for target in targets:
        if target not in STAGES:
            name = find_name(target, heroku.apps.fetch)
            if given.setdefault(name, target) != target:
                raise UsageProblem(
                    f"{given[name]} and {target} are one app, {name}", "name each target once"
                )
            names.append(name)
            continue
        apps_at = apps_at if apps_at is not None else _fetch_stages(heroku, source)
        if not apps_at.get(target):
            raise NotFound(
                f"{source} has no app at stage {target}",
                "add one with `heroku pipelines:add`, or name the app itself",
            )
        names += apps_at[target]
    if source.app in names:
        raise UsageProblem(
            f"{source.app} is both the source and a target", "name another app as the target"
        )
    return tuple(dict.fromkeys(names))


def _fetch_stages(heroku: Heroku, source: StageSource) -> dict[str, list[str]]:
    pipeline_id, own = _find_pipeline(heroku, source)
    couplings = heroku.couplings.fetch_of_pipeline(pipeline_id)
    names = {app.id: app.name for app in heroku.couplings.fetch_apps([c.app_id for c in couplings])}
    stages: dict[str, list[str]] = {}
    for other in couplings:
        if other.app_id in names and other.app_id != own:
            stages.setdefault(other.stage, []).append(names[other.app_id])
    return {stage: sorted(apps) for stage, apps in stages.items()}


def _find_pipeline(heroku: Heroku, source: StageSource) -> tuple[str, str | None]:
    """Return the pipeline's id, and that of the source app in it.

    Raises `UsageProblem` where the app and the pipeline that is named do not agree: nobody could
    tell which of two apps at a stage is meant.
    """
    if source.app is None:
        return _find_named(heroku, source).id, None
    if source.pipeline is None:
        coupling, named = heroku.couplings.find_of_app(source.app), None
    else:
        app = source.app
        coupling, named = heroku.together(
            lambda: heroku.couplings.find_of_app(app), lambda: _find_named(heroku, source)
        )
    if named is not None and coupling is not None and coupling.pipeline_id != named.id:
        raise UsageProblem(
            f"{source.app} is not in pipeline {source.pipeline}, which the settings name",
            "name the target apps themselves, or correct one of the two",
        )
    if named is not None:
        return named.id, coupling.app_id if coupling else None
    if coupling is None:
        raise NotFound(
            f"{source.app} is in no pipeline, so stage names mean nothing for it",
            "name the target apps themselves, or add the app to a pipeline",
        )
    return coupling.pipeline_id, coupling.app_id


def _find_named(heroku: Heroku, source: StageSource) -> Pipeline:
    if source.pipeline is None:
        raise UsageProblem(
            "a stage name means nothing without its pipeline",
            'add pipeline = "NAME" to accelerator.toml, name the prepare app with --from, or name '
            "the app itself",
        )
    return find_pipeline(heroku, source.pipeline)


def find_pipeline(heroku: Heroku, named: str) -> Pipeline:
    """Return the pipeline that settings name, by its name or id; raises `NotFound` without one."""
    found = heroku.pipelines.find(named)
    if found is None:
        raise NotFound(
            f"there is no pipeline {one_line(named, 60)}, or the key may not see it",
            "`heroku pipelines` lists those that the key may see",
        )
    return found
