"""Every setting, declared once: flag, variable, file key and documentation derive from here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from accelerator.models import LockMode, OnMiss, OnSuperseded, Strategy
from accelerator.settings import parsing

if TYPE_CHECKING:
    from collections.abc import Callable

STAGES = ("review", "development", "staging", "production")

# Read by the local platform, which shares no code with this package.
OTHER_VARIABLES = frozenset(
    ("ACCELERATOR_LOCAL_API_KEY", "ACCELERATOR_LOCAL_RECORD", "ACCELERATOR_LOCAL_TOKEN")
)


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting. `name` is also its place in the file: ``prepare.apps`` is ``[prepare] apps``.

    `flags` are the spellings on the command line, if it has any there; `option_help` and `metavar`
    are what `--help` says of them. `unless_set` says what holds when there is no default.
    `parse_items` is for a list whose items may be more than texts in the file.
    """

    name: str
    help: str
    parse: Callable[[Any], Any]
    default: Any = None
    flags: tuple[str, ...] = ()
    unless_set: str = ""
    option_help: str = ""
    metavar: str | None = None
    parse_items: Callable[[Any], Any] | None = None

    @property
    def variable(self) -> str:
        """Return the name of its environment variable."""
        return "ACCELERATOR_" + self.name.replace(".", "_").upper()

    @property
    def words(self) -> tuple[str, ...]:
        """Return the words it may be set to, in their order; empty when it takes any text."""
        parse = self.parse
        return tuple(word.value for word in parse.words) if isinstance(parse, parsing.OneOf) else ()

    @property
    def is_list(self) -> bool:
        """True when its flag may be repeated."""
        return self.parse is parsing.parse_strings

    @property
    def is_switch(self) -> bool:
        """True when its flag has no value but an opposite: ``--rollback``, ``--no-rollback``."""
        return self.parse is parsing.parse_boolean

    @property
    def parse_in_file(self) -> Callable[[Any], Any]:
        """Return the parser for the file, where lists are lists and commas are just commas.

        The file comes with the code under review, so less is taken from it where that matters.
        """
        if self.parse is parsing.parse_lock_remote:
            return parsing.parse_lock_remote_in_file
        if self.is_list:
            return self.parse_items or parsing.parse_items
        return self.parse


def parameter(flag: str) -> str:
    """Return the key under which `load_settings` takes a flag: ``--on-miss`` is ``on_miss``."""
    return flag.lstrip("-").replace("-", "_")


_DEADLINES = (
    ("build", "a build", 1800.0),
    ("promotion", "a promotion", 600.0),
    ("release_phase", "a release command", 3600.0),
    ("dynos", "the dynos of a release to be up", 300.0),
    ("smoke_deadline", "the smoke checks of one app", 120.0),
    ("traces", "the traces of a write whose reply was lost", 20.0),
    ("switch", "old code to stop answering, under preboot or in a Private Space", 180.0),
)

