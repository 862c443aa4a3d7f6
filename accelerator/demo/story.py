"""The demo's story: a miss, a hit, and the same commit the way it is usually done."""

from __future__ import annotations

import json
import subprocess
import sys
from base64 import b64encode
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from accelerator.demo.report import DemoReport, Lap
from accelerator.errors import AcceleratorError
from accelerator.models import StepName
from accelerator.steps.verify.smoke import Site, check_smoke, parse_check

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from accelerator.demo.platform import LocalPlatform
    from accelerator.demo.repository import DemoRepository
    from accelerator.steps.run import Run

FEATURES = ("runtime-dyno-metadata", "runtime-dyno-build-metadata")
STAGES = (("prepare", "development"), ("staging", "staging"), ("production", "production"))


class DemoFailed(AcceleratorError):
    """A command of the demo did not do what it should; its own output has the reason."""

    code = "demo_failed"


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
    config_vars: Mapping[str, str] = field(default_factory=dict)

    def app(self, role: str) -> str:
        """Name an app of the demo."""
        return f"{self.name}-{role}"


def tell(scene: Scene, report: DemoReport, change: Callable[[], None]) -> None:
    """Tell the story; `change` makes the second commit's change in the working tree."""
    note = scene.run.events.note
    provision(scene)
    note("")
    note("First commit: nothing is prepared")
    report.commits["first"] = scene.repository.commit("First commit of the demo")
    report.first = deploy_unprepared(scene)
    note("")
    note("Second commit: prepared beside its tests")
    change()
    second = report.commits["second"] = scene.repository.commit("Second commit of the demo")
    report.second, report.prepared = ship(scene)
    # Only now: an app has no formation before its first release with code.
    scene.run.heroku.formation.scale(scene.app("prepare"), "web", 0)
    note("")
    note("The same commit once more, built at every stage")
    report.built = deploy_the_old_way(scene, second)
    for role in ("staging", "production"):
        app = scene.app(role)
        report.sites[app] = scene.run.heroku.apps.fetch(app).web_url or ""


def provision(scene: Scene) -> None:
    """Make the three apps and their pipeline, as the write-ups do by hand."""
    heroku = scene.run.heroku
    with scene.run.events.step(StepName.PROVISION, "Make three apps and their pipeline"):
        pipeline = heroku.pipelines.create(scene.name)
        for role, place in STAGES:
            app = create_app(scene, role)
            heroku.couplings.create(heroku.apps.fetch(app).id, pipeline.id, place)


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


def accelerate(scene: Scene, *arguments: str) -> dict[str, Any]:
    """Run our own command as a user would: show its talk, return its JSON document."""
    shown = " ".join(f"'{word}'" if " " in word else word for word in arguments)
    scene.run.events.note(f"$ accelerator {shown}")
    done = subprocess.run(
        [sys.executable, "-m", "accelerator", *arguments, "--json"],
        cwd=scene.repository.directory,
        env=scene.platform.environment(scene.environment),
        stdout=subprocess.PIPE,
        check=False,
    )
    if done.returncode != 0:
        raise DemoFailed(f"`accelerator {arguments[0]}` exited {done.returncode}")
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def deploy_unprepared(scene: Scene) -> dict[str, Any]:
    """Deploy a commit nobody prepared: a miss, built once, for both targets."""
    return accelerate(
        scene,
        "deploy",
        *("--from", scene.app("prepare")),
        *("--to", scene.app("staging"), "--to", scene.app("production")),
        *smoke_flags(scene),
    )


def ship(scene: Scene) -> tuple[dict[str, Any], Lap]:
    """Ship a commit: tests beside the build, then promotions."""
    tests = ("--test", scene.tests) if scene.tests else ("--no-test",)
    document = accelerate(
        scene,
        "ship",
        *tests,
        *("--from", scene.app("prepare")),
        *("--to", "staging", "--to", "production"),
        *smoke_flags(scene),
    )
    return document, lap_of(document)


def lap_of(document: dict[str, Any]) -> Lap:
    """Read from a ship document when each part was done, counted from its first step."""
    steps = document["steps"]
    begin = min(datetime.fromisoformat(step["started_at"]) for step in steps)
    ends = [
        (
            step,
            (datetime.fromisoformat(step["started_at"]) - begin).total_seconds() + step["seconds"],
        )
        for step in steps
    ]
    ahead = [end for step, end in ends if step["name"] in {"test", "archive", "upload", "build"}]
    verified = sorted(end for step, end in ends if step["name"] == "verify")
    return Lap(max(ahead), verified[0], verified[-1])


def smoke_flags(scene: Scene) -> tuple[str, ...]:
    """Return the smoke checks as flags."""
    return tuple(word for check in scene.smoke for word in ("--smoke", check))


def deploy_the_old_way(scene: Scene, sha: str) -> Lap:
    """Do the same commit on two fresh apps as most pipelines do: test, push, push; measured.

    Fresh apps, as the prepare app was fresh: no side has a build cache.
    """
    apps = [create_app(scene, role) for role in ("old-staging", "old-production")]
    clock = scene.run.events.clock
    begun, laps = clock.now(), []
    try:
        with scene.run.events.step(StepName.TEST, "Tests first"):
            _test(scene)
        laps.append(clock.now() - begun)
        for app in apps:
            with scene.run.events.step(StepName.PUSH, f"git push to {app}, and smoke", app):
                _push(scene, app, sha)
            laps.append(clock.now() - begun)
    finally:
        for app in apps:
            scene.run.heroku.apps.destroy(app)
    return Lap(*laps)


def _test(scene: Scene) -> None:
    if scene.tests is None:
        return
    done = subprocess.run(  # noqa: S602  # the user's own command line
        scene.tests,
        shell=True,
        cwd=scene.repository.directory,
        env=dict(scene.environment),  # without a key, as those of `ship`
        capture_output=True,
        check=False,
    )
    if done.returncode != 0:
        raise DemoFailed(f"the tests failed: {done.stdout.decode(errors='replace')[-2000:]}")


def _push(scene: Scene, app: str, sha: str) -> None:
    """Push with plain git, then wait for the app to answer: smoke is part of both ways."""
    basic = b64encode(f":{scene.platform.key.reveal()}".encode()).decode()
    scene.repository.git(
        "push",
        "--quiet",
        f"{scene.platform.url}/{app}.git",
        f"{sha}:refs/heads/main",
        GIT_CONFIG_COUNT="1",
        GIT_CONFIG_KEY_0=f"http.{scene.platform.url}/.extraHeader",
        GIT_CONFIG_VALUE_0=f"Authorization: Basic {basic}",
        GIT_TERMINAL_PROMPT="0",
    )
    checks = tuple(parse_check(check) for check in scene.smoke)
    web_url = scene.run.heroku.apps.fetch(app).web_url
    flaw = check_smoke(scene.run, checks, Site(app, web_url, None, 0, scene.environment)).flaw
    if flaw is not None:
        raise DemoFailed(f"{app}: {flaw}")
