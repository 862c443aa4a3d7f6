"""Which app's git keeps the marks of a target: the target's pipeline tells, not who asks."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

import pytest

from accelerator.connect import Connection
from accelerator.errors import LockUnavailable, NotFound, Refused, Unreachable, UsageProblem
from accelerator.events import Recorder
from accelerator.settings import load_settings
from accelerator.steps.guard.home import choose_home, find_home
from accelerator.steps.guard.notes import freeze_ref
from accelerator.steps.run import GuessedHome
from accelerator.waiting import SystemClock
from tests.unit.deployscene import Scene, scene
from tests.unit.fakes import (
    BEGIN,
    FakeHost,
    MemoryRefs,
    Stage,
    make_app,
    make_coupling,
    make_stage,
)

if TYPE_CHECKING:
    from pathlib import Path

    from accelerator.heroku import Heroku
    from accelerator.models import Coupling
    from accelerator.repository import LockHost, LockPlace


def coupled(app: str, minutes: float | None, stage: str = "development") -> Coupling:
    at = None if minutes is None else BEGIN + timedelta(minutes=minutes)
    return replace(make_coupling(app, stage=stage), created_at=at)


@pytest.mark.parametrize(
    ("couplings", "expected"),
    [
        pytest.param([], None, id="nothing"),
        pytest.param([coupled("shop", 1, "production")], None, id="no development app"),
        pytest.param([coupled("shop", 1, "production"), coupled("a", 9)], "a", id="the only one"),
        pytest.param([coupled("a", 2), coupled("b", 1)], "b", id="the first of several"),
        pytest.param([coupled("b", 1), coupled("a", 1)], "a", id="at one moment, by id"),
        pytest.param([coupled("a", None), coupled("b", 1)], "b", id="without a moment, last"),
    ],
)
def test_the_development_app_that_was_coupled_first_keeps_the_marks(
    couplings: list[Coupling], expected: str | None
) -> None:
    found = choose_home(couplings)

    assert (found.app_id if found else None) == (f"id-of-{expected}" if expected else None)


def world() -> Stage:
    prepare = replace(make_app("prepare", None), coupling=coupled("prepare", 1))
    other = replace(make_app("other", None), coupling=make_coupling("other", "p2", "development"))
    apps = ("shop", "shop-eu")
    shops = [replace(make_app(app, None), coupling=coupled(app, 2, "production")) for app in apps]
    blog = replace(make_app("blog", None), coupling=make_coupling("blog", "p2"))
    lone = replace(make_app("lone", None), coupling=None)
    bare = replace(make_app("bare", None), coupling=make_coupling("bare", "p3"))
    filed = replace(make_app("in-file", None), coupling=None)
    return make_stage(prepare, other, *shops, blog, lone, bare, filed)


def home_of(made: Stage, *targets: str, otherwise: str | None = "asked") -> str | None:
    coupling = {app: made.app(app).coupling for app in targets}
    return find_home(cast("Heroku", made.heroku), coupling, {}, otherwise)


@pytest.mark.parametrize(
    ("targets", "expected"),
    [
        pytest.param(("shop", "shop-eu"), "prepare", id="their pipeline's"),
        pytest.param(("blog",), "other", id="another pipeline's"),
        pytest.param(("lone",), "asked", id="in no pipeline: of who asks"),
        pytest.param(("bare",), "asked", id="no development app: of who asks"),
    ],
)
def test_the_pipeline_of_the_target_tells_whoever_asks(
    targets: tuple[str, ...], expected: str
) -> None:
    assert home_of(world(), *targets) == expected


def test_targets_with_marks_in_several_places_are_no_one_deploy() -> None:
    with pytest.raises(UsageProblem, match="those of shop in the git of prepare, those of blog in"):
        home_of(world(), "shop", "blog")


def test_a_development_app_that_the_key_cannot_see_lets_nobody_through() -> None:
    made = world()

    def missing(_: str) -> Any:
        raise NotFound("no such app")

    made.heroku.apps.fetch = missing  # type: ignore[method-assign]

    with pytest.raises(LockUnavailable, match="at stage development"):
        home_of(made, "shop")


def guessing(guess: str, places: dict[str, MemoryRefs]) -> Scene:
    """Set a scene whose run looks into the git of `guess` first."""
    made = scene("good")
    prepare = made.stage.app("shop-prepare")
    prepare.coupling = coupled("shop-prepare", 1)

    def place_at(app: str) -> LockPlace:
        return cast("LockPlace", FakeHost(places[app]))

    host = cast("LockHost", place_at(guess))
    made.stage.run = replace(made.stage.run, marks=host, guess=GuessedHome(guess, place_at))
    return made


def test_a_freeze_in_the_place_that_the_pipeline_tells_is_heeded_whatever_from_names() -> None:
    places = {"shop-prepare": MemoryRefs(), "elsewhere": MemoryRefs()}
    places["shop-prepare"].put(freeze_ref("shop"), "closed")
    made = guessing("elsewhere", places)

    error = made.fail(Refused)

    assert cast("Refused", error).reason == "frozen"
    assert made.writes() == []


def test_what_stands_where_somebody_only_guessed_counts_for_nothing() -> None:
    places = {"shop-prepare": MemoryRefs(), "elsewhere": MemoryRefs()}
    places["elsewhere"].put(freeze_ref("shop"), "closed")
    made = guessing("elsewhere", places)

    made.deploy()

    assert made.held("shop") == "good"


def test_a_good_guess_costs_one_request_and_no_second_look() -> None:
    places = {"shop-prepare": MemoryRefs()}
    made = guessing("shop-prepare", places)

    made.deploy()

    listed = [call for call in made.stage.heroku.calls if "fetch_of_pipeline" in call]
    assert listed == ["couplings.fetch_of_pipeline pipe"]


def connect(
    directory: Path, flags: dict[str, Any], file: dict[str, Any], stage: Stage, **environment: str
) -> Connection:
    settings = load_settings(flags, environment, file)
    made = Connection(settings, environment, directory, Recorder(SystemClock(), []))
    made.__dict__["heroku"] = stage.heroku
    return made


IN_FILE = {"prepare": {"apps": ["in-file", "second"]}}


@pytest.mark.parametrize(
    ("flags", "file", "expected"),
    [
        pytest.param({}, {}, "prepare", id="the pipeline's"),
        pytest.param({"from": ("other",)}, {}, "prepare", id="not that of --from"),
        pytest.param({}, IN_FILE, "prepare", id="not that of the file, which may be another's"),
        pytest.param({"from": ("other",)}, IN_FILE, "prepare", id="nor that of both"),
        pytest.param({"lock_remote": "origin"}, IN_FILE, "", id="the one that is named"),
        pytest.param({"lock_remote": "heroku"}, {}, "prepare", id="Heroku's git, by the same rule"),
    ],
)
def test_marks_are_kept_in_one_place_whoever_asks(
    tmp_path: Path, flags: dict[str, Any], file: dict[str, Any], expected: str
) -> None:
    assert connect(tmp_path, flags, file, world()).places.find_home("shop") == expected


def test_a_file_under_review_does_not_choose_the_place(tmp_path: Path) -> None:
    job = {"GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": "pull_request"}

    made = connect(tmp_path, {"from": ("other",)}, IN_FILE, world(), **job)

    assert made.places.find_home("shop") == "prepare"


def test_a_target_in_no_pipeline_has_its_marks_where_from_says(tmp_path: Path) -> None:
    asked = connect(tmp_path, {"from": ("other",)}, {}, world())
    unasked = connect(tmp_path, {}, {}, world())
    filed = connect(tmp_path, {"from": ("other",)}, IN_FILE, world())

    assert asked.places.find_home("lone") == "other"
    assert filed.places.find_home("lone") == "in-file"
    with pytest.raises(UsageProblem) as caught:
        unasked.places.find_home("lone")
    assert "--from" in str(caught.value.hint)
    assert "--lock-remote" in str(caught.value.hint)


def test_the_prepare_app_of_a_target_is_that_of_its_pipeline(tmp_path: Path) -> None:
    assert connect(tmp_path, {}, {}, world()).places.find_sources("shop") == ("prepare",)
    named = connect(tmp_path, {"from": ("other",)}, {}, world())
    assert named.places.find_sources("shop") == ("other",)


def test_an_app_that_does_not_exist_is_found_out_before_anything_is_written(
    tmp_path: Path,
) -> None:
    made = world()

    def missing(name: str) -> Any:
        raise NotFound(f"no app {name}")

    made.heroku.apps.fetch = missing  # type: ignore[method-assign]

    with pytest.raises(NotFound, match="no app shpo"):
        connect(tmp_path, {}, {}, made).find_app("shpo")


def test_a_stage_without_its_pipeline_says_what_to_add(tmp_path: Path) -> None:
    with pytest.raises(UsageProblem) as caught:
        connect(tmp_path, {}, {}, world()).find_app("production")

    assert "pipeline" in str(caught.value.hint)
    assert "--from" in str(caught.value.hint)


def test_a_pipeline_that_does_not_list_its_own_app_lets_nobody_through() -> None:
    made = world()
    made.app("prepare").coupling = None
    shop = make_coupling("shop", "emptied")

    with pytest.raises(Unreachable, match="contradict each other: it is in pipeline emptied"):
        find_home(cast("Heroku", made.heroku), {"shop": shop}, {}, "asked")


@pytest.mark.parametrize(
    ("flags", "file"),
    [
        pytest.param({"from": ("second",)}, {}, id="an app of --from in it"),
        pytest.param({}, {"pipeline": "shops"}, id="the pipeline that settings name"),
        pytest.param(
            {"from": ("lone",)}, {"prepare": {"apps": ["second"]}}, id="an app that the file names"
        ),
    ],
)
def test_a_pipeline_that_lists_the_target_counts_though_the_target_is_said_to_be_in_none(
    tmp_path: Path, flags: dict[str, Any], file: dict[str, Any]
) -> None:
    made = world()
    second = replace(make_app("second", None), coupling=coupled("second", 9, "staging"))
    made.heroku.apps_by_name["second"] = second
    made.heroku.pipelines_by_name["shops"] = "pipe"
    made.app("shop").hides_coupling = True

    assert connect(tmp_path, flags, file, made).places.find_home("shop") == "prepare"


def test_an_app_that_cannot_be_read_itself_is_not_said_to_be_in_no_pipeline(
    tmp_path: Path,
) -> None:
    made = world()
    made.heroku.failures["apps.fetch lone"] = NotFound("no such app")

    with pytest.raises(NotFound, match="no such app"):
        connect(tmp_path, {"from": ("other",)}, {}, made).places.find_home("lone")


def test_a_deploy_heeds_the_freeze_of_a_pipeline_that_lists_a_target_said_to_be_in_none() -> None:
    places = {"shop-prepare": MemoryRefs(), "elsewhere": MemoryRefs()}
    places["shop-prepare"].put(freeze_ref("shop"), "closed")
    made = guessing("elsewhere", places)
    made.stage.app("shop").hides_coupling = True

    error = made.fail(Refused)

    assert cast("Refused", error).reason == "frozen"
    assert made.writes() == []
