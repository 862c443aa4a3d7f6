"""The proof of the stress run: each thing that must never be is found, and an honest run is not."""

from __future__ import annotations

import importlib
import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
STAGING, PRODUCTION = TARGETS = ("stress-staging", "stress-production")


class Case:
    """An honest run of two commits, to be spoiled."""

    def __init__(self) -> None:
        self.attempts, self.stream, self.state, self.proof, self.watching = (
            importlib.import_module(f"stress_parts.{name}")
            for name in ("attempts", "stream", "state", "proof", "watching")
        )
        self.record = self.stream.Record(
            arrived={1: 0.0, 2: 1.0},
            tested={1: moment(1), 2: moment(2)},
            attempts=[self.job(number) for number in (1, 2, 2)],
            sights=[self.watching.Sight(PRODUCTION, number, number) for number in (0, 1, 2)],
        )
        self.found = self.state.State(
            releases={app: (self.release(app, 1), self.release(app, 2)) for app in TARGETS},
            builds=(self.build(1), self.build(2)),
            requests=50,
            writes={},
            faults=0,
            locks=(),
        )

    def violations(self) -> list[str]:
        found: list[str] = self.proof.find_violations(self.record, self.found)
        return found

    def job(self, number: int, **changes: Any) -> Any:
        targets = [{"app": app, "status": "succeeded"} for app in TARGETS]
        attempt = self.attempts.Attempt(
            link=f"https://ci.example.com/jobs/{number}",
            kind="deploy",
            number=number,
            status=0,
            began=0.0,
            ended=1.0,
            moment=moment(9),
            stdout=json.dumps({"exit_code": 0, "reason": "prepared", "targets": targets}),
            stderr="",
            serves=dict.fromkeys(TARGETS, 2),
        )
        return replace(attempt, **changes)

    def release(self, app: str, number: int, **changes: Any) -> Any:
        made = self.state.Release(
            app=app,
            version=number,
            status="succeeded",
            number=number,
            slug=f"slug-{number}",
            at=moment(number + 2),
            description="Promote",
            is_current=number == 2,
        )
        return replace(made, **changes)

    def build(self, number: int, status: str = "succeeded", on: str = "stress-prepare-1") -> Any:
        return self.state.Build(on, number, status, moment(0), moment(1), f"slug-{number}")

    def put_releases(self, *numbers: int, **changes: Any) -> None:
        made = [
            self.release(PRODUCTION, number, version=version, is_current=version == len(numbers))
            for version, number in enumerate(numbers, 1)
        ]
        made[-1] = replace(made[-1], **changes)
        self.found.releases[PRODUCTION] = tuple(made)

    def put_job(self, **changes: Any) -> None:
        self.record.attempts.insert(0, self.job(1, **changes))

    def put_builds(self, *builds: Any) -> None:
        self.found = replace(self.found, builds=builds)


def moment(second: int) -> str:
    return f"2030-01-01T00:00:{second:02d}Z"


@pytest.fixture
def case(monkeypatch: pytest.MonkeyPatch) -> Case:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    return Case()


def told(**document: Any) -> str:
    return json.dumps(document)


