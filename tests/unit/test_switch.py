"""How long old code may still answer beside the new."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from accelerator.errors import KeyRefused, NotFound, RequestInvalid, Unreachable
from accelerator.models import App, Dyno, Formation
from accelerator.steps.verify.dynos import Look, Wanted
from accelerator.steps.verify.switch import Switch, find_preboot, seconds_left, switch_of
from tests.unit.fakes import BEGIN, make_app, make_stage

if TYPE_CHECKING:
    from datetime import datetime

WINDOW = 180.0
NOW = BEGIN + timedelta(hours=1)


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def look(*dynos: Dyno, **quantities: int) -> Look:
    rows = [Formation(kind, n, "Basic") for kind, n in (quantities or {"web": 2}).items()]
    return Look(dynos, Wanted.of(rows))


@pytest.mark.parametrize(
    ("in_space", "preboot", "expected"),
    [
        pytest.param(False, False, Switch.AT_ONCE, id="neither"),
        pytest.param(False, True, Switch.PREBOOT, id="preboot"),
        pytest.param(False, None, Switch.UNKNOWN, id="not to be read"),
        pytest.param(True, False, Switch.ROLLING, id="in a space"),
        pytest.param(True, None, Switch.ROLLING, id="in a space, where preboot has no effect"),
    ],
)
def test_how_visitors_get_to_the_new_dynos(
    in_space: bool, preboot: bool | None, expected: Switch
) -> None:
    app = App("id", "shop", None, "heroku-24", "heroku-24", "cedar", False, in_space)

    assert switch_of(app, preboot) is expected


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param(True, True, id="on"),
        pytest.param(False, False, id="off"),
        pytest.param(KeyRefused("no"), None, id="withheld from this key"),
        pytest.param(NotFound("none"), False, id="there is no such feature"),
        pytest.param(RequestInvalid("no"), False, id="it does not apply"),
    ],
)
def test_preboot_is_on_off_or_not_known(answer: bool | Exception, expected: bool | None) -> None:
    stage = make_stage(make_app("shop", preboot=answer))

    assert find_preboot(stage.run, "shop") is expected


def test_a_platform_that_is_gone_says_nothing_of_preboot() -> None:
    stage = make_stage(make_app("shop", preboot=Unreachable("gone")))

    with pytest.raises(Unreachable):
        find_preboot(stage.run, "shop")


@pytest.mark.parametrize(
    ("switch", "seen", "expected"),
    [
        pytest.param(Switch.AT_ONCE, look(), 0.0, id="at once"),
        pytest.param(
            Switch.PREBOOT,
            look(Dyno("web.1", "web", "up", 7, ago(100)), Dyno("web.2", "web", "up", 7, ago(30))),
            150.0,
            id="since the last dyno came up",
        ),
        pytest.param(
            Switch.PREBOOT,
            look(Dyno("web.1", "web", "up", 7, ago(500)), Dyno("web.2", "web", "up", 7, None)),
            180.0,
            id="since now, where one does not say",
        ),
        pytest.param(Switch.ROLLING, look(), 180.0, id="since now, without any"),
        pytest.param(
            Switch.UNKNOWN, look(Dyno("web.1", "web", "up", 7, ago(-60))), 180.0, id="clocks differ"
        ),
        pytest.param(
            Switch.PREBOOT, look(Dyno("web.1", "web", "up", 7, ago(500))), 0.0, id="long ago"
        ),
        pytest.param(
            Switch.PREBOOT,
            look(Dyno("worker.1", "worker", "up", 7, ago(1)), worker=1),
            0.0,
            id="no web dynos, so no visitors",
        ),
        pytest.param(
            Switch.PREBOOT,
            look(
                Dyno("web.1", "web", "up", 7, ago(170)),
                Dyno("worker.1", "worker", "up", 7, ago(1)),
                web=1,
                worker=1,
            ),
            10.0,
            id="workers do not matter",
        ),
    ],
)
def test_old_code_may_answer_until_the_window_after_the_last_web_dyno_came_up_is_over(
    switch: Switch, seen: Look, expected: float
) -> None:
    assert seconds_left(switch, seen, NOW, WINDOW) == expected
