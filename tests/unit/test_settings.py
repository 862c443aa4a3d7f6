from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelerator import planned
from accelerator.errors import ConfigurationInvalid, HostNotRecognised, UsageProblem
from accelerator.models import Endpoint, LockMode
from accelerator.settings import (
    SETTINGS,
    STAGES,
    Setting,
    Settings,
    duration,
    endpoint,
    examine_settings,
    load_settings,
    parameter,
    parsing,
    read_file,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

UUID_KEY = "01234567-89ab-cdef-0123-456789abcdef"
NEW_KEY = "HRKU-AAdGVzdA-9qk2_veryLongAndSecretIndeed"


def load(
    flags: dict[str, Any] | None = None,
    environment: dict[str, str] | None = None,
    file: dict[str, Any] | None = None,
) -> Settings:
    return load_settings(flags or {}, environment or {}, file)


def problems_of(**sources: Any) -> tuple[str, ...]:
    with pytest.raises(ConfigurationInvalid) as raised:
        load(**sources)
    return raised.value.problems


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


# A pull request


PULL_REQUEST = {"GITLAB_CI": "true", "CI_PIPELINE_SOURCE": "merge_request_event"}
COMMANDS: dict[str, Any] = {"smoke": ["/up", {"run": "./smoke.sh"}]}

REACHING = [
    pytest.param({"key_env": "AWS_SECRET"}, "key_env", id="which secret is sent"),
    pytest.param({"lock_remote": "https://x/y.git"}, "lock_remote", id="where git goes"),
    pytest.param({"prepare": {"apps": ["foo"]}}, "prepare.apps", id="which app builds"),
    pytest.param(COMMANDS, "smoke", id="a command"),
    pytest.param({"smoke": "3x $ ./smoke.sh"}, "smoke", id="a command as a text"),
    pytest.param({"stages": {"review": COMMANDS}}, "stages.review.smoke", id="of one stage"),
]


@pytest.mark.parametrize(("file", "name"), REACHING)
def test_a_file_under_review_may_not_reach_for_more_than_its_author_has(
    file: dict[str, Any], name: str
) -> None:
    (problem,) = problems_of(environment=PULL_REQUEST, file=file)

    assert problem.startswith(f"accelerator.toml: {name} is not taken")
    assert "--config accelerator.toml" in problem
    assert "ACCELERATOR_" + name.replace(".", "_").upper() in problem


@pytest.mark.parametrize(("file", "name"), REACHING)
def test_a_file_that_was_named_or_is_not_under_review_may_say_everything(
    file: dict[str, Any], name: str
) -> None:
    named = load_settings({}, PULL_REQUEST, file, is_named=True)
    merged = load_settings({}, {"GITLAB_CI": "true", "CI_PIPELINE_SOURCE": "push"}, file)

    assert named.sources[name] == merged.sources[name] == f"accelerator.toml: {name}"


def test_all_that_a_file_under_review_may_not_say_is_told_at_once() -> None:
    file = {
        "key_env": "A",
        "lock_remote": "https://x/y.git",
        **COMMANDS,
        "stages": {"review": COMMANDS},
    }

    assert len(problems_of(environment=PULL_REQUEST, file=file)) == 4


def test_what_the_job_itself_says_is_taken_instead_of_what_the_file_says() -> None:
    flags = {"app": ("foo",), "lock_remote": "https://z/y.git", "smoke": ("$ ./own.sh",)}
    environment = {**PULL_REQUEST, "ACCELERATOR_KEY_ENV": "OWN_KEY"}
    file = {
        "key_env": "AWS_SECRET",
        "lock_remote": "https://x/y.git",
        "prepare": {"apps": ["bar"]},
        "stages": {"review": COMMANDS},
        **COMMANDS,
    }

    settings = load(flags, environment, file)

    assert (settings.key_env, settings.lock_remote) == ("OWN_KEY", "https://z/y.git")
    assert settings.prepare.apps == ("foo",)
    assert settings.smoke_of("review") == ("$ ./own.sh",)


def test_a_file_under_review_may_ask_its_own_sites_and_set_its_own_limits() -> None:
    file = {"smoke": ["/up", "https://shop.example/"], "timeout": "5m", "rollback": False}

    assert load({}, PULL_REQUEST, file).smoke == ("/up", "https://shop.example/")


@pytest.mark.parametrize("word", ["false", "No", "OFF", "0"])
def test_switches_can_be_turned_off_in_the_environment(word: str) -> None:
    assert load(environment={"ACCELERATOR_ROLLBACK": word}).rollback is False


def test_the_negative_spelling_of_a_flag_is_named_as_the_source() -> None:
    settings = load(flags={"rollback": False})

    assert settings.sources["rollback"] == "flag --no-rollback"


# Problems


PROBLEMS = [
    pytest.param(
        {"file": {"rolback": True}},
        'accelerator.toml: unknown key "rolback"; did you mean "rollback"?',
        id="misspelt key",
    ),
    pytest.param(
        {"file": {"prepare": {"app": ["x"]}}},
        'accelerator.toml: unknown key "prepare.app"; did you mean "prepare.apps"?',
        id="misspelt key in a table",
    ),
    pytest.param(
        {"file": {"stages": {"prod": {"smoke": ["/"]}}}},
        'accelerator.toml: unknown stage "prod"; did you mean "production"?',
        id="misspelt stage",
    ),
    pytest.param(
        {"file": {"zzz": {}}}, 'accelerator.toml: unknown key "zzz"', id="an unknown empty table"
    ),
    pytest.param(
        {"environment": {"ACCELERATOR_ONMISS": "fail"}},
        "unknown variable ACCELERATOR_ONMISS; did you mean ACCELERATOR_ON_MISS?",
        id="misspelt variable",
    ),
    pytest.param(
        {"environment": {"ACCELERATOR_LOCKS": "off"}},
        "unknown variable ACCELERATOR_LOCKS; did you mean ACCELERATOR_LOCK?",
        id="a variable with a letter too many",
    ),
    pytest.param(
        {"environment": {"ACCELERATOR_STAGES_PROD_SMOKE": "/"}},
        "unknown variable ACCELERATOR_STAGES_PROD_SMOKE; "
        "did you mean ACCELERATOR_STAGES_PRODUCTION_SMOKE?",
        id="a variable of a stage there is not",
    ),
    pytest.param(
        {"environment": {"ACCELERATOR_DEADLINES_RELEASES": "1h"}},
        "unknown variable ACCELERATOR_DEADLINES_RELEASES; "
        "did you mean ACCELERATOR_DEADLINES_RELEASE_PHASE?",
        id="a variable of a deadline there is not",
    ),
    pytest.param(
        {"environment": {"ACCELERATOR_STAGES_4711_4711_4711": "1"}},
        "unknown variable ACCELERATOR_STAGES_4711_4711_4711",
        id="a variable of a known section with nothing near it",
    ),
    pytest.param(
        {"flags": {"on_miss": "biuld"}},
        "flag --on-miss must be one of build, wait, fail, not 'biuld'; did you mean \"build\"?",
        id="misspelt choice",
    ),
    pytest.param(
        {"file": {"rollback": "perhaps"}},
        "accelerator.toml: rollback must be true or false",
        id="neither true nor false",
    ),
    pytest.param(
        {"file": {"prepare": {"apps": [1]}}},
        "accelerator.toml: prepare.apps must be a list of texts",
        id="a list of something else",
    ),
    pytest.param(
        {"file": {"smoke": {"a": 1}}},
        'accelerator.toml: smoke has a table that is not like { run = "./smoke.sh", times = 3 }',
        id="a table instead of a list",
    ),
    pytest.param(
        {"file": {"lock": "maybe"}},
        "accelerator.toml: lock must be one of auto, required, off, not 'maybe'",
        id="a choice there is not",
    ),
    pytest.param(
        {"file": {"lock_remote": "  "}},
        'accelerator.toml: lock_remote must be "heroku", the name of a remote of the clone, or '
        "a git repository: https://HOST/PATH, "
        "ssh://HOST/PATH or USER@HOST:PATH, or an absolute path",
        id="a remote of blanks",
    ),
    *(
        pytest.param(
            {"file": {"lock_remote": address}},
            "accelerator.toml: lock_remote may be no folder and no http:// address, because the "
            'file comes with the code: write "heroku", the name of a remote of the clone such as '
            '"origin", or an https:// or ssh:// address; set anything else with --lock-remote or '
            "ACCELERATOR_LOCK_REMOTE",
            id=f"{address} from the file",
        )
        for address in ("/srv/locks.git", "file:///srv/locks.git", "http://127.0.0.1/locks.git")
    ),
    pytest.param(
        {"flags": {"lock_remote": "--upload-pack=touch X"}},
        "flag --lock-remote must not begin with a dash, "
        "nor have blanks, backslashes or control characters in it",
        id="an option as lock remote",
    ),
    pytest.param(
        {"environment": {"ACCELERATOR_LOCK_REMOTE": "ext::sh"}},
        'ACCELERATOR_LOCK_REMOTE must be "heroku", the name of a remote of the clone, or '
        "a git repository: https://HOST/PATH, "
        "ssh://HOST/PATH or USER@HOST:PATH, or an absolute path",
        id="a program as lock remote",
    ),
    pytest.param(
        {"file": {"key_env": ""}},
        "accelerator.toml: key_env must be the name of an environment variable",
        id="a blank text",
    ),
]


@pytest.mark.parametrize(("sources", "expected"), PROBLEMS)
def test_a_problem_names_its_source_and_what_was_meant(
    sources: dict[str, Any], expected: str
) -> None:
    assert problems_of(**sources) == (expected,)


def test_all_problems_are_reported_together() -> None:
    problems = problems_of(
        flags={"lock": "perhaps"},
        environment={"ACCELERATOR_TIMEOUT": "soon"},
        file={"colour": "red", "on_miss": 3},
    )

    assert len(problems) == 4


def test_variables_of_other_programs_are_named_in_a_warning_and_otherwise_left_alone() -> None:
    environment = {"ACCELERATOR_COMMIT": "x", "ACCELERATOR_GPU_COUNT": "2"}

    settings = load(environment=environment)

    assert set(settings.sources.values()) == {"default"}
    assert settings.warnings == (
        "the variable ACCELERATOR_COMMIT names no setting and is not read",
        "the variable ACCELERATOR_GPU_COUNT names no setting and is not read",
    )


@pytest.mark.parametrize(
    "variable",
    [
        pytest.param("ACCELERATOR_LOCAL_API_KEY", id="the key of the local platform"),
        pytest.param("ACCELERATOR_LOCAL_TOKEN", id="the token of the local platform"),
        pytest.param("ACCELERATOR_LOCAL_RECORD", id="the record of the local platform"),
        pytest.param("_ACCELERATOR_COMPLETE", id="what shell completion sets"),
        pytest.param("ACCELERATOR_", id="the bare prefix"),
        pytest.param("ACCELERATOR_LOCKS", id="the variable that holds the key, by key_env"),
    ],
)
def test_variables_that_something_of_ours_reads_are_no_surprise(variable: str) -> None:
    settings = load(environment={variable: "x"}, file={"key_env": "ACCELERATOR_LOCKS"})

    assert settings.warnings == ()


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(UUID_KEY, id="a UUID"),
        pytest.param(NEW_KEY, id="a new key"),
        pytest.param(UUID_KEY.replace("-", ""), id="bare digits"),
        pytest.param("a" + UUID_KEY.replace("-", ""), id="digits that could be a name"),
        pytest.param("s3cret value", id="something with a blank"),
    ],
)
@pytest.mark.parametrize("place", ["file", "environment"])
def test_a_key_in_place_of_its_variables_name_is_refused_and_not_repeated(
    value: str, place: str
) -> None:
    key = "key_env" if place == "file" else "ACCELERATOR_KEY_ENV"

    with pytest.raises(ConfigurationInvalid) as raised:
        load(**{place: {key: value}})

    assert "variable" in str(raised.value)
    assert value not in str(raised.value) + str(raised.value.hint) + repr(raised.value.problems)


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


