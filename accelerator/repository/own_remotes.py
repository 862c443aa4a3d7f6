"""What a clone knows of a remote of its own: where it is pushed to, and how to log in there.

A lock remote may be named as the clone names it. Notes are pushed from a throw-away repository,
which shares nothing with the clone. So what git would use in the clone is read there and handed on:
the address after all rules that rewrite it, and the settings that only hold in this clone. CI
systems put there what logs a job in (a header, a helper, a file that is included by condition).
"""

from __future__ import annotations

import base64
import re
from binascii import Error as NoBase64
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from accelerator.errors import UsageProblem
from accelerator.models import Secret

if TYPE_CHECKING:
    from collections.abc import Iterable

    from accelerator.repository.commands import Git

Entries = tuple[tuple[str, str], ...]

# How a host is reached and logged in to; where it leads (`url.*`) is in the address already.
_HANDED_ON = re.compile(r"http\.|credential\.|core\.(?:sshcommand|askpass)$|ssh\.variant$")
_HEADER = re.compile(r"http\.(?:.*\.)?extraheader")


@dataclass(frozen=True, slots=True)
class OwnRemote:
    """A remote of the clone: its address for pushes, and the clone's settings for its host."""

    url: str = field(repr=False)
    entries: Entries = field(default=(), repr=False)

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """Return what logs in among the entries: never to be shown, nor handed to other commands.

        A header's last word, and what is in it where that is base64, as HTTP's Basic scheme has it.
        """
        headers = (value for name, value in self.entries if _HEADER.fullmatch(name))
        return tuple(s for header in headers if header.strip() for s in _secrets_of(header))


def find_own_remote(git: Git, name: str) -> OwnRemote:
    """Read a remote of the clone in which `git` runs.

    Raises `UsageProblem` where there is none of that name, or it is pushed to in several places.
    """
    found = git.ask("remote", "get-url", "--push", "--all", "--", name)
    addresses = found.out.decode("utf-8", "replace").splitlines()
    if found.status != 0 or not addresses:
        raise UsageProblem(
            f"lock_remote is {name!r}, and this clone has no remote of that name",
            "`git remote -v` lists them; or name the repository by its address",
        )
    if len(addresses) > 1:
        raise UsageProblem(
            f"lock_remote is {name!r}, which is pushed to {len(addresses)} repositories",
            "locks are kept in one: name it by its address",
        )
    return OwnRemote(_absolute(addresses[0], git), _list_own(git))


def _absolute(address: str, git: Git) -> str:
    """Return a relative path as git means it: from the top of the clone."""
    if not address.startswith(("./", "../")):
        return address
    top = git.ask("rev-parse", "--show-toplevel").text
    return str((Path(top) / address).resolve())


def _list_own(git: Git) -> Entries:
    """Return the settings that hold in the clone and nowhere else, of those that are handed on.

    Compared is with what git finds outside of any repository, as conditions in the user's own
    files can be about this one.
    """
    listed = ("config", "--includes", "--null", "--list")
    everywhere = _parse(git.ask(*listed, environment=git.outside()).out)
    own = _parse(git.ask(*listed).out)
    for entry in everywhere:
        if entry in own:
            own.remove(entry)
    return tuple(entry for entry in own if _HANDED_ON.match(entry[0]))


def _parse(listed: bytes) -> list[tuple[str, str]]:
    """Read settings; one without a value (``true``) has no line end in it."""
    texts = (one.decode("utf-8", "replace") for one in listed.split(b"\0") if one)
    pairs = (text.partition("\n") for text in texts)
    return [(name, value if end else "true") for name, end, value in pairs]


def _secrets_of(header: str) -> Iterable[Secret]:
    word = header.rsplit(maxsplit=1)[-1]
    yield Secret(word)
    try:
        plain = base64.b64decode(word, validate=True).decode("utf-8")
    except (NoBase64, ValueError):
        return
    password = plain.partition(":")[2]
    if password:
        yield Secret(password)
