from __future__ import annotations

import pytest

from accelerator.errors import BuildFailed, Interrupted
from accelerator.steps.guard.held import look
from accelerator.steps.guard.notes import lock_ref, render_note
from accelerator.steps.under_way import UnderWay
from tests.unit.deployscene import scene
from tests.unit.fakes import BEGIN, COMMIT, OTHER, make_app, make_note


@pytest.mark.parametrize("stop", [KeyboardInterrupt(), Interrupted()])
def test_what_is_followed_when_a_run_is_stopped_stays_listed(stop: BaseException) -> None:
    under_way = UnderWay()

    with pytest.raises(type(stop)), under_way.lasting("build 7 on shop"):
        raise stop

    assert under_way.texts == ("build 7 on shop",)


def test_what_has_ended_is_listed_no_more() -> None:
    under_way = UnderWay()

    with under_way.lasting("build 7 on shop"):
        during = under_way.texts
    with pytest.raises(BuildFailed), under_way.lasting("build 8 on shop"):
        raise BuildFailed("shop", "8")

    assert (during, under_way.texts) == (("build 7 on shop",), ())


def test_what_was_begun_is_listed_until_it_was_followed_to_its_end() -> None:
    under_way = UnderWay()

    with under_way.beginning("the build on shop"):
        pass
    between = under_way.texts
    with under_way.lasting("the build on shop"):
        pass

    assert (between, under_way.texts) == (("the build on shop",), ())


def test_what_was_begun_and_has_failed_is_listed_no_more() -> None:
    under_way = UnderWay()

    with under_way.beginning("the build on shop"):
        pass
    with pytest.raises(BuildFailed), under_way.lasting("the build on shop"):
        raise BuildFailed("shop", "8")

    assert under_way.texts == ()


def test_what_could_not_be_begun_is_not_listed() -> None:
    under_way = UnderWay()

    with pytest.raises(BuildFailed), under_way.beginning("the build on shop"):
        raise BuildFailed("shop", "8")

    assert under_way.texts == ()


def test_what_goes_on_twice_is_told_once_in_the_order_of_its_beginning() -> None:
    under_way = UnderWay()

    with under_way.lasting("b"), under_way.lasting("a"), under_way.lasting("b"):
        during = under_way.texts

    assert during == ("b", "a")


@pytest.mark.parametrize(
    ("call", "goes_on"),
    [
        pytest.param(
            "promotions.fetch_targets promotion-1", ("the promotion to shop",), id="promoting"
        ),
        pytest.param("dynos.fetch shop", (), id="verifying: all was released"),
        pytest.param("slugs.fetch shop-prepare good", None, id="comparing: nothing was begun"),
    ],
)
def test_an_interrupted_deploy_knows_what_goes_on_without_it(
    call: str, goes_on: tuple[str, ...] | None
) -> None:
    made = scene("good", make_app("shop", "old"))
    made.lock()
    made.stage.heroku.failures[call] = KeyboardInterrupt()  # type: ignore[assignment]

    with pytest.raises(KeyboardInterrupt):
        made.deploy()

    under_way = made.stage.run.under_way
    assert under_way.texts == (goes_on or ())
    assert under_way.resumable == (() if goes_on is None else ("shop",))
    assert {step.outcome for step in made.stage.ear.timed()} <= {"ok", "interrupted"}


@pytest.mark.parametrize("call", ["releases.fetch_newest shop", "promotions.fetch_targets p7"])
@pytest.mark.parametrize(
    ("commit", "resumable", "earlier"),
    [
        pytest.param(OTHER.sha, (), {"shop": OTHER.sha}, id="of another commit"),
        pytest.param(COMMIT.sha, ("shop",), {}, id="of the same commit"),
    ],
)
def test_a_deploy_that_waits_for_what_one_before_it_began_leaves_that_to_be_resumed(
    call: str, commit: str, resumable: tuple[str, ...], earlier: dict[str, str]
) -> None:
    made = scene("good", make_app("shop", "old"))
    made.lock()
    extra = {"promotion": "p7"} if "p7" in call else {}
    about = {"commit": commit, "artifact": "good", "previous_release": 1, "extra": extra}
    left = make_note(state="interrupted", written_at=BEGIN.isoformat(), **about)
    made.refs.put(lock_ref("shop"), render_note(left))
    seen: list[str] = []

    def interrupt() -> None:
        seen.append(call)
        if len(seen) == (1 if extra else 2):  # the first one decides, before the lock
            raise KeyboardInterrupt

    made.stage.heroku.always[call] = interrupt

    with pytest.raises(KeyboardInterrupt):
        made.deploy()

    under_way, kept = made.stage.run.under_way, look(made.refs, "shop")
    assert under_way.texts == ("what the deploy before this one began on shop",)
    assert (under_way.resumable, under_way.earlier) == (resumable, earlier)
    assert kept is not None
    assert kept.note is not None
    assert (kept.note.commit, kept.note.state) == (commit, "interrupted")


def test_an_interrupt_names_the_deploy_that_resume_would_finish() -> None:
    hint = str(Interrupted(earlier=(("shop", OTHER.sha),)).hint)

    assert hint.startswith("run the same command again: ")
    assert f"`accelerator resume shop` finishes the deploy of {OTHER.sha[:8]} instead" in hint
