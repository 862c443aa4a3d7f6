"""What a lock remote is worth: races on a remote in memory, kind or not, and on real git."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from accelerator.errors import LockUnavailable, NoLockRefs
from accelerator.models import Secret, Swap
from accelerator.repository import LockHost
from accelerator.steps.guard.probe import Ended, Probed, probe
from tests.unit.fakes import BEGIN, MemoryRefs
from tests.unit.githost import KEY, GitHost, run

if TYPE_CHECKING:
    from collections.abc import Callable


class Archive(MemoryRefs):
    """A remote that says done to everybody and keeps what came last."""

    def swap(self, ref: str, old: str | None, new: str | None) -> Swap:
        del old
        if new is None:
            self.refs.pop(ref, None)
        else:
            self.refs[ref] = new
        return Swap.DONE


class Spurious(MemoryRefs):
    """A remote that does nothing of what two want at once."""

    def swap(self, ref: str, old: str | None, new: str | None) -> Swap:
        del ref, old, new
        return Swap.LOST


class Strict(MemoryRefs):
    """A remote that takes no such refs."""

    def swap(self, ref: str, old: str | None, new: str | None) -> Swap:
        raise NoLockRefs(f"hook declined {ref} from {old} to {new}")


class Host:
    """A remote that is opened as often as said, and after that fails as nobody expects."""

    def __init__(self, remote: MemoryRefs, times: int = 2) -> None:
        self.remote, self.times = remote, times

    def open(self) -> MemoryRefs:
        self.times -= 1
        if self.times < 0:
            raise OSError(28, "No space left on device")
        return self.remote


def race(remote: MemoryRefs, rounds: int = 4) -> Probed:
    probed = Probed()
    probe(Host(remote), BEGIN, probed, rounds)
    return probed


def test_where_of_two_changes_one_is_done_locks_hold() -> None:
    remote = MemoryRefs()
    remote.is_metered = False

    probed = race(remote)

    assert probed.ended == {Ended.HELD: probed.races}
    assert probed.races >= 8  # a create and a replace in each round, at least
    assert remote.refs == {}
    assert remote.closed
    probed.demand_worth()


def test_where_both_changes_are_done_an_update_is_lost() -> None:
    remote = Archive()
    remote.is_metered = False

    probed = race(remote)

    assert probed.ended[Ended.LOST] == 4
    assert remote.refs == {}
    with pytest.raises(LockUnavailable, match="updates were lost in 4 of 4 races") as caught:
        probed.demand_worth(is_named_heroku=True)
    assert caught.value.exit_code == 3


def test_where_two_get_in_each_others_way_nothing_is_lost() -> None:
    assert race(Spurious()).ended[Ended.LOST] == 0


def test_a_race_whose_end_is_not_known_proves_nothing() -> None:
    remote = MemoryRefs()
    remote.lose = ["after"] * 100
    remote.is_metered = False

    probed = race(remote)

    assert probed.ended == {Ended.UNKNOWN: 4}
    with pytest.raises(LockUnavailable, match="4 of 4 races have no known end"):
        probed.demand_worth()


def test_where_requests_are_counted_the_rounds_are_few() -> None:
    assert race(MemoryRefs(), rounds=9).races <= 2 * 3


def test_herokus_git_is_not_enough_unless_it_is_named_however_the_races_ended() -> None:
    remote = MemoryRefs()
    remote.is_advisory = True

    probed = race(remote)

    probed.demand_worth(is_named_heroku=True)
    with pytest.raises(LockUnavailable, match="promises none"):
        probed.demand_worth()


@pytest.mark.parametrize(
    ("remote", "error"),
    [
        pytest.param(Strict, NoLockRefs, id="it takes no such refs"),
        pytest.param(MemoryRefs, LockUnavailable, id="it cannot be asked"),
    ],
)
def test_a_remote_that_cannot_be_raced_in_says_why(
    remote: Callable[[], MemoryRefs], error: type[LockUnavailable]
) -> None:
    made = remote()
    made.trouble = LockUnavailable("no answer") if error is LockUnavailable else None

    with pytest.raises(error):
        race(made)

    assert made.closed


@pytest.mark.parametrize("times", [0, 1])
def test_a_remote_that_cannot_be_opened_twice_proves_nothing_and_is_let_go(times: int) -> None:
    remote = MemoryRefs()

    with pytest.raises(LockUnavailable, match="No space left"):
        probe(Host(remote, times), BEGIN, Probed())

    assert remote.closed is (times == 1)


def test_what_a_killed_probe_left_is_removed_by_a_later_one_and_nothing_else() -> None:
    remote = MemoryRefs()
    old, young = (f"{BEGIN - timedelta(hours=h):%Y%m%d%H%M%S}" for h in (2, 0))
    kept = [f"probe/{young}-aa/1", "lock/shop", "probe/somebody", "probe/99999999999999-aa/1"]
    for name in (f"probe/{old}-aa/0", *kept):
        remote.put(name, "x")

    race(remote)

    assert sorted(remote.refs) == sorted(kept)


@pytest.mark.git
def test_real_git_holds_what_it_promises(host: GitHost, environment: dict[str, str]) -> None:
    bare = host.create("locks")
    place, probed = LockHost(f"{host.url}/locks.git", Secret(KEY), environment), Probed()

    probe(place, BEGIN, probed, rounds=1)

    assert probed.ended == {Ended.HELD: probed.races}
    assert run(["git", "for-each-ref"], bare, environment) == ""
