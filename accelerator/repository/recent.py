"""Names a person may want to type: recent commits, branches, tags and remotes of a clone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelerator.repository.commands import Git
from accelerator.repository.surroundings import for_git

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SECONDS = 0.5
MOST_NAMES, MOST_COMMITS = 30, 10


def list_recent(folder: Path, environment: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Return branches and tags, the newest first, then the last commits; each with its subject."""
    format_ = "--format=%(refname:short)%09%(subject)"
    newest = ("--sort=-creatordate", f"--count={MOST_NAMES}", format_)
    names = _ask(folder, environment, "for-each-ref", *newest, "refs/heads", "refs/tags")
    last = (f"--max-count={MOST_COMMITS}", "--format=%h%x09%s", "HEAD", "--")
    commits = _ask(folder, environment, "rev-list", *last)
    pairs = (line.partition("\t") for line in (*names, *commits) if "\t" in line)
    return (("HEAD", "the commit checked out"), *((name, told) for name, _, told in pairs))


def list_remotes(folder: Path, environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names of the clone's remotes."""
    return _ask(folder, environment, "remote")


def _ask(folder: Path, environment: Mapping[str, str], *arguments: str) -> tuple[str, ...]:
    """Return the lines of git's answer; none where it has no good one soon."""
    answer = Git(folder, for_git(environment)).offline().ask(*arguments, seconds=SECONDS)
    return tuple(answer.text.splitlines()) if answer.status == 0 else ()
