"""The locks of one deploy: read at once, taken in order, let go however it ends."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, cast

import pytest

from accelerator.errors import BuildFailed, LockUnavailable, NoLockRefs, OutcomeUnknown, Refused
from accelerator.events import Note
from accelerator.models import LockKind, LockMode, Refusal, Swap
from accelerator.steps.guard.held import look
from accelerator.steps.guard.holding import HeldLocks
from accelerator.steps.guard.locks import FRESH_SECONDS, TargetLocks
from accelerator.steps.guard.notes import freeze_ref, lock_ref, reject_ref, render_note
from accelerator.steps.guard.policy import LockPolicy
from tests.unit.deployscene import scene
from tests.unit.fakes import COMMIT, FakeHost, MemoryRefs, Stage, make_note, make_stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from accelerator.repository import LockHost
    from accelerator.steps.run import Run

NOTES = (make_note(app="shop-us"), make_note(app="shop-eu"))


@pytest.fixture
def stage() -> Stage:
    return make_stage()


@pytest.fixture
def refs() -> MemoryRefs:
    return MemoryRefs()


@pytest.fixture
def locks(stage: Stage, refs: MemoryRefs) -> Iterator[TargetLocks]:
    locks = begin(stage, refs)
    yield locks
    locks.watch.close()


def before(stage: Stage, host: FakeHost) -> Run:
    """Give the stage's run, with a place where locks are kept."""
    return replace(stage.run, marks=cast("LockHost", host))


def begin(stage: Stage, refs: MemoryRefs, mode: LockMode = LockMode.AUTO) -> TargetLocks:
    locks = TargetLocks(before(stage, FakeHost(refs)), LockPolicy(mode, 30.0, "us"))
    locks.watch.begin()
    return locks


def seen(locks: TargetLocks) -> list[str] | None:
    """Read what stands in the remote; None where nothing is asked."""
    standing = locks.read()
    return None if standing is None else list(standing.refs)


def test_what_stands_in_the_remote_is_read_beside_everything_else(
    locks: TargetLocks, refs: MemoryRefs
) -> None:
    refs.put(freeze_ref("shop"), "closed")

    assert seen(locks) in ([], [freeze_ref("shop")])
    assert locks.watch.remote is not None


def test_what_was_just_read_is_not_read_again_and_what_is_old_is(
    stage: Stage, locks: TargetLocks, refs: MemoryRefs
) -> None:
    locks.read()
    looks = refs.looks
    refs.put(freeze_ref("shop"), "closed")

    soon = seen(locks)
    stage.clock.pass_seconds(FRESH_SECONDS)
    later = seen(locks)

    assert (soon, later) == ([], [freeze_ref("shop")])
    assert refs.looks == looks + 1


@pytest.mark.parametrize(
    ("mode", "has_remote", "warnings"),
    [
        pytest.param(LockMode.OFF, True, 0, id="off"),
        pytest.param(LockMode.OFF, False, 0, id="off, no remote"),
        pytest.param(LockMode.AUTO, False, 1, id="auto, no remote: said"),
    ],
)
def test_without_locks_nothing_is_held(
    stage: Stage, refs: MemoryRefs, mode: LockMode, has_remote: bool, warnings: int
) -> None:
    run = before(stage, FakeHost(refs)) if has_remote else stage.run

    with TargetLocks.opened(run, LockPolicy(mode)) as locks:
        assert (locks.read() is None) is not has_remote
        with locks.hold(NOTES) as held:
            assert (held.locks, locks.kind) == ([], LockKind.NONE)

    assert (refs.swaps, len(stage.ear.warnings())) == ([], warnings)


def test_required_wants_a_lock_remote(stage: Stage) -> None:
    with (
        TargetLocks.opened(stage.run, LockPolicy(LockMode.REQUIRED)) as locks,
        pytest.raises(LockUnavailable, match="no lock remote is named"),
    ):
        locks.read()


def test_locks_are_taken_in_one_order_and_given_back(locks: TargetLocks, refs: MemoryRefs) -> None:
    locks.read()

    with locks.hold(NOTES) as held:
        assert [lock.note.app for lock in held.locks] == ["shop-eu", "shop-us"]
        assert set(refs.refs) == {lock_ref("shop-eu"), lock_ref("shop-us")}

    assert refs.refs == {}


def test_nothing_is_renewed_while_locks_are_given_back_as_that_would_bring_them_back(
    locks: TargetLocks, refs: MemoryRefs
) -> None:
    locks.read()
    pushed: list[int] = []
    swap = refs.swap

    def swap_beside_a_renewal(ref: str, old: str | None, new: str | None) -> Swap:
        refs.swap = swap  # type: ignore[method-assign]
        assert keeper is not None
        keeper.renew()
        pushed.append(refs.pushes + len(refs.swaps))
        return swap(ref, old, new)

    with locks.hold(NOTES):
        keeper, made = locks._keeper, refs.pushes + len(refs.swaps)
        refs.swap = swap_beside_a_renewal  # type: ignore[method-assign]

    assert pushed == [made]
    assert refs.refs == {}


