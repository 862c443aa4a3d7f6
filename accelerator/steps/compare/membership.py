"""Which pipeline an app is in, where Heroku's answer about the app itself names none.

That answer is a 404, which also stands for "the key may not see it". A target's checks and the
place of its freezes depend on its pipeline. So it is asked from the other side too: an app is in no
pipeline only where the app itself can be read, and no pipeline that is known lists it.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from accelerator.errors import Unreachable
from accelerator.steps.compare.stages import find_pipeline

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from accelerator.heroku import Heroku
    from accelerator.models import Coupling


def find_listed(
    heroku: Heroku, apps: tuple[str, ...], known: Iterable[Coupling | None], named: str | None
) -> Mapping[str, Coupling]:
    """Find apps that name no pipeline themselves in the listings of pipelines.

    These are the pipelines of what is `known`, and the one that settings have `named`. Raises
    where the app itself cannot be read, and `Unreachable` where two pipelines list one app.
    """
    if not apps:
        return {}
    pipelines = {each.pipeline_id for each in known if each is not None}
    if named is not None:
        pipelines.add(find_pipeline(heroku, named).id)
    answers: tuple[Any, ...] = heroku.together(
        *(partial(heroku.apps.fetch, app) for app in apps),
        *(partial(heroku.couplings.fetch_of_pipeline, each) for each in sorted(pipelines)),
    )
    listed = [each for listing in answers[len(apps) :] for each in listing]
    found = {
        app: [each for each in listed if each.app_id == info.id]
        for app, info in zip(apps, answers, strict=False)
    }
    return {app: _choose(app, places) for app, places in found.items() if places}


def contradiction(app: str, said: str) -> Unreachable:
    """Return the error for answers about an app's pipeline that cannot all be true."""
    return Unreachable(
        f"Heroku's answers about the pipeline of {app} contradict each other: {said}",
        f"nothing was done; run this again when `heroku apps:info -a {app}` and `heroku "
        "pipelines:info` agree",
    )


def _choose(app: str, places: list[Coupling]) -> Coupling:
    pipelines = sorted({each.pipeline_id for each in places})
    if len(pipelines) > 1:
        raise contradiction(app, f"pipelines {' and '.join(pipelines)} both list it")
    return places[0]