# The file


def repository(root: Path) -> Path:
    (root / ".git").mkdir(parents=True)
    deep = root / "services" / "web"
    deep.mkdir(parents=True)
    return deep


def test_the_nearest_file_up_to_the_root_of_the_repository_is_read(tmp_path: Path) -> None:
    deep = repository(tmp_path / "shop")
    (tmp_path / "shop" / "accelerator.toml").write_text('on_miss = "shop"\n')
    (tmp_path / "shop" / "services" / "accelerator.toml").write_text('on_miss = "near"\n')

    found = read_file(None, deep)

    assert found == ({"on_miss": "near"}, tmp_path / "shop" / "services" / "accelerator.toml")


@pytest.mark.parametrize("inside", [True, False], ids=["in a repository", "outside any"])
def test_a_file_above_the_repository_configures_nothing(tmp_path: Path, inside: bool) -> None:
    (tmp_path / "accelerator.toml").write_text('on_miss = "stray"\n')
    deep = repository(tmp_path / "shop") if inside else tmp_path / "plain"
    deep.mkdir(exist_ok=True)

    assert read_file(None, deep) is None


BROKEN = [
    pytest.param(b'on_miss = "a"\nlock = auto\n', "at line 2", id="not TOML, with the line"),
    pytest.param(b"on_miss = '\xff'\n", "is not UTF-8 text", id="not text"),
    pytest.param(b"#" * 16_385, "longer than 16384 bytes", id="endless"),
    pytest.param(b"a = " + b"[" * 15_000, "nested too deep", id="deep in brackets"),
    pytest.param(b".".join([b"a"] * 8_000) + b" = 1", "nested too deep", id="deep in dots"),
    pytest.param(b"wait = " + b"9" * 10_000, "digits", id="a number beyond what Python reads"),
]


