from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelerator.errors import BuildFailed, Refused
from accelerator.events import StepFinished
from accelerator.heroku import Usage
from accelerator.models import Endpoint, Reason, Refusal, Route, TargetStatus, Verified
from accelerator.output.config import Configured, render_config
from accelerator.output.deploy import render_deploy
from accelerator.output.outcome import Look, Outcome
from accelerator.output.prepare import render_prepare
from accelerator.output.ship import render_ship
from accelerator.output.timings import BAR_WIDTH, render_timings, sum_up
from accelerator.settings import examine_settings
from accelerator.steps.compare.fit import Check
from accelerator.steps.plan import Plan
from accelerator.steps.report import PrepareReport, Report, Serving, ShipReport, TargetReport
from accelerator.steps.route.landing import Write
from accelerator.steps.source_report import SourceReport
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


def test_a_long_detail_is_cut_with_an_ellipsis() -> None:
    line = render_timings((step("verify", 0, 1, "x" * 100),))[0]

    assert line.startswith("verify " + "x" * 40 + "…  ")


@pytest.mark.parametrize("columns", [20, 30, 40, 60, 80, 100, 140])
def test_the_table_fits_the_width_and_bars_give_way_first(columns: int) -> None:
    steps = (step("compare", 0, 1, "promote: prepared on shop-prepare"), step("verify", 1, 300))

    lines = render_timings(steps, columns)

    assert max(map(len, lines)) <= columns
    assert ("#" in lines[0]) is (columns >= 65)
    assert ("…" in lines[0]) is (columns < 53)


def test_what_took_no_time_has_no_row_unless_it_failed() -> None:
    quick, failed = step("lock", 0, 0.0003), replace(step("look", 0, 0), outcome="failed")

    lines = render_timings((quick, failed, step("verify", 0, 1)))

    assert [line.split()[0] for line in lines] == ["look", "verify", "in"]


def test_the_sum_of_the_parts_counts_what_overlaps_once() -> None:
    steps = (
        step("test", 0, 10),
        step("archive", 0, 0.1),
        step("build", 0, 9),
        step("promote", 10, 1),
        step("verify", 11, 2),
        step("verify", 11, 3),
        step("release", 20, 0),
    )

    assert sum_up(steps) == "20.0 s: tests 10.0 s, build 9.0 s, promotion 1.0 s, verification 3.0 s"


def test_no_steps_have_no_sum() -> None:
    assert sum_up(()) == ""
    assert sum_up((step("compare", 0, 0.05),)) == "50 ms"


def test_a_run_without_steps_says_so() -> None:
    assert render_timings(()) == ["No step was begun."]


moments = st.floats(0, 5000, allow_nan=False)
durations = st.floats(0.001, 5000, allow_nan=False)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(moments, durations), min_size=1, max_size=6))
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
        pytest.param(entry(), f"{SHORT} is live as v34, verified", id="promoted"),
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
            f"{SHORT} is live as v34, verified; not returned, as eu cannot be",
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
        "promote shop",
    ]


def test_the_use_of_the_api_is_told_to_those_who_want_details() -> None:
    usage = Usage(9, 5, 0, 4491)

    told = render_deploy(Report(), Outcome(usage=usage, look=Look(verbosity=1)))
    untold = render_deploy(Report(), Outcome(usage=usage))

    assert told[-1] == "API: 9 requests, 5 of them one after the other"
    assert not any("API" in line for line in untold)


def test_a_report_without_a_commit_can_be_told() -> None:
    report = Report(targets=[entry()])

    assert render_deploy(report, Outcome())[0].startswith("shop: ? is live as v34")


NAMED = replace(COMMIT, subject="Fix the cart")


def told(**changes: object) -> Report:
    """Make the report of a commit that was promoted from a prepare app."""
    before = {"previous_release": make_release("shop", 33, "old")}
    target = entry(**{**before, "previous_commit": "1a2b3c4d" * 5, **changes})
    held = make_release("shop-prepare", 12, "good")
    source = SourceReport("shop-prepare", held, artifact("good", COMMIT), COMMIT.sha, "agrees")
    return Report(NAMED, Route.PROMOTE, Reason.PREPARED, source, [target])


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        pytest.param(
            told(),
            '"Fix the cart", promoted from shop-prepare v12, in place of v33 (1a2b3c4d)',
            id="promoted",
        ),
        pytest.param(
            told(route=Route.RELEASE),
            '"Fix the cart", slug of shop-prepare v12 released, in place of v33 (1a2b3c4d)',
            id="released",
        ),
        pytest.param(
            told(route=Route.BUILD, previous_release=None),
            '"Fix the cart", built here',
            id="built",
        ),
        pytest.param(told(status=TargetStatus.UNCHANGED), '"Fix the cart"', id="live already"),
    ],
)
def test_the_second_line_says_what_it_is_and_how_it_got_there(
    report: Report, expected: str
) -> None:
    assert render_deploy(report, Outcome())[1] == f"  {expected}"


