"""What strangers wrote, on its way to the log of a CI job: shown, and without effect."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.e2e.commands import LIMIT_SECONDS
from tests.unit.runners import commands

if TYPE_CHECKING:
    from tests.e2e.commands import Command
    from tests.e2e.sample import Repository
    from tests.e2e.world import Pipeline

HOSTILE = r"""#!/bin/sh
printf '::set-output name=sha::evil\n##vso[task.setvariable variable=a]b\n'
printf 'nice\r::add-mask::a\r\n\033]0;title\007 \033[31mred\033[2J\n'
printf 'section_start:1:a\r\033[0K##teamcity[buildStop]\n'
"""


def test_a_build_log_is_shown_and_gives_no_commands(
    pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    repo.commit({"bin/compile": HOSTILE}, subject="##[error]subject ::error::x")

    result = run("prepare", "--app", pipeline.prepare.name)

    assert result.exit_code == 0, result.told
    source = f"    build {pipeline.prepare.name} | "
    log = [
        line.removeprefix(source) for line in result.stderr.split("\n") if line.startswith(source)
    ]
    at = log.index("::set-output name=sha::evil")  # not at the start of a line: the source is
    assert log[at : at + 7] == [
        "::set-output name=sha::evil",
        r"#\#vso[task.setvariable variable=a]b",
        "nice",
        "::add-mask::a",
        r"\x1b]0;title\x07 red\x1b[2J",
        r"section_start\:1:a",
        r"\x1b[0K#\#teamcity[buildStop]",
    ]
    assert list(commands(result.stdout + result.stderr)) == []


def test_the_reason_of_a_freeze_is_one_line_and_no_command(
    pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    repo.commit()
    why = "audit\n::set-output name=sha::evil\r##[error]x"
    where = (pipeline.staging.name, "--from", pipeline.prepare.name)

    frozen = run("freeze", *where, "--reason", why)
    again = run("freeze", *where, "--reason", why, "--json")
    refused = run("deploy", *pipeline.to_staging)

    [said] = frozen.stdout.splitlines()
    assert "audit ::set-output name=sha::evil #\\#[error]x" in said
    assert again.document["reason"] == "audit ::set-output name=sha::evil ##[error]x"
    assert refused.exit_code == 3
    assert "audit ::set-output name=sha::evil #\\#[error]x" in refused.stderr
    for result in (frozen, again, refused):
        assert list(commands(result.stdout + result.stderr)) == []


@pytest.mark.parametrize("arguments", [("config",), ("deploy", "--to", "grün\udcff\n::error::x")])
def test_a_stream_that_takes_ascii_only_gets_ascii(
    arguments: tuple[str, ...], repo: Repository, run: Command
) -> None:
    repo.write({"accelerator.toml": 'lock_remote = "grün"\n'})

    result = run(*arguments, env={"PYTHONIOENCODING": "ascii:strict"})

    assert result.exit_code in {0, 2, 12}, result.told
    assert "Traceback" not in result.stderr
    assert (result.stdout + result.stderr).isascii()
    assert list(commands(result.stdout + result.stderr)) == []


@pytest.mark.parametrize(
    "where",
    [
        pytest.param("<&- >&- 2>&-", id="closed"),
        pytest.param(">/dev/full 2>&1", id="full", marks=pytest.mark.slow),
        pytest.param("2>&1 | true", id="a reader that has gone", marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("form", ["--json", pytest.param("--debug", marks=pytest.mark.slow)])
def test_a_deploy_that_nobody_listens_to_ends_as_it_should(
    form: str, where: str, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    commit = repo.commit()
    check = "$ echo seen; echo seen >&2"
    flags = ("deploy", *pipeline.to_staging, "--smoke", check, "--smoke", "/health {commit}", form)

    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", f'"$0" "$@" {where}', run.program, *flags],
        cwd=run.directory,
        env=run.environment,
        check=False,
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
    )

    assert (done.returncode, done.stdout) == (0, "")
    assert pipeline.staging.commit == commit
    assert run("deploy", *pipeline.to_staging, "--json").check(0)["route"] == "live"
