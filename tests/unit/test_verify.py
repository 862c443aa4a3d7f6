from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from accelerator.errors import (
    KeyRefused,
    NotFound,
    OutcomeUnknown,
    ReleaseFailed,
    RequestInvalid,
    Unreachable,
    UsageProblem,
    WrongArtifact,
)
from accelerator.models import Dyno, Verified
from accelerator.steps.verify import smoke
from accelerator.steps.verify.serving import Claim, verify
from accelerator.steps.verify.smoke import SmokeCheck, parse_check
from accelerator.steps.verify.visit import Seen
from tests.unit.fakes import BEGIN, COMMIT, FakeClock, Stage, make_app, make_stage, slug

if TYPE_CHECKING:
    from accelerator.steps.verify.visit import Expected
    from accelerator.waiting import Deadline

NOBODY = "http://127.0.0.1:9/"  # the discard port: nothing listens there


@pytest.fixture
def stage() -> Stage:
    return make_stage(make_app("shop", "good"), dynos=5.0, smoke=1.0)


def test_the_artifact_on_running_dynos_passes(stage: Stage) -> None:
    proof = verify(stage.run, Claim("shop", "shop-v1", slug("good"), COMMIT))

    assert (proof.outcome, proof.flaw) == (Verified.PASSED, None)
    assert proof.release == stage.app("shop").current
    assert stage.heroku.calls == [
        "releases.fetch shop shop-v1",
        "dynos.fetch shop",
        "formation.fetch shop",
        "apps.fetch shop",
    ]


def test_the_address_of_an_app_is_told_without_smoke_checks_too(stage: Stage) -> None:
    stage.app("shop").web_url = NOBODY

    proof = verify(stage.run, Claim("shop", "shop-v1", slug("good"), COMMIT))

    assert proof.saw.web_url == NOBODY


@pytest.mark.parametrize("trouble", [KeyRefused("no"), NotFound("shop"), Unreachable("gone")])
def test_an_address_that_may_not_be_read_changes_no_verdict(
    stage: Stage, trouble: Exception
) -> None:
    stage.heroku.failures["apps.fetch shop"] = trouble

    proof = verify(stage.run, Claim("shop", "shop-v1", slug("good"), COMMIT))

    assert (proof.outcome, proof.saw.web_url) == (Verified.PASSED, None)
    assert [(step.outcome, step.detail) for step in stage.ear.finished()] == [("ok", "v1, web 1/1")]


def test_another_artifact_than_the_compared_one_is_wrong(stage: Stage) -> None:
    with pytest.raises(WrongArtifact, match="was to get artifact better but holds good"):
        verify(stage.run, Claim("shop", "shop-v1", slug("better"), COMMIT))


def test_a_release_without_code_is_wrong(stage: Stage) -> None:
    stage.app("shop").land(None)

    with pytest.raises(WrongArtifact, match="holds nothing"):
        verify(stage.run, Claim("shop", "shop-v2", slug("good"), COMMIT))


@pytest.mark.parametrize("status", ["failed", "expired"])
def test_a_release_that_did_not_succeed_has_failed(stage: Stage, status: str) -> None:
    stage.app("shop").land("good", status=status)

    with pytest.raises(ReleaseFailed, match="v2 on shop"):
        verify(stage.run, Claim("shop", "shop-v2", slug("good"), COMMIT))


