"""The fence before every write: which writes pass it, what stops at it, and what it costs."""

from __future__ import annotations

import ast
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from accelerator.errors import (
    LockUnavailable,
    PartlyDone,
    PromotionFailed,
    Refused,
    VerificationFailed,
)
from accelerator.models import LockKind, LockMode, OnFailure, Refusal, Route, Swap, Written
from accelerator.steps.compare.wanted import SourceApp
from accelerator.steps.guard.leases import LOOK_SECONDS, METERED_LEASE, RECENT_SECONDS
from accelerator.steps.guard.notes import (
    Mark,
    freeze_ref,
    lock_ref,
    reject_ref,
    render_note,
)
from tests.unit.deployscene import PROMOTION, Scene, scene
from tests.unit.fakes import COMMIT, FakeApp, MemoryRefs, make_app, make_note

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

STEPS = Path(__file__).resolve().parents[2] / "accelerator" / "steps"
LOOK = "look at the lock remote"
TO_SHOP, TO_EU = (f"promotions.create shop-prepare-v1 to {app}" for app in ("shop", "shop-eu"))
MARK = render_note(Mark("ann", "the till is closed", "today"))


class Told(MemoryRefs):
    """A lock remote that notes its looks and changes among the calls to the platform."""

    def __init__(self, calls: list[str]) -> None:
        super().__init__()
        self.calls = calls

    def find(self) -> dict[str, str]:
        self.calls.append(LOOK)
        return super().find()

    def swap(self, ref: str, old: str | None, new: str | None) -> Any:
        if ref.startswith("reject/"):
            self.calls.append(f"{ref}.create")
        return super().swap(ref, old, new)


def watched(
    prepared: str | None = "good", *targets: FakeApp, mode: LockMode = LockMode.AUTO, **changes: Any
) -> Scene:
    """Set a scene in which every call takes so long that no look is young enough for the next."""
    made = scene(prepared, *targets)
    made.refs = Told(made.stage.heroku.calls)
    made.lock(mode)
    made.stage.heroku.call_seconds = RECENT_SECONDS
    made.change(**changes)
    return made


def bad(name: str) -> FakeApp:
    return make_app(name, "old", crashing={"good"})


def waves(*apps: str) -> tuple[tuple[str, ...], ...]:
    return tuple((app,) for app in apps)


def without_pipeline() -> Scene:
    made = watched()
    made.app("shop-prepare").coupling = None
    return made


def compensating() -> Scene:
    eu = make_app("shop-eu", "old", failing={"good"})
    made = watched("good", make_app("shop", "old"), eu, waves=waves("shop", "shop-eu"))
    made.change(on_failure=OnFailure.COMPENSATE)
    return made