def test_an_honest_run_has_no_violations(case: Case) -> None:
    assert case.violations() == []


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        pytest.param(
            lambda case: case.put_releases(2), "production had no release of its commit", id="a lie"
        ),
        pytest.param(
            lambda case: case.put_job(moment=moment(1)),
            "staging had no release of its commit",
            id="said done too early",
        ),
        pytest.param(
            lambda case: case.put_job(stdout=told(exit_code=0, targets=[])),
            "claims nothing",
            id="green without a target",
        ),
        pytest.param(
            lambda case: case.put_job(serves={STAGING: 0}),
            "staging served 0 over HTTP",
            id="green and not serving",
        ),
        pytest.param(
            lambda case: case.put_job(serves={STAGING: None}),
            "staging served None over HTTP",
            id="green and silent",
        ),
        pytest.param(
            lambda case: case.put_job(
                stdout=told(exit_code=0, reason="superseded", targets=[]), serves={STAGING: 1}
            ),
            "staging served 1 over HTTP",
            id="superseded by nothing",
        ),
        pytest.param(
            lambda case: case.put_releases(1, 2, 1), "from 2 (v2) back to 1", id="went backwards"
        ),
        pytest.param(
            lambda case: case.record.sights.append(replace(case.record.sights[0], number=1)),
            "served 1 over HTTP after 2",
            id="served older code",
        ),
        pytest.param(
            lambda case: case.put_releases(1, 2, 2), "has 2 releases of 2", id="released twice"
        ),
        pytest.param(
            lambda case: case.put_releases(1, 2, at=moment(1)),
            "before its tests were over",
            id="untested",
        ),
        pytest.param(
            lambda case: case.put_builds(case.build(1), case.build(1, on="stress-prepare-2")),
            "1 was built again",
            id="prepared twice",
        ),
        pytest.param(
            lambda case: case.put_builds(case.build(1, on=STAGING), case.build(1, on=PRODUCTION)),
            "1 was built again",
            id="built on both targets",
        ),
        pytest.param(
            lambda case: case.put_builds(case.build(1), case.build(1, on=STAGING)),
            "1 was built beside its preparation",
            id="prepared and built",
        ),
        pytest.param(
            lambda case: case.put_job(status=1), "a mistake of its own", id="the tool failed"
        ),
        pytest.param(
            lambda case: case.put_job(stdout="", status=9), "without the document", id="no document"
        ),
        pytest.param(
            lambda case: case.put_job(
                status=3, stdout=told(exit_code=3, reason="diverged", targets=[])
            ),
            "refused as diverged",
            id="a wrong refusal",
        ),
        pytest.param(
            lambda case: case.put_job(was_killed=True, has_hung=True, status=-9), "hung", id="hung"
        ),
        pytest.param(
            lambda case: setattr(case.record, "is_cut_short", True), "its end in time", id="endless"
        ),
        pytest.param(
            lambda case: case.record.abandoned.update({case.job(1).link: {"app": STAGING}}),
            "left the lock of stress-staging behind",
            id="a lock left behind",
        ),
        pytest.param(
            lambda case: setattr(
                case,
                "found",
                replace(case.found, locks=({"app": STAGING, "state": "held", "link": "x"},)),
            ),
            "still stands (held",
            id="a lock that stays",
        ),
        pytest.param(
            lambda case: case.record.attempts.append(
                case.job(2, status=9, stdout=told(exit_code=9))
            ),
            "the deploy after the stream exited 9",
            id="blocked for good",
        ),
    ],
)
def test_what_must_never_be_is_found(case: Case, spoil: Any, said: str) -> None:
    spoil(case)

    assert any(said in violation for violation in case.violations()), case.violations()


def test_a_build_after_a_failed_one_has_its_reason(case: Case) -> None:
    case.put_builds(case.build(1, "failed"), case.build(1))

    assert case.violations() == []


def test_a_deploy_may_build_what_a_prepare_job_that_was_cut_off_did_not(case: Case) -> None:
    case.put_builds(case.build(1), case.build(1, on=STAGING))
    case.put_job(kind="prepare", status=9, stdout=told(exit_code=9))

    assert case.violations() == []


def test_what_a_way_that_promises_nothing_did_instead_is_told(case: Case) -> None:
    case.put_releases(2)
    case.record.attempts[:] = [case.job(1, stdout="promoted")]

    wrongs = case.proof.find_wrongs(case.record, case.found)

    assert wrongs == [
        "deploy 1 (1) is green, but stress-production ran 2 (v1, Promote)",
    ]


