from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from accelerator.errors import KeyRefused, NothingToRun, Refused
from accelerator.models import Refusal
from accelerator.repository import Lineage
from accelerator.steps.prepare import PrepareOrder, prepare
from accelerator.steps.report import PrepareReport
from tests.unit.deployscene import BUILT, Scene, scene
from tests.unit.fakes import COMMIT, OTHER, make_app, make_stage
from tests.unit.githost import git_environment, run

if TYPE_CHECKING:
    from pathlib import Path

    from accelerator.models import Commit

WORKER = {"worker": "./work"}
BOTH = {"web": "./serve", **WORKER}


def running_types(*types: str, has: dict[str, str] | None, prepared: str | None = "good") -> Scene:
    """Set a scene in which a target runs these types, and what is prepared has some."""
    made = scene(prepared, make_app("shop", "old", dyno_types=types))
    made.stage.heroku.hold("good", COMMIT, process_types=has)
    return made


@pytest.mark.parametrize(
    ("types", "has", "lost"),
    [
        pytest.param(("web",), WORKER, "web", id="a slip in the name of web"),
        pytest.param(("web", "worker"), {"web": "x"}, "worker", id="a worker"),
        pytest.param(("web",), {}, "web", id="nothing to run at all"),
    ],
)
@pytest.mark.parametrize("coupling", [True, False], ids=["promoted", "released"])
def test_what_lacks_a_process_type_that_runs_is_refused_before_anything_is_written(
    types: tuple[str, ...], has: dict[str, str], lost: str, *, coupling: bool
) -> None:
    made = running_types(*types, has=has)
    if not coupling:
        made.app("shop").coupling = None

    error = made.fail(Refused)

    assert (error.reason, made.writes()) == (Refusal.PROCESSES_MISSING, [])
    assert f"shop runs {lost}" in error.message
    assert "--allow-missing-processes" in str(error.hint)
    assert made.entry("shop").refusal is Refusal.PROCESSES_MISSING


def test_what_is_allowed_to_be_lost_is_said_once() -> None:
    made = running_types("web", "worker", has={"web": "x"})

    made.deploy(may_lose_processes=True)

    [warning] = made.stage.ear.warnings()
    assert "shop runs worker, which would be gone" in warning
    assert made.held("shop") == "good"


@pytest.mark.parametrize(
    ("types", "formation", "has"),
    [
        pytest.param(("web",), None, BOTH, id="all of it is there"),
        pytest.param(("web",), None, None, id="nobody knows what it has"),
        pytest.param(("web",), {"web": 1, "clock": 0}, BOTH, id="none of the lost type runs"),
        pytest.param((), {}, {}, id="the first deploy"),
    ],
)
def test_nothing_that_runs_is_lost(
    types: tuple[str, ...], formation: dict[str, int] | None, has: dict[str, str] | None
) -> None:
    made = running_types(*types, has=has)
    made.app("shop").formation = formation

    made.deploy()

    assert made.held("shop") == "good"
    assert not [text for text in made.stage.ear.warnings() if "would be gone" in text]


@pytest.mark.parametrize(
    ("ours", "theirs", "is_refused"),
    [
        pytest.param(frozenset({"wbe"}), frozenset({"web"}), True, id="a slip"),
        pytest.param(frozenset(), frozenset({"web"}), True, id="the Procfile is gone"),
        pytest.param(frozenset({"web"}), frozenset({"web"}), False, id="declared as before"),
        pytest.param(frozenset(), frozenset(), False, id="by the buildpack before, too"),
        pytest.param(None, frozenset({"web"}), False, id="nobody knows ours"),
        pytest.param(frozenset(), None, False, id="nobody knows what was declared"),
    ],
)
def test_before_a_build_on_the_target_the_procfiles_are_compared(
    ours: frozenset[str] | None, theirs: frozenset[str] | None, *, is_refused: bool
) -> None:
    made = running_types("web", has=BOTH, prepared=None)
    made.stage.clone.types = {COMMIT.sha: ours, OTHER.sha: theirs}

    if is_refused:
        made.fail(Refused)
    else:
        made.deploy()

    assert made.held("shop") == ("old" if is_refused else BUILT)


def not_judged(made: Scene) -> list[str]:
    """Return why losses of process types were not judged, as it was said."""
    made.deploy()
    said = "whether shop loses a process type was not judged: "
    return [t.removeprefix(said) for t in made.stage.ear.warnings() if t.startswith(said)]


@pytest.mark.parametrize("prepared", ["good", None], ids=["promoted", "built there"])
def test_a_formation_that_cannot_be_read_is_said_once(prepared: str | None) -> None:
    made = running_types("web", has=BOTH, prepared=prepared)
    made.stage.heroku.failures["formation.fetch shop"] = KeyRefused("not for this key")

    assert not_judged(made) == ["its formation cannot be read"]


def test_a_formation_that_cannot_be_read_of_one_that_gets_what_is_built_elsewhere_is_said() -> None:
    made = scene(None, make_app("eu", "old"), make_app("shop", "old"))
    made.stage.heroku.failures["formation.fetch shop"] = KeyRefused("not for this key")
    made.stage.heroku.hold(BUILT, COMMIT, process_types=BOTH)

    assert not_judged(made) == ["its formation cannot be read"]


