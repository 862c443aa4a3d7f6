"""The command line as a finished tool: help, completion, settings, light to start."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click
import pytest

from accelerator.cli import COMMANDS
from accelerator.cli import main as root_command
from tests.e2e.commands import Command, base_environment

if TYPE_CHECKING:
    from pathlib import Path

SUBCOMMANDS = ("prepare", "deploy", "ship", "config", "local", "demo", "completion")
HEAVY = {"git", "heroku3", "requests", "rich", "starlette", "uvicorn"}


@pytest.fixture
def bare(program: Path, tmp_path: Path) -> Command:
    """The command where there is no platform, no key and no repository."""
    return Command(program, tmp_path, base_environment(tmp_path))


def test_help_lists_every_command(bare: Command) -> None:
    result = bare("--help")

    assert (result.exit_code, result.stderr) == (0, "")
    for name in SUBCOMMANDS:
        assert f"\n  {name} " in result.stdout


@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_every_command_has_help(name: str, bare: Command) -> None:
    result = bare(name, "--help")

    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith(f"Usage: accelerator {name}")


def test_help_imports_nothing_heavy(program: Path, bare: Command) -> None:
    python = program.with_name("python")

    done = subprocess.run(
        [python, "-X", "importtime", program, "--help"],
        env=dict(bare.environment),
        check=True,
        capture_output=True,
        text=True,
    )

    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert {"click", "accelerator.cli"} <= imported
    assert {name.partition(".")[0] for name in imported} & HEAVY == set()


def test_a_mistyped_command_names_the_nearest_one(bare: Command) -> None:
    result = bare("depoly", "--json")

    assert result.exit_code == 2
    assert "did you mean `deploy`?" in result.stderr
    assert result.document["error"]["code"] == "usage"


def test_version_is_printed(bare: Command) -> None:
    result = bare("--version")

    assert result.exit_code == 0
    assert result.stdout.startswith("accelerator, version ")


def test_config_says_every_value_and_where_it_came_from(bare: Command) -> None:
    (bare.directory / "accelerator.toml").write_text('[prepare]\napps = ["foo-prepare"]\n')
    env = {"ACCELERATOR_ON_MISS": "fail", "HEROKU_API_KEY": "HRKU-secret"}
    bare.keep_secret("HRKU-secret")

    result = bare("config", "--json", env=env)

    assert result.exit_code == 0
    rows = {row["name"]: (row["value"], row["source"]) for row in result.document["settings"]}
    assert "foo-prepare" in json.dumps(rows["prepare.apps"][0])
    assert "accelerator.toml" in rows["prepare.apps"][1]
    assert rows["on_miss"][0] == "fail"
    assert "ACCELERATOR_ON_MISS" in rows["on_miss"][1]
    assert rows["rollback"][1] == "default"


def test_config_reports_all_problems_at_once(bare: Command) -> None:
    (bare.directory / "accelerator.toml").write_text(
        "on_mis = 'fail'\n[prepare]\nstrategy = 'perhaps'\n"
    )

    result = bare("config", "--json")

    assert result.exit_code == 2
    message = result.document["error"]["message"]
    assert "on_miss" in message
    assert "perhaps" in message


def test_a_variable_that_names_no_setting_is_warned_of_once_and_its_value_is_not_shown(
    bare: Command,
) -> None:
    bare.keep_secret("a-value-of-theirs")

    result = bare("config", "--json", env={"ACCELERATOR_GPU": "a-value-of-theirs"})

    assert result.exit_code == 0
    assert result.document["error"] is None
    assert result.stderr.count("ACCELERATOR_GPU names no setting") == 1


def test_a_variable_of_a_stage_there_is_not_is_refused_with_the_one_that_was_meant(
    bare: Command,
) -> None:
    result = bare("config", "--json", env={"ACCELERATOR_STAGES_PROD_SMOKE": "/health"})

    assert result.exit_code == 2
    assert "ACCELERATOR_STAGES_PRODUCTION_SMOKE" in result.document["error"]["message"]


def test_a_file_under_review_names_no_command_unless_the_job_names_the_file(
    bare: Command,
) -> None:
    folder = bare.directory / "web"
    folder.mkdir()
    (bare.directory / "accelerator.toml").write_text('smoke = [{ run = "./smoke.sh" }]\n')
    env = {"GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": "pull_request"}

    found = bare("config", "--json", env=env)
    named = bare("config", "--json", "--config", "../accelerator.toml", env=env, cwd=folder)

    assert found.exit_code == 2
    assert found.document["error"]["code"] == "configuration"
    assert "--config accelerator.toml" in found.document["error"]["message"]
    assert named.exit_code == 0
    rows = {row["name"]: row["value"] for row in named.document["settings"]}
    assert rows["smoke"] == "$ ./smoke.sh"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script_for_the_shell(shell: str, bare: Command) -> None:
    result = bare("completion", shell)

    assert result.exit_code == 0
    assert f"_ACCELERATOR_COMPLETE={shell}_complete" in result.stdout


def test_bash_completes_commands_with_that_script(bare: Command) -> None:
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("there is no bash here")
    script = bare("completion", "bash").stdout
    ask = "COMP_WORDS=(accelerator de); COMP_CWORD=1; _accelerator_completion accelerator"
    path = f"{bare.program.parent}:{bare.environment['PATH']}"

    done = subprocess.run(
        [bash, "--norc", "-c", f'{script}\n{ask}; echo "${{COMPREPLY[@]}}"'],
        env={**bare.environment, "PATH": path},
        check=True,
        capture_output=True,
        text=True,
    )

    assert done.stdout.split() == ["deploy", "demo"]


def command_named(name: str) -> click.Command:
    found = root_command.get_command(click.Context(root_command), name)
    assert found is not None
    return found


def takes_json(name: str) -> bool:
    return any("--json" in option.opts for option in command_named(name).params)


# What makes a command begin, and end at once without a platform to talk to.
NOWHERE = ("--config", "nowhere.toml")
BEGINNINGS = {
    "prepare": NOWHERE,
    "deploy": ("--to", "shop", *NOWHERE),
    "ship": ("--no-test", "--to", "shop", *NOWHERE),
    "resume": ("staging", *NOWHERE),
    "lock": ("staging", *NOWHERE),
    "unlock": ("staging", *NOWHERE),
    "freeze": ("staging", "--reason", "a holiday", *NOWHERE),
    "unfreeze": ("staging", *NOWHERE),
    "reject": ("staging", "--reason", "it is slow", *NOWHERE),
    "accept": ("staging", *NOWHERE),
    "config": (),
    "demo": ("--env", "NAME"),
    "local": ("--port", "0"),
}


def begun_document(command: Command, name: str) -> dict[str, Any]:
    """Give the document of a run that began; `local` goes on, and is stopped."""
    started = command.start(name, *BEGINNINGS[name], "--json")
    if name == "local":
        deadline = time.monotonic() + 60
        while os.fstat(started.stdout.fileno()).st_size == 0 and time.monotonic() < deadline:
            with suppress(subprocess.TimeoutExpired):
                started.process.wait(0.05)
        started.send(signal.SIGTERM)
    return started.finish().document


@pytest.mark.parametrize("name", [name for name in COMMANDS if takes_json(name)])
def test_a_wrong_option_leaves_every_key_of_the_document(name: str, bare: Command) -> None:
    begun = begun_document(bare, name)

    result = bare(name, "--json", "--wrong")

    refused = result.document
    assert list(refused) == list(begun)
    assert (refused["schema"], refused["ok"]) == (f"accelerator.{name}/1", False)
    assert (refused["exit_code"], result.exit_code) == (2, 2)
    assert "--wrong" in refused["error"]["message"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        pytest.param(("lock", "--json"), "lock", id="an argument is missing"),
        pytest.param(("deploy", "--from", "lock", "--x", "--json"), "deploy", id="a value"),
        pytest.param(("depoly", "--from", "lock", "--json"), "accelerator", id="no command"),
        pytest.param(("--json", "deploy"), "deploy", id="before the command"),
        pytest.param(("--json",), "accelerator", id="without a command"),
        pytest.param(("completion", "--json"), "completion", id="a command that takes none"),
        pytest.param(("--", "lock", "--json"), "lock", id="dashes before the command"),
        pytest.param(("deploy", "--", "--json"), None, id="behind dashes"),
        pytest.param(("deploy", "--x", "--", "--json"), None, id="a wrong option before dashes"),
        pytest.param(("deploy", "--commit", "--json", "--x"), None, id="as a value"),
        pytest.param(("deploy", "--js"), None, id="abbreviated"),
    ],
)
def test_the_document_of_a_failure_names_its_command_and_comes_only_when_asked_for(
    arguments: tuple[str, ...], expected: str | None, bare: Command
) -> None:
    result = bare(*arguments)

    assert result.exit_code == 2
    if expected is None:
        assert result.stdout == ""
    else:
        assert result.document["schema"] == f"accelerator.{expected}/1"


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("--help", 0),
        ("-V", 2),
        ("--version", 0),
        ("deploy --help", 0),
        ("completion bash", 0),
        ("config --json", 0),
        ("config --config nowhere.toml", 2),
        ("deploy --to x --json", 2),
        ("deploy --wrong", 2),
        ("deploy --wrong --json", 2),
        ("depoly", 2),
        ("", 2),
    ],
)
def test_a_stream_nobody_takes_changes_no_exit_code(bare: Command, command: str, code: int) -> None:
    ways = (">&-", "2>&-", "<&- >&- 2>&-", ">/dev/full", ">/dev/full 2>&1", "| true", "2>&1 | true")
    # All at once; each end is told on a line of its own, in whatever order.
    line = "".join(f'("$0" {command} {way}; echo "ends $?" >&3) & ' for way in ways) + "wait"

    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", f"exec 3>&1 >&2; {line}", bare.program],
        env=bare.environment,
        check=False,
        capture_output=True,
        text=True,
    )

    assert done.stdout.split("\n")[:-1] == [f"ends {code}"] * len(ways), done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


def test_a_working_directory_that_is_gone_is_an_error_of_one_line(
    bare: Command, tmp_path: Path
) -> None:
    here = tmp_path / "here"
    here.mkdir()

    done = subprocess.run(
        ["sh", "-c", f'rmdir "{here}" && "{bare.program}" config'],
        env=bare.environment,
        cwd=here,
        check=False,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 2
    assert done.stderr.startswith("error: the working directory is gone\n")
