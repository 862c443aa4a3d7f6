"""Settings: merged from flags, environment, file and defaults, and shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelerator import planned
from accelerator.models import LockMode
from accelerator.settings import (
    SETTINGS,
    STAGES,
    Setting,
    duration,
    examine_settings,
    parameter,
    parsing,
)
from tests.unit.settingsof import load, problems_of

if TYPE_CHECKING:
    from collections.abc import Callable

# Merging


def test_with_nothing_said_the_documented_defaults_hold() -> None:
    settings = load()

    assert settings.key_env == "HEROKU_API_KEY"
    assert settings.prepare.strategy == "source"
    assert settings.on_miss == "build"
    assert settings.lock == "auto"
    assert settings.rollback is True
    assert settings.timeout is None
    assert settings.deadlines.build == 1800
    assert settings.deadlines.release_phase == 3600
    assert set(settings.sources.values()) == {"default"}


FILE = {"timeout": 10, "prepare": {"apps": ["foo-prepare"]}}
PRECEDENCE = [
    pytest.param({}, {}, None, None, "default", id="default"),
    pytest.param({}, {}, FILE, 10, "accelerator.toml: timeout", id="file over default"),
    pytest.param(
        {},
        {"ACCELERATOR_TIMEOUT": "20"},
        FILE,
        20,
        "ACCELERATOR_TIMEOUT",
        id="environment over file",
    ),
    pytest.param(
        {"timeout": "30"},
        {"ACCELERATOR_TIMEOUT": "20"},
        FILE,
        30,
        "flag --timeout",
        id="flag over environment",
    ),
    pytest.param(
        {"timeout": None},
        {"ACCELERATOR_TIMEOUT": ""},
        FILE,
        10,
        "accelerator.toml: timeout",
        id="flags not given and blank variables do not count",
    ),
]


@pytest.mark.parametrize(("flags", "environment", "file", "value", "source"), PRECEDENCE)
def test_flags_come_before_environment_before_file_before_defaults(
    flags: dict[str, Any],
    environment: dict[str, str],
    file: dict[str, Any] | None,
    value: float | None,
    source: str,
) -> None:
    settings = load(flags, environment, file)

    assert (settings.timeout, settings.sources["timeout"]) == (value, source)


def test_the_tables_of_the_file_are_understood() -> None:
    settings = load(
        file={
            "key_env": "HEROKU_STAGING_API_KEY",
            "prepare": {"apps": ["foo-prepare"], "strategy": "git"},
            "deadlines": {"build": "45m", "dynos": 30},
            "stages": {"staging": {"smoke": ["/health"]}, "production": {"smoke": "/up 204"}},
        }
    )

    assert settings.key_env == "HEROKU_STAGING_API_KEY"
    assert settings.prepare.apps == ("foo-prepare",)
    assert settings.prepare.strategy == "git"
    assert settings.deadlines.build == 2700
    assert settings.deadlines.dynos == 30
    assert settings.stages["staging"].smoke == ("/health",)
    assert settings.stages["production"].smoke == ("/up 204",)
    assert settings.stages["review"].smoke is None


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        pytest.param({}, ("/stage",), id="the stage's own before the one for all"),
        pytest.param({"smoke": ("/flag",)}, ("/flag",), id="a flag before both"),
        pytest.param({"smoke": ()}, ("/stage",), id="a flag not given is no flag"),
    ],
)
def test_smoke_checks_of_a_stage(flags: dict[str, Any], expected: tuple[str, ...]) -> None:
    file = {"smoke": ["/all"], "stages": {"staging": {"smoke": ["/stage"]}}}

    settings = load(flags, {}, file)

    assert settings.smoke_of("staging") == expected


def test_a_stage_can_have_its_smoke_checks_taken_away() -> None:
    settings = load(file={"smoke": ["/all"], "stages": {"review": {"smoke": []}}})

    assert settings.smoke_of("review") == ()
    assert settings.smoke_of("production") == ("/all",)


CHOICES = {
    "prepare.strategy": "git",
    "on_miss": "fail",
    "lock": "off",
    "on_superseded": "ok",
}


def name_of(setting: Setting) -> str:
    return setting.name


def sample(setting: Setting) -> str:
    """Give a text that the setting takes."""
    samples: dict[Callable[[Any], Any], str] = {
        parsing.parse_variable_name: "OTHER_KEY",
        parsing.parse_boolean: "no",
        parsing.parse_lock_remote: "https://git.example.com/locks.git",
    }
    return samples.get(setting.parse, CHOICES.get(setting.name, "7"))


@pytest.mark.parametrize("setting", SETTINGS, ids=name_of)
def test_every_setting_can_be_given_by_its_variable(setting: Setting) -> None:
    settings = load(environment={setting.variable: sample(setting)})

    assert settings.sources[setting.name] == setting.variable


HONOURED = [
    pytest.param({"file": {"lock": "required"}}, "lock", "required", id="lock"),
    pytest.param({"environment": {"ACCELERATOR_LOCK": "off"}}, "lock", "off", id="no lock"),
    pytest.param({"flags": {"lock": "auto"}}, "lock", "auto", id="lock by a flag"),
    pytest.param({"file": {"wait": "10m"}}, "wait", 600, id="wait"),
    pytest.param({"environment": {"ACCELERATOR_WAIT": "1"}}, "wait", 1, id="wait here"),
    pytest.param({"flags": {"wait": "5m"}}, "wait", 300, id="wait by a flag"),
    pytest.param({"file": {"lock_wait": 0}}, "lock_wait", 0, id="no waiting for a lock"),
    pytest.param(
        {"flags": {"lock_remote": " git@host:locks.git "}},
        "lock_remote",
        "git@host:locks.git",
        id="a lock remote",
    ),
    pytest.param({"file": {"lock_remote": "origin"}}, "lock_remote", "origin", id="of the clone"),
    pytest.param({"file": {"lock_remote": "heroku"}}, "lock_remote", "heroku", id="Heroku's own"),
    pytest.param({"flags": {"same_tree": True}}, "same_tree", True, id="equal trees"),
    pytest.param({"file": {"on_superseded": "ok"}}, "on_superseded", "ok", id="a late job"),
    pytest.param({"file": {"strict": True}}, "strict", True, id="strict"),
    pytest.param({"file": {"on_miss": "wait"}}, "on_miss", "wait", id="waiting on a miss"),
]


@pytest.mark.parametrize(("sources", "name", "value"), HONOURED)
def test_what_was_refused_until_something_honoured_it_is_taken_now(
    sources: dict[str, Any], name: str, value: object
) -> None:
    assert getattr(load(**sources), name) == value


@pytest.mark.parametrize(
    ("sources", "expected"),
    [
        pytest.param(
            {"file": {"prepare": {"build_config": ["NODE_ENV"]}}}, ("NODE_ENV",), id="file"
        ),
        pytest.param({"file": {"prepare": {"build_config": []}}}, (), id="none"),
        pytest.param(
            {"environment": {"ACCELERATOR_PREPARE_BUILD_CONFIG": "NODE_ENV,LANG"}},
            ("NODE_ENV", "LANG"),
            id="environment",
        ),
    ],
)
def test_config_vars_that_shape_the_build_can_be_declared(
    sources: dict[str, Any], expected: tuple[str, ...]
) -> None:
    assert load(**sources).prepare.build_config == expected


PLANNED = [
    f"stages.{stage}.{name}"
    for stage in STAGES
    for name in ("key_env", "after", "soak", "windows", "confirm", "approvals")
]


def in_file(name: str) -> dict[str, Any]:
    file: Any = True
    for part in reversed(name.split(".")):
        file = {part: file}
    assert isinstance(file, dict)
    return file


@pytest.mark.parametrize("name", ["deadlines.connect", "deadlines.read", "after", "stages"])
def test_a_key_that_nothing_honours_is_unknown(name: str) -> None:
    (problem,) = problems_of(file=in_file(name))

    assert problem.startswith(f'accelerator.toml: unknown key "{name}"')


@pytest.mark.parametrize("name", [*PLANNED, "approvals"])
def test_a_key_of_the_design_is_said_to_be_planned(name: str) -> None:
    (problem,) = problems_of(file=in_file(name))

    assert problem == f"accelerator.toml: `{name}` is planned, not built yet"


@pytest.mark.parametrize("name", ["STAGES_PRODUCTION_KEY_ENV", "STAGES_STAGING_SOAK", "APPROVALS"])
def test_a_variable_of_the_design_is_said_to_be_planned(name: str) -> None:
    (problem,) = problems_of(environment={f"ACCELERATOR_{name}": "1"})

    assert problem == f"`ACCELERATOR_{name}` is planned, not built yet"


@pytest.mark.parametrize("name", planned.SETTINGS)
def test_what_is_planned_is_no_setting_yet(name: str) -> None:
    assert name.replace("*", "staging") not in {setting.name for setting in SETTINGS}


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        pytest.param("on_mis", "on_miss", id="a key"),
        pytest.param("prepar.apps", "prepare.apps", id="a table"),
        pytest.param("apps", "prepare.apps", id="a key out of its table"),
        pytest.param("subdir", "prepare.subdir", id="another"),
        pytest.param("stage.production.smoke", "stages.production.smoke", id="a table of tables"),
        pytest.param("deadline.build", "deadlines.build", id="a table by its key"),
        pytest.param("deadlines.smoke", "deadlines.smoke_deadline", id="in its own table first"),
    ],
)
def test_a_mistyped_key_is_answered_with_the_one_that_was_meant(written: str, meant: str) -> None:
    (problem,) = problems_of(file=in_file(written))

    assert problem == f'accelerator.toml: unknown key "{written}"; did you mean "{meant}"?'


def test_all_problems_are_found_beside_the_settings_that_are_right() -> None:
    examined = examine_settings(
        {}, {"ACCELERATOR_LOCK": "perhaps"}, {"wait": "5m", "on_mis": 1, "timeout": "soon"}
    )

    assert (examined.settings.wait, examined.settings.lock) == (300.0, LockMode.AUTO)
    assert [each.setting for each in examined.problems] == [None, "lock", "timeout"]
    rows = {row.name: row for row in examined.settings.rows(examined.problems)}
    assert rows["timeout"].source == "accelerator.toml: timeout"
    assert (rows["timeout"].value, rows["wait"].problem) == ("(wrong)", None)


def test_the_first_prepare_app_of_the_file_stays_known_where_a_flag_hides_it() -> None:
    file = {"prepare": {"apps": ["one", "two"]}}
    job = {"GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": "pull_request"}

    hidden = load(flags={"from": ("three",)}, file=file)
    reviewed = load(flags={"from": ("three",)}, file=file, environment=job)

    assert (hidden.prepare.apps, hidden.home) == (("three",), "one")
    assert reviewed.home is None


def test_the_names_flags_and_variables_of_settings_are_unique() -> None:
    names = [setting.name for setting in SETTINGS]
    variables = [setting.variable for setting in SETTINGS]
    flags = [parameter(flag) for setting in SETTINGS for flag in setting.flags]

    for words in (names, variables, flags):
        assert len(words) == len(set(words))


# Values


DURATIONS = [
    pytest.param("90", 90, id="plain number"),
    pytest.param(90, 90, id="integer"),
    pytest.param(0.5, 0.5, id="float"),
    pytest.param("30s", 30, id="seconds"),
    pytest.param("1.5s", 1.5, id="fraction"),
    pytest.param("10m", 600, id="minutes"),
    pytest.param("1h30m", 5400, id="hours and minutes"),
    pytest.param("1d", 86400, id="a day"),
    pytest.param(" 2h ", 7200, id="blanks around"),
]


@pytest.mark.parametrize(("text", "seconds"), DURATIONS)
def test_durations_are_seconds(text: Any, seconds: float) -> None:
    assert load(flags={"timeout": text}).timeout == seconds


@pytest.mark.parametrize(
    "text", ["-1", "10x", "1h30", "m", "1m1h", "nan", "inf", True, -3, float("inf"), [], "\u0661m"]
)
def test_what_is_no_duration_is_a_problem(text: Any) -> None:
    problems = problems_of(file={"timeout": text})

    assert len(problems) == 1
    assert "accelerator.toml: timeout must be a duration" in problems[0]


@given(st.integers(min_value=0, max_value=10**7))
def test_a_duration_reads_back_as_it_was_written(seconds: int) -> None:
    assert parsing.parse_duration(duration(float(seconds))) == seconds


def test_a_deadline_of_zero_is_a_problem() -> None:
    problems = problems_of(environment={"ACCELERATOR_DEADLINES_BUILD": "0"})

    assert problems == ("ACCELERATOR_DEADLINES_BUILD must be longer than nothing",)


LISTS = [
    pytest.param({}, {"ACCELERATOR_SMOKE": "/a, /b,"}, None, ("/a", "/b"), id="commas"),
    pytest.param({}, {"ACCELERATOR_SMOKE": "curl a,b\n/b\n"}, None, ("curl a,b", "/b"), id="lines"),
    pytest.param({}, {}, {"smoke": ["curl a,b"]}, ("curl a,b",), id="a list in the file"),
    pytest.param({}, {}, {"smoke": "curl a,b"}, ("curl a,b",), id="one text in the file"),
    pytest.param({"smoke": ("/a", "/b,c")}, {}, None, ("/a", "/b,c"), id="repeated flags"),
    pytest.param({}, {}, {"smoke": [{"run": "./a, b"}]}, ("$ ./a, b",), id="a command"),
    pytest.param({}, {}, {"smoke": {"run": " a "}}, ("$ a",), id="a command that is all"),
    pytest.param(
        {},
        {},
        {"smoke": ["/up", {"run": "a", "times": 3}]},
        ("/up", "3x $ a"),
        id="a command three times, beside a path",
    ),
]


@pytest.mark.parametrize(("flags", "environment", "file", "expected"), LISTS)
def test_lists_are_read_from_everywhere(
    flags: dict[str, Any],
    environment: dict[str, str],
    file: dict[str, Any] | None,
    expected: tuple[str, ...],
) -> None:
    assert load(flags, environment, file).smoke == expected


@pytest.mark.parametrize(
    "item",
    [
        {},
        {"run": ""},
        {"run": 3},
        {"run": "a", "times": 0},
        {"run": "a", "times": 100},
        {"run": "a", "times": True},
        {"run": "a", "times": "3"},
        {"run": "a", "url": "/up"},
        3,
        " ",
    ],
    ids=str,
)
def test_a_check_in_the_file_that_is_neither_text_nor_command_is_a_problem(item: Any) -> None:
    (problem,) = problems_of(file={"stages": {"staging": {"smoke": ["/up", item]}}})

    assert problem.startswith("accelerator.toml: stages.staging.smoke ")


@pytest.mark.parametrize("word", ["false", "No", "OFF", "0"])
def test_switches_can_be_turned_off_in_the_environment(word: str) -> None:
    assert load(environment={"ACCELERATOR_ROLLBACK": word}).rollback is False


def test_the_negative_spelling_of_a_flag_is_named_as_the_source() -> None:
    settings = load(flags={"rollback": False})

    assert settings.sources["rollback"] == "flag --no-rollback"


# Rows


def test_rows_show_every_setting_with_value_source_and_help() -> None:
    settings = load(
        flags={"timeout": "1h30m"},
        file={
            "smoke": [
                "3x https://user:p@w@shop.example/health?token=pw 200",
                "/up?token=pw",
                {"run": "curl https://user:pw@x/?token=pw", "times": 2},
            ],
            "lock_remote": "https://user:p@w@git.example/locks.git",
            "stages": {"review": {"smoke": []}},
        },
    )

    rows = {row.name: row for row in settings.rows()}

    assert rows["timeout"].value == "1h30m"
    assert rows["timeout"].source == "flag --timeout"
    assert rows["smoke"].value == (
        "3x https://***@shop.example/health?*** 200, /up?***, 2x $ curl https://***@x/?***"
    )
    assert rows["lock_remote"].value == "https://***@git.example/locks.git"
    assert rows["rollback"].value == "true"
    assert rows["prepare.apps"].value == "-"
    assert rows["stages.review.smoke"].source == "accelerator.toml: stages.review.smoke"
    assert all(row.help for row in rows.values())
    assert {name for name in rows if name.startswith("stages.")} == {"stages.review.smoke"}


def test_the_stages_are_herokus() -> None:
    assert STAGES == ("review", "development", "staging", "production")
