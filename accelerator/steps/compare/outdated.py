"""Whether a build would come out otherwise today: its stack, its buildpacks, its config vars.

What is prepared twice must not differ from what it is prepared for. An app's settings may have
been changed since it built the commit, and the deploy would pass over what it left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelerator.steps.compare.build_config import agreed, find_origin_of
from accelerator.steps.compare.fit import Fit, fitness_of, list_checks
from accelerator.steps.compare.lookups import find_config, find_optional, find_release_config

if TYPE_CHECKING:
    from collections.abc import Sequence

    from accelerator.models import App, Artifact, Build
    from accelerator.steps.compare.fit import Declared, Prints
    from accelerator.steps.run import Run


def find_outdated(
    run: Run,
    build: Build,
    artifact: Artifact | None,
    page: Sequence[Build],
    declared: Declared,
) -> str | None:
    """Return in what a build differs from one that would begin now; None: in nothing known.

    `page` are the newest builds of its app. What this key may not read counts for nothing here: it
    is for the deploy to judge.
    """
    heroku, name = run.heroku, build.app_name
    app, buildpacks = heroku.together(
        lambda: heroku.apps.fetch(name),
        lambda: find_optional(lambda: heroku.buildpacks.fetch(name)),
    )
    now, then = _read_configs(run, build, page, declared) if declared.names else ({}, {})
    fit = Fit(stacks=_stacks_of(app), buildpacks=buildpacks, build_config=now)
    return fitness_of(list_checks(artifact, build, then, fit)).detail or None


def _stacks_of(app: App) -> frozenset[str] | None:
    """Return the stack that a build would be for; apps of generation fir have none to choose."""
    return None if app.generation == "fir" else frozenset({app.build_stack})


def _read_configs(
    run: Run, build: Build, page: Sequence[Build], declared: Declared
) -> tuple[Prints, Prints | None]:
    """Read what a build would be given now, and what it was given; empty where that is withheld."""
    heroku, app = run.heroku, build.app_name
    now, releases = heroku.together(
        lambda: declared.prints_of(find_config(heroku, app)),
        lambda: heroku.releases.fetch_newest(app),
    )
    origin = find_origin_of(build, releases, page)
    read = [declared.prints_of(find_release_config(heroku, app, each.id)) for each in origin]
    if now is None or None in read:
        return {}, {}
    return now, agreed(read)
