"""Deploys that guards refuse: backwards, diverged, unknown, frozen, rejected."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from accelerator.errors import (
    KeyRefused,
    LockUnavailable,
    PartlyDone,
    Refused,
    Superseded,
    VerificationFailed,
)
from accelerator.models import Ancestry, OnMiss, OnSuperseded, Refusal
from accelerator.output.deploy import target_lines
from accelerator.steps.guard.direction import Direction
from accelerator.steps.guard.notes import (
    Mark,
    freeze_ref,
    lock_ref,
    parse_mark,
    reject_ref,
    render_note,
)
from accelerator.steps.report import Serving
from tests.unit.deployscene import BUILT, THIRD, locked, one
from tests.unit.fakes import COMMIT, OTHER, make_app, make_build, make_note, relate

if TYPE_CHECKING:
    from accelerator.models import Commit

MARK = render_note(Mark("ann", "the till is closed", "today"))


@pytest.mark.parametrize(
    ("line", "refusal"),
    [
        pytest.param((COMMIT, OTHER), Refusal.SUPERSEDED, id="an older commit"),
        pytest.param((COMMIT,), Refusal.DIVERGED, id="a commit on another line"),
    ],
)
def test_what_does_not_go_forward_is_refused_before_anything_is_written(
    line: tuple[Commit, ...], refusal: Refusal
) -> None:
    late = one()

    late.fail(Superseded if refusal is Refusal.SUPERSEDED else Refused, ancestry=relate(*line))

    assert late.report.reason is refusal
    assert late.writes() == []
    assert late.refs.swaps == []


@pytest.mark.parametrize("is_replaced", [True, False], ids=["taken by others", "removed"])
def test_a_lock_that_was_taken_away_during_a_build_is_said_although_all_went_well(
    is_replaced: bool,
) -> None:
    built = locked(make_app("shop", "old"), prepared=None)

    def take_away() -> None:
        if is_replaced:
            built.refs.put(lock_ref("shop"), render_note(make_note(holder="them")))
        else:
            del built.refs.refs[lock_ref("shop")]

    built.stage.heroku.before["dynos.fetch shop"] = take_away

    built.deploy()

    [warning] = built.stage.ear.warnings()
    assert "the lock of shop ran out or was taken away while this deploy went on" in warning
    assert built.held("shop") == BUILT


def test_what_is_allowed_goes_back_and_says_so() -> None:
    late = one()

    late.deploy(ancestry=relate(COMMIT, OTHER), direction=Direction(allow_older=True))

    assert late.held("shop") == "good"
    assert "which contains c0ffee00" in late.stage.ear.warnings()[0]


def test_a_late_job_may_do_nothing_and_succeed() -> None:
    late = locked()

    report = late.deploy(ancestry=relate(COMMIT, OTHER), on_superseded=OnSuperseded.OK)

    assert late.writes() == []
    assert report.reason is Refusal.SUPERSEDED
    assert [entry.status for entry in report.targets] == ["skipped", "skipped"]
    assert [entry.serving for entry in report.targets] == [Serving(1, OTHER.sha)] * 2
    assert target_lines(report)[0] == (
        f"shop: {COMMIT.short} is skipped: v1 ({OTHER.short}) runs there, which contains it"
    )


def test_a_late_job_leaves_what_runs_its_commit_already() -> None:
    late = locked(make_app("shop", "good"), make_app("shop-eu", "old"))

    report = late.deploy(ancestry=relate(COMMIT, OTHER), on_superseded=OnSuperseded.OK)

    assert [entry.status for entry in report.targets] == ["unchanged", "skipped"]


def test_only_the_targets_that_a_guard_refuses_are_told_as_refused() -> None:
    half = locked()
    half.refs.put(freeze_ref("shop"), MARK)

    half.fail(Refused)

    assert [entry.status for entry in half.report.targets] == ["refused", "pending"]
    assert [entry.refusal for entry in half.report.targets] == [Refusal.FROZEN, None]
    lines = target_lines(half.report)
    assert lines[0].startswith("shop: refused: shop is frozen")
    assert "shop-eu: not attempted" in lines


def test_a_target_that_somebody_else_has_locked_is_told_as_refused() -> None:
    busy = one()
    busy.refs.put(lock_ref("shop"), render_note(make_note(holder="them")))

    busy.fail(Refused)

    assert (busy.entry("shop").status, busy.entry("shop").refusal) == ("refused", Refusal.LOCKED)


def test_a_miss_that_must_not_be_built_is_refused_to_the_targets_that_wait() -> None:
    miss = locked(make_app("shop", "good"), make_app("shop-eu", "old"), prepared=None)

    miss.fail(Refused, on_miss=OnMiss.FAIL)

    assert [entry.status for entry in miss.report.targets] == ["pending", "refused"]


def test_a_late_job_does_not_pass_while_a_target_still_waits_for_its_commit() -> None:
    late = locked(make_app("shop", "new"), make_app("shop-eu", "old"))
    late.stage.heroku.hold("new", THIRD)

    error = late.fail(Refused, ancestry=relate(OTHER, COMMIT, THIRD), on_superseded=OnSuperseded.OK)

    assert error.exit_code == 3
    assert (late.report.reason, late.writes()) == (Refusal.SUPERSEDED, [])


def test_a_commit_on_another_line_is_never_waved_through_as_late() -> None:
    aside = one()

    aside.fail(Refused, ancestry=relate(COMMIT), on_superseded=OnSuperseded.OK)

    assert (aside.report.reason, aside.writes()) == (Refusal.DIVERGED, [])


def test_what_nobody_can_tell_is_said_aloud_and_refused_when_strict() -> None:
    def unknown(_older: str, _newer: str) -> Ancestry:
        return Ancestry.UNKNOWN

    aloud, strict = one(), one()

    aloud.deploy(ancestry=unknown)
    strict.fail(Refused, ancestry=unknown, direction=Direction(strict=True))

    [warning] = aloud.stage.ear.warnings()
    assert "cannot be told from this clone" in warning
    assert strict.report.reason is Refusal.ANCESTRY_UNKNOWN
    assert strict.writes() == []


@pytest.mark.parametrize("is_readable", [True, False])
def test_code_that_names_no_commit_is_said_aloud_and_refused_when_strict(is_readable: bool) -> None:
    aloud, strict = one(), one()
    for made in (aloud, strict):
        made.stage.heroku.hold("old", None)
        if not is_readable:
            made.stage.heroku.failures["slugs.fetch shop old"] = KeyRefused("no")

    aloud.deploy()
    strict.fail(Refused, direction=Direction(strict=True))

    [warning] = aloud.stage.ear.warnings()
    assert f"whether {COMMIT.short} is newer than what shop runs cannot be told" in warning
    assert strict.report.reason is Refusal.ANCESTRY_UNKNOWN
    assert strict.writes() == []


def test_code_that_names_no_commit_is_judged_by_the_build_that_left_it() -> None:
    late = one(builds=[make_build("shop", "old", OTHER)])
    late.stage.heroku.hold("old", None)

    late.fail(Superseded, ancestry=relate(COMMIT, OTHER))

    assert late.writes() == []


def test_a_first_deploy_goes_forward_also_when_strict() -> None:
    first = locked(make_app("shop"))

    report = first.deploy(direction=Direction(strict=True))

    assert report.targets[0].status == "succeeded"
    assert first.stage.ear.warnings() == []


@pytest.mark.parametrize(
    ("ref", "refusal"),
    [
        pytest.param(freeze_ref("shop"), Refusal.FROZEN, id="frozen"),
        pytest.param(reject_ref("shop", COMMIT.sha), Refusal.REJECTED, id="rejected"),
    ],
)
def test_freezes_and_rejections_refuse_and_tell_why(ref: str, refusal: Refusal) -> None:
    frozen = one()
    frozen.refs.put(ref, MARK)

    error = frozen.fail(Refused)

    assert "the till is closed, by ann" in error.message
    assert (frozen.report.reason, frozen.writes()) == (refusal, [])


def test_a_freeze_set_while_the_lock_was_waited_for_is_heeded() -> None:
    frozen = one()
    frozen.refs.put(lock_ref("shop"), render_note(make_note(holder="them", nonce="x")))
    sleep = frozen.stage.clock.sleep

    def nap(seconds: float) -> None:
        sleep(seconds + 15.0)
        frozen.refs.refs.pop(lock_ref("shop"), None)
        frozen.refs.put(freeze_ref("shop"), MARK)

    frozen.stage.clock.sleep = nap  # type: ignore[method-assign]

    frozen.fail(Refused, lock=replace(frozen.order.rules.lock, wait_seconds=600.0))

    assert frozen.report.reason is Refusal.FROZEN
    assert frozen.writes() == []
    assert list(frozen.refs.refs) == [freeze_ref("shop")]


def test_after_an_automatic_rollback_the_commit_is_rejected_for_that_target() -> None:
    bad = locked(make_app("shop", "old", crashing={"good"}), make_app("shop-eu", "old"))

    bad.fail(PartlyDone)

    [(ref, note)] = bad.refs.refs.items()
    mark = parse_mark(bad.refs.texts[note])
    assert ref == reject_ref("shop", COMMIT.sha)
    assert (mark.by, "web.1" in mark.reason) == ("us", True)


def test_a_rejection_that_cannot_be_kept_is_said_and_fails_nothing_more() -> None:
    bad = one(crashing={"good"})
    bad.stage.heroku.before["releases.create shop old"] = lambda: setattr(
        bad.refs, "trouble", LockUnavailable("gone")
    )

    error = bad.fail(VerificationFailed)

    assert error.exit_code == 6
    assert any("could not be kept" in text for text in bad.stage.ear.warnings())


def test_a_rollback_that_did_not_work_rejects_nothing() -> None:
    bad = one(crashing={"good", "old"})

    bad.fail(VerificationFailed)

    assert bad.refs.refs == {}
