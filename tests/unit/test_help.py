"""What a person is taught by the help, and how little it takes to show it."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from accelerator.cli import COMMANDS, GROUPS
from accelerator.cli import main as root_command
from accelerator.cli.endings import ENDINGS
from accelerator.cli.helping import OTHERS, TaughtCommand, find_sections
from accelerator.cli.invocation import Invocation

WORDS_OF_OLD = ("Let no ", "what is there", "goes back to the release before")
HEAVY = {"git", "heroku3", "requests", "urllib3", "tenacity", "rich", "starlette", "uvicorn"}
HEAVY_OF_OURS = {"steps", "heroku", "repository", "connect", "demo", "localheroku", "web", "output"}
ALLOWED_OF_OURS = {"accelerator.output", "accelerator.output.door", "accelerator.output.streams"}


def command_named(name: str) -> click.Command:
    found = root_command.get_command(click.Context(root_command), name)
    assert found is not None
    return found


def help_of(
    *arguments: str, directory: Path | None = None, width: int = 80, **environment: str
) -> str:
    """Give what is printed, as people see it in a terminal of that width."""
    out = io.StringIO()
    edge = Invocation(environment, directory or Path("/"), out, io.StringIO())
    result = CliRunner().invoke(
        root_command,
        arguments,
        obj=edge,
        terminal_width=min(width, 100) - 2,
        prog_name="accelerator",
    )
    assert result.exit_code == 0, result.output
    return out.getvalue() or result.output


def said(text: str) -> str:
    return " ".join(text.split())


def test_every_command_stands_in_one_group() -> None:
    assert sorted(name for names in GROUPS.values() for name in names) == sorted(COMMANDS)


def test_the_first_help_shows_groups_and_how_to_start_within_80_columns() -> None:
    shown = help_of("--help")

    assert [line[:-1] for line in shown.splitlines() if line[:1].isupper() and line[-1] == ":"] == [
        "Start",
        *GROUPS,
        "Environment",
        "Options",
    ]
    assert "  freeze      Block all deploys to a target.\n" in shown
    assert max(map(len, shown.splitlines())) <= 80


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_shows_examples_of_itself(name: str) -> None:
    shown = help_of(name, "--help")

    _, _, rest = shown.partition("\nExamples:\n")
    examples = [line.strip() for line in rest.partition("\n\n")[0].splitlines()]
    assert examples
    assert all(f"accelerator {name}" in line for line in examples)


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("width", [80, 100])
def test_the_help_of_a_command_fits_the_terminal(name: str, width: int) -> None:
    shown = help_of(name, "--help", width=width)

    assert [line for line in shown.splitlines() if len(line) > width] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_of_a_command_stands_under_a_heading_that_says_something(name: str) -> None:
    command = command_named(name)
    options = [one for one in command.params if isinstance(one, click.Option)]

    assert isinstance(command, TaughtCommand)
    assert not options or OTHERS not in find_sections(command)


@pytest.mark.parametrize("name", ENDINGS)
def test_the_exit_codes_are_listed_with_their_meaning(name: str) -> None:
    _, _, listed = help_of(name, "--help").partition("Exit codes:\n")

    assert [code for code in ENDINGS[name] if f"{code}  {code.meaning}" not in listed] == []


@pytest.mark.parametrize("name", ["reject", "accept"])
def test_a_commit_that_is_not_shipped_is_not_called_so(name: str) -> None:
    assert "to ship" not in help_of(name, "--help")


def test_required_options_are_marked() -> None:
    assert "May be repeated. [required]" in said(help_of("deploy", "--help"))
    assert "show it. [required]" in said(help_of("freeze", "--help"))
    assert "[required, or prepare.apps in accelerator.toml]" in said(help_of("deploy", "--help"))


def test_the_values_in_force_are_shown_with_their_source(tmp_path: Path) -> None:
    (tmp_path / "accelerator.toml").write_text('on_miss = "wait"\n', encoding="utf-8")

    shown = said(
        help_of(
            "deploy",
            "--help",
            directory=tmp_path,
            ACCELERATOR_PREPARE_APPS="foo-prepare",
            GITHUB_ACTIONS="true",
            GITHUB_SHA="0123456789abcdef",
        )
    )

    assert "or fail. [now: wait, from accelerator.toml]" in shown
    assert "[now: foo-prepare, from ACCELERATOR_PREPARE_APPS]" in shown
    assert "[now: 0123456789a…, from GITHUB_SHA]" in shown
    assert "[default: auto]" in shown


def test_the_file_that_is_named_is_the_one_whose_values_are_shown(tmp_path: Path) -> None:
    (tmp_path / "other.toml").write_text('lock = "required"\n', encoding="utf-8")

    shown = said(help_of("deploy", "--config", "other.toml", "--help", directory=tmp_path))

    assert "[now: required, from other.toml]" in shown


@pytest.mark.parametrize("text", ["on_mis = 1", "=", 'lock = "perhaps"', "\x00", "smoke = [[[["])
def test_a_wrong_file_does_not_keep_the_help_away(tmp_path: Path, text: str) -> None:
    (tmp_path / "accelerator.toml").write_text(text, encoding="utf-8")

    shown = said(help_of("deploy", "--help", directory=tmp_path))

    assert "[default: build]" in shown
    assert "`accelerator config` names it" in shown


def test_no_login_and_no_sign_of_a_stranger_is_shown_as_a_value_in_force() -> None:
    shown = help_of(
        "deploy",
        "--help",
        ACCELERATOR_LOCK_REMOTE="https://me:hunter2@git.example.com/a.git",
        ACCELERATOR_PREPARE_APPS="foo\x1b]0;gone\x07",
    )

    assert "hunter2" not in shown
    assert "\x1b" not in shown


@pytest.mark.parametrize("name", COMMANDS)
def test_help_with_a_command_says_what_the_command_says_itself(name: str) -> None:
    assert help_of("help", name) == help_of(name, "--help") == help_of(name, "-h")


def test_help_alone_says_what_the_first_help_says() -> None:
    assert help_of("help") == help_of("--help")


def test_help_with_a_command_there_is_not_names_the_nearest_one() -> None:
    result = CliRunner().invoke(root_command, ["help", "frez"], standalone_mode=False)

    assert isinstance(result.exception, click.UsageError)
    assert "Did you mean `freeze`?" in result.exception.message


WATCH = """
import pathlib, sys
from accelerator.__main__ import main
place = pathlib.Path(sys.argv.pop(1))
try:
    main()
