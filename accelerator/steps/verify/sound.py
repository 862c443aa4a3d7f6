"""Refuse smoke checks that cannot be meant, before anything is written.

A slip in a check looks like broken code: the release would go back, and its commit be rejected.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
from difflib import get_close_matches
from itertools import takewhile
from typing import TYPE_CHECKING

from accelerator.errors import UsageProblem
from accelerator.steps.verify.smoke import parse_check, show_check

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from accelerator.steps.verify.smoke import SmokeCheck

_PLACEHOLDER = re.compile(r"(?<![$^])\{(\w+)\}")  # ${commit} is the shell's, ^{commit} git's
# Two braces, as templates have them, blanks, or no second brace.
_SLIP = re.compile(r"\{\{commit\}\}|(?<!\$)\{ *commit(?=[\s\"']|$)")
_QUOTED = re.compile(r"'[^']*'")  # of another program: jq '{commit}'
_OTHER_NAMES = frozenset({"sha", "commit_sha", "commit_id", "git_sha", "git_commit", "revision"})
_HOST = re.compile(r"(?:localhost|[\w-]+(?:\.[\w-]+)+)(?::\d+)?(?:[/?#]\S*)?")
_SLASHES = re.compile(r"(https?):/?([^/\s]\S*)")
_PLAIN = re.compile(r"[\w./][\w./+-]*")  # a word that the shell takes as it is
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
# Of the shell itself: POSIX, and what bash and others have beside it.
_WORDS = (
    ". : [ alias bg break builtin case cd command continue declare do done echo elif else esac "
    "eval exec exit export false fg fi for function getopts hash if jobs kill let local printf "
    "pwd read readonly return select set shift shopt source test then time times trap true type "
    "typeset ulimit umask unalias unset until wait while"
)
_SHELL = frozenset(_WORDS.split(" "))


def demand_sound(text: str, source: str) -> SmokeCheck:
    """Read a check as it is written in `source`; raises `UsageProblem` naming that.

    Pure: whether its command is there, `demand_programs` looks.
    """
    try:
        _refuse_slips(text)
        return parse_check(text)
    except UsageProblem as flaw:
        raise UsageProblem(f"{source}: {flaw.message}", flaw.hint) from None


def demand_programs(
    checks: Iterable[SmokeCheck], environment: Mapping[str, str], *, may_come: bool = False
) -> None:
    """Raise `UsageProblem` for a check whose command is not on this machine.

    The shell finds the programs of a longer command only as it runs them: the first one is looked
    for, where it stands there as it is. One in a folder `may_come` yet: tests install and build.
    """
    path = environment.get("PATH", os.defpath)
    for check in checks:
        program = find_program(check.command or "")
        if program is None or (may_come and "/" in program):
            continue
        if shutil.which(program, path=path) is None:
            where = "in this folder" if "/" in program else "on PATH"
            raise UsageProblem(
                f"the smoke check {show_check(f'$ {check.command}')} runs {program}, and no such "
                f"program is {where}",
                f"install {program} where this runs, or write another check",
            )


def find_program(command: str) -> str | None:
    """Return the program that a shell command begins with, where that is plain to see; pure."""
    try:
        words = shlex.split(command, comments=True)
    except ValueError:  # quotes that do not end: the shell says so
        return None
    set_before = list(takewhile(_ASSIGNMENT.match, words))
    if any("(" in word or "`" in word or word.startswith("PATH=") for word in set_before):
        return None  # what follows is part of a substitution, or is looked for elsewhere
    first, second = (*words[len(set_before) :], "", "")[:2]
    is_function = second.startswith("(")
    is_plain = _PLAIN.fullmatch(first) and first not in _SHELL and not is_function
    return first if is_plain else None


def _refuse_slips(text: str) -> None:
    bare = re.sub(r"^\s*[1-9]\d?x\s+", "", text).strip()
    _refuse_placeholders(text, bare)
    address = bare.partition(" ")[0]
    if bare.startswith("$"):
        return
    if slip := _SLASHES.fullmatch(address):
        raise UsageProblem(
            f"the smoke check {show_check(text)} has an address without //",
            f"did you mean {show_check(f'{slip[1]}://{slip[2]}')}?",
        )
    if _HOST.fullmatch(address):
        raise UsageProblem(
            f"the smoke check {show_check(text)} is neither a path nor a URL",
            f"write {show_check(f'https://{address}')} for that host, or "
            f"{show_check(f'/{address}')} for a path on the app's own address",
        )


def _refuse_placeholders(text: str, bare: str) -> None:
    slip = None if bare.startswith("$") else _SLIP.search(bare)
    if slip is not None:
        raise UsageProblem(
            f"the smoke check {show_check(text)} looks for {slip[0]}", "did you mean {commit}?"
        )
    searched = _QUOTED.sub("", bare) if bare.startswith("$") else bare
    for word in _PLACEHOLDER.findall(searched):
        is_near = bool(get_close_matches(word.lower(), ["commit"], 1, 0.7))
        if not is_near and word.lower() not in _OTHER_NAMES:
            continue
        if bare.startswith("$"):
            raise UsageProblem(
                f"the smoke check {show_check(text)} has {{{word}}} in its command, where it "
                "stands for nothing",
                "the environment of the command has the sha: write $COMMIT",
            )
        if word != "commit":
            raise UsageProblem(
                f"the smoke check {show_check(text)} looks for {{{word}}}", "did you mean {commit}?"
            )
