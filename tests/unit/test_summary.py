from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelerator.errors import BuildFailed
from accelerator.events import StepFinished
from accelerator.heroku import Usage
from accelerator.models import Reason, Refusal, Route, TargetStatus, Verified
from accelerator.output.config import render_config
from accelerator.output.deploy import render_deploy
from accelerator.output.outcome import Outcome
from accelerator.output.prepare import render_prepare
from accelerator.output.ship import render_ship
from accelerator.output.timings import BAR_WIDTH, render_timings
from accelerator.settings import Row
from accelerator.steps.compare.fit import Check
from accelerator.steps.plan import Plan
from accelerator.steps.report import PrepareReport, Report, Serving, ShipReport, TargetReport
from accelerator.steps.route.landing import Write
from tests.unit.fakes import BEGIN, COMMIT, OTHER, artifact, make_release

SHORT = COMMIT.short


def step(name: str, begin: float, seconds: float, detail: str = "") -> StepFinished:
    return StepFinished(name, "ok", BEGIN + timedelta(seconds=begin), seconds, detail)


def bars(lines: list[str]) -> dict[str, str]:
    """Give the bar of each step by its name; dots are time before it began."""
    rows = [line.split() for line in lines[:-1]]
    return {row[0]: row[-1] for row in rows}


def test_steps_beside_each_other_are_drawn_beside_each_other() -> None:
    steps = (step("build", 0, 20), step("test", 0, 10), step("deploy", 20, 20))

    drawn = bars(render_timings(steps))

    assert drawn == {"build": "#" * 14, "test": "#" * 7, "deploy": "." * 14 + "#" * 14}


def test_the_time_in_all_is_what_passed_and_not_the_sum() -> None:
    lines = render_timings((step("build", 0, 20), step("test", 5, 20)))

    assert lines[-1].split() == ["in", "all", "25.0", "s"]


def test_steps_are_listed_in_the_order_they_began() -> None:
    lines = render_timings((step("inner", 1, 1), step("outer", 0, 3)))

    assert list(bars(lines)) == ["outer", "inner"]


def test_columns_stand_below_each_other() -> None:
    steps = (step("compare", 0, 0.05, "promote: prepared"), step("build", 0.05, 200))

    lines = render_timings(steps)

    assert lines == [
        "compare promote: prepared       50 ms  #",
        "build                      3 min 20 s  " + "#" * BAR_WIDTH,
        "in all                     3 min 20 s",
    ]


def test_a_long_detail_is_cut_in_the_table() -> None:
    line = render_timings((step("verify", 0, 1, "x" * 100),))[0]

    assert line.startswith("verify " + "x" * 41 + "  ")


def test_a_run_without_steps_says_so() -> None:
    assert render_timings(()) == ["No step was begun."]


moments = st.floats(0, 5000, allow_nan=False)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(moments, moments), min_size=1, max_size=6))
def test_every_step_has_a_bar_that_fits_the_axis(times: list[tuple[float, float]]) -> None:
    steps = tuple(step(f"s{number}", *time) for number, time in enumerate(times))

    drawn = bars(render_timings(steps))

    assert set(drawn) == {one.name for one in steps}
    assert all("#" in bar and len(bar) <= BAR_WIDTH for bar in drawn.values())


def entry(**changes: object) -> TargetReport:
    made = TargetReport("shop", Route.PROMOTE, "succeeded", make_release("shop", 34, "good"))
    made.verified = "passed"
    for name, value in changes.items():
        setattr(made, name, value)
    return made


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        pytest.param(entry(), f"{SHORT} is live as v34 by promote, verified", id="promoted"),
        pytest.param(
            entry(status=TargetStatus.UNCHANGED),
            f"{SHORT} is live already as v34, verified",
            id="unchanged",
        ),
        pytest.param(
            entry(status=TargetStatus.FAILED, rolled_back_to=33, error="it answers 500"),
            f"{SHORT} failed verification; back to the code of v33",
            id="rolled back",
        ),
        pytest.param(
            entry(status=TargetStatus.COMPENSATED, rolled_back_to=33),
            f"{SHORT} was taken back, as others failed; back to the code of v33",
            id="taken back",
        ),
        pytest.param(entry(status=TargetStatus.FAILED, error="no"), "failed: no", id="failed"),
        pytest.param(
            entry(status=TargetStatus.PENDING, error="late"),
            "not known: late",
            id="with an unknown end",
        ),
        pytest.param(
            entry(error="not returned, as eu cannot be"),
            f"{SHORT} is live as v34 by promote, verified; not returned, as eu cannot be",
            id="not returned",
        ),
        pytest.param(
            TargetReport(
                "shop",
                status=TargetStatus.REFUSED,
                error="shop is frozen by ann",
                refusal=Refusal.FROZEN,
            ),
            "refused: shop is frozen by ann",
            id="refused",
        ),
        pytest.param(
            TargetReport("shop", status=TargetStatus.SKIPPED, serving=Serving(12, OTHER.sha)),
            f"{SHORT} is skipped: v12 ({OTHER.short}) runs there, which contains it",
            id="skipped",
        ),
        pytest.param(
            TargetReport("shop", status=TargetStatus.SKIPPED, serving=Serving(12, None)),
            f"{SHORT} is skipped: v12 runs there, which contains it",
            id="skipped, of a commit that is known by a hint only",
        ),
        pytest.param(TargetReport("shop"), "not attempted", id="not reached"),
        pytest.param(
            entry(status=TargetStatus.UNCHANGED, verified=Verified.NOT_RUN),
            f"{SHORT} is live already as v34, not verified",
            id="not verified",
        ),
    ],
)
def test_each_target_is_one_line(told: TargetReport, expected: str) -> None:
    report = Report(COMMIT, Route.PROMOTE, Reason.PREPARED, targets=[told])

    lines = render_deploy(report, Outcome((step("verify", 0, 1),)))

    assert lines[0] == f"shop: {expected}"


