from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, BinaryIO, cast

import pytest

from accelerator.errors import (
    BuildFailed,
    Interrupted,
    Refused,
    TestsFailed,
    UsageProblem,
    VerificationFailed,
)
from accelerator.lines import LINE_BYTES
from accelerator.models import PushOutcome, Reason, Route, Strategy
from accelerator.output.outcome import Outcome
from accelerator.output.ship import render_ship, ship_document
from accelerator.repository.checkout import Difference
from accelerator.steps import ship as ship_step
from accelerator.steps.compare.wanted import SourceApp
from accelerator.steps.follow import user_command as child
from accelerator.steps.follow.user_command import ChildCommand
from accelerator.steps.order import Rules
from accelerator.steps.prepare import PrepareOrder
from accelerator.steps.report import ShipReport
from accelerator.steps.ship import ShipOrder, ship
from accelerator.steps.verify.settled import Verification
from accelerator.steps.verify.smoke import parse_check
from tests.unit.fakes import (
    COMMIT,
    OTHER,
    FakeApp,
    FakeClone,
    Stage,
    make_app,
    make_build,
    make_stage,
    relate,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from accelerator.models import Commit
    from accelerator.repository import Lineage, Packed

BUILT = f"slug-of-{COMMIT.short}"
STAGES = (("staging", ("shop-staging",)), ("production", ("shop",)))
ENVIRONMENT = {"PATH": "/usr/bin:/bin"}


@dataclass
class SlowClone(FakeClone):
    """A clone that archives once `archiving` lets it: what is prepared is held up there."""

    archiving: Callable[[], object] = bool

    def archive(self, commit: Commit, to: BinaryIO) -> Packed:
        self.archiving()
        return super().archive(commit, to)


@dataclass
class Scene:
    """A prepare app, staging and production, and real child processes as tests."""

    stage: Stage
    directory: Path
    report: ShipReport = field(default_factory=ShipReport)
    rules: Rules = field(default_factory=lambda: Rules((SourceApp("shop-prepare"),)))

    def ship(
        self,
        tests: str | None,
        strategy: Strategy = Strategy.SOURCE,
        *,
        allow_dirty: bool = False,
    ) -> ShipReport:
        prepare = PrepareOrder(COMMIT, ("shop-prepare",), strategy)
        order = ShipOrder(prepare, STAGES, self.rules, tests, allow_dirty)
        ship(self.stage.run, order, self.report)
        return self.report

    def start(self, command: str) -> ChildCommand:
        return ChildCommand(command, self.directory, ENVIRONMENT, self.stage.run.events)

    def hold_up(self, archiving: Callable[[], object]) -> None:
        """Let what is prepared get no further than the archive until this has returned."""
        clone = self.stage.clone
        slow = SlowClone(clone.ask, known=COMMIT, directory=self.directory, archiving=archiving)
        self.stage.run = replace(self.stage.run, clone=cast("Lineage", slow))

    def app(self, name: str) -> FakeApp:
        return self.stage.app(name)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    apps = (make_app("shop-prepare"), make_app("shop-staging", "old"), make_app("shop", "old"))
    stage = make_stage(*apps, dynos=5.0)
    stage.heroku.hold("old", OTHER)
    stage.run = replace(stage.run, environment=ENVIRONMENT)
    stage.clone.ask, stage.clone.known = relate(OTHER, COMMIT), COMMIT
    stage.clone.directory = tmp_path
    return Scene(stage, tmp_path)


def held(scene: Scene, *apps: str) -> list[str | None]:
    currents = [scene.app(app).current for app in apps]
    return [c.artifact.id if c and c.artifact else None for c in currents]


def test_what_was_tested_and_built_once_goes_from_stage_to_stage(scene: Scene) -> None:
    report = scene.ship("echo fine")

    assert report.tests == "passed"
    assert held(scene, "shop-prepare", "shop-staging", "shop") == [BUILT] * 3
    assert scene.stage.heroku.writes() == [
        "sources.create",
        f"builds.create shop-prepare {COMMIT.short}",
        "promotions.create shop-prepare-v1 to shop-staging",
        "promotions.create shop-prepare-v1 to shop",
    ]
    assert [(name, staged.route) for name, staged in report.stages] == [
        ("staging", Route.PROMOTE),
        ("production", Route.PROMOTE),
    ]


def test_a_smoke_command_may_be_made_by_the_tests(scene: Scene) -> None:
    made = scene.directory / "made"
    checks = (parse_check(f"$ {made}"),)
    scene.rules = replace(scene.rules, verification=Verification(checks))

    with pytest.raises(UsageProblem, match="no such program"):
        scene.ship(None)
    report = scene.ship(f"printf '#!/bin/sh\n' > {made}; chmod +x {made}")

    assert report.tests == "passed"
    assert held(scene, "shop-staging", "shop") == [BUILT] * 2


def test_the_output_of_the_tests_is_told(scene: Scene) -> None:
    scene.ship("printf 'one\\r\\ntwo'; echo three >&2")

    assert scene.stage.ear.lines() == ["tests: one", "tests: twothree"]


def test_a_progress_bar_of_the_tests_is_told_while_it_runs(scene: Scene) -> None:
    scene.ship("printf '50%%\\r100%%\\rdone\\n'")

    assert scene.stage.ear.lines() == ["tests: 50%", "tests: 100%", "tests: done"]


def test_a_line_of_the_tests_without_end_is_cut(scene: Scene) -> None:
    scene.ship("head -c 1000000 /dev/zero | tr '\\0' x")

    [line] = scene.stage.ear.lines()
    assert line == f"tests: {'x' * LINE_BYTES} … {1_000_000 - LINE_BYTES} more bytes"


def test_a_miss_is_built_on_the_first_stage_only(scene: Scene) -> None:
    def lose() -> None:
        """Let what was prepared be gone before anybody has looked for it."""
        prepare = scene.app("shop-prepare")
        prepare.builds, prepare.releases = [], []

    scene.stage.heroku.before[f"slugs.fetch shop-prepare {BUILT}"] = lose

    report = scene.ship("true")

    assert held(scene, "shop-prepare", "shop-staging", "shop") == [None, BUILT, BUILT]
    assert [call for call in scene.stage.heroku.writes() if "builds" in call] == [
        f"builds.create shop-prepare {COMMIT.short}",
        f"builds.create shop-staging {COMMIT.short}",
    ]
    assert [(staged.route, staged.reason) for _, staged in report.stages] == [
        (Route.BUILD, Reason.NOTHING_PREPARED),
        (Route.RELEASE, Reason.ON_OTHER_APP),
    ]


def test_without_tests_none_are_said_to_have_run(scene: Scene) -> None:
    assert scene.ship(None).tests == "not_run"


def test_failing_tests_cancel_the_build_and_release_nothing(scene: Scene) -> None:
    scene.app("shop-prepare").build_statuses = ["pending"] * 12
    building, stopping = scene.directory / "building", scene.stage.run.stop

    def look() -> None:
        building.touch()
        assert stopping.wait(60)  # the tests fail while the build runs

    scene.stage.heroku.before["builds.fetch shop-prepare shop-prepare-build"] = look

    with pytest.raises(TestsFailed) as caught:
        scene.ship(f"{until('building')}; exit 3")

    assert f"`{until('building')}; exit 3` exited 3" in caught.value.message
    assert scene.stage.heroku.writes()[-1] == "builds.cancel shop-prepare shop-prepare-build"
    assert scene.app("shop-prepare").builds[0].status == "failed"
    assert held(scene, "shop-staging", "shop") == ["old", "old"]
    assert scene.report.tests == "failed"
    assert scene.stage.ear.warnings() == ["Cancelled the build on shop-prepare"]


def test_failing_tests_tell_their_last_lines_for_those_who_saw_none(scene: Scene) -> None:
    with pytest.raises(TestsFailed):
        scene.ship("for i in $(seq 99); do echo line $i; done; exit 1")

    [evidence] = scene.stage.ear.evidence()
    assert (evidence.title, evidence.is_repeat) == ("the last lines of the tests", True)
    assert evidence.lines == tuple(f"line {number}" for number in range(60, 100))


def test_failing_tests_keep_a_build_from_being_started(scene: Scene) -> None:
    stopping = scene.stage.run.stop
    scene.hold_up(lambda: stopping.wait(60))

    with pytest.raises(TestsFailed):
        scene.ship("exit 1")

    assert stopping.is_set()

    assert scene.app("shop-prepare").builds == []
    assert not [call for call in scene.stage.heroku.writes() if "builds" in call]


def test_a_build_that_a_push_started_is_found_on_the_platform_and_cancelled(scene: Scene) -> None:
    pushed = make_build("shop-prepare", None, COMMIT, id="b7", status="pending")
    done = make_build("shop-prepare", "good", COMMIT, id="b6")
    cancelled, pushing = Event(), scene.directory / "pushing"

    def push(sha: str, url: str, _: Callable[[str], None]) -> PushOutcome:
        assert (sha, url) == (COMMIT.sha, "https://git.example/shop-prepare.git")
        scene.app("shop-prepare").builds = [done, pushed]
        scene.stage.heroku.before["builds.cancel shop-prepare b7"] = cancelled.set
        pushing.touch()
        assert cancelled.wait(60)
        return PushOutcome.DECLINED  # as Heroku ends a push whose build was cancelled

    scene.stage.clone.pusher = push

    with pytest.raises(TestsFailed):
        scene.ship(f"{until('pushing')}; exit 1", Strategy.GIT)

    assert scene.stage.heroku.writes() == ["builds.cancel shop-prepare b7"]
    assert scene.report.prepared is not None
    assert scene.report.prepared.build == replace(pushed, status="failed")


def test_what_cannot_be_stopped_is_said(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ship_step, "STOP_SECONDS", 0.01)
    warned = Event()
    scene.stage.run.events.listeners.append(
        lambda event: warned.set() if "could not be stopped" in str(event) else None
    )

    scene.hold_up(lambda: warned.wait(60))

    with pytest.raises(TestsFailed):
        scene.ship("exit 1")

    assert scene.stage.ear.warnings() == ["the build on shop-prepare could not be stopped"]


def test_a_failed_build_stops_the_tests(scene: Scene) -> None:
    scene.app("shop-prepare").builds_fail = True

    with pytest.raises(BuildFailed):
        scene.ship("sleep 600")

    assert scene.report.tests == "stopped"
    assert held(scene, "shop-staging", "shop") == ["old", "old"]


def test_tests_that_had_passed_stay_passed_when_the_build_fails(scene: Scene) -> None:
    scene.app("shop-prepare").builds_fail = True

    finished = scene.stage.ear.finished
    scene.hold_up(lambda: wait_until(lambda: any(step.name == "test" for step in finished())))

    with pytest.raises(BuildFailed):
        scene.ship("true")

    assert scene.report.tests == "passed"


def test_a_failed_build_without_tests_is_no_word_about_tests(scene: Scene) -> None:
    scene.app("shop-prepare").builds_fail = True

    with pytest.raises(BuildFailed):
        scene.ship(None)

    assert scene.report.tests == "not_run"


@pytest.mark.parametrize(
    ("difference", "said", "way"),
    [
        (Difference(unknown=("new.py",)), "untracked files: new.py", "git stash -u"),
        (Difference(head=OTHER.sha), f"is of {OTHER.short}", f"git checkout {COMMIT.sha}"),
        (Difference(trouble="it is bare"), "looked at: it is bare", f"git checkout {COMMIT.sha}"),
    ],
)
def test_tests_that_would_run_on_other_files_are_not_begun(
    scene: Scene, difference: Difference, said: str, way: str
) -> None:
    scene.stage.clone.difference = difference

    with pytest.raises(Refused, match=said) as caught:
        scene.ship("touch begun")

    assert caught.value.reason == "dirty_checkout"
    assert way in str(caught.value.hint)
    assert "--allow-dirty" in str(caught.value.hint)
    assert scene.stage.heroku.calls == []
    assert not (scene.directory / "begun").exists()


def test_other_files_are_allowed_where_somebody_says_so_or_nothing_runs_on_them(
    scene: Scene,
) -> None:
    scene.stage.clone.difference = Difference(changed=("web.py",))

    scene.ship("true", allow_dirty=True)
    (warning,) = scene.stage.ear.warnings()
    scene.ship(None)

    assert "the checkout has changes in web.py" in warning
    assert held(scene, "shop-staging", "shop") == [BUILT, BUILT]
    _, without_tests = scene.stage.ear.warnings()
    assert without_tests == f"{COMMIT.short} is shipped without tests"


@pytest.mark.parametrize(
    ("tests", "is_without", "said"),
    [
        pytest.param(None, True, "Tests not run (--no-test).", id="as it was asked for"),
        pytest.param("true", False, "Tests passed.", id="with tests"),
    ],
)
def test_the_result_says_that_a_commit_was_shipped_without_tests(
    tests: str | None, is_without: bool, said: str, scene: Scene
) -> None:
    report = scene.ship(tests)

    assert ship_document(report, Outcome())["no_test"] is is_without
    assert render_ship(report, Outcome())[0] == said


def test_an_interrupt_stops_tests_and_build(scene: Scene) -> None:
    def interrupted() -> None:
        assert scene.report.prepared is not None
        assert scene.report.prepared.app == "shop-prepare"
        raise Interrupted

    scene.hold_up(interrupted)

    with pytest.raises(Interrupted):
        scene.ship("sleep 600")

    assert scene.stage.run.stop.is_set()
    assert scene.report.tests == "stopped"


def test_a_stage_that_fails_verification_keeps_the_next_one_untouched(scene: Scene) -> None:
    scene.app("shop-staging").crashing.add(BUILT)

    with pytest.raises(VerificationFailed):
        scene.ship("true")

    assert held(scene, "shop-staging", "shop") == ["old", "old"]
    assert [name for name, _ in scene.report.stages] == ["staging"]
    assert not [call for call in scene.stage.heroku.writes() if call.endswith(" to shop")]


def test_the_tests_run_in_the_clone_and_with_the_environment_of_the_run(scene: Scene) -> None:
    scene.ship("pwd; env | grep -c HEROKU; echo $PATH")

    assert scene.stage.ear.lines() == [
        f"tests: {scene.directory}",
        "tests: 0",
        f"tests: {ENVIRONMENT['PATH']}",
    ]


def test_stopping_reaches_the_children_of_the_tests(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child, "GRACE_SECONDS", 0.2)
    script = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"
    running = scene.start(f"trap '' TERM; {sys.executable} -c '{script}' & wait")
    wait_until(lambda: bool(scene.stage.ear.lines()))
    pid = int(scene.stage.ear.lines()[0].split()[-1])

    running.stop()

    wait_until(lambda: not is_alive(pid))
    assert running.wait() != 0


def test_stopping_tests_that_have_ended_is_harmless(scene: Scene) -> None:
    running = scene.start("exit 4")
    running.wait()

    running.stop()

    assert running.wait() == 4


def test_the_environment_of_the_tests_is_the_one_given(scene: Scene) -> None:
    scene.start("env | grep -v '^_=\\|^PWD=\\|^SHLVL='").wait()

    assert scene.stage.ear.lines() == ["tests: PATH=/usr/bin:/bin"]


def until(name: str) -> str:
    """Return a command that ends once there is such a file in its folder."""
    return f"until [ -e {name} ]; do sleep 0.01; done"


def wait_until(is_true: Callable[[], bool]) -> None:
    pause, ends_at = Event(), time.monotonic() + 60
    while not is_true():
        assert time.monotonic() < ends_at, "it did not happen in time"
        pause.wait(0.01)


def is_alive(pid: int) -> bool:
    """Say whether a process runs; one that has ended and was not waited for does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
