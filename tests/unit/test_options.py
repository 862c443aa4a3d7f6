from __future__ import annotations

import io
from collections import Counter
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from accelerator.cli import COMMANDS
from accelerator.cli import main as root_command
from accelerator.cli.invocation import Invocation
from accelerator.cli.options import (
    FROM,
    ON_A_MISS,
    SUBDIR,
    TO,
    VERIFICATION,
    Allowed,
    Talk,
    Target,
    Waves,
)
from accelerator.cli.parts import SettingOption, ToldOption, setting, takes
from accelerator.errors import ExitCode, UsageProblem
from accelerator.models import OnFailure
from accelerator.settings import SETTINGS, load_settings


def typed(*arguments: str) -> dict[str, Any]:
    """Give what a command with many parts is handed."""
    handed: dict[str, Any] = {}

    @click.command()
    @takes(FROM, TO, *ON_A_MISS, *VERIFICATION, SUBDIR, Waves, Allowed, Talk)
    def command(**values: Any) -> None:
        handed.update(values)

    CliRunner().invoke(command, arguments, catch_exceptions=False, standalone_mode=False)
    return handed


def command_named(name: str) -> click.Command:
    found = root_command.get_command(click.Context(root_command), name)
    assert found is not None
    return found


def test_a_command_is_handed_one_value_per_group_and_the_flags_of_settings_together() -> None:
    handed = typed("--then", "a", "--then", "b", "--on-failure", "continue", "-t", "c", "-vv")

    assert set(handed) == {"given", "to", "waves", "allowed", "talk"}
    assert handed["waves"] == Waves(("a", "b"), OnFailure.CONTINUE)
    assert isinstance(handed["waves"].on_failure, OnFailure)
    assert (handed["to"], handed["talk"].verbosity) == (("c",), 2)


def test_groups_of_flags_that_were_not_typed_have_their_defaults() -> None:
    handed = typed()

    assert (handed["waves"], handed["allowed"], handed["talk"]) == (Waves(), Allowed(), Talk())
    with pytest.raises(FrozenInstanceError):
        handed["talk"].json = True


def test_flags_of_settings_that_were_not_typed_leave_the_word_to_the_next_source() -> None:
    variables = {
        setting.variable: {"on_miss": "wait", "rollback": "no", "smoke": "/a"}.get(setting.name, "")
        for setting in SETTINGS
    }

    settings = load_settings(typed()["given"], variables, None)

    assert (settings.on_miss, settings.rollback, settings.smoke) == ("wait", False, ("/a",))


@pytest.mark.parametrize(
    ("arguments", "name", "value"),
    [
        pytest.param(("--rollback",), "rollback", True, id="a switch"),
        pytest.param(("--no-rollback",), "rollback", False, id="its opposite"),
        pytest.param(("--no-rollback", "--rollback"), "rollback", True, id="the last one wins"),
        pytest.param((), "rollback", None, id="neither"),
        pytest.param((), "smoke", (), id="a list not typed"),
        pytest.param(("--smoke", "/a,b", "--smoke", "/c"), "smoke", ("/a,b", "/c"), id="repeated"),
        pytest.param(("--from", "a", "--from", "b"), "from", ("a", "b"), id="a Python keyword"),
        pytest.param(("--wait", "1", "--wait", "2"), "wait", "2", id="the last of two texts"),
        pytest.param(("--on-miss", "wait"), "on_miss", "wait", id="a word"),
    ],
)
def test_flags_of_settings_arrive_as_they_were_typed(
    arguments: tuple[str, ...], name: str, value: object
) -> None:
    assert typed(*arguments)["given"][name] == value


@pytest.mark.parametrize("flag", ["--on-miss", "--strategy", "--lock", "--on-superseded"])
def test_a_word_that_a_setting_does_not_know_is_refused_at_the_door(flag: str) -> None:
    command = click.command()(takes(setting(flag))(lambda **_: None))

    result = CliRunner().invoke(command, [flag, "perhaps"])

    assert (result.exit_code, "perhaps" in result.output) == (2, True)


def test_the_text_of_a_flag_ends_with_the_default_of_its_setting() -> None:
    command = command_named("deploy")
    told = [one for one in command.params if isinstance(one, ToldOption)]
    shown = {one.name: (one.get_help_record(click.Context(command)) or ("", ""))[1] for one in told}

    assert shown["wait"].endswith("  [default: 10m]")
    assert shown["lock"].endswith("  [default: auto]")
    assert shown["rollback"].endswith("  [default: on]")
    assert shown["strict"].endswith("  [default: off]")
    assert "[default" not in shown["smoke"]


@pytest.mark.parametrize("target", [Target("foo"), Target(by_app="foo")])
def test_a_target_is_its_argument_or_what_the_heroku_cli_has_for_it(target: Target) -> None:
    assert target.find() == target.demand("freeze") == "foo"


def test_a_target_that_is_named_twice_or_not_at_all_is_refused() -> None:
    with pytest.raises(UsageProblem, match="foo and --app bar both name the target"):
        Target("foo", "bar").demand("freeze")
    with pytest.raises(UsageProblem, match="no target") as refused:
        Target().demand("freeze")
    assert "`accelerator freeze staging`" in (refused.value.hint or "")