@pytest.mark.parametrize(
    ("types", "held", "expected"),
    [
        pytest.param({OTHER.sha: None}, OTHER, f"what {OTHER.short} decl", id="old"),
        pytest.param({COMMIT.sha: None}, OTHER, f"what {COMMIT.short} decl", id="new"),
        pytest.param({}, None, "what v1 holds names no commit", id="what runs is unknown"),
    ],
)
def test_a_commit_that_cannot_be_read_before_a_build_is_said_once(
    types: dict[str, frozenset[str] | None], held: Commit | None, expected: str
) -> None:
    made = running_types("web", has=BOTH, prepared=None)
    made.stage.clone.types = types
    made.stage.heroku.hold("old", held)

    [said] = not_judged(made)

    assert said.startswith(expected)


@pytest.mark.parametrize("prepared", ["good", None], ids=["promoted", "built there"])
@pytest.mark.parametrize(
    ("before", "formation", "is_allowed"),
    [
        pytest.param("old", {"web": 0}, False, id="none runs"),
        pytest.param(None, None, False, id="first deploy"),
        pytest.param("old", None, True, id="it is allowed"),
    ],
)
def test_where_nothing_can_be_lost_or_it_may_be_nothing_is_said(
    prepared: str | None, before: str | None, formation: dict[str, int] | None, *, is_allowed: bool
) -> None:
    made = scene(prepared, make_app("shop", before, formation=formation))
    made.change(may_lose_processes=is_allowed)
    if formation is None:
        made.stage.heroku.failures["formation.fetch shop"] = KeyRefused("not for this key")

    assert not_judged(made) == []


def test_what_was_built_on_one_target_is_judged_before_it_is_released_on_the_others() -> None:
    made = scene(None, make_app("shop", "old"), make_app("worker", "old", dyno_types=("worker",)))
    made.stage.heroku.hold(BUILT, COMMIT, process_types={"web": "./serve"})

    with pytest.raises(Exception, match="worker runs worker"):
        made.deploy()

    assert (made.held("shop"), made.held("worker")) == (BUILT, "old")
    assert made.entry("worker").refusal is Refusal.PROCESSES_MISSING


def test_a_build_that_lost_a_type_after_all_is_said_aloud() -> None:
    made = running_types("web", "worker", has=BOTH, prepared=None)
    made.stage.heroku.hold(BUILT, COMMIT, process_types={"web": "./serve"})

    made.deploy()

    assert "shop ran worker, which the build" in made.stage.ear.warnings()[0]


def test_a_build_with_nothing_to_run_is_not_prepared() -> None:
    stage = make_stage(make_app("shop-prepare"))
    stage.heroku.hold(BUILT, COMMIT, process_types={})
    report = PrepareReport("")

    with pytest.raises(NothingToRun, match="nothing to run") as caught:
        prepare(stage.run, PrepareOrder(COMMIT, ("shop-prepare",)), report)

    assert (caught.value.exit_code, caught.value.code) == (4, "nothing_to_run")
    assert report.artifact is not None


@pytest.mark.parametrize("prepared", ["good", None], ids=["promoted", "built there"])
def test_a_first_deploy_of_what_has_nothing_to_run_is_no_success(prepared: str | None) -> None:
    made = scene(prepared, make_app("shop"))
    for artifact in ("good", BUILT):
        made.stage.heroku.hold(artifact, COMMIT, process_types={})

    error = made.fail(Refused if prepared else NothingToRun)

    assert error.exit_code == (3 if prepared else 4)
    assert made.held("shop") == (None if prepared else BUILT)


def test_a_first_deploy_of_what_has_nothing_to_run_can_be_allowed() -> None:
    made = scene(None, make_app("shop"))
    made.stage.heroku.hold(BUILT, COMMIT, process_types={})

    made.deploy(may_lose_processes=True)

    assert made.held("shop") == BUILT


@pytest.mark.parametrize(
    ("files", "folder", "expected"),
    [
        pytest.param(
            {"Procfile": "web: ./serve\r\nworker-2:x\n# no: comment\nnothing:\n"},
            None,
            {"web", "worker-2"},
            id="a Procfile",
        ),
        pytest.param({"other": "x"}, None, set(), id="none"),
        pytest.param(
            {"api/Procfile": "web: x\n", "Procfile": "clock: x\n"},
            "./api/",
            {"web"},
            id="of a folder",
        ),
        pytest.param(
            {"Procfile": "web: x\n", "heroku.yml": "run: {}"}, None, None, id="heroku.yml"
        ),
    ],
)
def test_what_a_commit_declares_is_read_from_the_clone(
    tmp_path: Path, files: dict[str, str], folder: str | None, expected: set[str] | None
) -> None:
    environment, shop = git_environment(tmp_path / "home"), tmp_path / "shop"
    for name, text in files.items():
        (shop / name).parent.mkdir(parents=True, exist_ok=True)
        (shop / name).write_text(text, "utf-8", newline="")
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "x"]):
        run(["git", *command], shop, environment)
    sha = run(["git", "rev-parse", "HEAD"], shop, environment)

    clone = Lineage(shop, environment, folder)

    assert clone.process_types(sha) == (None if expected is None else frozenset(expected))
    assert clone.process_types("f" * 40) is None
