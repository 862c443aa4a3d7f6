"""Deploys under guards and locks: what is checked, when, and what is left for the next one."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from accelerator.errors import (
    AcceleratorError,
    KeyRefused,
    LockUnavailable,
    NoLockRefs,
    OutcomeUnknown,
    PartlyDone,
    Refused,
    Superseded,
    Unreachable,
    UsageProblem,
    VerificationFailed,
    WrongArtifact,
)
from accelerator.models import Ancestry, LockMode, OnMiss, OnSuperseded, Reason, Refusal, Route
from accelerator.output.deploy import target_lines
from accelerator.steps.guard.direction import Direction
from accelerator.steps.guard.held import look
from accelerator.steps.guard.leases import LEASE, LOOK_SECONDS
from accelerator.steps.guard.notes import (
    Mark,
    freeze_ref,
    lock_ref,
    parse_mark,
    reject_ref,
    render_note,
)
from accelerator.steps.report import Report, Serving
from tests.unit.deployscene import BUILT, PROMOTION, Scene, scene
from tests.unit.fakes import (
    COMMIT,
    OTHER,
    make_app,
    make_build,
    make_note,
    relate,
)

if TYPE_CHECKING:
    from accelerator.models import Commit

THIRD = replace(OTHER, sha="3" * 40)
MARK = render_note(Mark("ann", "the till is closed", "today"))
SHOP = "promotions.create shop-prepare-v1 to shop"


def locked(*targets: Any, prepared: str | None = "good", mode: LockMode = LockMode.AUTO) -> Scene:
    """Set a scene with a lock remote, at `scene.refs`."""
    made = scene(prepared, *targets)
    made.lock(mode)
    return made


def one(**changes: Any) -> Scene:
    return locked(make_app("shop", "old", **changes))


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


def test_a_deploy_holds_its_targets_and_gives_them_back() -> None:
    hit = locked()
    seen: list[str] = []
    hit.stage.heroku.before[PROMOTION] = lambda: seen.extend(hit.refs.refs)

    hit.deploy()

    assert seen == [lock_ref("shop"), lock_ref("shop-eu")]
    assert hit.refs.refs == {}
    assert hit.refs.closed


def test_the_lock_tells_who_does_what() -> None:
    hit = one()
    seen: list[Any] = []
    hit.stage.heroku.before[SHOP] = lambda: seen.append(look(hit.refs, "shop"))

    hit.deploy()

    note = seen[0].note
    assert (note.holder, note.link, note.commit, note.route) == (
        "us",
        "https://ci.example/1",
        COMMIT.sha,
        "promote",
    )
    assert (note.artifact, note.previous_release) == ("good", 1)


def test_a_target_that_runs_the_commit_needs_no_lock() -> None:
    live = locked(make_app("shop", "good"))

    report = live.deploy()

    assert report.route is Route.LIVE
    assert live.refs.swaps == []


def test_where_somebody_is_busy_on_a_live_target_their_end_is_waited_for() -> None:
    live = locked(make_app("shop", "good"))
    live.refs.put(lock_ref("shop"), render_note(make_note(holder="them")))

    error = live.fail(Refused)

    assert "shop is locked by them" in error.message
    assert live.report.reason is Refusal.LOCKED


def test_what_somebody_ships_while_the_lock_was_waited_for_is_seen_before_the_write() -> None:
    late = one()
    late.stage.heroku.hold("new", THIRD)
    late.refs.put(lock_ref("shop"), render_note(make_note(holder="them")))
    sleep = late.stage.clock.sleep

    def nap(seconds: float) -> None:
        sleep(seconds)
        if late.refs.refs.pop(lock_ref("shop"), None):
            late.app("shop").land("new")

    late.stage.clock.sleep = nap  # type: ignore[method-assign]

    late.fail(
        Superseded,
        lock=replace(late.order.rules.lock, wait_seconds=600.0),
        ancestry=relate(OTHER, COMMIT, THIRD),
    )

    assert late.writes() == []
    assert late.held("shop") == "new"
    assert late.refs.refs == {}


def test_what_somebody_shipped_for_us_meanwhile_is_not_shipped_again() -> None:
    late = one()
    late.refs.put(lock_ref("shop"), render_note(make_note(holder="them")))
    sleep = late.stage.clock.sleep

    def nap(seconds: float) -> None:
        sleep(seconds)
        if late.refs.refs.pop(lock_ref("shop"), None):
            late.app("shop").land("good")

    late.stage.clock.sleep = nap  # type: ignore[method-assign]

    report = late.deploy(lock=replace(late.order.rules.lock, wait_seconds=600.0))

    assert late.writes() == []
    assert (report.route, report.targets[0].status) == (Route.LIVE, "unchanged")


def test_a_release_that_is_pending_on_the_target_is_let_end_first() -> None:
    busy = one()
    pending = busy.app("shop").land("theirs", status="pending")
    busy.stage.heroku.hold("theirs", OTHER)

    def end() -> None:
        shop = busy.app("shop")
        shop.releases = [replace(r, status="failed") if r == pending else r for r in shop.releases]

    busy.stage.heroku.before["releases.fetch shop shop-v2"] = end

    busy.deploy()

    promoted = busy.stage.heroku.calls.index(SHOP)
    assert busy.stage.heroku.calls.index("releases.fetch shop shop-v2") < promoted
    assert busy.held("shop") == "good"


def test_before_building_everything_is_read_again_under_the_lock() -> None:
    miss = locked(make_app("shop", "old"), prepared="old")
    miss.refs.put(lock_ref("shop"), render_note(make_note(holder="them")))
    sleep = miss.stage.clock.sleep

    def nap(seconds: float) -> None:
        sleep(seconds)
        if miss.refs.refs.pop(lock_ref("shop"), None):
            miss.app("shop-prepare").land("good")
            miss.app("shop-prepare").builds = [make_build("shop-prepare", "good", COMMIT)]

    miss.stage.clock.sleep = nap  # type: ignore[method-assign]

    report = miss.deploy(lock=replace(miss.order.rules.lock, wait_seconds=600.0))

    assert (report.route, report.reason) == (Route.PROMOTE, Reason.PREPARED)
    assert not [call for call in miss.writes() if "builds" in call]


def test_without_a_lock_remote_auto_goes_on_and_says_so() -> None:
    hit = one()
    hit.refs.refused = NoLockRefs("declined")

    hit.deploy()

    assert hit.held("shop") == "good"
    assert "going on without a lock" in hit.stage.ear.warnings()[0]


def test_an_environment_that_git_refuses_is_no_missing_lock_remote() -> None:
    hit = one()
    hit.refs.trouble = UsageProblem("GIT_SSL_NO_VERIFY is set")

    error = hit.fail(UsageProblem)

    assert (error.exit_code, hit.writes()) == (2, [])


def test_without_a_lock_remote_required_writes_nothing() -> None:
    hit = locked(make_app("shop", "old"), mode=LockMode.REQUIRED)
    hit.refs.trouble = LockUnavailable("it takes no such refs")

    error = hit.fail(LockUnavailable)

    assert (error.exit_code, hit.writes()) == (3, [])


def test_a_lock_that_ran_out_meanwhile_stops_the_write() -> None:
    slept = one()

    def oversleep() -> None:
        slept.stage.clock.pass_seconds(400)
        slept.refs.put(lock_ref("shop"), render_note(make_note(holder="them")))

    calls: list[object] = []

    def second_look() -> None:
        calls.append(None)
        if len(calls) == 2:
            oversleep()

    slept.stage.heroku.always["releases.fetch_newest shop"] = second_look

    slept.fail(Refused)

    assert slept.writes() == []
    assert slept.report.reason is Refusal.LOCKED
    found = look(slept.refs, "shop")
    assert found is not None
    assert found.note is not None
    assert found.note.holder == "them"


def left(made: Scene) -> str | None:
    found = look(made.refs, "shop")
    return found.note.state if found and found.note else None


@pytest.mark.parametrize(
    ("call", "failure"),
    [
        pytest.param(SHOP, OutcomeUnknown("no answer"), id="the reply is lost"),
        pytest.param(
            "promotions.fetch_targets promotion-1", Unreachable("gone"), id="the platform is gone"
        ),
        pytest.param(
            "promotions.fetch_targets promotion-1", KeyRefused("revoked"), id="the key is revoked"
        ),
        pytest.param("dynos.fetch shop", Unreachable("gone"), id="gone while verifying"),
        pytest.param(SHOP, KeyboardInterrupt(), id="interrupted while promoting"),
        pytest.param("dynos.fetch shop", KeyboardInterrupt(), id="interrupted while verifying"),
    ],
)
def test_where_the_end_is_not_known_a_note_is_left_for_the_next_one(
    call: str, failure: BaseException
) -> None:
    cut = one()
    cut.stage.heroku.failures[call] = failure  # type: ignore[assignment]

    with pytest.raises(type(failure)):
        cut.deploy()

    assert left(cut) == "interrupted"


@pytest.mark.parametrize(
    "call",
    [
        pytest.param("releases.fetch_newest shop-prepare", id="while comparing"),
        pytest.param("slugs.fetch shop-prepare good", id="while reading the artifact"),
    ],
)
def test_before_the_write_an_interrupt_leaves_nothing_behind(call: str) -> None:
    cut = one()
    cut.stage.heroku.failures[call] = KeyboardInterrupt()  # type: ignore[assignment]

    with pytest.raises(KeyboardInterrupt):
        cut.deploy()

    assert cut.refs.refs == {}
    assert cut.refs.closed


def test_an_interrupt_under_the_lock_before_the_write_leaves_nothing_behind() -> None:
    cut = one()
    looks: list[object] = []

    def second_look() -> None:
        looks.append(None)
        if len(looks) == 2:
            raise KeyboardInterrupt

    cut.stage.heroku.always["releases.fetch_newest shop"] = second_look

    with pytest.raises(KeyboardInterrupt):
        cut.deploy()

    assert (len(cut.refs.swaps), cut.refs.refs) == (2, {})


@pytest.mark.parametrize("crashing", [True, False])
def test_where_the_end_is_known_no_note_is_left(crashing: bool) -> None:
    known = one(crashing={"good"} if crashing else set(), failing=set() if crashing else {"good"})

    with pytest.raises(AcceleratorError) as caught:
        known.deploy()

    rejected = {reject_ref("shop", COMMIT.sha)} if crashing else set()
    assert caught.value.exit_code == (6 if crashing else 5)
    assert set(known.refs.refs) == rejected


def test_of_two_targets_only_the_one_in_doubt_keeps_its_note() -> None:
    half = locked()
    half.stage.heroku.failures["dynos.fetch shop-eu"] = Unreachable("gone")

    half.fail(PartlyDone)

    assert list(half.refs.refs) == [lock_ref("shop-eu")]


def interrupted(made: Scene, **changes: Any) -> None:
    """Leave the note of a deploy of the commit that was cut short."""
    note = make_note(state="interrupted", previous_release=1, **changes)
    now = made.stage.clock.moment()
    made.refs.put(lock_ref("shop"), render_note(note.renewed(now, "n", LEASE)))


def test_what_a_deploy_that_was_cut_short_got_done_is_recognised() -> None:
    again = one()
    interrupted(again)
    again.app("shop").land("good")

    report = again.deploy()

    assert again.writes() == []
    assert (report.route, report.targets[0].status) == (Route.LIVE, "unchanged")
    assert again.refs.refs == {}
    assert "cut short" in again.stage.ear.warnings()[0]


def test_what_shows_only_after_a_while_is_waited_for_and_not_repeated() -> None:
    again = one()
    interrupted(again)
    sleep = again.stage.clock.sleep

    def nap(seconds: float) -> None:
        sleep(seconds)
        if len(again.stage.clock.naps) == 3:
            again.app("shop").land("good")

    again.stage.clock.sleep = nap  # type: ignore[method-assign]

    again.deploy()

    assert again.writes() == []
    assert [release.version for release in again.app("shop").releases] == [2, 1]


def test_what_provably_did_not_happen_is_done_now() -> None:
    again = one()
    interrupted(again)

    again.deploy()

    assert again.writes() == [SHOP]
    assert sum(again.stage.clock.naps) == pytest.approx(20.0)


@pytest.mark.parametrize("built", [COMMIT, OTHER], ids=["of ours", "of another commit"])
def test_a_build_that_a_dead_deploy_left_running_is_over_before_anything_is_released(
    built: Commit,
) -> None:
    again = one()
    interrupted(again, commit=built.sha, route="build")
    left_running = make_build("shop", None, built, id="b9", status="pending")
    again.app("shop").builds = [left_running]
    again.stage.heroku.hold(f"slug-of-{built.short}", built)

    again.deploy()

    held = BUILT if built is COMMIT else "good"
    assert again.held("shop") == held
    assert again.app("shop").builds[0].status == "succeeded"
    assert again.writes() == ([] if built is COMMIT else [SHOP])


def test_a_release_taken_over_that_fails_goes_back_to_what_that_deploy_had_recorded() -> None:
    again = one(crashing={"good"})
    interrupted(again)
    again.app("shop").land("good")

    error = again.fail(VerificationFailed)

    assert error.exit_code == 6
    assert again.held("shop") == "old"
    assert again.entry("shop").rolled_back_to == 1


@pytest.mark.parametrize("named", [1, 99], ids=["long ago", "still to come"])
def test_a_release_that_did_not_run_before_is_not_gone_back_to_and_that_is_said(
    named: int,
) -> None:
    again = one(crashing={"good"})
    again.stage.heroku.hold("newer", THIRD)
    again.app("shop").land("newer")
    again.app("shop").land("good")
    interrupted(again)
    note = make_note(state="interrupted", previous_release=named)
    again.refs.put(lock_ref("shop"), render_note(note))

    error = again.fail(VerificationFailed)

    assert (error.exit_code, again.writes(), again.held("shop")) == (7, [], "good")
    [warning] = [text for text in again.stage.ear.warnings() if "is not used" in text]
    assert f"v{named} of shop" in warning


def test_a_note_that_ends_in_a_thousand_years_is_waited_for_no_longer_than_its_traces() -> None:
    again = one()
    far = make_note(state="interrupted", expires_at="2999-01-01T00:00:00+00:00")
    again.refs.put(lock_ref("shop"), render_note(far))

    again.deploy()

    assert sum(again.stage.clock.naps) == pytest.approx(20.0 + LOOK_SECONDS)


def test_a_release_of_nobody_known_that_fails_is_left_alone() -> None:
    live = one(crashing={"good"})
    live.app("shop").land("good")

    error = live.fail(VerificationFailed)

    assert error.exit_code == 7
    assert live.writes() == []


def test_a_lock_by_hand_that_ran_out_is_no_deploy_that_was_cut_short() -> None:
    hit = one()
    hit.refs.put(lock_ref("shop"), render_note(make_note(commit="", route="migration")))
    hit.stage.clock.pass_seconds(400)

    hit.deploy()

    assert hit.stage.ear.warnings() == []
    assert hit.refs.refs == {}


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


def stranger(made: Scene, held: str | None, commit: Commit) -> None:
    """Let somebody without a lock release something between our last look and our write."""
    if held is not None:
        made.stage.heroku.hold(held, commit)
    made.stage.heroku.before[SHOP] = lambda: made.app("shop").land(held)


def test_newer_code_that_slipped_in_under_our_release_is_told_as_a_failure() -> None:
    raced = one()
    stranger(raced, "new", THIRD)

    error = raced.fail(VerificationFailed, ancestry=relate(OTHER, COMMIT, THIRD))

    assert error.exit_code == 7
    assert "v2 was released at the same moment" in error.message
    assert raced.entry("shop").status == "failed"


def test_code_that_slipped_in_and_names_no_commit_is_said_aloud_and_fails_when_strict() -> None:
    aloud, strict = one(), one()
    for made in (aloud, strict):
        made.stage.heroku.hold("new", None)
        made.stage.heroku.before[SHOP] = partial(made.app("shop").land, "new")

    report = aloud.deploy()
    error = strict.fail(VerificationFailed, direction=Direction(strict=True))

    assert report.targets[0].status == "succeeded"
    [warning] = aloud.stage.ear.warnings()
    assert "v2 was released at the same moment, and whether" in warning
    assert "v2 was released at the same moment" in error.message


def test_code_that_slipped_in_is_judged_by_the_build_that_left_it() -> None:
    raced = one(builds=[make_build("shop", "new", THIRD)])
    raced.stage.heroku.hold("new", None)
    raced.stage.heroku.before[SHOP] = partial(raced.app("shop").land, "new")

    error = raced.fail(VerificationFailed, ancestry=relate(OTHER, COMMIT, THIRD))

    assert THIRD.short in error.message


@pytest.mark.parametrize(
    ("held", "commit"),
    [
        pytest.param("older", THIRD, id="older code"),
        pytest.param("old", OTHER, id="a config change"),
        pytest.param("good", COMMIT, id="the same code"),
    ],
)
def test_what_slipped_in_and_is_in_our_release_is_no_trouble(held: str, commit: Commit) -> None:
    raced = one()
    stranger(raced, held, commit)

    report = raced.deploy(ancestry=relate(OTHER, THIRD, COMMIT))

    assert report.targets[0].status == "succeeded"


def test_newer_code_released_over_ours_while_verifying_is_not_called_success() -> None:
    raced = one()
    raced.stage.heroku.hold("new", THIRD)
    raced.stage.heroku.before["dynos.fetch shop"] = lambda: raced.app("shop").land("new")

    error = raced.fail(WrongArtifact)

    assert "since v3" in error.message


def test_doing_it_again_after_all_this_writes_nothing() -> None:
    hit = locked()
    hit.deploy()
    swaps = len(hit.refs.swaps)

    hit.report = Report()
    hit.deploy()

    assert hit.writes() == [PROMOTION]
    assert len(hit.refs.swaps) == swaps


def test_a_plan_lists_every_lock_that_the_deploy_takes() -> None:
    half = locked(make_app("shop", "good"), make_app("shop-eu", "old"))

    planned = half.deploy(plan_only=True).plan
    half.deploy()

    pushed = [ref for ref, old, new in half.refs.swaps if old is None and new is not None]
    assert planned is not None
    assert [w.path for w in planned.writes if w.does == "take the lock"] == pushed
    assert pushed == [lock_ref("shop"), lock_ref("shop-eu")]


def test_a_plan_of_what_is_live_everywhere_lists_no_lock() -> None:
    live = locked(make_app("shop", "good"))

    planned = live.deploy(plan_only=True).plan
    live.deploy()

    assert planned is not None
    assert planned.writes == ()
    assert live.refs.swaps == []