@pytest.mark.parametrize(
    "name", ["lock", "unlock", "freeze", "unfreeze", "reject", "accept", "resume"]
)
@pytest.mark.parametrize("words", [("foo",), ("-a", "foo"), ("--app", "foo")])
def test_every_command_with_one_target_takes_it_either_way(
    name: str, words: tuple[str, ...]
) -> None:
    command = command_named(name)
    more = ["--reason", "x"] if name in {"freeze", "reject"} else []
    context = command.make_context(name, [*words, *more])

    assert Target(context.params["named"], context.params["by_app"]).find() == "foo"


def test_every_flag_that_a_setting_declares_is_taken_by_a_command() -> None:
    options = [one for name in COMMANDS for one in command_named(name).params]
    taken = {
        (one.setting.name, spelling)
        for one in options
        if isinstance(one, SettingOption)
        for spelling in (*one.opts, *one.secondary_opts)
    }

    assert {(each.name, flag) for each in SETTINGS for flag in each.flags} <= taken


def test_a_lock_for_no_length_of_time_is_a_usage_error() -> None:
    result = CliRunner().invoke(command_named("lock"), ["shop", "--for", "soon"])

    assert (result.exit_code, type(result.exception)) == (2, SystemExit)
    assert "'--for': must be a duration" in result.output


@pytest.mark.parametrize("typed", ["367d", "9" * 300 + "h"])
def test_a_lock_by_hand_that_lasts_longer_than_a_year_is_refused(typed: str) -> None:
    result = CliRunner().invoke(command_named("lock"), ["shop", "--for", typed])

    assert result.exit_code == 2
    assert "'--for': a year is the longest" in result.output


@pytest.mark.parametrize("name", COMMANDS)
def test_no_two_options_of_a_command_fill_the_same_value(name: str) -> None:
    filled = Counter(one.name for one in command_named(name).params)

    assert [each for each, times in filled.items() if times > 1] == []


def parameters_with_texts() -> list[Any]:
    """Give the options and arguments of all commands that take a text."""
    found = []
    for name in COMMANDS:
        for each in command_named(name).params:
            is_flag = isinstance(each, click.Option) and (each.is_flag or each.count)
            if isinstance(each.type, click.types.StringParamType) and not is_flag:
                found.append(pytest.param(name, each, id=f"{name} {each.opts[0]}"))
    return found


def refusal_of(command: str, *arguments: str) -> UsageProblem:
    """Give how a command refuses what was typed, before it looks at anything else."""
    refused = CliRunner().invoke(command_named(command), arguments, standalone_mode=False)
    assert isinstance(refused.exception, UsageProblem), refused.exception
    return refused.exception


def typed_with(parameter: click.Parameter, text: str, command: click.Command) -> list[str]:
    """Give the arguments of a command with this text, and all that it requires beside."""
    others = [each for each in command.params if each.required and each is not parameter]
    words = [*([parameter.opts[-1]] if isinstance(parameter, click.Option) else []), text]
    for each in others:
        words += [each.opts[-1], "x"] if isinstance(each, click.Option) else ["x"]
    return words


@pytest.mark.parametrize(("name", "parameter"), parameters_with_texts())
@pytest.mark.parametrize("text", ["", "  "])
def test_no_command_takes_an_empty_text_for_one_that_was_not_given(
    name: str, parameter: click.Parameter, text: str
) -> None:
    spelling = next((each for each in parameter.opts if each[:2] == "--"), None)

    refused = refusal_of(name, *typed_with(parameter, text, command_named(name)))

    assert refused.message.endswith("is empty (an unset variable?)")
    assert (spelling or parameter.human_readable_name) in refused.message


def test_a_list_of_targets_with_commas_says_how_each_is_named() -> None:
    refused = refusal_of("deploy", "--to", "staging, foo-eu")

    assert "staging, foo-eu" in refused.message
    assert (refused.hint or "").endswith("--to staging --to foo-eu")


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(("deploy", "--then", "a,b"), id="a wave"),
        pytest.param(("deploy", "--from", "a,b"), id="prepare apps"),
        pytest.param(("prepare", "-a", "a,b"), id="prepare apps by their short flag"),
        pytest.param(("resume", "x", "--confirm", "a,b"), id="a confirmation"),
        pytest.param(("unlock", "a,b"), id="an argument"),
    ],
)
def test_a_name_with_a_comma_is_refused_wherever_an_app_is_named(
    arguments: tuple[str, ...],
) -> None:
    command, *rest = arguments

    assert "a,b" in refusal_of(command, *rest).message


def test_texts_that_are_no_names_may_have_commas() -> None:
    handed = typed("--smoke", "/a 200 one, two", "--to", "a")

    assert handed["given"]["smoke"] == ("/a 200 one, two",)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param((), "no test command is named", id="neither"),
        pytest.param(("--test", "true", "--no-test"), "exclude each other", id="both"),
    ],
)
def test_ship_wants_a_test_command_or_the_word_that_there_is_none(
    arguments: tuple[str, ...], said: str
) -> None:
    edge = Invocation({}, Path.cwd(), io.StringIO(), stderr := io.StringIO())

    ended = CliRunner().invoke(
        command_named("ship"), ["--to", "x", *arguments], obj=edge, standalone_mode=False
    )

    assert (ended.return_value, said in stderr.getvalue()) == (ExitCode.USAGE, True)
    assert "--no-test" in stderr.getvalue()
