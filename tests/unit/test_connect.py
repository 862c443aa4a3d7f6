"""What a run starts from: who it is."""

from __future__ import annotations

import getpass
import os
from typing import TYPE_CHECKING

import pytest

from accelerator.connect import Connection
from accelerator.events import Recorder
from accelerator.settings import load_settings
from accelerator.waiting import SystemClock

if TYPE_CHECKING:
    from pathlib import Path


def connect(directory: Path, environment: dict[str, str]) -> Connection:
    settings = load_settings({"from": ("shop-prepare",)}, environment, None)
    return Connection(settings, environment, directory, Recorder(SystemClock(), []))


@pytest.mark.parametrize(
    "failure",
    [
        pytest.param(KeyError("getpwuid(): uid not found: 12345"), id="up to Python 3.12"),
        pytest.param(OSError("No username set in the environment"), id="since Python 3.13"),
    ],
)
def test_a_user_without_a_name_is_named_by_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    def unknown() -> str:
        raise failure

    monkeypatch.setattr(getpass, "getuser", unknown)

    assert connect(tmp_path, {}).author.startswith(f"user {os.getuid()}@")


def test_a_deploy_locks_as_the_job_that_it_is(tmp_path: Path) -> None:
    environment = {
        "GITLAB_CI": "true",
        "CI_PIPELINE_ID": "77",
        "CI_JOB_NAME": "deploy",
        "CI_JOB_ID": "1001",
    }

    lock = connect(tmp_path, environment).make_rules().lock

    assert (lock.job or "").startswith("gitlab-")
    assert lock.attempt == 1001