finally:
    place.write_text("\\n".join(sys.modules))
"""


def imported_by(arguments: tuple[str, ...], folder: Path) -> set[str]:
    """Give the modules that a command line imports."""
    place = folder / "modules"
    command = [sys.executable, "-c", WATCH, str(place), *arguments]
    subprocess.run(command, capture_output=True, check=False, timeout=60, cwd=folder)
    return set(place.read_text(encoding="utf-8").split())


@pytest.mark.parametrize(
    "arguments",
    [
        *(pytest.param((name, "--help"), id=f"the help of {name}") for name in COMMANDS),
        pytest.param(("--help",), id="the first help"),
        pytest.param(("--version",), id="the version"),
        pytest.param(("help", "deploy"), id="help with a command"),
        pytest.param(("deploy", "--bogus"), id="an option there is not"),
        pytest.param(("deploy", "--on-miss", "perhaps"), id="a word there is not"),
        pytest.param(("lock", "--for", "soon"), id="a value that is wrong"),
        pytest.param(("unfreeze",), id="no target"),
        pytest.param(("bogus",), id="a command there is not"),
        pytest.param(("completion", "zsh"), id="the script for a shell"),
    ],
)
def test_what_is_only_told_imports_nothing_that_a_deploy_needs(
    arguments: tuple[str, ...], tmp_path: Path
) -> None:
    imported = imported_by(arguments, tmp_path)

    ours = {name for name in imported if name.startswith("accelerator.")} - ALLOWED_OF_OURS
    assert "accelerator.cli" in imported
    assert {name.partition(".")[0] for name in imported} & HEAVY == set()
    assert sorted(name for name in ours if name.split(".")[1] in HEAVY_OF_OURS) == []


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in {"completion", "help"}])
def test_a_slip_that_is_told_in_json_imports_no_library_that_a_deploy_needs(
    name: str, tmp_path: Path
) -> None:
    imported = imported_by((name, "--bogus", "--json"), tmp_path)

    assert {name.partition(".")[0] for name in imported} & HEAVY == set()
