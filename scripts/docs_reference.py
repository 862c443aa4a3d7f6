"""Write the generated parts of docs/reference: commands, settings, the platform's endpoints.

The texts are those of the code itself: click's help, the declared settings, the route table.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING

import click

from accelerator.cli import COMMANDS, GROUPS
from accelerator.cli import main as root_command
from accelerator.cli.helping import Positional, find_sections
from accelerator.cli.parts import SettingOption, ToldOption
from accelerator.localheroku.controls.routes import CONTROLS
from accelerator.localheroku.web.routes import ROUTES
from accelerator.settings import SETTINGS
from accelerator.settings.declared import STAGES
from accelerator.settings.values import duration

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from accelerator.settings.declared import Setting

REFERENCE = Path(__file__).resolve().parent.parent / "docs" / "reference"
NOTICE = "<!-- Written by scripts/docs-reference. Change the code, then run it. -->"
BEGIN = "<!-- {}: written by scripts/docs-reference -->"
END = "<!-- {}: end -->"

REMARKS = {
    "prepare.apps": "`prepare` takes a free one; `deploy` looks at all",
}
WITH_SETTINGS = ("prepare", "deploy", "ship")

COMMANDS_HEAD = f"""\
{NOTICE}

# Commands

The result goes to stdout, everything else to stderr. Whether anybody reads them changes neither
what is done nor the exit code. Options that stand for a setting come before its variable and its
key in `accelerator.toml` (see [settings](settings.md)). How a command can end is in
[exit codes](exit-codes.md), what `--json` prints in [JSON documents](json.md).

An app is given by its name or its id. Locks, freezes, rejections and documents are under its name.

On a terminal, what runs is drawn in place: each step with its time and its deadline, what it waits
for, and the last lines of its log. A step that ended stays as one line, one that failed with the
last 20 lines of its log; `--verbose` keeps all of them. The table of the steps is printed where
they do not stand right above it.

In a pipe, in a CI system, with `TERM=dumb` and with `--quiet` there are plain lines. Requests that
are asked again for one cause are said once and then counted. After a minute in which nothing was
written, and after each further one, stderr gets a line such as
`still waiting: Build 1a2b3c4d on foo-prepare (3 min 00 s)`, for many CI systems end a job that is
silent for ten. With `--quiet` there is none.
"""

SETTINGS_HEAD = f"""\
{NOTICE}

# Settings

A setting is looked for in this order; the first place that has it decides:

1. a flag of the command,
2. the environment variable `ACCELERATOR_…`,
3. `accelerator.toml`: the nearest one from the working directory up to the root of the repository,
   or the file that `--config FILE` names,
4. the default.

`accelerator config` shows every value and where it came from. All problems are reported together,
with exit code 2. An unknown key is an error that names the nearest known one. So is an unknown
variable that begins with `ACCELERATOR_PREPARE_`, `ACCELERATOR_DEADLINES_` or
`ACCELERATOR_STAGES_`, or that is a known one with a slip in it. Any other `ACCELERATOR_…` variable
may belong to another program: a warning names it, and it is not read.

An empty variable counts as unset: CI systems set those of inputs that nobody filled in. An empty
flag (`--commit ""`) is an error, as it is what an unset variable leaves behind.

A duration is `90` (seconds), `30s`, `10m`, `1h30m` or `1d`. A list in a variable or a flag is
separated at its line ends, or else at its commas; a flag may also be repeated. In the file a list
is a TOML array, and a single text is one item.

The file comes with the code under review. What it may not say in a pull-request job, and how to
protect it, is in [protect the configuration](../how-to/protect-the-configuration.md).
"""

SETTINGS_TAIL = """\
## Other variables

| variable | meaning |
| --- | --- |
| `HEROKU_API_KEY` | the API key, unless `key_env` names another variable ([more][keys]) |
| `HEROKU_HOST` | the platform: a URL such as `http://127.0.0.1:5080`, or a domain of Heroku's |
| `HEROKU_GIT_HOST` | the host of git pushes, when it does not follow from `HEROKU_HOST` |
| `HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY` | the proxy, as usual |
| `REQUESTS_CA_BUNDLE`, `CURL_CA_BUNDLE`, `SSL_CERT_FILE` | the CA bundle; the first that is set |
| `NO_COLOR` | no colours, also on a terminal |
| `FORCE_COLOR` | colours without a terminal too, unless it is `0` or `NO_COLOR` is set |
| `TERM` | with `dumb`, plain lines without colours on a terminal |
| `CI` | set to anything but `0` or `false`, plain lines on a terminal, too |
| `ACCELERATOR_LOCAL_API_KEY` | the key `accelerator local` accepts; by default it makes one |
| `ACCELERATOR_LOCAL_TOKEN` | the token its controls want; by default it makes one |
| `ACCELERATOR_LOCAL_RECORD` | a file to which `accelerator local` adds each exchange, with keys |

Without `HEROKU_HOST` the platform is Heroku. A host that is neither Heroku's nor this machine is
refused: the key is not sent there.

[keys]: ../how-to/keys-and-secrets.md

