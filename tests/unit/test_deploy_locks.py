"""Deploys under locks: what is looked at with the locks in hand, and what is written without."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from accelerator.errors import LockUnavailable, NoLockRefs, Refused, Superseded, UsageProblem
from accelerator.models import LockMode, Reason, Refusal, Route
from accelerator.steps.guard.held import look
from accelerator.steps.guard.notes import lock_ref, render_note
from accelerator.steps.report import Report
from tests.unit.deployscene import PROMOTION, SHOP, THIRD, locked, one
from tests.unit.fakes import COMMIT, OTHER, make_app, make_build, make_note, relate


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