@pytest.mark.parametrize(
    "end", [OutcomeUnknown("lost"), KeyboardInterrupt(), RuntimeError("a bug"), Refused("x", "y")]
)
def test_only_what_is_at_stake_leaves_its_note_behind(
    locks: TargetLocks, refs: MemoryRefs, end: BaseException
) -> None:
    locks.read()

    with pytest.raises(type(end)), locks.hold(NOTES) as held:  # noqa: PT012  # the point
        held.begin(["shop-us"])
        raise end

    assert list(refs.refs) == [lock_ref("shop-us")]
    left = look(refs, "shop-us")
    assert left is not None
    assert left.note is not None
    assert left.note.state == "interrupted"


def test_a_quiet_end_with_something_at_stake_leaves_its_note_as_well(
    locks: TargetLocks, refs: MemoryRefs
) -> None:
    locks.read()

    with locks.hold(NOTES) as held:
        held.begin(["shop-us"])

    assert list(refs.refs) == [lock_ref("shop-us")]


def test_what_was_cut_short_stays_at_stake_until_somebody_has_looked(
    locks: TargetLocks, refs: MemoryRefs
) -> None:
    refs.put(lock_ref("shop-us"), render_note(make_note(app="shop-us", state="interrupted")))
    locks.read()

    with pytest.raises(KeyboardInterrupt), locks.hold(NOTES) as held:  # noqa: PT012
        assert [lock.before is not None for lock in held.locks] == [False, True]
        raise KeyboardInterrupt

    assert list(refs.refs) == [lock_ref("shop-us")]


def test_a_lock_that_cannot_be_had_gives_back_those_that_were(
    stage: Stage, locks: TargetLocks, refs: MemoryRefs
) -> None:
    refs.put(lock_ref("shop-us"), render_note(make_note(app="shop-us", holder="them")))
    locks.read()

    with pytest.raises(Refused, match="shop-us is locked by them"), locks.hold(NOTES):
        raise AssertionError("nobody gets here")

    assert list(refs.refs) == [lock_ref("shop-us")]
    assert 0 < sum(stage.clock.naps) <= 30.0


def test_what_is_begun_is_at_stake_until_its_end_is_known() -> None:
    held = HeldLocks()

    held.begin(["shop-eu", "shop-us"])
    held.begin(app for app in ["shop-us"])
    assert held.at_stake == {"shop-eu", "shop-us"}

    held.ended(["shop-us", "blog"])
    assert held.at_stake == {"shop-eu"}


def test_only_the_locks_of_its_targets_remember_a_promotion(
    locks: TargetLocks, refs: MemoryRefs
) -> None:
    locks.read()

    with locks.hold(NOTES) as held:
        held.begin(["shop-us", "shop-eu"])
        held.remember(["shop-us"], "promotion-1")

    left = {app: look(refs, app) for app in ("shop-eu", "shop-us")}
    notes = {app: found.note for app, found in left.items() if found}
    assert {app: note and note.promotion for app, note in notes.items()} == {
        "shop-eu": None,
        "shop-us": "promotion-1",
    }


def test_one_lost_lock_of_several_is_enough_to_stop_the_write(
    stage: Stage, locks: TargetLocks, refs: MemoryRefs
) -> None:
    locks.read()

    with locks.hold(NOTES) as held:
        held.demand()
        stage.clock.pass_seconds(3600)
        refs.put(lock_ref("shop-us"), render_note(make_note(app="shop-us", holder="them")))
        with pytest.raises(Refused, match="the lock of shop-us ran out"):
            held.demand()

    assert list(refs.refs) == [lock_ref("shop-us")]  # theirs


def test_where_nothing_is_locked_there_is_nothing_to_lose() -> None:
    held = HeldLocks()

    held.remember(["shop"], "promotion-1")
    held.demand()

    assert (held.locks, held.at_stake) == ([], set())


def test_a_target_that_was_not_begun_keeps_no_note_when_the_build_before_it_fails() -> None:
    made = scene(None)
    made.lock()
    made.app("shop").builds_fail = True

    made.fail(BuildFailed)

    assert not [call for call in made.writes() if "shop-eu" in call]
    assert made.refs.refs == {}


def test_two_deploys_that_name_their_targets_in_another_order_do_not_deadlock(
    stage: Stage, refs: MemoryRefs
) -> None:
    first, second = begin(stage, refs), begin(stage, refs)
    first.read()
    second.read()

    with first.hold(NOTES):
        with pytest.raises(Refused) as caught, second.hold(NOTES[::-1]):
            raise AssertionError("nobody gets here")
        assert "shop-eu" in caught.value.message

    assert refs.refs == {}
    for each in (first, second):
        each.watch.close()


NO_REFS = NoLockRefs("declined")
TROUBLES = [
    pytest.param(LockUnavailable("no answer"), id="no answer"),
    pytest.param(OSError(28, "No space left on device"), id="a full disk"),
    pytest.param(RuntimeError("can't start new thread"), id="what nobody expected"),
    pytest.param(KeyError("getpwuid(): uid not found: 4711"), id="no name for the user"),
]