The commit comes from `--commit`, else from the CI system (`CI_COMMIT_SHA`, `GITHUB_SHA`,
`CIRCLE_SHA1`, `BUILDKITE_COMMIT`, `BITBUCKET_COMMIT`, `TRAVIS_COMMIT`, `SEMAPHORE_GIT_SHA`,
`BUILD_SOURCEVERSION`, `DRONE_COMMIT_SHA`, `CI_COMMIT_ID`, `GIT_COMMIT`), else it is `HEAD`.

## A file with everything that acts

```toml
on_miss = "build"
wait = "10m"
same_tree = false
smoke = ["/health {commit}"]
rollback = true
lock = "auto"
lock_wait = "10m"
on_superseded = "ok"
strict = false
timeout = "45m"

[prepare]
apps = ["foo-prepare"]
strategy = "source"
build_config = ["NODE_ENV"]

[deadlines]
build = "30m"
promotion = "10m"
release_phase = "1h"
dynos = "5m"
smoke_deadline = "2m"

[stages.staging]
smoke = ["/health {commit}"]

[stages.production]
smoke = ["/health {commit}", "/login 200 Sign in", { run = "./smoke.sh", times = 3 }]
```

A smoke check is a path on the app or a full URL, then maybe a status, then maybe a text that must
be in the body, or `header NAME: TEXT`. A command is a table with `run`, and maybe `times`; in a
flag, a variable or a text it stands after a dollar sign and a blank: `$ ./smoke.sh`. `3x` before
either asks for three successes in a row: `3x /health`, `3x $ ./smoke.sh`. Anything else is an
error. A command gets `APP_URL`, `COMMIT` and `RELEASE` in its environment, and no API key. User
info and query of a URL are sent, and shown nowhere.

A flag `--smoke` is for every stage of the run and hides the ones in the file.
"""


def render_commands() -> str:
    """Render commands.md from click."""
    context = click.Context(root_command, info_name="accelerator")
    sections = [_command(name, context) for name in COMMANDS]
    index = "\n\n".join(_group(purpose, names) for purpose, names in GROUPS.items())
    root = "`accelerator --version` shows the version; every command has `--help` (or `-h`).\n"
    return "\n".join([COMMANDS_HEAD, index, "", root, *sections])


def _group(purpose: str, names: Iterable[str]) -> str:
    return "\n".join(
        [f"{purpose}:\n", *(f"- [`{name}`](#{name}): {COMMANDS[name][1]}" for name in names)]
    )


def _command(name: str, parent: click.Context) -> str:
    command = root_command.get_command(parent, name)
    assert command is not None  # noqa: S101  # it is in the table
    context = click.Context(command, info_name=name, parent=parent)
    usage = " ".join(["accelerator", name, *command.collect_usage_pieces(context)])
    parts = [f"## `{name}`", f"    {usage}", *_paragraphs(command.help or "")]
    arguments = [one for one in command.params if isinstance(one, Positional)]
    parts += [f"`{one.human_readable_name.strip('[]')}`: {one.meaning}" for one in arguments]
    for heading, members in find_sections(command).items():
        options = [one for one in members if isinstance(one, click.Option)]
        if options:
            rows = [_option(option) for option in options]
            head = [f"| {heading} | meaning | default | setting |", "| --- | --- | --- | --- |"]
            parts.append("\n".join([*head, *rows]))
    if command.epilog:
        parts.append(fill(" ".join(command.epilog.split()), 100))
    return "\n\n".join(parts) + "\n"


def _paragraphs(text: str) -> Iterator[str]:
    r"""Give Markdown paragraphs; what click is told not to wrap (`\b`) is code."""
    for paragraph in re.split(r"\n\s*\n", re.sub(r"(?m)^ +$", "", _dedent(text)).strip()):
        if paragraph.startswith("\b\n"):
            lines = [line.strip() for line in paragraph.splitlines()[1:]]
            yield "\n".join(["```sh", *lines, "```"])
        else:
            yield fill(" ".join(paragraph.split()), 100, break_on_hyphens=False)


def _dedent(text: str) -> str:
    return re.sub(r"(?m)^ {4}", "", text)


def _option(option: click.Option) -> str:
    names = ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
    value = "" if option.is_flag or option.count else f" `{_metavar(option)}`"
    text, default = _split_default(option.help or "")
    setting = option.setting if isinstance(option, SettingOption) else None
    default = default or _default_of(option)
    named = f"[`{setting.name}`](settings.md)" if setting else ""
    return f"| {names}{_cell(value)} | {_cell(text)} | {_cell(default)} | {named} |"


def _metavar(option: click.Option) -> str:
    if isinstance(option.type, click.Choice):
        return "|".join(str(choice) for choice in option.type.choices)
    return option.metavar or option.type.name.upper()


def _split_default(text: str) -> tuple[str, str]:
    found = re.fullmatch(r"(.*?)\s*\[default: (.*)\]", text)
    return (found[1], found[2]) if found else (text, "")


def _default_of(option: click.Option) -> str:
    if option.show_default:
        return str(option.default)
    if option.required:
        return "required"
    return option.told.removeprefix("default: ") if isinstance(option, ToldOption) else ""


def render_settings() -> str:
    """Render settings.md from the declared settings."""
    general = [s for s in SETTINGS if not s.name.startswith(("deadlines.", "stages."))]
    deadlines = [s for s in SETTINGS if s.name.startswith("deadlines.")]
    stages = [s for s in SETTINGS if s.name.startswith(f"stages.{STAGES[0]}.")]
    named = ", ".join(f"`{stage}`" for stage in STAGES)
    return "\n".join(
        [
            SETTINGS_HEAD,
            "## For every command\n",
            *_table(general),
            "\n## `[deadlines]`\n",
            "How long each kind of waiting may last. `timeout` limits the whole run besides.\n",
            *_table(deadlines),
            "\n## `[stages.STAGE]`\n",
            f"STAGE is one of {named}; in variables it is upper case, as in "
            "`ACCELERATOR_STAGES_PRODUCTION_SMOKE`.\n",
            *_table(stages),
            "",
            SETTINGS_TAIL,
        ]
    )


def _table(settings: Iterable[Setting]) -> list[str]:
    head = "| setting | meaning | value | default | flag | variable |"
    return [head, "| --- | --- | --- | --- | --- | --- |", *map(_setting, settings)]


def _setting(setting: Setting) -> str:
    meaning = setting.help
    if remark := REMARKS.get(setting.name):
        meaning += f" ({remark})"
    known = _flags()
    cells = (
        f"`{_any_stage(setting.name)}`",
        _any_stage(meaning),
        _value(setting),
        _default(setting),
        ", ".join(f"`{flag}`" for flag in setting.flags if flag in known),
        f"`{_any_stage(setting.variable)}`",
    )
    return f"| {' | '.join(_cell(cell) for cell in cells)} |"


def _flags() -> frozenset[str]:
    """Give every option there is: a setting may name a flag that comes later."""
    context = click.Context(root_command)
    commands = [root_command.get_command(context, name) for name in WITH_SETTINGS]
    options = [option for command in commands if command for option in command.params]
    return frozenset(name for one in options for name in (*one.opts, *one.secondary_opts))


def _any_stage(text: str) -> str:
    return text.replace(STAGES[0], "STAGE").replace(STAGES[0].upper(), "STAGE")


def _value(setting: Setting) -> str:
    """Say what is accepted, in the words of the parser's own complaint."""
    try:
        setting.parse(None)
    except ValueError as complaint:
        words = str(complaint).removeprefix("must be ").removesuffix(", not None")
        return re.sub(r" such as .*| \(.*", "", words)
    raise AssertionError(f"{setting.name} takes nothing at all")


