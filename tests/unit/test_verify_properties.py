"""Properties of the verification over any world at all: see `tests.unit.verifyworlds`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import event, example, given, settings

from accelerator.models import Verified
from accelerator.steps.verify import smoke
from accelerator.steps.verify.serving import Claim, Proof, verify
from accelerator.steps.verify.smoke import parse_check
from tests.unit.fakes import COMMIT, slug
from tests.unit.verifyworlds import LONG, SITE, ServingWorld, Slot, Visited, play, serving_worlds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from accelerator.steps.verify.smoke import SmokeCheck

DYNOS_SECONDS = 300.0
CHECK_SECONDS = 120.0

REPLACED_LATE = ServingWorld(
    slots=(Slot("web.1", 0.0, 2.0, crashes=False),),
    others=(),
    kind="preboot",
    switch_seconds=170.0,
    may_read_preboot=True,
    old_is_well=True,
    warm_at=LONG,
    maintenance_from=LONG,
    checks=("/health",),
    run_seconds=LONG,
)
"""Old code answers well for minutes, and new code never does."""

many = settings(max_examples=100, deadline=None)


def judge(world: ServingWorld) -> tuple[Proof, Visited]:
    visited = play(world)
    checks = tuple(parse_check(check) for check in world.checks)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(smoke, "visit", visited.visit)
        proof = verify(visited.stage.run, Claim("shop", "shop-v2", slug("good"), COMMIT, checks))
    event(proof.outcome)
    return proof, visited


def last_visits(visited: Visited) -> Iterator[tuple[SmokeCheck, list[tuple[str, bool]]]]:
    """Give of each check its last visits, as many as it wants: who answered, and whether well."""
    for text in visited.world.checks:
        check = parse_check(text)
        heard = [(who, well) for url, who, well in visited.visits if url == SITE + check.url[1:]]
        yield check, heard[-check.times :]


@many
@given(serving_worlds())
@example(REPLACED_LATE)
def test_nothing_passes_but_what_is_up_and_what_new_code_answered(world: ServingWorld) -> None:
    proof, visited = judge(world)

    if proof.outcome is Verified.PASSED:
        assert world.all_up_at <= visited.now
        for check, heard in last_visits(visited):
            assert heard == [("new", True)] * check.times


@many
@given(serving_worlds())
def test_nothing_has_failed_but_what_new_code_did_not_do(world: ServingWorld) -> None:
    proof, visited = judge(world)

    if proof.outcome is Verified.FAILED:
        bad = [s for s in world.slots if s.appears <= visited.now < s.up_at]
        assert bad or visited.visits[-1][1:] == ("new", False)
        assert not proof.cut_short
        if world.run_seconds < CHECK_SECONDS:
            assert any(slot.crashes for slot in world.slots)


def verdict_of(world: ServingWorld) -> Verified | None:
    """Return the one right verdict on a plain world; None where it is a matter of seconds."""
    lasting = [slot.appears + slot.boots for slot in world.slots if slot.crashes]
    if any(seconds < DYNOS_SECONDS - 30 for seconds in lasting):
        return Verified.FAILED
    if any(seconds > DYNOS_SECONDS - 5 for seconds in (world.all_up_at, *lasting)):
        is_there = [slot for slot in world.slots if slot.up_at > DYNOS_SECONDS + 5]
        never = is_there and all(slot.appears > DYNOS_SECONDS for slot in is_there)
        return Verified.INCONCLUSIVE if never else None
    if not world.checks or (world.web and world.warm_at < world.switched_at + CHECK_SECONDS - 10):
        return Verified.PASSED
    if not world.web:
        return Verified.INCONCLUSIVE
    return Verified.FAILED if world.warm_at == LONG else None


@many
@given(serving_worlds(is_plain=True))
def test_where_time_is_enough_the_verdict_is_the_right_one(world: ServingWorld) -> None:
    proof, _ = judge(world)

    assert proof.outcome is (verdict_of(world) or proof.outcome)
