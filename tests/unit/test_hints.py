"""Commands in hints: each can be pasted as it stands, with the flags that were typed."""

from __future__ import annotations

import ast
import re
import shlex
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest

import accelerator
from accelerator.cli import COMMANDS
from accelerator.cli import main as commands
from accelerator.cli.hints import complete, complete_next, typed_flags
from accelerator.cli.invocation import Invocation
from accelerator.cli.options import Talk
from accelerator.cli.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterator

    from accelerator.cli.hints import Flag

SOURCE = Path(accelerator.__file__).parent
NAMED = re.compile(r"`(accelerator [^`]*)`")
DEPLOY = ("deploy", "--to", "shop")


def typed(*arguments: str) -> tuple[Flag, ...]:
    """Give the flags of a command line, as the command under way sees them."""
    name, *own = arguments
    command = commands.get_command(click.Context(commands), name)
    assert command is not None
    return typed_flags(command.make_context(name, own))


def texts(path: Path) -> Iterator[str]:
    """Give the texts of a module, with a word for everything that is put into them."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    documentation = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield "" if id(node) in documentation else node.value
        elif isinstance(node, ast.JoinedStr):
            parts = (one.value if isinstance(one, ast.Constant) else "x" for one in node.values)
            yield "".join(map(str, parts))


HINTS = sorted(
    {
        (path.stem, command)
        for path in SOURCE.rglob("*.py")
        if "localheroku" not in path.parts
        for text in texts(path)
        for command in NAMED.findall(text)
        if not re.search(
            r"[A-Z]{3}|^accelerator -", command
        )  # what stands for a word is no command to paste
    }
)


def test_there_are_hints_to_be_held() -> None:
    assert len(HINTS) > 15


@pytest.mark.parametrize(("where", "command"), HINTS)
def test_each_command_of_a_hint_exists_and_takes_its_flags(where: str, command: str) -> None:
    _, name, *arguments = shlex.split(command)

    assert name == "x" or name in COMMANDS, where
    if name != "x" and arguments:
        made = commands.get_command(click.Context(commands), name)
        assert made is not None
        known = {spelling for one in made.params for spelling in one.opts} | {"--help"}
        assert {word for word in arguments if word.startswith("-")} <= known
        made.make_context(name, list(arguments), resilient_parsing=True)


@pytest.mark.parametrize(
    ("arguments", "hint", "expected"),
    [
        pytest.param(
            (*DEPLOY, "--from", "shop-prepare", "--commit", "HEAD"),
            "`accelerator unfreeze shop` allows deploys again",
            "`accelerator unfreeze shop --from shop-prepare` allows deploys again",
            id="what the command takes",
        ),
        pytest.param(
            ("freeze", "shop", "--reason", "a sale", "--lock-remote", "origin"),
            "`accelerator unlock shop`, or `accelerator resume shop`",
            "`accelerator unlock shop --lock-remote origin`, or "
            "`accelerator resume shop --lock-remote origin`",
            id="two commands",
        ),
        pytest.param(
            (*DEPLOY, "--from", "one", "--from", "two"),
            "`accelerator prepare --verify-source`",
            "`accelerator prepare --verify-source --app one --app two`",
            id="as the other command spells it",
        ),
        pytest.param(
            (*DEPLOY, "--from", "one", "--commit", "v1"),
            "`accelerator prepare -a three`",
            "`accelerator prepare -a three --commit v1`",
            id="what it has already",
        ),
        pytest.param(
            (*DEPLOY, "--from", "one", "--commit", "v1", "--timeout", "1s", "--json", "-v"),
            "`accelerator resume shop`",
            "`accelerator resume shop --from one`",
            id="a commit that is the note's to name, and what is of this run",
        ),
        pytest.param(
            ("deploy", "--to", "shop", "--config", "my file.toml", "--no-rollback"),
            "`accelerator resume shop`",
            "`accelerator resume shop --no-rollback --config 'my file.toml'`",
            id="quoted, and a switch",
        ),
        pytest.param(
            ("config", "--config", "x.toml"), "`heroku apps`", "`heroku apps`", id="not ours"
        ),
        pytest.param(
            ("config", "--config", "x.toml"),
            "`accelerator lock 'x`",
            "`accelerator lock 'x`",
            id="an open quote",
        ),
    ],
)
def test_a_command_gets_the_flags_that_were_typed(
    arguments: tuple[str, ...], hint: str, expected: str
) -> None:
    assert complete(hint, typed(*arguments)) == expected


@pytest.mark.parametrize(
    ("address", "is_shown"),
    [
        pytest.param("https://git.example/locks.git", True, id="an address"),
        pytest.param("git@git.example:locks.git", True, id="a user of ssh, who is no secret"),
        pytest.param("ssh://git@git.example/locks.git", True, id="the same as a URL"),
        pytest.param("origin", True, id="the name of a remote"),
        pytest.param("https://ann:word@git.example/locks.git", False, id="a password"),
        pytest.param("https://ghp_token@git.example/locks.git", False, id="a token as the user"),
        pytest.param("https://:word@git.example/locks.git", False, id="a password without a user"),
    ],
)
def test_a_hint_repeats_no_login_of_a_lock_remote(address: str, is_shown: bool) -> None:
    said = complete("`accelerator unlock shop`", typed("unlock", "shop", "--lock-remote", address))

    assert said == f"`accelerator unlock shop{f' --lock-remote {address}' if is_shown else ''}`"


@pytest.mark.parametrize(
    "check",
    ["$ curl -H 'Authorization: word' $APP_URL", "/health?token=word", "/a\x1b[2J", "/`reboot`"],
)
def test_a_hint_repeats_no_check_that_may_hold_a_secret_or_is_no_plain_text(check: str) -> None:
    flags = typed(*DEPLOY, "--smoke", "/health", "--smoke", check)

    assert complete("`accelerator resume shop`", flags) == "`accelerator resume shop`"


def test_without_a_command_under_way_a_hint_stays_as_it_is() -> None:
    assert complete("`accelerator unlock shop`", typed_flags(None)) == "`accelerator unlock shop`"


def test_a_note_of_a_run_names_a_command_that_can_be_pasted(tmp_path: Path) -> None:
    command, stderr = commands.get_command(click.Context(commands), "deploy"), StringIO()
    assert command is not None
    arguments = ["--to", "shop", "--from", "shop-prepare", "--lock-remote", "origin"]

    with command.make_context("deploy", arguments).scope():
        session = Session("deploy", Invocation({}, tmp_path, StringIO(), stderr), Talk())
    session.events.note("`accelerator resume shop` finishes it", "warning")

    said = "`accelerator resume shop --from shop-prepare --lock-remote origin` finishes it"
    assert stderr.getvalue() == f"    warning: {said}\n"


NEXT = "accelerator deploy --to production --from shop-prepare --commit c0ffee"


@pytest.mark.parametrize(
    ("arguments", "added"),
    [
        pytest.param(("--lock-remote", "origin"), " --lock-remote origin", id="where freezes are"),
        pytest.param(("--smoke", "/up"), " --smoke /up", id="a check that is a path"),
        pytest.param(("--smoke", "/up", "--smoke", "https://a.example/"), "", id="an address"),
        pytest.param(("--config", "ci.toml"), " --config ci.toml", id="the file"),
        pytest.param(("--strict", "--verify-source"), " --verify-source --strict", id="guards"),
        pytest.param(("--allow-older", "--allow-diverged"), "", id="what was allowed once"),
        pytest.param(("--from", "other", "--commit", "main"), "", id="what it has already"),
    ],
)
def test_the_next_command_looks_where_this_one_looked(
    arguments: tuple[str, ...], added: str, tmp_path: Path
) -> None:
    invocation = Invocation({}, tmp_path, StringIO(), StringIO())
    session = Session("deploy", invocation, Talk())
    session.typed = typed(*DEPLOY, *arguments)

    session.perform(lambda: None, lambda _: {}, lambda _: ["shop: live", f"next: `{NEXT}`"])

    assert invocation.stdout.getvalue() == f"shop: live\nnext: `{NEXT}{added}`\n"  # type: ignore[attr-defined]


def test_only_the_next_command_of_a_result_is_completed() -> None:
    said = ['  "Revert `accelerator accept shop`"']

    assert complete_next(said, typed(*DEPLOY, "--lock-remote", "origin")) == said
