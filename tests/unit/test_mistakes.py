"""What is typed wrong is told in one voice: one error, one hint."""

from __future__ import annotations

import click
import pytest

from accelerator.cli import main
from accelerator.cli.mistakes import describe_mistake


@pytest.mark.parametrize(
    ("arguments", "command", "message", "hint"),
    [
        pytest.param(
            ["deploy", "--tos", "x"],
            "deploy",
            "no such option '--tos'",
            "did you mean '--to'? `accelerator deploy --help` shows the options",
            id="an option that is none",
        ),
        pytest.param(
            ["deploy", "--form", "x"],
            "deploy",
            "no such option '--form'",
            "did you mean one of: '--from', '--to'? `accelerator deploy --help` shows the options",
            id="an option that is none, and like two",
        ),
        pytest.param(
            ["deploy", "--timeout"],
            "deploy",
            "option '--timeout' requires an argument",
            "`accelerator deploy --help` shows the options",
            id="a value is missing",
        ),
        pytest.param(
            ["deploy", "--on-miss", "foo"],
            "deploy",
            "invalid value for '--on-miss': 'foo' is not one of build, wait, fail",
            "`accelerator deploy --help` shows the options",
            id="a wrong value",
        ),
        pytest.param(
            ["completion"],
            "completion",
            "missing argument 'SHELL'. Choose from: bash, zsh, fish",
            "`accelerator completion --help` shows the options",
            id="an argument is missing",
        ),
        pytest.param(
            ["depoy"],
            None,
            "no such command 'depoy'",
            "did you mean `deploy`? `accelerator --help` lists the commands",
            id="a command that is none",
        ),
        pytest.param(
            ["help", "depoy"],
            "help",
            "no such command 'depoy'",
            "did you mean `deploy`? `accelerator --help` lists the commands",
            id="the help of a command that is none",
        ),
    ],
)
def test_a_wrong_command_line_is_one_error_and_one_hint(
    arguments: list[str], command: str | None, message: str, hint: str
) -> None:
    with pytest.raises(click.ClickException) as raised:
        main.main(arguments, prog_name="accelerator", standalone_mode=False)

    told = describe_mistake(raised.value, command)

    assert (told.message, told.hint, told.exit_code) == (message, hint, 2)
