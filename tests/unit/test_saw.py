"""What a verification saw and why it failed: dynos, their last words, checks, the commit."""

from __future__ import annotations

from threading import Event

import pytest

from accelerator.errors import KeyRefused, NotFound, OutcomeUnknown
from accelerator.events import Evidence
from accelerator.models import Dyno, Verified
from accelerator.steps.verify import dyno_log, smoke
from accelerator.steps.verify.saw import Answer, Count, describe_dynos, ordinal
from accelerator.steps.verify.serving import Claim, verify
from accelerator.steps.verify.smoke import parse_check
from accelerator.steps.verify.visit import Seen
from tests.unit.fakes import COMMIT, Stage, make_app, make_stage, slug

NOBODY = "http://127.0.0.1:9/"  # never asked
TWO_AND_ONE = ("web.1", "web.2", "worker.1")


@pytest.fixture
def stage() -> Stage:
    return make_stage(make_app("shop", "good"), dynos=60.0, smoke=10.0)


def crashed(stage: Stage) -> Claim:
    """Let the dynos of the release that is to be verified crash, and say why."""
    shop = stage.app("shop")
    shop.dynos = [Dyno("web.1", "web", "crashed", 1)]
    shop.said = {"web.1": tuple(f"line {number}" for number in range(30))}
    return Claim("shop", "shop-v1", slug("good"), COMMIT)


def test_a_dyno_that_crashed_tells_its_last_lines(stage: Stage) -> None:
    claim = crashed(stage)

    proof = verify(stage.run, claim)

    assert proof.outcome is Verified.FAILED
    lines = tuple(f"line {number}" for number in range(10, 30))
    assert stage.ear.evidence() == [Evidence("the last lines of web.1 on shop", lines)]


def test_the_last_lines_of_a_dyno_show_no_password(stage: Stage) -> None:
    claim = crashed(stage)
    stage.app("shop").said = {"web.1": ("no way to postgres://ada:hush@db.example/shop",)}

    verify(stage.run, claim)

    lines = ("no way to postgres://***@db.example/shop",)
    assert stage.ear.evidence() == [Evidence("the last lines of web.1 on shop", lines)]


@pytest.mark.parametrize(
    "trouble", [KeyRefused("no"), NotFound("gone"), OutcomeUnknown("lost", "look")]
)
def test_a_log_of_a_dyno_that_cannot_be_read_changes_no_verdict(
    stage: Stage, trouble: Exception
) -> None:
    claim = crashed(stage)
    stage.heroku.failures["log_sessions.fetch_last shop web.1"] = trouble

    proof = verify(stage.run, claim)

    assert proof.outcome is Verified.FAILED
    assert "crashed" in str(proof.flaw)
    assert stage.ear.evidence() == []


def test_a_log_of_a_dyno_that_does_not_come_is_left(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim, release = crashed(stage), Event()
    monkeypatch.setattr(dyno_log, "READ_SECONDS", 0.05)
    stage.heroku.before["log_sessions.fetch_last shop web.1"] = lambda: release.wait(60)

    proof = verify(stage.run, claim)
    release.set()

    assert proof.outcome is Verified.FAILED


def test_an_app_that_keeps_no_log_is_not_asked_for_one(stage: Stage) -> None:
    claim = crashed(stage)
    stage.app("shop").generation = "fir"

    verify(stage.run, claim)

    assert not [call for call in stage.heroku.calls if "log_sessions" in call]
    assert "`heroku logs -a shop` shows what comes" in str(stage.ear.events)


def test_what_was_seen_is_kept_and_told_in_the_step(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = stage.app("shop")
    shop.web_url, shop.formation = NOBODY, {"web": 2, "worker": 1}
    shop.dynos = [Dyno(name, name.partition(".")[0], "up", 1) for name in TWO_AND_ONE]
    monkeypatch.setattr(smoke, "visit", lambda *_: Seen(None, answer=Answer(200)))
    checks = (parse_check("/health {commit}"), parse_check("/"))

    proof = verify(stage.run, Claim("shop", "shop-v1", slug("good"), COMMIT, checks))

    assert proof.saw.dynos == {"web": Count(2, 2), "worker": Count(1, 1)}
    assert [(each.check, each.passed) for each in proof.saw.checks] == [
        ("/health", True),
        ("/", True),
    ]
    assert proof.saw.commit == COMMIT.sha
    assert [step.detail for step in stage.ear.finished()] == [
        f"v1, web 2/2, worker 1/1, /health 200, / 200, commit {COMMIT.sha[:8]}"
    ]


def test_what_dynos_are_waited_for_is_told(stage: Stage) -> None:
    shop = stage.app("shop")
    shop.formation = {"web": 2, "worker": 1}
    shop.dynos = [
        Dyno("web.1", "web", "up", 1),
        Dyno("web.2", "web", "starting", 1),
        Dyno("worker.1", "worker", "crashed", 1),
    ]

    verify(stage.run, Claim("shop", "shop-v1", slug("good"), COMMIT))

    assert set(stage.ear.progress()) == {"dynos 1/3 up (web 1/2, worker 0/1 (1 crashed))"}


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        pytest.param({"web": Count(1, 2)}, "dynos 1/2 up", id="one type"),
        pytest.param({"web": Count(0, 2, 1)}, "dynos 0/2 up, 1 crashed", id="one crashed"),
        pytest.param({}, "dynos 0/0 up", id="none"),
    ],
)
def test_dynos_are_counted_in_few_words(counts: dict[str, Count], said: str) -> None:
    assert describe_dynos(counts) == said


def test_tries_are_numbered_as_people_do() -> None:
    said = [ordinal(number) for number in (1, 2, 3, 4, 11, 12, 13, 21, 22, 103, 111)]

    assert " ".join(said) == "1st 2nd 3rd 4th 11th 12th 13th 21st 22nd 103rd 111th"