def test_a_release_that_was_made_and_is_never_shown_leaves_the_outcome_unknown(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fetch(app: str, release_id: str) -> None:
        raise NotFound(f"no release {release_id} of {app}", None, "release")

    monkeypatch.setattr(stage.heroku.releases, "fetch", fetch)

    with pytest.raises(OutcomeUnknown, match="shop-v1 of shop was made but cannot be read"):
        verify(stage.run, Claim("shop", "shop-v1", slug("good"), COMMIT))


def test_dynos_that_crash_fail_the_verification_at_the_deadline(stage: Stage) -> None:
    shop = stage.app("shop")
    shop.formation = {"web": 1, "worker": 1}
    shop.dynos = [Dyno("web.1", "web", "up", 1), Dyno("worker.1", "worker", "crashed", 1)]

    proof = verify(stage.run, Claim("shop", "shop-v1", slug("good"), COMMIT))

    assert proof.outcome is Verified.FAILED
    assert proof.flaw == "not every dyno is up on v1: worker.1 crashed"
    assert sum(stage.clock.naps) <= 5.0
    assert stage.ear.finished()[0].outcome == "failed"


def test_dynos_that_still_start_are_waited_for(stage: Stage) -> None:
    shop = stage.app("shop")
    up, shop.dynos = shop.dynos, [Dyno("web.1", "web", "starting", 1)]
    looks = iter([shop.dynos, shop.dynos, up])

    def fetch(app: str) -> tuple[Dyno, ...]:
        assert app == "shop"
        return tuple(next(looks))

    stage.heroku.dynos.fetch = fetch  # type: ignore[method-assign]

    proof = verify(stage.run, Claim("shop", "shop-v1", slug("good"), COMMIT))

    assert proof.outcome is Verified.PASSED
    assert stage.clock.naps == pytest.approx([0.15, 0.195])


def test_an_app_that_is_to_have_no_dynos_passes_and_is_told_aloud(stage: Stage) -> None:
    stage.app("shop").dynos = [Dyno("release.1", "release", "down", 1)]
    stage.app("shop").formation = {"web": 0}

    proof = verify(stage.run, Claim("shop", "shop-v1", slug("good"), COMMIT))

    assert proof.outcome is Verified.PASSED
    assert stage.ear.warnings() == ["shop runs no dynos: nothing serves there"]


def test_one_off_processes_are_nobodys_business(stage: Stage) -> None:
    stage.app("shop").dynos.append(Dyno("run.1", "run", "crashed", 1))

    proof = verify(stage.run, Claim("shop", "shop-v1", slug("good"), COMMIT))

    assert proof.outcome is Verified.PASSED
    assert stage.ear.warnings() == []


def test_a_site_that_does_not_answer_fails_the_verification(stage: Stage) -> None:
    stage.app("shop").web_url = NOBODY

    proof = verify(
        stage.run, Claim("shop", "shop-v1", slug("good"), COMMIT, (SmokeCheck("/health"),))
    )

    assert proof.outcome is Verified.FAILED
    flaw, _, tries = str(proof.flaw).partition(" (")
    assert flaw == f"{NOBODY}health did not answer"
    assert re.fullmatch(r"ConnectionError\) \(\d+ tries in \d:\d\d\)", tries)


def test_a_check_on_an_app_without_an_address_is_a_mistake_of_the_user(stage: Stage) -> None:
    with pytest.raises(UsageProblem, match="no web_url"):
        verify(stage.run, Claim("shop", "shop-v1", slug("good"), COMMIT, (SmokeCheck("/health"),)))


def test_nobody_is_asked_while_dynos_are_down(stage: Stage) -> None:
    stage.app("shop").dynos = [Dyno("web.1", "web", "crashed", 1)]
    stage.app("shop").web_url = NOBODY

    proof = verify(
        stage.run, Claim("shop", "shop-v1", slug("good"), COMMIT, (SmokeCheck("/health"),))
    )

    assert proof.flaw == "not every dyno is up on v1: web.1 crashed"


def test_a_job_of_heroku_scheduler_does_not_hold_a_release_up(stage: Stage) -> None:
    shop = stage.app("shop")
    shop.land("better")
    shop.dynos.append(Dyno("scheduler.1", "scheduler", "up", 1))

    proof = verify(stage.run, claim("shop-v2", "better"))

    assert (proof.outcome, proof.flaw) == (Verified.PASSED, None)


def test_dynos_that_are_not_listed_yet_are_waited_for(stage: Stage) -> None:
    shop = stage.app("shop")
    up, shop.dynos = shop.dynos, []

    def arrive_at_the_next_look() -> None:
        stage.heroku.before["dynos.fetch shop"] = lambda: setattr(shop, "dynos", up)

    stage.heroku.before["dynos.fetch shop"] = arrive_at_the_next_look

    proof = verify(stage.run, claim())

    assert proof.outcome is Verified.PASSED
    assert stage.ear.warnings() == []


def test_dynos_that_are_never_listed_prove_nothing_against_the_code(stage: Stage) -> None:
    stage.app("shop").dynos = []

    proof = verify(stage.run, claim())

    assert proof.outcome is Verified.INCONCLUSIVE
    assert proof.flaw == "not every dyno is up on v1: 1 of 1 web not there"


def test_an_app_that_is_scaled_to_nothing_meanwhile_is_not_waited_for(stage: Stage) -> None:
    shop = stage.app("shop")
    shop.dynos = [Dyno("web.1", "web", "starting", 1)]

    def scale() -> None:
        shop.formation, shop.dynos = {"web": 0}, []

    stage.heroku.always["dynos.fetch shop"] = lambda: stage.clock.now() > 1000.1 and scale()

    proof = verify(stage.run, claim())

    assert proof.outcome is Verified.PASSED
    assert stage.ear.warnings() == ["shop runs no dynos: nothing serves there"]


@pytest.mark.parametrize("error", [KeyRefused("no"), RequestInvalid("none")], ids=repr)
def test_a_formation_that_cannot_be_read_is_no_ground_for_a_verdict_against_the_code(
    stage: Stage, error: Exception
) -> None:
    stage.app("shop").dynos.append(Dyno("scheduler.1", "scheduler", "crashed", 1))
    stage.heroku.failures["formation.fetch shop"] = error

    proof = verify(stage.run, claim())

    assert proof.outcome is Verified.INCONCLUSIVE


def test_dynos_that_the_run_has_no_time_to_wait_for_prove_nothing(stage: Stage) -> None:
    stage.app("shop").dynos = [Dyno("web.1", "web", "crashed", 1)]
    stage.run.deadline.shorten(3.0)

    proof = verify(stage.run, claim())

    assert (proof.outcome, proof.cut_short) == (Verified.INCONCLUSIVE, True)


def test_a_check_that_the_run_has_no_time_to_repeat_proves_nothing(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    Visitors(stage, {0: "500"}).come(monkeypatch)
    stage.run.deadline.shorten(0.5)

    proof = verify(stage.run, claim(checks=("/health",)))

    assert (proof.outcome, proof.cut_short) == (Verified.INCONCLUSIVE, True)


def test_a_release_that_is_still_shown_as_pending_is_followed(stage: Stage) -> None:
    shop = stage.app("shop")
    ended = shop.land("good")
    shop.releases[0] = replace(ended, status="pending")
    looks: list[float] = []

    def look() -> None:
        looks.append(stage.clock.now())
        if len(looks) == 2:
            shop.releases[0] = ended

    stage.heroku.always[f"releases.fetch shop {ended.id}"] = look

    assert verify(stage.run, claim(ended.id)).outcome is Verified.PASSED


@pytest.mark.parametrize("check", ["/health", "/health {commit}", "$ curl /health"])
def test_in_maintenance_mode_a_check_that_fails_proves_nothing(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, check: str
) -> None:
    visitors = Visitors(stage, {0: "503"})
    visitors.come(monkeypatch)
    monkeypatch.setattr(smoke, "run_command", lambda *_: Seen("exited 22"))
    stage.app("shop").maintenance = True

    proof = verify(stage.run, claim(checks=(check,)))

    assert proof.outcome is Verified.INCONCLUSIVE
    assert "shop is in maintenance mode" in str(proof.flaw)
    assert stage.clock.naps == []


def test_maintenance_mode_that_begins_during_the_checks_is_found_at_their_end(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    Visitors(stage, {0: "503"}).come(monkeypatch)

    def begin() -> None:
        if stage.heroku.calls.count("apps.fetch shop") > 1:
            stage.app("shop").maintenance = True

    stage.heroku.always["apps.fetch shop"] = begin

    proof = verify(stage.run, claim(checks=("/health",)))

    assert proof.outcome is Verified.INCONCLUSIVE


def test_a_path_of_an_app_without_web_dynos_proves_nothing(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    Visitors(stage, {0: "503"}).come(monkeypatch)
    stage.app("shop").formation = {"web": 0}

    proof = verify(stage.run, claim(checks=("/health",)))

    assert proof.outcome is Verified.INCONCLUSIVE
    assert "shop is to have no web dynos" in str(proof.flaw)


SWITCHES = [
    pytest.param({"preboot": True}, "has preboot switched on", id="preboot"),
    pytest.param({"in_space": True}, "is in a Private Space", id="a private space"),
    pytest.param({"preboot": KeyRefused("no")}, "may not read whether", id="not to be read"),
]


@pytest.mark.parametrize(("kind", "said"), SWITCHES)
def test_old_code_that_answers_well_is_not_taken_for_the_new_one(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, kind: dict[str, object], said: str
) -> None:
    visitors = Visitors(stage, {0: "old", 170: "500"})
    visitors.come(monkeypatch)
    visitors.behave(**kind)

    proof = verify(stage.run, claim(checks=("/health",)))

    assert proof.outcome is Verified.FAILED
    assert proof.switch_seconds == 180.0
    [warning] = stage.ear.warnings()
    assert said in warning
    assert "without {commit} cannot tell" in warning


@pytest.mark.parametrize(("kind", "said"), SWITCHES)
def test_old_code_that_answers_is_not_yet_and_no_failure(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, kind: dict[str, object], said: str
) -> None:
    visitors = Visitors(stage, {0: "old", 170: "new"})
    visitors.come(monkeypatch)
    visitors.behave(**kind)

    proof = verify(stage.run, claim(checks=("/health {commit}",)))

    assert proof.outcome is Verified.PASSED
    assert not any(said in warning for warning in stage.ear.warnings())


def test_a_check_that_names_the_commit_passes_as_soon_as_it_is_answered(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitors = Visitors(stage, {0: "old", 20: "new"})
    visitors.come(monkeypatch)
    visitors.behave(preboot=True)

    verify(stage.run, claim(checks=("/health {commit}",)))

    assert visitors.seconds < 25


def test_dynos_that_came_up_long_ago_are_not_waited_for(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitors = Visitors(stage, {0: "new"})
    visitors.come(monkeypatch)
    visitors.behave(preboot=True)
    since = BEGIN - timedelta(days=1)
    stage.app("shop").dynos = [Dyno("web.1", "web", "up", 1, since)]

    proof = verify(stage.run, claim(checks=("/health",)))

    assert (proof.outcome, visitors.seconds) == (Verified.PASSED, 0)


def test_a_switch_that_the_run_has_no_time_for_proves_nothing(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitors = Visitors(stage, {0: "old", 170: "new"})
    visitors.come(monkeypatch)
    visitors.behave(preboot=True)
    stage.run.deadline.shorten(100.0)

    proof = verify(stage.run, claim(checks=("/health",)))

    assert (proof.outcome, proof.cut_short) == (Verified.INCONCLUSIVE, True)
    assert "old code may still answer" in str(proof.flaw)


def claim(release: str = "shop-v1", held: str = "good", checks: tuple[str, ...] = ()) -> Claim:
    return Claim("shop", release, slug(held), COMMIT, tuple(parse_check(each) for each in checks))


class Visitors:
    """What visitors of the shop see, from so many seconds on: old code, new code, or an error."""

    def __init__(self, stage: Stage, answers: dict[float, str]) -> None:
        self._stage, self._answers, self._begun = stage, answers, stage.clock.now()
        stage.app("shop").web_url = NOBODY

    @property
    def seconds(self) -> float:
        return self._stage.clock.now() - self._begun

    def behave(self, **how: object) -> None:
        for name, value in how.items():
            setattr(self._stage.app("shop"), name, value)

    def come(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(smoke, "visit", self._visit)

    def _visit(self, url: str, expected: Expected, deadline: Deadline) -> Seen:
        assert url.startswith(NOBODY)
        assert isinstance(deadline.clock, FakeClock)
        at = max(since for since in self._answers if since <= self.seconds)
        answer = self._answers[at]
        if answer.isdigit():
            return Seen(f"answered {answer}")
        is_missing = expected.text is not None and answer != "new"
        return Seen("answered 200 without the text" if is_missing else None)