def test_without_locks_what_only_they_hold_is_counted_apart(case: Case) -> None:
    case.put_releases(1, 2, 1)
    case.put_job(moment=moment(1), serves={STAGING: 0})

    promised = case.proof.find_violations(case.record, case.found, has_locks=False)
    apart = case.proof.find_unlocked(case.record, case.found)

    assert {each.partition("but ")[2] for each in promised} == {
        f"{app} had no release of its commit" for app in TARGETS
    }
    assert [each for each in apart if "back to 1" in each]
    assert [each for each in apart if "served 0 over HTTP" in each]
    assert sorted(case.violations()) == sorted([*promised, *apart])


@dataclass
class Place:
    """A site of which only locks and clock are asked."""

    notes: list[dict[str, str]]
    moved: list[Any] = field(default_factory=list)
    clock: Any = field(default_factory=lambda: SimpleNamespace(skipped=0.0))

    def read_locks(self) -> list[dict[str, str]]:
        return self.notes

    def read_moment(self) -> str:
        return moment(0)

    def control(self, *asked: Any) -> None:
        self.moved.append(asked)
        self.notes.clear()


@pytest.mark.parametrize(
    ("comes", "moves"),
    [
        pytest.param(True, 0, id="whose job comes again is left to it"),
        pytest.param(False, 1, id="that nobody comes back for runs out"),
    ],
)
def test_the_lock_of_a_dead_runner(
    monkeypatch: pytest.MonkeyPatch, *, comes: bool, moves: int
) -> None:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    locks = importlib.import_module("stress_parts.locks")
    monkeypatch.setattr(locks, "LOOK_SECONDS", 0.001)
    note = {"link": "x", "nonce": "n", "state": "held", "expires_at": moment(45), "app": STAGING}
    site, seen = Place([note]), Event()

    def is_coming(_: str | None) -> bool:
        seen.set()
        return comes

    with locks.TimePassing(site, locks.Gate(), lambda _: False, is_coming) as passing:
        assert seen.wait(60)

    assert list(passing.left) == ["x"]
    assert len(site.moved) == moves


def test_an_attempt_at_a_job_is_known_for_what_it_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    ways, plan = (importlib.import_module(f"stress_parts.{name}") for name in ("ways", "plan"))
    site = SimpleNamespace(
        history=SimpleNamespace(shas=["0" * 40, "1" * 40]),
        platform=SimpleNamespace(url="http://127.0.0.1:1", key="key"),
        locks=tmp_path / "locks.git",
    )
    (change,) = plan.make_stream(plan.Size(commits=1))

    def identity(work: Any) -> tuple[str, ...]:
        return tuple(work.env[name] for name in ("CI_PIPELINE_ID", "CI_JOB_NAME", "CI_JOB_ID"))

    way = ways.Accelerator(tmp_path)
    first, again = (ways.Job(site, change, tmp_path, 7, number) for number in (1001, 1002))

    assert identity(way.deploy(first)) == ("7", "deploy", "1001")
    assert identity(way.deploy(again)) == ("7", "deploy", "1002")
    assert identity(way.prepare(again)) == ("7", "prepare", "1002")
    assert way.deploy(again).env["CI_JOB_URL"] == again.link
    assert f"--lock-remote=file://{site.locks}" in way.deploy(first).command
    assert "--lock-remote=heroku" in ways.in_herokus_git(way).deploy(first).command


def test_a_killed_job_has_nothing_to_say(case: Case) -> None:
    case.put_job(was_killed=True, status=-9, stdout="", serves={})
    case.record.abandoned[case.job(1).link] = {"app": STAGING}

    assert case.violations() == []


def test_the_same_seed_draws_the_same_stream_whatever_is_killed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    plan = importlib.import_module("stress_parts.plan")

    def draw(**size: Any) -> list[Any]:
        return [
            replace(each, prepare_dies=None, deploy_dies=None)
            for each in plan.make_stream(plan.Size(**size))
        ]

    assert draw(seed=3) == draw(seed=3, kills=0.9)
    assert draw(seed=3) != draw(seed=4)
