"""Which dynos count, and how they stand towards a release."""

from __future__ import annotations

import pytest

from accelerator.models import Dyno, Formation
from accelerator.steps.verify.dynos import CrashLoops, Wanted, is_serving, stand
from tests.unit.fakes import make_release

NEW = make_release("shop", 7, "good")


def wanted(**quantities: int) -> Wanted:
    return Wanted.of(Formation(kind, quantity, "Basic") for kind, quantity in quantities.items())


def dyno(name: str, state: str = "up", version: int | None = 7) -> Dyno:
    kind = name.partition(".")[0].partition("-")[0]
    return Dyno(name, kind, state, version)


@pytest.mark.parametrize(
    ("quantities", "dynos", "is_up"),
    [
        pytest.param({"web": 1}, [dyno("web.1")], True, id="all there are"),
        pytest.param({}, [], True, id="none are wanted"),
        pytest.param({"web": 0}, [], True, id="scaled to nothing"),
        pytest.param({"web": 1}, [], False, id="none is listed yet"),
        pytest.param({"web": 2}, [dyno("web.1")], False, id="fewer are listed than wanted"),
        pytest.param(
            {"web": 1, "worker": 1}, [dyno("web.1")], False, id="none of another type is listed"
        ),
        pytest.param(
            {"web": 2}, [dyno("web.1"), dyno("web.2", "up", 6)], False, id="one is an old one"
        ),
        pytest.param(
            {"web": 1}, [dyno("web.1"), dyno("web.2", "up", 6)], True, id="one is about to go"
        ),
        pytest.param(
            {"web": 1},
            [dyno("web.1"), dyno("scheduler.1", "up", 6)],
            True,
            id="a job of the scheduler",
        ),
        pytest.param(
            {"web": 1, "worker": 1},
            [dyno("web.1"), dyno("worker.1"), dyno("worker.4711", "crashed", 6)],
            True,
            id="a one-off dyno of a type of the formation",
        ),
        pytest.param(
            {"web": 1}, [dyno("web.1"), dyno("run.9", "crashed")], True, id="somebody's console"
        ),
        pytest.param(
            {"web": 1, "release": 1},
            [dyno("web.1"), dyno("release.5", "down", 7)],
            True,
            id="a release command",
        ),
        pytest.param({"web": 1}, [dyno("web.1", "idle", 7)], True, id="asleep until somebody asks"),
        pytest.param(
            {"web": 2},
            [dyno("web-1234abcde-123ab"), dyno("web-5678abcde-456cd")],
            True,
            id="all of Fir's",
        ),
        pytest.param(
            {"web": 2},
            [dyno("web-1234abcde-123ab"), dyno("web-5678abcde-456cd", "up", 6)],
            False,
            id="an old one of Fir's",
        ),
        pytest.param(
            {"web": 1},
            [dyno("web-1234abcde-123ab"), dyno("web-5678abcde-456cd", "up", 6)],
            True,
            id="one of Fir's beyond what is wanted",
        ),
    ],
)
def test_as_many_dynos_as_the_formation_wants_have_to_be_up(
    quantities: dict[str, int], dynos: list[Dyno], is_up: bool
) -> None:
    assert stand(dynos, wanted(**quantities), NEW).is_up is is_up


@pytest.mark.parametrize(
    ("dynos", "conclusive", "text"),
    [
        pytest.param([dyno("web.1", "crashed")], True, "web.1 crashed", id="crashed"),
        pytest.param([dyno("web.1", "starting")], True, "web.1 starting", id="starting for ever"),
        pytest.param([dyno("web.1", "down")], False, "web.1 down", id="stopped"),
        pytest.param([dyno("web.1", "up", 6)], False, "web.1 up on v6", id="not restarted"),
        pytest.param(
            [dyno("web.1", "crashed", 6)], False, "web.1 crashed on v6", id="old code crashed"
        ),
        pytest.param([dyno("web.1", "up", None)], False, "web.1 up on no release", id="unknown"),
        pytest.param([], False, "1 of 1 web not there", id="not there"),
    ],
)
def test_only_a_dyno_of_the_release_that_is_not_up_speaks_against_its_code(
    dynos: list[Dyno], conclusive: bool, text: str
) -> None:
    seen = stand(dynos, wanted(web=1), NEW).flaw(NEW, wanted(web=1))

    assert seen.conclusive is conclusive
    assert seen.flaw == f"not every dyno is up on v7: {text}"


def test_where_the_formation_is_not_known_every_dyno_but_one_offs_has_to_be_up() -> None:
    unknown = Wanted.of(None)
    dynos = [dyno("web.1"), dyno("run.1", "crashed"), dyno("release.1", "down")]

    assert stand(dynos, unknown, NEW).is_up
    assert not stand([*dynos, dyno("worker.1", "starting")], unknown, NEW).is_up
    assert unknown.has_web
    assert not unknown.has_none


def test_no_dynos_at_all_pass_only_where_the_formation_is_known_to_want_none() -> None:
    release, unknown = make_release("shop", 2, "good"), Wanted.of(None)
    found = stand((), unknown, release)

    assert stand((), Wanted.of(()), release).is_up
    assert not found.is_up
    flaw = found.flaw(release, unknown)
    assert "none is listed, and the formation cannot be read" in str(flaw.flaw)
    assert not flaw.conclusive


def test_a_dyno_that_stays_crashed_is_lost_and_one_that_comes_back_is_not() -> None:
    loops = CrashLoops(NEW)

    for now in (0.0, 10.0, 19.0):
        loops.see([dyno("web.1", "crashed"), dyno("web.2", "crashed")], now)
    loops.see([dyno("web.1", "starting"), dyno("web.2")], 20.0)
    loops.see([dyno("web.1", "crashed"), dyno("web.2", "crashed")], 21.0)

    assert loops.found == ["web.1"]


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        pytest.param(dyno("web.1", "up", 7), True, id="up on the release"),
        pytest.param(dyno("web.1", "up", 8), True, id="up on a later one"),
        pytest.param(dyno("web.1", "up", 6), False, id="up on the one before"),
        pytest.param(dyno("web.1", "up", None), False, id="up on nobody knows what"),
        pytest.param(dyno("web.1", "starting", 7), False, id="starting"),
        pytest.param(dyno("web.1", "crashed", 7), False, id="crashed"),
        pytest.param(dyno("web.1", "down", 7), False, id="down"),
    ],
)
def test_a_dyno_serves_when_it_is_up_on_the_release_or_a_later_one(
    one: Dyno, expected: bool
) -> None:
    assert is_serving(one, NEW) is expected
