"""What a file may say that is part of the pull request under review."""

from __future__ import annotations

from typing import Any

import pytest

from accelerator.settings import load_settings
from tests.unit.settingsof import load, problems_of

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