@pytest.mark.parametrize("mode", LockMode)
@pytest.mark.parametrize("trouble", TROUBLES)
@pytest.mark.parametrize("when", ["opened", "read", "read again"])
def test_whatever_keeps_the_remote_from_being_read_nothing_goes_on_without(
    stage: Stage, refs: MemoryRefs, mode: LockMode, trouble: Exception, when: str
) -> None:
    host = FakeHost(refs, trouble if when == "opened" else None)
    refs.trouble = trouble if when == "read" else None

    with TargetLocks.opened(before(stage, host), LockPolicy(mode)) as locks:
        if when == "read again":
            locks.read()
            refs.trouble = trouble
            locks.watch.forget()
        with pytest.raises(LockUnavailable) as caught:
            locks.read()

    assert str(trouble) in caught.value.message
    assert "--lock auto" not in str(caught.value.hint)


@pytest.mark.parametrize("mode", LockMode)
def test_only_a_remote_that_takes_no_such_refs_is_done_without(
    stage: Stage, refs: MemoryRefs, mode: LockMode
) -> None:
    refs.trouble = NO_REFS
    locks = begin(stage, refs, mode)

    if mode is LockMode.REQUIRED:
        with pytest.raises(NoLockRefs):
            locks.read()
    else:
        assert (locks.read(), locks.read()) == (None, None)
        with locks.hold(NOTES) as held:
            assert held.locks == []
        [said] = stage.ear.warnings()
        assert "going on without a lock" in said

    locks.watch.close()
    assert refs.closed


@pytest.mark.parametrize("mode", [LockMode.AUTO, LockMode.REQUIRED])
def test_a_remote_that_only_refuses_the_lock_is_met_when_it_is_taken(
    stage: Stage, refs: MemoryRefs, mode: LockMode
) -> None:
    locks = begin(stage, refs, mode)
    locks.read()
    refs.refused = NO_REFS

    if mode is LockMode.REQUIRED:
        with pytest.raises(NoLockRefs), locks.hold(NOTES):
            raise AssertionError("nobody gets here")
    else:
        with locks.hold(NOTES) as held:
            assert (held.locks, locks.kind) == ([], LockKind.NONE)
        refs.put(freeze_ref("shop"), "closed")
        [found] = locks.find_marks(COMMIT, ["shop"], locks.read())
        assert found.refusal is Refusal.FROZEN  # it is heeded all the same
    locks.watch.close()


@pytest.mark.parametrize(
    "ref", [freeze_ref("blog"), lock_ref("blog"), reject_ref("blog", "1" * 40)]
)
@pytest.mark.parametrize("again", ["find", "swap"])
def test_a_remote_in_which_a_ref_of_ours_was_seen_is_never_done_without(
    stage: Stage, refs: MemoryRefs, ref: str, again: str
) -> None:
    refs.put(ref, "anything")
    locks = begin(stage, refs)
    locks.read()
    refs.trouble = NO_REFS if again == "find" else None
    refs.refused = NO_REFS if again == "swap" else None
    locks.watch.forget()

    with pytest.raises(LockUnavailable, match="had refs of ours"), locks.hold(NOTES):
        locks.read()

    locks.watch.close()


def test_the_second_of_two_targets_is_never_shipped_to_without_a_lock(
    stage: Stage, refs: MemoryRefs
) -> None:
    locks = begin(stage, refs)
    locks.read()
    take_one = refs.swap

    def swap(ref: str, old: str | None, new: str | None) -> Swap:
        refs.refused = NO_REFS if ref == lock_ref("shop-us") else None
        return take_one(ref, old, new)

    refs.swap = swap  # type: ignore[method-assign]

    with pytest.raises(LockUnavailable, match="had refs of ours"), locks.hold(NOTES):
        raise AssertionError("nobody gets here")

    assert refs.refs == {}
    locks.watch.close()


@pytest.mark.parametrize(
    ("is_advisory", "kind"), [(True, LockKind.ADVISORY), (False, LockKind.HELD)]
)
def test_an_advisory_lock_is_told_as_such_once_and_quietly(
    stage: Stage, refs: MemoryRefs, is_advisory: bool, kind: LockKind
) -> None:
    refs.is_advisory = is_advisory
    locks = begin(stage, refs)
    locks.read()

    with locks.hold(NOTES):
        assert locks.kind is kind

    said = [e for e in stage.ear.events if isinstance(e, Note) and "advisory" in e.text]
    assert [each.level for each in said] == ["detail"] * is_advisory
    assert {step.detail for step in stage.ear.finished()} == {"advisory" if is_advisory else ""}
    locks.watch.close()


def test_a_lock_that_cannot_be_given_back_is_said_and_hides_nothing(
    stage: Stage, locks: TargetLocks, refs: MemoryRefs
) -> None:
    locks.read()

    with pytest.raises(ValueError, match="the real trouble"), locks.hold(NOTES[:1]):  # noqa: PT012
        refs.trouble = LockUnavailable("no answer")
        raise ValueError("the real trouble")

    assert "could not be given back (the lock's git remote" in stage.ear.warnings()[0]
