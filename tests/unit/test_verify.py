from __future__ import annotations

import pytest

from accelerator.errors import (
    NotFound,
    OutcomeUnknown,
    ReleaseFailed,
    UsageProblem,
    WrongArtifact,
)
from accelerator.models import Dyno, Verified
from accelerator.steps.verify.dynos import is_serving
from accelerator.steps.verify.serving import Claim, verify
from accelerator.steps.verify.smoke import SmokeCheck
from tests.unit.fakes import COMMIT, Stage, make_app, make_release, make_stage, slug

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
    ]
    assert [(step.outcome, step.detail) for step in stage.ear.finished()] == [("ok", "v1")]


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
    assert proof.flaw == f"{NOBODY}health did not answer (ConnectionError)"


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


@pytest.mark.parametrize(
    ("dyno", "expected"),
    [
        pytest.param(Dyno("web.1", "web", "up", 7), True, id="up on the release"),
        pytest.param(Dyno("web.1", "web", "up", 8), True, id="up on a later one"),
        pytest.param(Dyno("web.1", "web", "up", 6), False, id="up on the one before"),
        pytest.param(Dyno("web.1", "web", "up", None), False, id="up on nobody knows what"),
        pytest.param(Dyno("web.1", "web", "starting", 7), False, id="starting"),
        pytest.param(Dyno("web.1", "web", "crashed", 7), False, id="crashed"),
        pytest.param(Dyno("web.1", "web", "down", 7), False, id="down"),
    ],
)
def test_a_dyno_serves_when_it_is_up_on_the_release_or_a_later_one(
    dyno: Dyno, expected: bool
) -> None:
    assert is_serving(dyno, make_release("shop", 7, "good")) is expected
