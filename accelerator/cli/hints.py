"""Commands in hints, made ready to be pasted: with the flags that were typed in this run.

A hint names a command in backticks, plainly: `accelerator unfreeze foo-production`. Whoever wrote
it knows the app, and only the edge knows what was typed: from where, with which file, for which
commit. So each command gets the flags of this run that it takes and does not have already.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from accelerator.cli import COMMANDS
from accelerator.cli import main as commands
from accelerator.cli.parts import SettingOption
from accelerator.foreign import hide_credentials, visible
from accelerator.remotes import parse_remote
from accelerator.settings.parsing import is_command

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_COMMAND = re.compile(r"`(accelerator [a-z]+(?: [^`]*)?)`")
# Options that are no settings, and what a run is about all the same.
_ABOUT = (
    "--config",
    "--commit",
    "--to",
    "--then",
    "--allow-older",
    "--allow-diverged",
    "--allow-missing-processes",
)
# What was allowed once, for these targets, is not allowed to the next ones.
_ALLOWED = frozenset(("--allow-older", "--allow-diverged", "--allow-missing-processes"))
# More time is what many of these hints are about.
_NOT_AGAIN = frozenset(("--timeout",))
# A note names its commit itself: another one would be refused.
_OWN = {"resume": frozenset(("--commit",))}


@dataclass(frozen=True, slots=True)
class Flag:
    """An option as it was typed; an empty `value` is that of a switch.

    `is_setting`: the ``--app`` that is a setting is not the ``--app`` that names a target.
    """

    names: frozenset[str]
    is_setting: bool
    spelling: str
    value: str = ""

    @property
    def words(self) -> tuple[str, ...]:
        """Return it as it is typed again."""
        return (self.spelling, self.value) if self.value else (self.spelling,)


def typed_flags(context: click.Context | None) -> tuple[Flag, ...]:
    """Return the flags of a command under way that say what it is about, as they were typed."""
    if context is None:
        return ()
    return tuple(
        flag
        for option in context.command.params
        if isinstance(option, click.Option)
        and _is_about(option)
        and context.get_parameter_source(option.name or "") is ParameterSource.COMMANDLINE
        for flag in _flags_of(option, context.params.get(option.name or ""))
    )


def complete(text: str, typed: Sequence[Flag]) -> str:
    """Return a text in which each command has the flags that it takes, of those that were typed."""
    if not typed or "`accelerator " not in text:
        return text
    return _COMMAND.sub(lambda found: f"`{_complete(found[1], typed)}`", text)


def complete_next(lines: Sequence[str], typed: Sequence[Flag]) -> list[str]:
    """Return a result whose command to come has the flags of this run that it takes.

    Without them it would look for freezes elsewhere, and verify less. It gets no permission, and no
    checks where one is of an address: that of the app which was just deployed.
    """
    are_paths = all(flag.value.startswith("/") for flag in typed if flag.spelling == "--smoke")
    left_out = _ALLOWED if are_paths else _ALLOWED | {"--smoke"}
    kept = [flag for flag in typed if not flag.names & left_out]
    return [complete(line, kept) if line.startswith("next: `") else line for line in lines]


def _complete(command: str, typed: Sequence[Flag]) -> str:
    try:
        words = shlex.split(command)
    except ValueError:  # a quote that is never closed: it is no command to be pasted
        return command
    name = words[1]
    if name not in COMMANDS:
        return command
    made = commands.get_command(click.Context(commands), name)
    options = [one for one in made.params if isinstance(one, click.Option)] if made else []
    present = {word.partition("=")[0] for word in words}
    added = [
        word
        for flag in typed
        for option in options
        if flag.is_setting is isinstance(option, SettingOption)
        and flag.names & _spellings(option) - _OWN.get(name, frozenset())
        and not present & _spellings(option)
        for word in _respelled(flag, option).words
    ]
    return f"{command} {shlex.join(added)}" if added else command


def _respelled(flag: Flag, option: click.Option) -> Flag:
    """Return a flag as another command spells it: ``--from`` is the ``--app`` of `prepare`."""
    if flag.spelling in {*option.opts, *option.secondary_opts}:
        return flag
    return Flag(flag.names, flag.is_setting, _long(option.opts), flag.value)


def _spellings(option: click.Option) -> frozenset[str]:
    """Return all spellings of an option; of one that is a setting those of other commands too."""
    own = {*option.opts, *option.secondary_opts}
    return frozenset(
        own | ({*option.setting.flags} if isinstance(option, SettingOption) else set())
    )


def _is_about(option: click.Option) -> bool:
    is_setting = isinstance(option, SettingOption)
    return (is_setting or bool({*_ABOUT} & {*option.opts})) and not _NOT_AGAIN & {*option.opts}


def _flags_of(option: click.Option, value: object) -> Iterator[Flag]:
    kind = _spellings(option), isinstance(option, SettingOption)
    if isinstance(value, bool):
        yield Flag(*kind, _long(option.opts if value else option.secondary_opts))
        return
    values = [str(one) for one in (value if isinstance(value, tuple) else (value,))]
    if all(map(_may_be_shown, values)):  # some of several checks would be other checks
        yield from (Flag(*kind, _long(option.opts), one) for one in values if one)


def _long(spellings: Sequence[str]) -> str:
    return next(one for one in spellings if one.startswith("--"))


def _may_be_shown(value: str) -> bool:
    """Return whether a value may stand in a log: no login, no query, no command of the user's.

    What could be no part of one line of a terminal is left out as well.
    """
    if visible(value) != value or "`" in value or is_command(value):
        return False
    is_plain = hide_credentials(value, hide_query=True) == value
    return _is_without_login(value) if "@" in value else is_plain


def _is_without_login(address: str) -> bool:
    """Return whether an address has no secret in it: over HTTP a token can be the user alone."""
    try:
        remote = parse_remote(address)
    except ValueError:
        return False
    return not (remote.user or remote.password)