@pytest.mark.parametrize(("content", "expected"), BROKEN)
def test_a_malformed_file_is_named(tmp_path: Path, content: bytes, expected: str) -> None:
    path = tmp_path / "accelerator.toml"
    path.write_bytes(content)

    with pytest.raises(ConfigurationInvalid, match=expected) as raised:
        read_file(None, tmp_path)

    assert str(path) in raised.value.message


def test_a_file_named_on_the_command_line_must_exist(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationInvalid, match="there is no such file"):
        read_file(tmp_path / "other.toml", tmp_path)


@pytest.mark.skipif(os.name != "posix", reason="a directory opens differently elsewhere")
def test_a_file_that_cannot_be_read_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationInvalid, match="cannot be read"):
        read_file(tmp_path, tmp_path)


# The endpoint


ENDPOINTS = [
    pytest.param({}, "https://api.heroku.com", "https://git.heroku.com", id="nothing set"),
    pytest.param(
        {"HEROKU_HOST": ""}, "https://api.heroku.com", "https://git.heroku.com", id="blank"
    ),
    pytest.param(
        {"HEROKU_HOST": "http://127.0.0.1:5001"},
        "http://127.0.0.1:5001",
        "http://127.0.0.1:5001",
        id="this machine",
    ),
    pytest.param(
        {"HEROKU_HOST": "http://localhost:5001/"},
        "http://localhost:5001",
        "http://localhost:5001",
        id="this machine by name, with a slash",
    ),
    pytest.param(
        {"HEROKU_HOST": "https://[::1]:5001"},
        "https://[::1]:5001",
        "https://[::1]:5001",
        id="this machine in IPv6",
    ),
    pytest.param(
        {"HEROKU_HOST": "http://127.8.9.1"},
        "http://127.8.9.1",
        "http://127.8.9.1",
        id="any loopback address",
    ),
    pytest.param(
        {"HEROKU_HOST": "HerokuDev.com"},
        "https://api.herokudev.com",
        "https://git.herokudev.com",
        id="another Heroku domain",
    ),
    pytest.param(
        {"HEROKU_HOST": "eu.herokuspace.com"},
        "https://api.eu.herokuspace.com",
        "https://git.eu.herokuspace.com",
        id="a subdomain",
    ),
    pytest.param(
        {"HEROKU_HOST": "https://api.staging.herokudev.com"},
        "https://api.staging.herokudev.com",
        "https://api.staging.herokudev.com",
        id="a full URL on a Heroku domain",
    ),
    pytest.param(
        {"HEROKU_GIT_HOST": "git.herokai.com"},
        "https://api.heroku.com",
        "https://git.herokai.com",
        id="only git elsewhere",
    ),
    pytest.param(
        {"HEROKU_HOST": "http://127.0.0.1:5001", "HEROKU_GIT_HOST": "127.0.0.1:5002"},
        "http://127.0.0.1:5001",
        "http://127.0.0.1:5002",
        id="git on another port of this machine",
    ),
    pytest.param(
        {"HEROKU_HOST": "http://127.0.0.1:5001", "HEROKU_GIT_HOST": "https://localhost:5002"},
        "http://127.0.0.1:5001",
        "https://localhost:5002",
        id="git with a scheme of its own",
    ),
]