WAYS: dict[str, tuple[Callable[[], Scene], list[str]]] = {
    "a promotion": (watched, [PROMOTION]),
    "two waves": (lambda: watched(waves=waves("shop", "shop-eu")), [TO_SHOP, TO_EU]),
    "two releases": (
        without_pipeline,
        ["releases.create shop good", "releases.create shop-eu good"],
    ),
    "a build, and a release of what it left": (
        lambda: watched(None),
        [
            "sources.create",
            f"builds.create shop {COMMIT.short}",
            f"releases.create shop-eu slug-of-{COMMIT.short}",
        ],
    ),
    "a way back, and its rejection": (
        lambda: watched("good", bad("shop")),
        [TO_SHOP, "releases.create shop old", f"reject/shop/{COMMIT.sha}.create"],
    ),
    "a compensation": (compensating, [TO_SHOP, TO_EU, "releases.create shop old"]),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("mode", LockMode)
def test_right_before_every_write_the_lock_remote_is_looked_at(way: str, mode: LockMode) -> None:
    make, writes = WAYS[way]
    made = make()
    made.lock(mode)

    with suppress(VerificationFailed, PromotionFailed):
        made.deploy()

    calls = made.stage.heroku.calls
    done = [(place, call) for place, call in enumerate(calls) if ".create" in call]
    assert [call for _, call in done] == writes
    for place, call in done:
        goes_back = call.endswith((" old", f"{COMMIT.sha}.create"))
        if call.startswith("sources.") or (goes_back and mode is LockMode.OFF):
            continue  # no write to a target; no lock that could be lost
        assert calls[place - 1] == LOOK, call


def calls_of(node: ast.AST) -> Iterator[str]:
    for each in ast.walk(node):
        if isinstance(each, ast.Call):
            yield ast.unparse(each.func)


def test_no_function_of_the_stories_writes_to_the_platform_without_the_fence() -> None:
    nouns = ("promotions", "releases", "builds")
    writing = set()
    for path in STEPS.rglob("*.py"):
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(function, ast.FunctionDef):
                continue
            called = list(calls_of(function))
            if any(call.endswith(f"heroku.{noun}.create") for call in called for noun in nouns):
                writing.add(function.name)
                assert "fence.demand" in called, f"{path.name}: {function.name}"

    assert writing == {"promote", "release", "start_build"}


def test_a_look_beside_the_last_read_of_the_targets_is_young_enough_for_the_write() -> None:
    made = watched("good", make_app("shop", "old"))
    made.stage.heroku.call_seconds = 0.1

    made.deploy()

    calls = made.stage.heroku.calls
    assert calls.count(LOOK) == 2  # at the beginning, and under the lock
    assert LOOK not in calls[calls.index(TO_SHOP) :]
    assert made.report.lock is LockKind.HELD


def test_a_remote_that_takes_its_time_is_looked_at_once_before_a_write() -> None:
    made = watched("good", make_app("shop", "old"))
    find = made.refs.find

    def find_slowly() -> dict[str, str]:
        found = find()
        made.stage.clock.pass_seconds(LOOK_SECONDS - 1)
        return found

    made.refs.find = find_slowly  # type: ignore[method-assign]

    made.deploy()

    calls = made.stage.heroku.calls
    write = calls.index(TO_SHOP)
    assert calls[write - 2 : write] == ["releases.fetch_newest shop", LOOK]


def test_a_look_that_took_too_long_is_none_to_write_on() -> None:
    made = watched("good", make_app("shop", "old"))
    find = made.refs.find

    def find_slowly() -> dict[str, str]:
        found = find()
        made.stage.clock.pass_seconds(LOOK_SECONDS)
        return found

    made.stage.heroku.before["releases.fetch_newest shop"] = lambda: setattr(
        made.refs, "find", find_slowly
    )

    with pytest.raises(LockUnavailable, match="it takes longer than 5 s"):
        made.deploy()

    assert made.writes() == []


def test_an_old_lock_is_renewed_before_the_look_and_not_between_look_and_write() -> None:
    made = watched("good", make_app("shop", "old"))
    swap, freeze = made.refs.swap, freeze_ref("shop")

    def renew_slowly(ref: str, old: str | None, new: str | None) -> Swap:
        if old is not None and new is not None:
            made.refs.put(freeze, MARK)
            made.stage.clock.pass_seconds(RECENT_SECONDS)
        return swap(ref, old, new)

    def grow_old() -> None:
        made.stage.clock.pass_seconds(METERED_LEASE.seconds)
        made.refs.swap = renew_slowly  # type: ignore[method-assign]

    second_look(made, "shop", grow_old)
    made.stage.heroku.call_seconds = 0.1

    error = made.fail(Refused)

    assert (error.reason, made.writes()) == ("frozen", [])


LOSSES: dict[str, Callable[[Scene, str], object]] = {
    "taken by others": lambda made, app: made.refs.put(
        lock_ref(app), render_note(make_note(app=app, holder="them"))
    ),
    "removed by hand": lambda made, app: made.refs.refs.pop(lock_ref(app), None),
}


def second_look(made: Scene, app: str, happen: Callable[[], object]) -> None:
    """Let something happen once the targets were read under the lock."""
    looks: list[object] = []

    def look() -> None:
        looks.append(None)
        if len(looks) == 2:
            happen()

    made.stage.heroku.always[f"releases.fetch_newest {app}"] = look


@pytest.mark.parametrize(
    ("loss", "is_advisory"),
    [("taken by others", True), ("taken by others", False), ("removed by hand", False)],
)
def test_a_lock_that_is_gone_stops_the_write_though_its_lease_still_runs(
    loss: str, is_advisory: bool
) -> None:
    made = watched("good", make_app("shop", "old"))
    made.refs.is_advisory = is_advisory
    second_look(made, "shop", lambda: LOSSES[loss](made, "shop"))

    error = made.fail(Refused)

    assert (error.reason, made.writes()) == ("locked", [])
    assert made.report.reason is Refusal.LOCKED
    assert made.report.lock is (LockKind.ADVISORY if is_advisory else LockKind.HELD)


def test_a_lock_that_a_push_to_something_else_undid_is_put_back_on_an_advisory_remote() -> None:
    made = watched("good", make_app("shop", "old"))
    made.refs.is_advisory = True
    taken: list[str] = []

    def undo() -> None:
        taken.append(made.refs.refs.pop(lock_ref("shop")))

    second_look(made, "shop", undo)

    made.deploy()

    assert (lock_ref("shop"), None, taken[0]) in made.refs.swaps
    assert (made.held("shop"), made.refs.refs) == ("good", {})


def test_a_lock_that_cannot_be_put_back_either_is_lost() -> None:
    made = watched("good", make_app("shop", "old"))
    made.refs.is_advisory = True

    def undo() -> None:
        made.refs.refs.pop(lock_ref("shop"))
        made.refs.undo = [0]

    second_look(made, "shop", undo)

    error = made.fail(Refused)

    assert (error.reason, made.writes()) == ("locked", [])


def test_a_lock_lost_while_the_first_target_is_released_keeps_the_second_untouched() -> None:
    made = without_pipeline()
    take = LOSSES["taken by others"]
    made.stage.heroku.before["releases.create shop good"] = lambda: take(made, "shop-eu")

    error = made.fail(PartlyDone)

    assert "the lock of shop-eu" in error.message
    assert (made.held("shop"), made.held("shop-eu")) == ("good", "old")
    assert [call for call in made.writes() if "shop-eu" in call] == []
    assert (made.entry("shop").status, made.entry("shop-eu").status) == ("succeeded", "refused")


@pytest.mark.parametrize("route", ["promotion", "release", "build"])
@pytest.mark.parametrize("what", ["lock", "freeze"])
def test_a_write_that_was_turned_away_passes_the_fence_again(route: str, what: str) -> None:
    coupling = {"coupling": None} if route == "release" else {}
    made = watched("other" if route == "build" else "good", make_app("shop", "old", **coupling))
    call = {
        "promotion": TO_SHOP,
        "release": "releases.create shop good",
        "build": f"builds.create shop {COMMIT.short}",
    }[route]

    def meanwhile() -> None:
        made.stage.clock.pass_seconds(LOOK_SECONDS)
        if what == "lock":
            LOSSES["removed by hand"](made, "shop")
        else:
            made.refs.put(freeze_ref("shop"), MARK)

    made.stage.heroku.turned_away[call] = meanwhile

    error = made.fail(Refused)

    assert error.reason == ("locked" if what == "lock" else "frozen")
    assert made.held("shop") == "old"


def test_a_lock_lost_in_the_first_wave_stops_the_second_and_the_first_is_told() -> None:
    made = watched(waves=waves("shop", "shop-eu"))
    take = LOSSES["taken by others"]
    made.stage.heroku.before[TO_SHOP] = lambda: take(made, "shop-eu")

    error = made.fail(PartlyDone)

    assert error.message.startswith("done: shop; not done: shop-eu (the lock of shop-eu")
    assert made.writes() == [TO_SHOP]


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("seconds", [RECENT_SECONDS, 0.0], ids=["slow", "at once"])
def test_a_run_that_lost_its_lock_sends_no_rollback_and_no_rejection(
    loss: str, seconds: float
) -> None:
    made = watched("good", bad("shop"))
    made.stage.heroku.call_seconds = seconds
    made.stage.heroku.before["dynos.fetch shop"] = lambda: LOSSES[loss](made, "shop")

    error = made.fail(VerificationFailed)

    assert error.exit_code == 7
    assert "not rolled back, as the lock of shop" in error.message
    assert made.writes() == [TO_SHOP]
    assert not [ref for ref in made.refs.refs if ref.startswith("reject/")]


def test_a_lock_lost_by_another_target_keeps_no_way_back_from_being_taken() -> None:
    made = watched("good", bad("shop"), make_app("shop-eu", "old"))
    take = LOSSES["taken by others"]
    made.stage.heroku.before["dynos.fetch shop"] = lambda: take(made, "shop-eu")

    made.fail(PartlyDone)

    assert made.held("shop") == "old"


def test_a_remote_that_dies_keeps_no_way_back_from_being_taken_while_the_lease_runs() -> None:
    made = watched("good", bad("shop"))

    def die() -> None:
        made.refs.trouble = LockUnavailable("gone")

    made.stage.heroku.before["dynos.fetch shop"] = die

    error = made.fail(VerificationFailed)

    assert (error.exit_code, made.held("shop")) == (6, "old")
    assert made.entry("shop").rejection is Written.LOST
    assert any("held by its lease" in text for text in made.stage.ear.warnings())


def test_a_remote_that_dies_stops_every_way_forward() -> None:
    made = watched(waves=waves("shop", "shop-eu"))

    def die() -> None:
        made.refs.trouble = RuntimeError("git was killed")

    made.stage.heroku.before["dynos.fetch shop"] = die

    error = made.fail(PartlyDone)

    assert "git was killed" in error.message
    assert made.writes() == [TO_SHOP]


@pytest.mark.parametrize("mode", LockMode)
@pytest.mark.parametrize(
    ("ref", "refusal"),
    [
        pytest.param(freeze_ref("shop-eu"), Refusal.FROZEN, id="a freeze"),
        pytest.param(reject_ref("shop-eu", COMMIT.sha), Refusal.REJECTED, id="a rejection"),
    ],
)
def test_a_mark_that_appears_between_two_waves_stops_the_second(
    ref: str, refusal: Refusal, mode: LockMode
) -> None:
    made = watched(waves=waves("shop", "shop-eu"), mode=mode)
    made.stage.heroku.before["dynos.fetch shop"] = lambda: made.refs.put(ref, MARK)

    error = made.fail(PartlyDone)

    assert "the till is closed" in error.message
    assert made.writes() == [TO_SHOP]
    assert made.entry("shop").status == "succeeded"
    assert refusal in {"frozen", "rejected"}
    assert set(made.refs.refs) == {ref}


@pytest.mark.parametrize("mode", LockMode)
def test_a_freeze_that_appears_stops_no_way_back(mode: LockMode) -> None:
    made = watched("good", bad("shop"), mode=mode)
    freeze = freeze_ref("shop")
    made.stage.heroku.before["dynos.fetch shop"] = lambda: made.refs.put(freeze, MARK)

    error = made.fail(VerificationFailed)

    assert (error.exit_code, made.held("shop")) == (6, "old")
    assert set(made.refs.refs) == {freeze, reject_ref("shop", COMMIT.sha)}
    assert made.entry("shop").rejection is Written.MADE


@pytest.mark.parametrize("mode", LockMode)
@pytest.mark.parametrize("ref", [freeze_ref("shop"), reject_ref("shop", COMMIT.sha)])
def test_freezes_and_rejections_are_heeded_however_it_is_locked(mode: LockMode, ref: str) -> None:
    made = watched("good", make_app("shop", "old"), mode=mode)
    made.refs.put(ref, MARK)

    made.fail(Refused)

    assert made.writes() == []


@pytest.mark.parametrize("plan_only", [True, False])
@pytest.mark.parametrize("mode", LockMode)
def test_a_remote_that_cannot_be_read_lets_nothing_through_and_no_plan_either(
    mode: LockMode, plan_only: bool
) -> None:
    made = watched("good", make_app("shop", "old"), mode=mode)
    made.refs.trouble = OSError(28, "No space left on device")

    error = made.fail(LockUnavailable, plan_only=plan_only)

    assert (error.exit_code, made.writes(), made.report.plan) == (3, [], None)
    assert "No space left" in error.message


@pytest.mark.parametrize(
    ("mode", "lock"),
    [
        pytest.param(LockMode.AUTO, ("ok", "free, and advisory"), id="auto"),
        pytest.param(LockMode.OFF, ("unknown", "none would be taken"), id="off"),
    ],
)
def test_a_plan_says_what_is_known_of_lock_and_marks(mode: LockMode, lock: tuple[str, str]) -> None:
    made = watched("good", make_app("shop", "old"), mode=mode)
    made.refs.is_advisory = True

    plan = made.deploy(plan_only=True).plan

    assert plan is not None
    checks = {check.name: (check.outcome, check.detail) for _, check in plan.checks}
    assert checks["lock"] == lock
    assert checks["marks"] == ("ok", "neither frozen nor rejected")


def test_a_plan_without_a_lock_remote_knows_neither() -> None:
    made = scene("good", make_app("shop", "old"))

    plan = made.deploy(plan_only=True).plan

    assert plan is not None
    checks = {check.name: check.outcome for _, check in plan.checks}
    assert (checks["lock"], checks["marks"]) == ("unknown", "unknown")


@pytest.mark.parametrize(
    ("undo", "standing", "written"),
    [
        pytest.param([], None, Written.MADE, id="made"),
        pytest.param([], MARK, Written.STOOD, id="it stood"),
        pytest.param([0, 0, 0], None, Written.LOST, id="lost"),
    ],
)
def test_what_became_of_an_automatic_rejection_is_told(
    undo: list[int], standing: str | None, written: Written
) -> None:
    made = watched("good", bad("shop"))
    ref = reject_ref("shop", COMMIT.sha)

    def arrange() -> None:
        made.refs.is_advisory, made.refs.undo = True, list(undo)
        if standing is not None:
            made.refs.put(ref, standing)

    made.stage.heroku.before["releases.create shop old"] = arrange

    made.fail(VerificationFailed)

    said = made.stage.ear.warnings()[-1]
    assert made.entry("shop").rejection is written
    assert ("could not be kept" in said) is (written is Written.LOST)
    assert (ref in made.refs.refs) is (written is not Written.LOST)


def test_what_was_cut_short_before_stays_when_the_fence_stops_us() -> None:
    made = watched("good", make_app("shop", "old"))
    note = make_note(state="interrupted", previous_release=1, commit="1" * 40)
    made.refs.put(lock_ref("shop"), render_note(note))
    second_look(made, "shop", lambda: made.refs.put(freeze_ref("shop"), MARK))
    sources = (SourceApp("shop-prepare"),)

    made.fail(Refused, sources=sources)

    assert made.entry("shop").route is Route.PROMOTE
    assert "interrupted" in made.refs.texts[made.refs.refs[lock_ref("shop")]]
