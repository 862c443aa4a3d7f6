"""Forward only, freezes and rejections."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, cast

import pytest

from accelerator.errors import LockUnavailable, Refused, Superseded, UsageProblem
from accelerator.models import Ancestry, LockMode, Refusal
from accelerator.steps.compare.facts import Facts
from accelerator.steps.compare.states import TargetState
from accelerator.steps.compare.witness import NO_CODE, Running
from accelerator.steps.guard.direction import Direction, Forward
from accelerator.steps.guard.findings import Finding, demand
from accelerator.steps.guard.locks import TargetLocks
from accelerator.steps.guard.marks import find_marks
from accelerator.steps.guard.notes import Mark, freeze_ref, lock_ref, reject_ref, render_note
from accelerator.steps.guard.policy import LockPolicy, demand_enough
from tests.unit.fakes import (
    COMMIT,
    OTHER,
    FakeClone,
    FakeHost,
    MemoryRefs,
    artifact,
    make_release,
    make_stage,
    relate,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from accelerator.repository import LockHost

YES, NO, UNKNOWN = Ancestry.YES, Ancestry.NO, Ancestry.UNKNOWN
STRICT, NOTHING = Direction(strict=True), Direction()
OLDER, DIVERGED = Direction(allow_older=True), Direction(allow_diverged=True)


def ask(forward: Ancestry, backward: Ancestry) -> Callable[[str, str], Ancestry]:
    """Answer whether what runs is in the commit (forward), or the commit in it."""

    def ancestry(older: str, newer: str) -> Ancestry:
        assert {older, newer} == {COMMIT.sha, OTHER.sha}
        return forward if older == OTHER.sha else backward

    return ancestry


@pytest.mark.parametrize(
    ("forward", "backward", "allowed", "refusal", "is_said"),
    [
        pytest.param(YES, NO, NOTHING, None, False, id="forward"),
        pytest.param(YES, UNKNOWN, STRICT, None, False, id="forward, all the same when strict"),
        pytest.param(NO, YES, NOTHING, Refusal.SUPERSEDED, True, id="backward"),
        pytest.param(NO, YES, OLDER, None, True, id="backward, allowed"),
        pytest.param(NO, YES, DIVERGED, Refusal.SUPERSEDED, True, id="backward, sideways allowed"),
        pytest.param(NO, NO, NOTHING, Refusal.DIVERGED, True, id="sideways"),
        pytest.param(NO, NO, DIVERGED, None, True, id="sideways, allowed"),
        pytest.param(NO, NO, OLDER, Refusal.DIVERGED, True, id="sideways, backward allowed"),
        pytest.param(UNKNOWN, UNKNOWN, NOTHING, None, True, id="nobody can tell: said aloud"),
        pytest.param(
            UNKNOWN, UNKNOWN, STRICT, Refusal.ANCESTRY_UNKNOWN, True, id="nobody can tell, strict"
        ),
        pytest.param(
            UNKNOWN, YES, NOTHING, Refusal.SUPERSEDED, True, id="a cut-off history that shows older"
        ),
        pytest.param(UNKNOWN, NO, STRICT, Refusal.ANCESTRY_UNKNOWN, True, id="half known, strict"),
        pytest.param(UNKNOWN, NO, NOTHING, None, True, id="half known"),
        pytest.param(
            NO,
            UNKNOWN,
            NOTHING,
            Refusal.DIVERGED,
            True,
            id="not forward for certain, older or sideways unknown: a late job with its own clone",
        ),
        pytest.param(NO, UNKNOWN, OLDER, None, True, id="not forward, older allowed"),
        pytest.param(NO, UNKNOWN, DIVERGED, None, True, id="not forward, sideways allowed"),
    ],
)
def test_only_what_goes_forward_or_is_allowed_passes(
    forward: Ancestry,
    backward: Ancestry,
    allowed: Direction,
    refusal: Refusal | None,
    is_said: bool,
) -> None:
    running = Running(OTHER.sha)
    finding = Forward(COMMIT, FakeClone(ask(forward, backward)), allowed).check("shop", running)

    assert finding.refusal is refusal
    assert bool(finding.text) is is_said
    assert bool(finding.hint) is (refusal is not None)


@pytest.mark.parametrize(
    "running",
    [pytest.param(NO_CODE, id="a first deploy"), pytest.param(Running(COMMIT.sha), id="the same")],
)
def test_where_nothing_else_runs_nobody_is_asked(running: Running) -> None:
    def nobody(_older: str, _newer: str) -> Ancestry:
        raise AssertionError("asked")

    assert Forward(COMMIT, FakeClone(nobody), STRICT).check("shop", running) == Finding("shop")


HINTED = Running(gap="its slug names no commit", hint=OTHER.sha)


@pytest.mark.parametrize(
    ("running", "forward", "backward", "allowed", "refusal"),
    [
        pytest.param(replace(HINTED, hint=None), YES, NO, NOTHING, None, id="said aloud"),
        pytest.param(
            replace(HINTED, hint=None), YES, NO, STRICT, Refusal.ANCESTRY_UNKNOWN, id="strict"
        ),
        pytest.param(HINTED, NO, YES, NOTHING, Refusal.SUPERSEDED, id="a hint that it is older"),
        pytest.param(HINTED, NO, NO, NOTHING, Refusal.DIVERGED, id="a hint that it is aside"),
        pytest.param(HINTED, YES, NO, NOTHING, None, id="a hint lets nothing pass unsaid"),
        pytest.param(HINTED, YES, NO, STRICT, Refusal.ANCESTRY_UNKNOWN, id="nor when strict"),
        pytest.param(HINTED, NO, YES, OLDER, None, id="older, and allowed"),
        pytest.param(HINTED, UNKNOWN, UNKNOWN, NOTHING, None, id="a hint nobody knows"),
    ],
)
def test_code_that_nobody_knows_is_no_first_deploy(
    running: Running,
    forward: Ancestry,
    backward: Ancestry,
    allowed: Direction,
    refusal: Refusal | None,
) -> None:
    finding = Forward(COMMIT, FakeClone(ask(forward, backward)), allowed).check("shop", running)

    assert finding.refusal is refusal
    assert "its slug names no commit" in finding.text
    assert bool(finding.hint) is (refusal is not None)


def test_targets_that_run_the_commit_are_not_checked() -> None:
    live = make_release("shop", 1, "good", current=True)
    behind = make_release("shop-eu", 1, "old", current=True)
    targets = (TargetState("shop", "1", (live,)), TargetState("shop-eu", "2", (behind,)))
    held = {"good": artifact("good", COMMIT), "old": artifact("old", OTHER)}

    forward = Forward(COMMIT, FakeClone(relate(COMMIT, OTHER)), Direction())
    findings = forward.check_targets(Facts((), targets, held))

    assert [(found.target, found.refusal) for found in findings] == [
        ("shop-eu", Refusal.SUPERSEDED)
    ]


def test_forward_only_understands_the_alias_of_an_equal_tree() -> None:
    alias = f"Deploy {COMMIT.sha} (same tree as {OTHER.sha})"
    release = make_release("shop", 1, "twin", current=True, description=alias)
    known = Facts((), (TargetState("shop", "1", (release,)),), {"twin": artifact("twin", OTHER)})

    assert known.serves(known.targets[0]) == COMMIT.sha
    assert known.is_live(known.targets[0], COMMIT)


FINE, SAID = Finding("a"), Finding("b", None, "worth a word")
LATE = Finding("c", Refusal.SUPERSEDED, "too late", "nothing to do")
ASIDE = Finding("d", Refusal.DIVERGED, "aside", "rebase")


def test_what_is_worth_saying_is_given_back() -> None:
    assert demand((FINE, SAID)) == ("worth a word",)
    assert demand(()) == ()


@pytest.mark.parametrize(
    ("findings", "kind", "reason"),
    [
        pytest.param((LATE,), Superseded, "superseded", id="all are ahead"),
        pytest.param((LATE, LATE), Superseded, "superseded", id="both are ahead"),
        pytest.param((LATE, FINE), Refused, "superseded", id="one still wants the commit"),
        pytest.param((LATE, ASIDE), Refused, "diverged", id="one is aside: that is told"),
        pytest.param((SAID, ASIDE), Refused, "diverged", id="aside"),
    ],
)
def test_a_late_job_may_pass_only_where_every_target_is_ahead(
    findings: tuple[Finding, ...], kind: type[Refused], reason: str
) -> None:
    with pytest.raises(Refused) as caught:
        demand(findings)

    assert type(caught.value) is kind
    assert (caught.value.reason, caught.value.exit_code) == (reason, 3)
    assert caught.value.hint


MARK = Mark("ann", "the till {is} closed", "2026-03-01T12:00:00+00:00")
SHOP = ("shop",)


def marked(*refs: str, text: str = "") -> MemoryRefs:
    remote = MemoryRefs()
    for ref in refs:
        remote.put(ref, text or render_note(MARK))
    return remote


@pytest.mark.parametrize(
    ("ref", "refusal"),
    [
        pytest.param(freeze_ref("shop"), Refusal.FROZEN, id="frozen"),
        pytest.param(reject_ref("shop", COMMIT.sha), Refusal.REJECTED, id="rejected"),
        pytest.param(freeze_ref("shop-eu"), None, id="another app is frozen"),
        pytest.param(freeze_ref("sho"), None, id="an app with a similar name is frozen"),
        pytest.param(reject_ref("shop", OTHER.sha), None, id="another commit is rejected"),
        pytest.param(reject_ref("blog", COMMIT.sha), None, id="rejected for another app"),
        pytest.param(lock_ref("shop"), None, id="locked: that is waited for"),
    ],
)
def test_marks_refuse_and_tell_who_set_them_and_why(ref: str, refusal: Refusal | None) -> None:
    remote = marked(ref)

    findings = find_marks(COMMIT, SHOP, remote.find(), remote)

    assert [found.refusal for found in findings] == ([refusal] if refusal else [])
    for found in findings:
        assert "the till {is} closed, by ann at 2026-03-01" in found.text
        assert "accelerator " in found.hint


@pytest.mark.parametrize(
    "text",
    [
        *("", "nonsense", "{", "a\n\n[1]", "a\n\n{}", 'a\n\n{"by": {}}'),
        pytest.param("a\n\n" + "[" * 200_000, id="nested deep"),
        pytest.param("x" * 5_000_000, id="five megabytes"),
    ],
)
def test_a_mark_that_cannot_be_read_refuses_all_the_same(text: str) -> None:
    remote = marked(freeze_ref("shop"), text=text or " ")

    findings = find_marks(COMMIT, SHOP, remote.find(), remote)

    assert [found.refusal for found in findings] == [Refusal.FROZEN]


def test_who_and_why_are_shown_on_one_line_and_cut() -> None:
    text = json.dumps({"by": "ann\n::set-output", "reason": "\x1b[2J" + "x" * 9_000, "at": "a\rb"})
    remote = marked(freeze_ref("shop"), text=text)

    [found] = find_marks(COMMIT, SHOP, remote.find(), remote)

    assert found.text.startswith("shop is frozen (\\x1b[2Jxxx")
    assert found.text.endswith("…, by ann ::set-output at a b)")
    assert len(found.text) < 1200


def test_a_mark_refuses_also_when_the_remote_does_not_answer_any_more() -> None:
    remote = marked(freeze_ref("shop"))
    marks = remote.find()
    remote.trouble = LockUnavailable("no answer")

    findings = find_marks(COMMIT, SHOP, marks, remote)

    assert [found.refusal for found in findings] == [Refusal.FROZEN]
    assert "cannot be read" in findings[0].text


def test_a_mark_that_was_just_removed_still_counts_as_it_was_seen() -> None:
    remote = marked(freeze_ref("shop"))
    marks = remote.find()
    remote.refs.clear()

    assert "no reason given" in find_marks(COMMIT, SHOP, marks, remote)[0].text


def test_a_lock_is_seen_by_its_name() -> None:
    def stand_on_shop(app: str) -> bool:
        refs = MemoryRefs()
        refs.put(lock_ref(app), "anything")
        run = replace(make_stage().run, marks=cast("LockHost", FakeHost(refs)))
        return TargetLocks(run, LockPolicy()).stand_on(SHOP)

    assert stand_on_shop("shop")
    assert not stand_on_shop("shop-eu")


@pytest.mark.parametrize(
    ("mode", "is_advisory", "is_named", "is_enough"),
    [
        pytest.param(LockMode.REQUIRED, True, False, False, id="required, and nothing said"),
        pytest.param(LockMode.REQUIRED, True, True, True, id="required, and written down"),
        pytest.param(LockMode.REQUIRED, False, False, True, id="required, compare-and-swap"),
        pytest.param(LockMode.AUTO, True, False, True, id="auto"),
        pytest.param(LockMode.OFF, True, False, True, id="off"),
    ],
)
def test_an_advisory_lock_is_enough_for_required_only_where_that_is_written(
    mode: LockMode, is_advisory: bool, is_named: bool, is_enough: bool
) -> None:
    if is_enough:
        demand_enough(mode, is_advisory=is_advisory, is_named=is_named)
    else:
        with pytest.raises(UsageProblem, match="may give two deploys the same lock"):
            demand_enough(mode, is_advisory=is_advisory, is_named=is_named)
