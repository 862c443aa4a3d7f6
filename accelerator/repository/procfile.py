"""Which process types a commit declares in its Procfile."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from accelerator.repository.objects import Objects

if TYPE_CHECKING:
    from accelerator.repository.commands import Git

_DECLARED = re.compile(r"^([A-Za-z0-9_-]+):[ \t]*\S", re.MULTILINE)


def read_process_types(git: Git, sha: str, folder: str | None) -> frozenset[str] | None:
    """Return the process types of a commit's Procfile: none where it has no such file.

    None where that cannot be told: the commit is not here, or has a `heroku.yml`, which can declare
    them as well. A buildpack may add its defaults to what is declared.
    """
    place = f"{folder.strip('/').removeprefix('./')}/" if folder else ""
    with Objects(git) as objects:
        if objects.read(f"{sha}^{{commit}}") is None or objects.read(f"{sha}:heroku.yml"):
            return None
        found = objects.read(f"{sha}:{place}Procfile")
    text = found[2].decode(errors="replace") if found else ""
    return frozenset(_DECLARED.findall(text.replace("\r\n", "\n")))