def _default(setting: Setting) -> str:
    if setting.default is None or setting.default == ():
        return setting.unless_set
    if isinstance(setting.default, bool):
        return f"`{str(setting.default).lower()}`"
    is_time = isinstance(setting.default, float)
    return f"`{duration(setting.default) if is_time else setting.default}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def render_endpoints() -> str:
    """Render the table of what the local platform answers."""
    free = " (costs no rate-limit token)"
    rows = ["| request | what it does |", "| --- | --- |"]
    for route in ROUTES:
        what = (route.handler.__doc__ or "").partition("\n")[0].rstrip(".")
        rows.append(f"| `{route.method} {route.path}` | {what}{free if route.is_free else ''} |")
    return "\n".join(rows)


def render_controls() -> str:
    """Render the table of the local platform's controls; optional fields are in brackets."""
    rows = ["| request | fields | what it does |", "| --- | --- | --- |"]
    for control in CONTROLS:
        names = [
            f"`{name}`" if name in control.required else f"[`{name}`]" for name in control.fields
        ]
        path = f"{control.method} /local/v1{control.path}"
        rows.append(f"| `{path}` | {', '.join(names)} | {control.summary.rstrip('.')} |")
    return "\n".join(rows)


def with_tables(page: str) -> str:
    """Put the tables of the local platform's page between their marks."""
    for name, table in (("endpoints", render_endpoints()), ("controls", render_controls())):
        begin, end = BEGIN.format(name), END.format(name)
        before, _, rest = page.partition(begin)
        _, _, after = rest.partition(end)
        page = f"{before}{begin}\n\n{table}\n\n{end}{after}"
    return page


def pages() -> dict[Path, str]:
    """Give the pages as they should be."""
    platform = REFERENCE / "local-platform.md"
    return {
        REFERENCE / "commands.md": render_commands(),
        REFERENCE / "settings.md": render_settings(),
        platform: with_tables(platform.read_text(encoding="utf-8")),
    }


def main(arguments: list[str]) -> int:
    """Write the pages that changed, or with --check only name them."""
    stale = []
    for path, wanted in pages().items():
        if not path.is_file() or path.read_text(encoding="utf-8") != wanted:
            stale.append(path.name)
            if "--check" not in arguments:
                path.write_text(wanted, encoding="utf-8")
    done = "is not current" if "--check" in arguments else "written"
    for name in stale:
        print(f"docs/reference/{name} {done}")
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