_GLOBAL = (
    Setting(
        "key_env",
        "the environment variable that holds the API key",
        parsing.parse_variable_name,
        "HEROKU_API_KEY",
    ),
    Setting(
        "pipeline",
        "the pipeline that stage names are about, by its name or id",
        parsing.parse_text,
        unless_set="the prepare app's",
    ),
    Setting(
        "prepare.apps",
        "the apps that build beside the tests; several are a pool",
        parsing.parse_strings,
        (),
        ("--from", "--app"),
        option_help="The prepare app, where the commit is built ahead. Several are a pool.",
        metavar="APP",
    ),
    Setting(
        "prepare.strategy",
        "how the source gets there: a source blob or a git push",
        parsing.OneOf(Strategy),
        Strategy.SOURCE,
        ("--strategy",),
        option_help="Upload an archive of the commit (source), or push the commit (git).",
    ),
    Setting(
        "prepare.subdir",
        "the folder of the repository that is the app (monorepo)",
        parsing.parse_text,
        None,
        ("--subdir",),
        "the whole repository",
        option_help="Build only this folder of the commit (monorepo).",
        metavar="DIR",
    ),
    Setting(
        "prepare.build_config",
        "config vars that shape the build: what was built with other values is built again",
        parsing.parse_strings,
        (),
    ),
    Setting(
        "on_miss",
        "what to do when the commit is not prepared",
        parsing.OneOf(OnMiss),
        OnMiss.BUILD,
        ("--on-miss",),
        option_help="Build the commit here, wait for its build to appear, or fail.",
    ),
    Setting(
        "wait",
        "how long to wait for a build to appear",
        parsing.parse_duration,
        600.0,
        ("--wait",),
        option_help="How long `--on-miss wait` waits for the build.",
        metavar="DUR",
    ),
    Setting(
        "smoke",
        "checks after a release: paths on the app, full URLs, or commands",
        parsing.parse_strings,
        (),
        ("--smoke",),
        parse_items=parsing.parse_checks,
        option_help="A check that must pass after the release. It is a path or URL, then maybe a "
        "status, then maybe a text in the body: '/health', '/up 204', '/health {commit}'. "
        "'header NAME: TEXT' looks in a header. A command follows a dollar sign: "
        "'$ ./smoke.sh'. May be repeated.",
        metavar="CHECK",
    ),
    Setting(
        "rollback",
        "return to the previous release when verification fails",
        parsing.parse_boolean,
        default=True,
        flags=("--rollback", "--no-rollback"),
        option_help="Return to the previous release when verification fails.",
    ),
    Setting(
        "lock",
        "one deploy per target at a time",
        parsing.OneOf(LockMode),
        LockMode.AUTO,
        ("--lock",),
        option_help="Run one deploy per target at a time. Where the remote takes no locks, auto "
        "deploys without one and required refuses.",
    ),
    Setting(
        "lock_wait",
        "how long to wait for another deploy to the same target",
        parsing.parse_duration,
        600.0,
        ("--lock-wait",),
        option_help="How long to wait for another deploy to the same target.",
        metavar="DUR",
    ),
    Setting(
        "lock_remote",
        "the git repository that holds the locks",
        parsing.parse_lock_remote,
        flags=("--lock-remote",),
        unless_set="that of the pipeline's prepare app",
        option_help="The git repository that holds the locks: a remote's name, a URL, or heroku.",
        metavar="NAME|URL",
    ),
    Setting(
        "same_tree",
        "accept a build of another commit with the same source",
        parsing.parse_boolean,
        default=False,
        flags=("--same-tree", "--no-same-tree"),
        option_help="Accept a build of another commit with the same source. The source is the "
        "tree, or the folder of --subdir, without what .slugignore removes.",
    ),
    Setting(
        "verify_source",
        "accept only a build whose source is provably the commit's own archive",
        parsing.parse_boolean,
        default=False,
        flags=("--verify-source", "--no-verify-source"),
        option_help="Accept only a build whose source has the checksum of the commit's archive, "
        "which is made again here.",
    ),
    Setting(
        "on_superseded",
        "how a job ends whose commit is older than what the target runs: failed, or fine",
        parsing.OneOf(OnSuperseded),
        OnSuperseded.FAIL,
        ("--on-superseded",),
        option_help="When the target already runs a newer commit: fail, or do nothing and succeed "
        "(ok).",
    ),
    Setting(
        "strict",
        "refuse when the clone is too shallow to tell which commit is newer",
        parsing.parse_boolean,
        default=False,
        flags=("--strict", "--no-strict"),
        option_help="Refuse when this clone is too shallow to tell which commit is newer.",
    ),
    Setting(
        "timeout",
        "the longest the whole run may take",
        parsing.parse_deadline,
        flags=("--timeout",),
        unless_set="no limit",
        option_help="The limit for the whole run, such as 30s, 10m or 1h30m.",
        metavar="DUR",
    ),
    *(
        Setting(
            f"deadlines.{name}", f"the longest wait for {what}", parsing.parse_deadline, seconds
        )
        for name, what, seconds in _DEADLINES
    ),
)


def _stage_settings(stage: str) -> tuple[Setting, ...]:
    own = f"stages.{stage}."
    return (
        Setting(
            own + "smoke",
            f"the smoke checks of {stage}",
            parsing.parse_strings,
            unless_set="the ones for all stages",
            parse_items=parsing.parse_checks,
        ),
    )


SETTINGS: tuple[Setting, ...] = (
    *_GLOBAL,
    *(setting for stage in STAGES for setting in _stage_settings(stage)),
)
