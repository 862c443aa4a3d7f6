"""The options of the commands, each with its heading: what several commands take."""

from __future__ import annotations

from dataclasses import dataclass

import click

from accelerator.cli.completing import (
    complete_apps,
    complete_commits,
    complete_files,
    complete_targets,
)
from accelerator.cli.helping import LAST
from accelerator.cli.parts import (
    CommitOption,
    Option,
    Part,
    ToldOption,
    argument,
    option,
    setting,
    word,
)
from accelerator.errors import UsageProblem
from accelerator.foreign import one_line
from accelerator.models import OnFailure


@dataclass(frozen=True, slots=True)
class Talk:
    """How a command talks, which every command takes, and the file it is configured by."""

    json: bool = option(
        "--json", is_flag=True, default=False, help="Print one JSON document on stdout."
    )
    config: str | None = option(
        "--config",
        cls=ToldOption,
        metavar="FILE",
        is_eager=True,  # the help shows what this file says
        help="The configuration file.",
        told="default: accelerator.toml, here or in a folder above",
        shell_complete=complete_files,
    )
    verbose: int = option(
        "-v", "--verbose", count=True, default=0, help="Say more. Twice: say every request."
    )
    quiet: bool = option(
        "-q", "--quiet", is_flag=True, default=False, help="Show only warnings and the result."
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
        help="Ship a commit that is older than what the target runs.",
    )
    diverged: bool = option(
        "--allow-diverged",
        is_flag=True,
        default=False,
        help="Ship a commit that is on another line of history.",
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
        help="Continue only with this commit: a sha, branch or tag. Another commit in the note is "
        "refused.",
        shell_complete=complete_commits,
    )
    app: str | None = option(
        "-c",
        "--confirm",
        metavar="APP",
        help="Continue with whichever commit the note names. Confirm with the app's name.",
        shell_complete=complete_apps,
    )


@dataclass(frozen=True, slots=True)
class Waves:
    """The order among several targets."""

    then: tuple[str, ...] = option(
        "--then",
        metavar="TARGET",
        multiple=True,
        default=(),
        help="Deploy here too, once all targets before it are verified. May be repeated.",
        shell_complete=complete_targets,
    )
    on_failure: OnFailure = word(  # noqa: RUF009  # it makes a field, as `option` does
        "--on-failure",
        default=OnFailure.STOP,
        help="When a target fails: stop before the next wave, continue, or return the finished "
        "targets to their previous releases (compensate).",
    )


@dataclass(frozen=True, slots=True)
class Target:
    """The one target of a command: as its argument, or as the Heroku CLI has it, by ``--app``."""

    named: str | None = argument(
        "TARGET",
        meaning="An app, or a stage of the pipeline (staging, production).",
        shell_complete=complete_targets,
    )
    by_app: str | None = option(
        "-a",
        "--app",
        metavar="APP",
        help="The target, as the Heroku CLI spells it.",
        shell_complete=complete_apps,
    )

    def find(self) -> str | None:
        """Return the target, if there is one; raises `UsageProblem` when it is named twice."""
        if self.named is not None and self.by_app is not None:
            raise UsageProblem(
                f"{one_line(self.named)} and --app {one_line(self.by_app)} both name the target",
                "name it once",
            )
        return self.by_app if self.named is None else self.named

    def demand(self, command: str) -> str:
        """Return the target; raises `UsageProblem` when none is named."""
        found = self.find()
        if found is None:
            raise UsageProblem(
                "no target is named", f"name an app or a stage: `accelerator {command} staging`"
            )
        return found


def commit(help: str, told: str = "default: the CI's commit, else HEAD") -> Option:
    """Make the option that names the commit, in the words of a command."""
    return click.option(
        "--commit",
        cls=CommitOption,
        metavar="REV",
        help=help,
        told=told,
        shell_complete=complete_commits,
    )


COMMIT = commit("The commit to ship: a sha, branch or tag.")
TO = click.option(
    "-t",
    "--to",
    cls=ToldOption,
    metavar="TARGET",
    multiple=True,
    help="An app, or a stage of the pipeline (staging, production). May be repeated.",
    told="required",
    shell_complete=complete_targets,
)
PREPARE_APP_NEEDED = "required, or prepare.apps in accelerator.toml"
FROM = setting("--from", told=PREPARE_APP_NEEDED)
SUBDIR, TIMEOUT = setting("--subdir"), setting("--timeout")

# Options that belong together, under their heading.
ON_A_MISS: tuple[Part, ...] = (
    "When the commit is not prepared",
    *map(setting, ("--on-miss", "--wait", "--same-tree", "--verify-source")),
)
VERIFICATION: tuple[Part, ...] = ("Verification", *map(setting, ("--smoke", "--rollback")))
GUARDS: tuple[Part, ...] = ("Guards", Allowed, *map(setting, ("--on-superseded", "--strict")))
LOCKS: tuple[Part, ...] = ("Locks", *map(setting, ("--lock", "--lock-wait", "--lock-remote")))
WHERE_LOCKS_ARE: tuple[Part, ...] = (
    "Where locks are kept",
    setting(
        "--from",
        help="The prepare app. Its pipeline gives stage names a meaning. For a target in no "
        "pipeline, its git repository holds the locks.",
    ),
    setting("--lock-remote", help="Another git repository that holds the locks."),
)
OUTPUT: tuple[Part, ...] = (LAST, Talk)


def demand_targets(targets: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse an empty list of targets."""
    if not targets:
        raise UsageProblem("no target is named", "use --to with an app or a stage: --to staging")
    return targets
