"""A build that is silent for long: the platform's build lasts until the heartbeat was heard.

The command runs in this process, for it is only here that its interval can be another one.
"""

from __future__ import annotations

import io
import json
import shlex
from typing import TYPE_CHECKING

from accelerator.cli import main
from accelerator.cli.invocation import Invocation

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.sample import Repository
    from tests.e2e.world import Pipeline

PATIENCE = "100s"  # for a heartbeat that never comes: the build would last for ever


class Ear(io.StringIO):
    """A stream that leaves a file when somebody says that they still wait for a build."""

    def __init__(self, heard: Path) -> None:
        super().__init__()
        self._heard = heard

    def write(self, text: str) -> int:
        if "still waiting: Build" in text:
            self._heard.touch()
        return super().write(text)


def test_a_job_whose_build_is_silent_is_not_silent_itself(
    pipeline: Pipeline, repo: Repository, environment: dict[str, str], tmp_path: Path
) -> None:
    heard = tmp_path / "heard"
    silent = f"#!/bin/sh\nwhile [ ! -e {shlex.quote(str(heard))} ]; do sleep 0.05; done\n"
    commit = repo.commit({"bin/compile": silent})
    stdout, stderr = io.StringIO(), Ear(heard)
    job = Invocation(environment, repo.directory, stdout, stderr, heartbeat_seconds=0.2)
    arguments = ["prepare", "--app", pipeline.prepare.name, "--timeout", PATIENCE, "--json"]

    exit_code = main.main(arguments, obj=job, standalone_mode=False)

    assert exit_code == 0, stderr.getvalue()
    assert json.loads(stdout.getvalue())["artifact"]["id"] == pipeline.prepare.slug_id
    waited = f"    still waiting: Build {commit[:8]} on {pipeline.prepare.name}: build running ("
    assert any(line.startswith(waited) for line in stderr.getvalue().splitlines())