def test_the_address_of_an_app_that_is_live_ends_its_lines() -> None:
    lines = render_deploy(told(web_url="https://shop.example/"), Outcome())

    assert lines[2] == "  https://shop.example/"


def test_an_artifact_built_on_another_target_is_named_by_it() -> None:
    report = told(route=Route.RELEASE)
    report.source = None
    report.targets.insert(0, replace(entry(), app="shop-staging", route=Route.BUILD))

    assert "slug of shop-staging released" in "".join(render_deploy(report, Outcome()))


def test_quiet_is_one_line_per_app_and_no_table() -> None:
    quiet = Outcome((step("verify", 0, 1),), look=Look(verbosity=-1))
    report = told(web_url="https://shop.example/", stage="staging")

    line = (
        f"shop: {SHORT} is live as v34, verified, promoted from shop-prepare v12, "
        "in place of v33 (1a2b3c4d)"
    )
    assert render_deploy(report, quiet) == [line]
    assert render_ship(ShipReport(COMMIT, "passed", None, [("staging", report)]), quiet) == [line]
    assert len(render_prepare(PrepareReport("shop-prepare", COMMIT), quiet)) == 1


def test_after_a_failure_there_is_no_chart() -> None:
    failed = Outcome((step("build", 0, 9),), error=BuildFailed("shop", "b1"))

    lines = render_deploy(told(status=TargetStatus.FAILED, error="no"), failed)

    assert lines[-1] == "in all 9.0 s: build 9.0 s"
    assert not any("#" in line for line in lines)


def test_what_failed_at_once_is_not_summed_up() -> None:
    failed = Outcome((step("look", 0, 0.2),), error=BuildFailed("shop", "b1"))

    assert "in all" not in "\n".join(render_deploy(told(), failed))


def test_the_sum_names_what_was_waited_for_beside_the_work() -> None:
    steps = (step("look", 0, 0.05), step("lock", 0, 3), step("build", 3, 9), step("guard", 12, 2))

    assert sum_up(steps) == "14.0 s: build 9.0 s, locks 5.0 s"


def test_right_below_the_steps_only_their_sum_is_told() -> None:
    steps = (step("verify", 0, 9),)
    seen = Outcome(steps, look=Look(has_seen_steps=True))
    detailed = Outcome(steps, look=Look(verbosity=1, has_seen_steps=True))

    assert render_deploy(told(), seen)[-1] == "in all 9.0 s: verification 9.0 s"
    assert any("#" in line for line in render_deploy(told(), detailed))


@pytest.mark.parametrize(
    ("changes", "sources", "expected"),
    [
        pytest.param(
            {"stage": "staging"},
            ("shop-prepare",),
            f"next: `accelerator deploy --to production --from shop-prepare --commit {SHORT}`",
            id="staging has it",
        ),
        pytest.param(
            {"stage": "staging"},
            (),
            f"next: `accelerator deploy --to production --commit {SHORT}`",
            id="the file names the prepare app",
        ),
        pytest.param({"stage": "production"}, (), None, id="production has it"),
        pytest.param({}, (), None, id="no stage"),
        pytest.param(
            {"stage": "staging", "status": TargetStatus.FAILED, "error": "no"},
            (),
            None,
            id="failed",
        ),
    ],
)
def test_what_comes_next_can_be_pasted(
    changes: dict[str, object], sources: tuple[str, ...], expected: str | None
) -> None:
    lines = render_deploy(told(**changes), Outcome(look=Look(sources=sources)))

    assert [line for line in lines if line.startswith("next:")] == ([expected] if expected else [])


def test_what_staging_built_is_shipped_from_there() -> None:
    report = replace(told(stage="staging", route=Route.BUILD), source=None)

    lines = render_deploy(report, Outcome(look=Look(sources=("shop-prepare",))))

    assert lines[-1] == f"next: `accelerator deploy --to production --from shop --commit {SHORT}`"