@pytest.mark.parametrize(("environment", "api", "git"), ENDPOINTS)
def test_the_endpoint_follows_the_variables_of_the_heroku_cli(
    environment: dict[str, str], api: str, git: str
) -> None:
    assert endpoint(environment) == Endpoint(api_url=api, git_url=git)


@pytest.mark.parametrize("variable", ["HEROKU_HOST", "HEROKU_GIT_HOST"])
@pytest.mark.parametrize(
    "value",
    [
        "example.com",
        "https://example.com",
        "evilheroku.com",
        "heroku.com.evil.org",
        "heroku.com.",
        ".heroku.com",
        "https://.heroku.com",
        "a..heroku.com",
        "-a.heroku.com",
        "x" * 64 + ".heroku.com",
        ".heroku.com.evil.org",
        "http://localhost@evil.com",
        "http://127.0.0.1:80@evil.com",
        "https://user:pa55word@api.heroku.com",
        "https://user:x@pa55word@api.heroku.com",
        "user:x@pa55word@api.heroku.com",
        "user:pa55 pa55word@api.heroku.com",
        "https://user:x/pa55word@api.heroku.com",
        "https://evil.com/heroku.com",
        "https://evil.com#.heroku.com",
        "https://evil.com?.heroku.com",
        "https://evil.com\\.heroku.com",
        "https://api.heroku.com/path",
        "http://127.0.0.1.evil.com",
        "http://localhost.evil.com",
        "http://foo.localhost:5000",
        "http://127.1",
        "http://0x7f.0.0.1",
        "http://2130706433",
        "http://0.0.0.0:5000",
        "http://10.0.0.1",
        "http://[::ffff:10.0.0.1]",
        "http://[::ffff:127.0.0.1]",
        "http://127.0.0.1:99999",
        "http://127.0.0.1:",
        "http://127.0.0.1:5001\nevil.com",
        "heroku.com\tevil.com",
        "ftp://127.0.0.1",
        "file:///etc/passwd",
        "http://",
        "https://api.heroku.com,evil.com",
        "https://herok\u00fc.com",
        "https://heroku\u3002com",
    ],
)
def test_a_host_that_is_neither_herokus_nor_this_machine_is_refused(
    variable: str, value: str
) -> None:
    with pytest.raises(HostNotRecognised) as raised:
        endpoint({variable: value})

    assert variable in raised.value.message
    assert "pa55word" not in raised.value.message
    assert raised.value.message.isprintable()


def test_this_machine_without_a_scheme_means_something_else_to_the_cli_and_is_refused() -> None:
    with pytest.raises(HostNotRecognised):
        endpoint({"HEROKU_HOST": "localhost:5001"})


@pytest.mark.parametrize("variable", ["HEROKU_HOST", "HEROKU_GIT_HOST"])
def test_the_key_never_goes_to_heroku_in_clear_text(variable: str) -> None:
    with pytest.raises(UsageProblem, match="in clear text"):
        endpoint({variable: "http://api.heroku.com"})


@given(st.text(max_size=40))
def test_whatever_the_variable_holds_the_key_stays_with_heroku_or_this_machine(text: str) -> None:
    try:
        found = endpoint({"HEROKU_HOST": text})
    except UsageProblem:
        return

    host = found.api_url.split("://")[1].split(":")[0]
    heroku = (".heroku.com", ".herokai.com", ".herokuspace.com", ".herokudev.com")  # the CLI's own
    assert host == "localhost" or host.endswith(heroku) or host.startswith("127.")
