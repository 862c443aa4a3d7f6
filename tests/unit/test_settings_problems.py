"""What is wrong with settings, told with its source."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from accelerator.errors import ConfigurationInvalid
from accelerator.settings import load_settings
from tests.unit.settingsof import load, problems_of

UUID_KEY = "01234567-89ab-cdef-0123-456789abcdef"
NEW_KEY = "HRKU-AAdGVzdA-9qk2_veryLongAndSecretIndeed"


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


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        pytest.param("true", "true", id="a boolean"),
        pytest.param('["auto", false]', "['auto', false]", id="a list"),
        pytest.param("{ mode = 1 }", "a table", id="a table"),
        pytest.param("2026-03-01", "2026-03-01", id="a day"),
        pytest.param("12:30:00", "12:30:00", id="an hour"),
        pytest.param("7", "7", id="a number"),
    ],
)
def test_what_is_wrong_in_the_file_is_repeated_as_the_file_has_it(text: str, spelled: str) -> None:
    with pytest.raises(ConfigurationInvalid) as caught:
        load_settings({}, {}, tomllib.loads(f"lock = {text}"))

    assert caught.value.message.endswith(f"must be one of auto, required, off, not {spelled}")
