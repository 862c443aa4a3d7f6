"""The two ways a commit takes, each measured from its own beginning."""

from __future__ import annotations

from base64 import b64encode
from concurrent.futures import FIRST_EXCEPTION, Future, wait
from threading import Thread
from typing import TYPE_CHECKING, Any

from accelerator.demo.children import DemoFailed, Program
from accelerator.demo.report import Lap
from accelerator.demo.scene import OLD_APPS, Scene, accelerate
from accelerator.demo.tracks import BUILD, PUSHES, TESTS, Track, follow_ship, parts_of
from accelerator.models import StepName
from accelerator.steps.verify.smoke import Site, check_smoke, parse_check

if TYPE_CHECKING:
    from collections.abc import Callable

    from accelerator.demo.repository import DemoRepository

LOOK_SECONDS = 0.2  # between looks at what runs beside: lets signals in


def together(scene: Scene, *ways: Callable[[], None]) -> None:
    """Go all these ways at the same time; the first that fails ends the others, and comes out."""
    futures = [_beside(way) for way in ways]
    pending = set(futures)
    try:
        while pending:
            done, pending = wait(pending, LOOK_SECONDS, return_when=FIRST_EXCEPTION)
            for future in done:
                future.result()
    except BaseException:
        scene.run.stop.set()
        scene.children.stop()
        raise


def _beside(way: Callable[[], None]) -> Future[None]:
    """Go a way in a thread of its own; one that cannot be stopped does not hold up the end."""
    future: Future[None] = Future()

    def work() -> None:
        try:
            way()
        except BaseException as error:  # comes out of the future
            future.set_exception(error)
        else:
            future.set_result(None)

    Thread(target=work, name="demo", daemon=True).start()
    return future


def ship_arguments(scene: Scene) -> tuple[str, ...]:
    """Return the command that ships a commit: tests beside the build, then promotions."""
    return (
        "ship",
        *(("--test", scene.tests) if scene.tests else ("--no-test",)),
        *("--from", scene.app("prepare")),
        *("--to", "staging", "--to", "production"),
        *scene.smoke_flags,
    )


def ship(scene: Scene, arguments: tuple[str, ...], track: Track) -> tuple[dict[str, Any], Lap]:
    """Ship a commit, drawn by the steps as they end and measured by its document."""
    begun_at = track.start(*((TESTS,) if scene.tests else ()), BUILD)
    document = accelerate(
        scene,
        arguments,
        lambda line: scene.screen.line("ship", line),
        lambda step: follow_ship(track, step),
    )
    parts = parts_of(document, begun_at)
    track.finish(parts)
    *ahead, staging, production = (part.end or 0.0 for part in parts)
    return document, Lap(max(ahead), staging, production)


def deploy_the_old_way(scene: Scene, checkout: DemoRepository, sha: str, track: Track) -> Lap:
    """Do the same commit as most pipelines do: test, push to staging, push to production."""
    track.start()
    laps = []
    step = scene.run.events.step
    if scene.tests is not None:
        track.begin(TESTS)
        with step(StepName.TEST, "Built at every stage: tests first"):
            run_tests(scene, scene.tests, checkout)
        track.end(TESTS)
    laps.append(track.now)
    for role, part in zip(OLD_APPS, PUSHES, strict=True):
        app = scene.app(role)
        track.begin(part)
        with step(StepName.PUSH, f"Built at every stage: git push to {app}, and smoke", app):
            push(scene, app, sha, checkout)
        track.end(part)
        laps.append(track.now)
    track.finish()
    return Lap(*laps)


def run_tests(scene: Scene, command: str, checkout: DemoRepository) -> None:
    """Run the tests; they get no key, as those of `ship`."""
    program = Program(command, checkout.directory, scene.environment)
    done = scene.children.run(program, _hearing(scene, "tests"), has_result=False)
    if done.status != 0:
        raise DemoFailed(f"the tests exited {done.status}", done.said)


def push(scene: Scene, app: str, sha: str, checkout: DemoRepository) -> None:
    """Push with plain git, then wait for the app to answer: smoke is part of both ways."""
    url = scene.platform.url
    basic = b64encode(f":{scene.platform.key.reveal()}".encode()).decode()
    environment = {
        **scene.environment,
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"http.{url}/.extraHeader",
        "GIT_CONFIG_VALUE_0": f"Authorization: Basic {basic}",
        "GIT_TERMINAL_PROMPT": "0",
    }
    command = ["git", "push", f"{url}/{app}.git", f"{sha}:refs/heads/main"]
    program = Program(command, checkout.directory, environment)
    done = scene.children.run(program, _hearing(scene, "push"), has_result=False)
    if done.status != 0:
        raise DemoFailed(f"git push to {app} exited {done.status}", done.said)
    checks = tuple(parse_check(check) for check in scene.smoke)
    web_url = scene.run.heroku.apps.fetch(app).web_url
    flaw = check_smoke(scene.run, checks, Site(app, web_url, None, 0, scene.environment)).flaw
    if flaw is not None:
        raise DemoFailed(f"{app}: {flaw}")


def _hearing(scene: Scene, source: str) -> Callable[[str], None]:
    return lambda line: scene.screen.aside(source, line)
