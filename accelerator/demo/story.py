"""The demo's story: a miss, then one commit that goes out both ways."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from accelerator.demo.report import DemoReport, describe_first
from accelerator.demo.scene import OLD_APPS, Scene, accelerate, provision
from accelerator.demo.screen import wrap_command
from accelerator.demo.tracks import Track
from accelerator.demo.ways import deploy_the_old_way, ship, ship_arguments, together

if TYPE_CHECKING:
    from collections.abc import Callable


def tell(scene: Scene, report: DemoReport, change: Callable[[], None]) -> None:
    """Tell the story; `change` makes the second commit's change in the working tree."""
    report.model = scene.model
    provision(scene)
    report.commits["first"] = scene.repository.commit("First commit of the demo")
    scene.screen.headline("First commit: nothing is prepared, so it is built")
    together(scene, lambda: deploy_unprepared(scene, report))
    change()
    second = report.commits["second"] = scene.repository.commit("Second commit of the demo")
    go_both_ways(scene, report, second)
    # Only now: an app has no formation before its first release with code.
    scene.run.heroku.formation.scale(scene.app("prepare"), "web", 0)
    for role in ("staging", "production"):
        app = scene.app(role)
        report.sites[app] = scene.run.heroku.apps.fetch(app).web_url or ""


def deploy_unprepared(scene: Scene, report: DemoReport) -> None:
    """Deploy a commit nobody prepared: a miss, built once, for both targets."""
    arguments = (
        "deploy",
        *("--from", scene.app("prepare")),
        *("--to", scene.app("staging"), "--to", scene.app("production")),
        *scene.smoke_flags,
    )
    report.first = accelerate(scene, arguments, lambda line: scene.screen.aside("deploy", line))
    scene.screen.headline(describe_first(report.first))


def go_both_ways(scene: Scene, report: DemoReport, sha: str) -> None:
    """Bring the commit to production both ways, side by side or one after the other."""
    clock = scene.run.events.clock
    prepared = Track("Prepared and promoted", clock)
    built = Track("Built at every stage", clock)
    arguments, beside = ship_arguments(scene), scene.repository.check_out_beside(sha)
    report.command = ("accelerator", *map(shlex.quote, arguments))

    def go_prepared() -> None:
        report.second, report.prepared = ship(scene, arguments, prepared)

    def go_the_old_way() -> None:
        report.built = deploy_the_old_way(scene, beside, sha, built)

    how = "at the same time" if scene.model.at_once else "one after the other"
    shown = wrap_command(["$ accelerator", *report.command[1:]])
    scene.screen.headline(f"Second commit, both ways {how}", *shown)
    scene.screen.draw(prepared, built)
    if scene.model.at_once:
        together(scene, go_prepared, go_the_old_way)
    else:
        together(scene, go_prepared)
        together(scene, go_the_old_way)
    report.ways = (prepared.way, built.way)
    for role in OLD_APPS:
        scene.run.heroku.apps.destroy(scene.app(role))