def test_a_step_names_its_app_where_several_had_one() -> None:
    steps = (
        replace(step("verify", 0, 2, "v21"), app="shop"),
        replace(step("verify", 0, 3, "v16"), app="shop-eu"),
        replace(step("promote", 0, 1), app="shop"),
    )

    rows = render_timings(steps)

    assert [row.split("  ")[0] for row in rows[:3]] == [
        "verify shop v21",
        "verify shop-eu v16",
        "promote",
    ]


def test_the_use_of_the_api_ends_the_summary() -> None:
    lines = render_deploy(Report(), Outcome(usage=Usage(9, 5, 0, 4491)))

    assert lines[-1] == "API: 9 requests, 5 of them one after the other"


def test_a_report_without_a_commit_can_be_told() -> None:
    report = Report(targets=[entry()])

    assert render_deploy(report, Outcome())[0].startswith("shop: ? is live as v34")


def test_a_ship_is_told_stage_by_stage() -> None:
    staged = Report(COMMIT, Route.PROMOTE, Reason.PREPARED, targets=[entry()])
    report = ShipReport(COMMIT, "passed", None, [("staging", staged), ("production", staged)])

    lines = render_ship(report, Outcome())

    assert lines[:5] == [
        "Tests passed.",
        "Stage staging:",
        f"  shop: {SHORT} is live as v34 by promote, verified",
        "Stage production:",
        f"  shop: {SHORT} is live as v34 by promote, verified",
    ]


def test_tests_that_were_not_run_are_told_in_words() -> None:
    assert render_ship(ShipReport(COMMIT), Outcome())[0] == "Tests not run."


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        pytest.param(
            PrepareReport(
                "shop-prepare",
                COMMIT,
                release=make_release("shop-prepare", 12, "good"),
                artifact=artifact("good", COMMIT),
            ),
            f"{SHORT} is prepared on shop-prepare: v12, slug good.",
            id="released",
        ),
        pytest.param(
            PrepareReport("shop-prepare", COMMIT),
            f"{SHORT} is prepared on shop-prepare: a build without a release.",
            id="not released",
        ),
        pytest.param(
            PrepareReport("shop-prepare"),
            "nothing is prepared on shop-prepare: a build without a release.",
            id="nothing",
        ),
    ],
)
def test_a_preparation_is_one_line(report: PrepareReport, expected: str) -> None:
    assert render_prepare(report, Outcome())[0] == expected


@pytest.mark.parametrize(
    ("app", "expected"),
    [
        pytest.param("shop-prepare", "shop-prepare", id="on an app"),
        pytest.param("", "any app", id="before the app was known"),
    ],
)
def test_a_preparation_that_failed_does_not_say_it_is_prepared(app: str, expected: str) -> None:
    failed = Outcome(error=BuildFailed("shop-prepare", "b1"))

    lines = render_prepare(PrepareReport(app, COMMIT), failed)

    assert lines[0].startswith(f"{SHORT} is not prepared on {expected}")


def test_settings_are_a_table_with_their_sources() -> None:
    rows = (Row("lock", "auto", "default", ""), Row("on_miss", "fail", "the flag", ""))

    lines = render_config(rows, "https://api.heroku.com")

    assert lines == [
        "setting  value  from",
        "lock     auto   default",
        "on_miss  fail   the flag",
        "",
        "The platform is https://api.heroku.com.",
    ]


def test_a_plan_is_told_by_its_checks_and_calls() -> None:
    checks = (("shop", Check("stack", "ok", "heroku-24")), ("shop", Check("size", "unknown")))
    calls = (Write("POST", "/apps/shop/releases", "release slug 72bf0535 of shop-prepare"),)
    report = Report(commit=COMMIT, route=Route.RELEASE, reason=Reason.ON_OTHER_APP)
    report.targets.append(TargetReport("shop", Route.RELEASE))
    report.plan = Plan(checks, calls)

    assert render_deploy(report, Outcome()) == [
        f"Plan for {SHORT}: release (on_other_app). Nothing was written.",
        "",
        "shop: release; it runs nothing",
        "  stack  ok       heroku-24",
        "  size   unknown",
        "",
        "These writes would follow:",
        "  POST /apps/shop/releases: release slug 72bf0535 of shop-prepare",
        "",
    ]
