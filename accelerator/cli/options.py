"""The options of the commands: groups that arrive as one typed value, and flags of settings.

A command names its parts, in the order of its help::

    @click.command()
    @takes(TO, setting("--on-miss"), setting("--wait"), Waves, Talk)
    @click.pass_obj
    def deploy(invocation, to, given, waves, talk): ...

A *group* is a frozen dataclass whose fields declare their options. It arrives as one value, under
the name of its class in lower case. The *flags of settings* arrive together as ``given``, just as
they were typed: `load_settings` makes settings of them. Any option of click's is a part, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from accelerator.cli.texts import demand_texts
from accelerator.errors import UsageProblem
from accelerator.models import OnFailure
from accelerator.settings import SETTINGS, duration, parameter

if TYPE_CHECKING:
    from enum import StrEnum

    from accelerator.settings import Setting

Command = Callable[..., Any]
Option = Callable[[Command], Command]


class SettingOption(click.Option):
    """An option that stands for a setting, and knows for which."""

    def __init__(self, *arguments: Any, setting: Setting, **attributes: Any) -> None:
        super().__init__(*arguments, **attributes)
        self.setting = setting


@dataclass(frozen=True, slots=True)
class SettingFlag:
    """A flag of a setting as a part of a command; `name` is its key in ``given``."""

    name: str
    option: Option


def setting(flag: str, *short: str, help: str = "") -> SettingFlag:
    """Derive the option of a flag from the setting that declares it.

    `help` replaces its text where the flag means something special to a command.
    """
    (declared,) = (one for one in SETTINGS if flag in one.flags)
    text, default = help or declared.option_help, _default_of(declared)
    attributes: dict[str, Any] = {
        "help": f"{text}  [default: {default}]" if default else text,
        "metavar": declared.metavar,
        "multiple": declared.is_list,
    }
    if declared.is_switch:
        attributes |= {"default": None}  # neither spelling was given: the next source decides
    if declared.words:
        attributes |= {"type": click.Choice(declared.words)}
    spelling = "/".join(declared.flags) if declared.is_switch else flag
    name = parameter(flag)
    return SettingFlag(
        name,
        click.option(*short, spelling, name, cls=SettingOption, setting=declared, **attributes),
    )


def _default_of(declared: Setting) -> str:
    if isinstance(declared.default, bool):
        return parameter(declared.flags[0]) if declared.default else ""
    if isinstance(declared.default, float):
        return duration(declared.default)
    return str(declared.default or "")


def option(*spellings: str, default: Any = None, **attributes: Any) -> Any:
    """Declare a field of a group with its option; both have the same default."""
    attributes |= {"default": default}
    return field(default=default, metadata={"spellings": spellings, "attributes": attributes})


def word(*spellings: str, default: StrEnum, help: str) -> Any:
    """Declare a field of a group that is one word of an enum."""
    words = type(default)
    made = {
        "type": click.Choice([one.value for one in words]),
        "callback": lambda _context, _option, chosen: words(chosen),
        "default": default.value,
        "show_default": True,
        "help": help,
    }
    return field(default=default, metadata={"spellings": spellings, "attributes": made})


def takes(*parts: type[Any] | SettingFlag | Option) -> Option:
    """Add the options of these parts to a command, in this order, and hand it their values."""
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
        for add in reversed([each for part in parts for each in _options_of(part)]):
            made = add(made)
        return made

    return decorate


def _options_of(part: type[Any] | SettingFlag | Option) -> Iterator[Option]:
    if isinstance(part, SettingFlag):
        yield part.option
    elif isinstance(part, type):
        for each in fields(part):
            yield click.option(
                *each.metadata["spellings"], each.name, **each.metadata["attributes"]
            )
    else:
        yield part


@dataclass(frozen=True, slots=True)
class Talk:
    """How a command talks, which every command takes, and the file it is configured by."""

    json: bool = option(
        "--json", is_flag=True, default=False, help="Print one JSON document on stdout."
    )
    config: str | None = option(
        "--config", metavar="FILE", help="Configuration file.  [default: accelerator.toml]"
    )
    verbose: int = option(
        "-v", "--verbose", count=True, default=0, help="Say more; twice: every request."
    )
    quiet: bool = option(
        "-q", "--quiet", is_flag=True, default=False, help="Only warnings and the result."
    )
    debug: bool = option(
        "--debug",
        is_flag=True,
        default=False,
        help="Show the traceback of an expected error too.",
    )

    @property
    def verbosity(self) -> int:
        """Return how much is said: -1 warnings only, 0 steps and logs, more for more."""
        return -1 if self.quiet else self.verbose


@dataclass(frozen=True, slots=True)
class Allowed:
    """What may be shipped although the guards would refuse it."""

    older: bool = option(
        "--allow-older",
        is_flag=True,
        default=False,
        help="Ship a commit the target has left behind already.",
    )
    diverged: bool = option(
        "--allow-diverged",
        is_flag=True,
        default=False,
        help="Ship a commit on another line of history.",
    )
    missing_processes: bool = option(
        "--allow-missing-processes",
        is_flag=True,
        default=False,
        help="Ship a commit without a process type that runs now, and end its dynos.",
    )


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What is to be resumed, by the word of whoever resumes it."""

    commit: str | None = option(
        "--commit",
        metavar="REV",
        help="Go on only with this commit: a sha, branch or tag. Another one in the note is "
        "refused.",
    )
    app: str | None = option(
        "-c",
        "--confirm",
        metavar="APP",
        help="Go on with the commit of the note, whichever it is: the app's name, once more.",
    )


@dataclass(frozen=True, slots=True)
class Waves:
    """The order among several targets."""

    then: tuple[str, ...] = option(
        "--then",
        metavar="TARGET",
        multiple=True,
        default=(),
        help="A further wave: only when all before it are verified. May be repeated.",
    )
    on_failure: OnFailure = word(  # noqa: RUF009  # it makes a field, as `option` does
        "--on-failure",
        default=OnFailure.STOP,
        help="When a target fails: start no further wave, go on, or return the finished "
        "targets to the release each had.",
    )


COMMIT = click.option(
    "--commit",
    metavar="REV",
    help="What to ship: a sha, branch or tag.  [default: the CI's commit, else HEAD]",
)
TO = click.option(
    "-t",
    "--to",
    metavar="TARGET",
    multiple=True,
    help="An app, or a stage of the pipeline (staging, production). May be repeated.",
)
FROM, SUBDIR, TIMEOUT = setting("--from"), setting("--subdir"), setting("--timeout")
MISS_AND_VERIFICATION = tuple(
    map(setting, ("--on-miss", "--wait", "--same-tree", "--verify-source", "--smoke", "--rollback"))
)
ORDER_AND_LOCKS = tuple(
    map(setting, ("--on-superseded", "--strict", "--lock", "--lock-wait", "--lock-remote"))
)
WHERE_LOCKS_ARE = (
    setting("--from", help="The prepare app, whose git repository holds the locks."),
    setting("--lock-remote", help="Another git repository that holds the locks."),
)


def demand_targets(targets: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse an empty list of targets."""
    if not targets:
        raise UsageProblem("no target is named", "use --to with an app or a stage: --to staging")
    return targets
