"""The parts a command is made of: groups that arrive as one typed value, and flags of settings.

A command names its parts, in the order of its help::

    @command("deploy")
    @takes("Where to", TO, Waves, "On a miss", setting("--on-miss"), setting("--wait"), *OUTPUT)
    @click.pass_obj
    def deploy(invocation, to, given, waves, talk): ...

A text is the heading of the options that follow it. A *group* is a frozen dataclass whose fields
declare their options. It arrives as one value, under the name of its class in lower case. The
*flags of settings* arrive together as ``given``, just as they were typed: `load_settings` makes
settings of them. Any option of click's is a part, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from accelerator.cli.completing import SETTINGS_COMPLETED
from accelerator.cli.helping import HEADINGS, OTHERS, Positional, added_last
from accelerator.cli.inforce import find_own_commit, find_value
from accelerator.cli.texts import demand_texts
from accelerator.settings import SETTINGS, duration, parameter
from accelerator.settings.parsing import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable
    from enum import StrEnum

    from accelerator.settings import Setting

Command = Callable[..., Any]
Option = Callable[[Command], Command]


class ToldOption(click.Option):
    """An option whose help ends with what holds without it: its default, or that it is required."""

    def __init__(self, *arguments: Any, told: str = "", **attributes: Any) -> None:
        super().__init__(*arguments, **attributes)
        self.told = told

    def find_told(self, context: click.Context) -> str:  # noqa: ARG002  # those below look into it
        """Return what holds when the option is not given."""
        return self.told

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """Return the spellings and the text, with what holds at its end."""
        record, told = super().get_help_record(ctx), self.find_told(ctx)
        return (record[0], f"{record[1]}  [{told}]") if record and told else record


class SettingOption(ToldOption):
    """An option that stands for a setting, and knows for which."""

    def __init__(self, *arguments: Any, setting: Setting, **attributes: Any) -> None:
        super().__init__(*arguments, **attributes)
        self.setting = setting

    def find_told(self, context: click.Context) -> str:
        """Return the value in force where somebody has set one, with its source."""
        return find_value(context, self.setting.name) or self.told


class CommitOption(ToldOption):
    """The option that names the commit: without it the CI system does, if there is one."""

    def find_told(self, context: click.Context) -> str:
        """Return the commit of this CI job."""
        return find_own_commit(context) or self.told


class Words(click.Choice[str]):
    """A choice among words that names the nearest one for a word that is none of them."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the word as it was typed."""
        if value not in self.choices:
            said = f"{value!r} is not one of {', '.join(self.choices)}"
            self.fail(f"{said}{nearest(str(value), self.choices)}", param, ctx)
        return str(value)


@dataclass(frozen=True, slots=True)
class SettingFlag:
    """A flag of a setting as a part of a command; `name` is its key in ``given``."""

    name: str
    option: Option


def setting(flag: str, *short: str, help: str = "", told: str = "") -> SettingFlag:
    """Derive the option of a flag from the setting that declares it.

    `help` replaces its text where the flag means something special to a command, and `told` what
    is said to hold without it.
    """
    (declared,) = (one for one in SETTINGS if flag in one.flags)
    default = _default_of(declared)
    attributes: dict[str, Any] = {
        "help": help or declared.option_help,
        "told": told or (f"default: {default}" if default else ""),
        "metavar": declared.metavar,
        "multiple": declared.is_list,
        "shell_complete": SETTINGS_COMPLETED.get(declared.name),
    }
    if declared.is_switch:
        attributes |= {"default": None}  # neither spelling was given: the next source decides
    if declared.words:
        attributes |= {"type": Words(declared.words)}
    spelling = "/".join(declared.flags) if declared.is_switch else flag
    name = parameter(flag)
    return SettingFlag(
        name,
        click.option(*short, spelling, name, cls=SettingOption, setting=declared, **attributes),
    )


def _default_of(declared: Setting) -> str:
    if isinstance(declared.default, bool):
        return "on" if declared.default else "off"
    if isinstance(declared.default, float):
        return duration(declared.default)
    return str(declared.default or declared.unless_set)


def option(*spellings: str, default: Any = None, **attributes: Any) -> Any:
    """Declare a field of a group with its option; both have the same default."""
    attributes |= {"default": default}
    return field(default=default, metadata={"spellings": spellings, "attributes": attributes})


def argument(metavar: str, **attributes: Any) -> Any:
    """Declare a field of a group that is an argument which may be left out."""
    attributes |= {"metavar": metavar, "required": False, "default": None, "cls": Positional}
    return field(default=None, metadata={"spellings": None, "attributes": attributes})


def word(*spellings: str, default: StrEnum, help: str) -> Any:
    """Declare a field of a group that is one word of an enum."""
    words = type(default)
    made = {
        "type": Words([one.value for one in words]),
        "callback": lambda _context, _option, chosen: words(chosen),
        "default": default.value,
        "show_default": True,
        "help": help,
    }
    return field(default=default, metadata={"spellings": spellings, "attributes": made})


Part = str | type[Any] | SettingFlag | Option


def takes(*parts: Part) -> Option:
    """Add the options of these parts to a command, in this order, and hand it their values."""
    headed = list(_with_headings(parts))
    groups = [part for part in parts if isinstance(part, type)]
    flags = [part for part in parts if isinstance(part, SettingFlag)]

    def decorate(command: Command) -> Command:
        @wraps(command)
        def with_values(*arguments: Any, **values: Any) -> Any:
            demand_texts(click.get_current_context())
            for group in groups:
                own = {each.name: values.pop(each.name) for each in fields(group)}
                values[group.__name__.lower()] = group(**own)
            if flags:
                values["given"] = {flag.name: values.pop(flag.name) for flag in flags}
            return command(*arguments, **values)

        made: Command = with_values
        headings: dict[str, str] = {}
        for heading, add in reversed(headed):
            made = add(made)
            headings[added_last(made)] = heading
        setattr(made, HEADINGS, headings)
        return made

    return decorate


def _with_headings(parts: Iterable[Part]) -> Iterator[tuple[str, Option]]:
    heading = OTHERS
    for part in parts:
        if isinstance(part, str):
            heading = part
        else:
            yield from ((heading, each) for each in _options_of(part))


def _options_of(part: type[Any] | SettingFlag | Option) -> Iterator[Option]:
    if isinstance(part, SettingFlag):
        yield part.option
    elif isinstance(part, type):
        for each in fields(part):
            spellings, attributes = each.metadata["spellings"], each.metadata["attributes"]
            if spellings is None:
                yield click.argument(each.name, **attributes)
            else:
                yield click.option(*spellings, each.name, **attributes)
    else:
        yield part
