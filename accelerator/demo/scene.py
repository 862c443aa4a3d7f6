"""What the demo works with: the platform, the apps on it, and who runs commands against them."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from accelerator.demo.children import Children, DemoFailed, Program
from accelerator.models import StepName

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from accelerator.demo.children import HearStep
    from accelerator.demo.platform import LocalPlatform
    from accelerator.demo.report import Model
    from accelerator.demo.repository import DemoRepository
    from accelerator.demo.screen import Screen
    from accelerator.steps.run import Run

FEATURES = ("runtime-dyno-metadata", "runtime-dyno-build-metadata")
STAGES = (("prepare", "development"), ("staging", "staging"), ("production", "production"))
OLD_APPS = ("old-staging", "old-production")


@dataclass(frozen=True, slots=True)
class Scene:
    """What the demo works with."""

    run: Run
    platform: LocalPlatform
    repository: DemoRepository
    environment: Mapping[str, str]
    name: str
    tests: str | None
    smoke: tuple[str, ...]
    model: Model
    screen: Screen
    children: Children
    config_vars: Mapping[str, str] = field(default_factory=dict)

    def app(self, role: str) -> str:
        """Name an app of the demo."""
        return f"{self.name}-{role}"

    @property
    def smoke_flags(self) -> tuple[str, ...]:
        """Return the smoke checks as flags."""
        return tuple(word for check in self.smoke for word in ("--smoke", check))


def provision(scene: Scene) -> None:
    """Make the three apps and their pipeline, as the write-ups do by hand; two for the old way.

    Those are fresh, as the prepare app is: no side has a build cache.
    """
    heroku = scene.run.heroku
    with scene.run.events.step(StepName.PROVISION, "Make the apps and their pipeline"):
        pipeline = heroku.pipelines.create(scene.name)
        for role, place in STAGES:
            app = create_app(scene, role)
            heroku.couplings.create(heroku.apps.fetch(app).id, pipeline.id, place)
        for role in OLD_APPS:
            create_app(scene, role)


def create_app(scene: Scene, role: str) -> str:
    """Create one app with its metadata features and config vars."""
    heroku, app = scene.run.heroku, scene.app(role)
    heroku.apps.create(app)
    for feature in FEATURES:
        heroku.features.enable(app, feature)
    values = {name: value.replace("{app}", app) for name, value in scene.config_vars.items()}
    if values:
        heroku.config_vars.update(app, values)
    return app


def accelerate(
    scene: Scene,
    arguments: tuple[str, ...],
    hear: Callable[[str], None],
    hear_step: HearStep | None = None,
) -> dict[str, Any]:
    """Run our own command as a user would: hand its talk on, return its JSON document.

    `hear_step` gets each step as it ends.
    """
    command = [sys.executable, "-m", "accelerator", *arguments, "--json"]
    environment = scene.platform.environment(scene.environment)
    program = Program(command, scene.repository.directory, environment)
    done = scene.children.run(program, hear, has_result=True, hear_step=hear_step)
    if done.status != 0:
        raise DemoFailed(f"`accelerator {arguments[0]}` exited {done.status}", done.said)
    document: dict[str, Any] = json.loads(done.result)
    return document