def test_a_commit_that_no_clone_knows_is_named_in_full() -> None:
    report = told(stage="staging")
    report.commit = replace(COMMIT, subject=None)

    assert render_deploy(report, Outcome())[-1].endswith(f"--commit {COMMIT.sha}`")


def test_a_ship_is_told_stage_by_stage() -> None:
    staged = Report(COMMIT, Route.PROMOTE, Reason.PREPARED, targets=[entry()])
    report = ShipReport(COMMIT, "passed", None, [("staging", staged), ("production", staged)])

    lines = render_ship(report, Outcome())

    assert lines[:7] == [
        "Tests passed.",
        "Stage staging:",
        f"  shop: {SHORT} is live as v34, verified",
        f'    "{COMMIT.subject}", promoted',
        "Stage production:",
        f"  shop: {SHORT} is live as v34, verified",
        f'    "{COMMIT.subject}", promoted',
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
            f"shop-prepare: {SHORT} is prepared as v12",
            id="released",
        ),
        pytest.param(
            PrepareReport("shop-prepare", COMMIT),
            f"shop-prepare: {SHORT} is prepared as a build without a release",
            id="not released",
        ),
        pytest.param(
            PrepareReport("shop-prepare"),
            "shop-prepare: nothing is prepared as a build without a release",
            id="nothing",
        ),
    ],
)
def test_a_preparation_begins_with_its_app(report: PrepareReport, expected: str) -> None:
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


def test_settings_are_a_table_with_their_sources_and_what_is_wrong_has_a_line_each() -> None:
    examined = examine_settings({}, {"ACCELERATOR_LOCK": "perhaps"}, {"wait": "5m", "on_mis": 1})
    platform = Endpoint("https://api.heroku.com", "https://git.heroku.com")
    shown = Configured(examined.settings, examined.problems, platform, "HEROKU_API_KEY")

    lines = render_config(shown)

    assert lines[0].split() == ["setting", "value", "from"]
    assert "wait 5m accelerator.toml: wait" in [" ".join(line.split()) for line in lines]
    assert "lock (wrong) ACCELERATOR_LOCK" in [" ".join(line.split()) for line in lines]
    assert lines[-6:] == [
        "The platform is https://api.heroku.com.",
        "The API key is from HEROKU_API_KEY.",
        "",
        "Wrong:",
        '  accelerator.toml: unknown key "on_mis"; did you mean "on_miss"?',
        "  ACCELERATOR_LOCK must be one of auto, required, off, not 'perhaps'",
    ]


def test_settings_without_a_key_say_what_to_do() -> None:
    shown = Configured(examine_settings({}, {}, None).settings, no_key="set SHOP_KEY")

    assert render_config(shown)[-1] == "No API key was found: set SHOP_KEY."


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


@pytest.mark.parametrize(
    ("is_one_terminal", "error", "expected"),
    [
        pytest.param(True, "shop is frozen", "shop: refused", id="in one terminal: said below"),
        pytest.param(False, "shop is frozen", "shop: refused: shop is frozen", id="in two places"),
        pytest.param(True, "eu is frozen", "shop: refused: shop is frozen", id="of another app"),
    ],
)
@pytest.mark.parametrize("verbosity", [0, -1], ids=["usual", "quiet"])
def test_why_a_target_was_refused_is_said_once_in_one_terminal(
    is_one_terminal: bool, error: str, expected: str, verbosity: int
) -> None:
    entry = TargetReport("shop", status=TargetStatus.REFUSED, error="shop is frozen")
    report = Report(commit=COMMIT, targets=[entry])
    look = Look(verbosity=verbosity, is_beside_error=is_one_terminal)
    outcome = Outcome(error=Refused(Refusal.FROZEN, error), look=look)
    shipped = ShipReport(stages=[("staging", report)])

    assert render_deploy(report, outcome)[0] == expected
    assert expected in [line.strip() for line in render_ship(shipped, outcome)]


def test_quotes_in_a_subject_do_not_end_the_quotes_around_it() -> None:
    report = PrepareReport("shop-prepare", replace(COMMIT, subject='Revert "Serve it"'))

    assert "\"Revert 'Serve it'\"" in "\n".join(render_prepare(report, Outcome()))
