"""What a shell is offered for the values of options: apps, stages, commits, remotes, files.

It is asked while somebody types. So whatever goes wrong, nothing is offered and nothing is said,
and what is imported is imported when it is needed.
"""

from __future__ import annotations

import re
from contextlib import suppress
from functools import wraps
from typing import TYPE_CHECKING

from accelerator.cli.inforce import find_settings
from accelerator.foreign import one_line
from accelerator.settings import STAGES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import click
    from click.shell_completion import CompletionItem

    Find = Callable[[click.Context], Iterable[tuple[str, str]]]
    Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]

HELP_LETTERS = 60
# Shells insert what they are offered as it is, and some expand it: no letter may mean anything.
_HARMLESS = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./@+-]{0,199}")


def _offering(find: Find) -> Complete:
    """Make a completion of what finds names, each with a word of help."""

    @wraps(find)
    def complete(
        context: click.Context, _parameter: click.Parameter, begun: str
    ) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        found: dict[str, str] = {}
        with suppress(Exception):  # a person is typing: no error may come in between
            for name, told in find(context):
                found.setdefault(name, told)
        return [
            CompletionItem(name, help=one_line(told, HELP_LETTERS) or None)
            for name, told in found.items()
            if name.startswith(begun) and _HARMLESS.fullmatch(name)
        ]

    return complete


def _stages() -> Iterable[tuple[str, str]]:
    return ((stage, "stage") for stage in reversed(STAGES))


def _apps(context: click.Context) -> Iterable[tuple[str, str]]:
    from accelerator.knownapps import find_apps

    settings = find_settings(context)
    named = settings.prepare.apps if settings else ()
    key_env = settings.key_env if settings else "HEROKU_API_KEY"
    yield from ((name, "prepare app") for name in named)
    for name in find_apps(context.obj.environment, key_env):
        if name not in named:
            yield name, "app"


def _targets(context: click.Context) -> Iterable[tuple[str, str]]:
    yield from _stages()
    yield from _apps(context)


def _commits(context: click.Context) -> Iterable[tuple[str, str]]:
    from accelerator.repository.recent import list_recent

    return list_recent(context.obj.directory, context.obj.environment)


def _remotes(context: click.Context) -> Iterable[tuple[str, str]]:
    from accelerator.repository.recent import list_remotes

    yield "heroku", "the prepare app's own git repository"
    yield from (
        (name, "remote") for name in list_remotes(context.obj.directory, context.obj.environment)
    )


complete_apps = _offering(_apps)
complete_targets = _offering(_targets)
complete_commits = _offering(_commits)
complete_remotes = _offering(_remotes)


def complete_files(*_: object) -> list[CompletionItem]:
    """Leave it to the shell to offer files."""
    from click.shell_completion import CompletionItem

    return [CompletionItem("", type="file")]


def complete_folders(*_: object) -> list[CompletionItem]:
    """Leave it to the shell to offer folders."""
    from click.shell_completion import CompletionItem

    return [CompletionItem("", type="dir")]


SETTINGS_COMPLETED: dict[str, Complete] = {
    "prepare.apps": complete_apps,
    "prepare.subdir": complete_folders,
    "lock_remote": complete_remotes,
}
