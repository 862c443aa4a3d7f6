"""Waiting for the build of this very commit."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from accelerator.errors import OutcomeUnknown
from accelerator.steps.compare.facts import Facts
from accelerator.steps.compare.running_build import join, patience, wait_for_build
from accelerator.steps.compare.states import SourceState
from tests.unit.fakes import BEGIN, COMMIT, OTHER, Stage, make_app, make_build, make_stage

if TYPE_CHECKING:
    from accelerator.models import Build

HELD = f"slug-of-{COMMIT.short}"


def took(seconds: float, status: str = "succeeded") -> Build:
    build = make_build("shop-prepare", "x", OTHER, status=status)
    return replace(build, updated_at=BEGIN + timedelta(seconds=seconds))


def history(*builds: Build) -> Facts:
    return Facts((SourceState("shop-prepare", (), builds),), ())


RUNNING = make_build("shop-prepare", None, COMMIT, id="b1", status="pending")


@pytest.fixture
def stage() -> Stage:
    stage = make_stage(make_app("shop-prepare", builds=[RUNNING]))
    stage.heroku.hold(HELD, COMMIT)
    return stage


@pytest.mark.parametrize(
    ("facts", "seconds"),
    [
        pytest.param(history(), 1800.0, id="nothing to go by"),
        pytest.param(history(took(100), took(300), took(200)), 600.0, id="three times the median"),
        pytest.param(history(took(5)), 120.0, id="never less than two minutes"),
        pytest.param(history(took(900, "failed"), took(100)), 300.0, id="failed ones do not count"),
        pytest.param(history(RUNNING), 1800.0, id="running ones do not count"),
    ],
)
def test_how_long_a_build_may_take_is_learnt_from_those_before(
    facts: Facts, seconds: float
) -> None:
    assert patience(facts) == seconds


def test_a_running_build_is_followed_to_its_release(stage: Stage) -> None:
    stage.app("shop-prepare").log_url = "https://logs.example/1"
    stage.app("shop-prepare").builds = [
        replace(RUNNING, output_stream_url="https://logs.example/1")
    ]
    stage.heroku.log_lines = ("-----> Python",)
    stage.app("shop-prepare").build_statuses = ["pending", "pending"]

    ended = join(stage.run, RUNNING, history(took(100)))

    assert (ended.id, ended.status, ended.artifact and ended.artifact.id) == (
        "b1",
        "succeeded",
        HELD,
    )
    assert stage.heroku.writes() == []
    assert [step.outcome for step in stage.ear.finished()] == ["ok"]


def test_its_log_is_shown(stage: Stage) -> None:
    stage.heroku.log_lines = ("-----> Python", "done")

    join(stage.run, replace(RUNNING, output_stream_url="https://logs.example/1"), history())

    assert stage.ear.lines() == ["build shop-prepare: -----> Python", "build shop-prepare: done"]


def test_a_build_that_fails_is_given_back_as_failed(stage: Stage) -> None:
    stage.app("shop-prepare").builds_fail = True

    ended = join(stage.run, RUNNING, history())

    assert (ended.id, ended.status) == ("b1", "failed")
    assert stage.ear.finished()[0].detail == "the build failed"


def test_a_build_that_takes_for_ever_is_taken_for_stuck(stage: Stage) -> None:
    stage.app("shop-prepare").build_statuses = ["pending"] * 9
    stage.heroku.call_seconds = 160.0

    ended = join(stage.run, RUNNING, history(took(100)))

    assert ended.status == "failed"
    assert stage.heroku.calls == ["builds.fetch shop-prepare b1"] * 2
    assert stage.ear.finished()[0].detail == "not done after 300 s"


def test_the_time_a_build_has_run_already_counts(stage: Stage) -> None:
    stage.app("shop-prepare").build_statuses = ["pending"] * 9
    stage.heroku.call_seconds = 30.0
    stage.clock.pass_seconds(3600)

    join(stage.run, RUNNING, history(took(100)))

    assert stage.ear.finished()[0].detail == "not done after 30 s"


def test_at_the_runs_own_deadline_the_outcome_is_unknown() -> None:
    stage = make_stage(make_app("shop-prepare", builds=[RUNNING]), seconds=20.0)
    stage.app("shop-prepare").build_statuses = ["pending"] * 9
    stage.heroku.call_seconds = 20.0

    with pytest.raises(OutcomeUnknown):
        join(stage.run, RUNNING, history(took(100)))


def test_a_release_command_that_hangs_does_not_spoil_the_artifact(stage: Stage) -> None:
    prepare = stage.app("shop-prepare")
    landed = prepare.land(HELD, status="pending")
    ended = replace(RUNNING, status="succeeded", artifact=landed.artifact, release_id=landed.id)
    prepare.builds = [ended]
    stage.heroku.call_seconds = 100.0

    assert join(stage.run, RUNNING, history(took(100))) == ended


APPS = ("shop-prepare", "shop-prepare-2")


@pytest.mark.parametrize("status", ["pending", "succeeded", "failed"])
def test_a_build_that_appears_on_any_app_ends_the_waiting(status: str) -> None:
    stage = make_stage(*(make_app(app) for app in APPS))
    looks: list[object] = []

    def appear() -> None:
        looks.append(None)
        if len(looks) == 3:
            late = make_build("shop-prepare-2", None, COMMIT, status=status)
            stage.app("shop-prepare-2").builds = [late]

    stage.heroku.always["builds.fetch_newest shop-prepare-2"] = appear

    assert wait_for_build(stage.run, COMMIT, APPS, 600.0)
    assert len(looks) == 3


def test_builds_of_other_commits_are_not_waited_with(stage: Stage) -> None:
    stage.app("shop-prepare").builds = [make_build("shop-prepare", "x", OTHER)]

    assert not wait_for_build(stage.run, COMMIT, ("shop-prepare",), 60.0)
    assert 0 < sum(stage.clock.naps) <= 60.0
    assert stage.ear.finished()[0].detail == "none appeared"
