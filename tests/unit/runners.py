"""Reads output as CI systems do: which commands would they find in it?

Written from their sources: actions/runner (`ActionCommand.TryParseV2` and `TryParse`, asked in this
order by `ActionCommandManager`), microsoft/azure-pipelines-agent (`Command.TryParse`), GitLab's
`lib/gitlab/ci/ansi2json`, and the documentation of TeamCity, Travis and Buildkite. Where they
differ among versions the wider reading is taken; and a name need not be known to be a command.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_GITLAB = re.compile(r"section_(start|end):", re.IGNORECASE)
_TEAMCITY = re.compile(r"##teamcity\[", re.IGNORECASE)
_TRAVIS = re.compile(r"travis_(fold|time):", re.IGNORECASE)
_BUILDKITE = re.compile(r"(---|\+\+\+|~~~|\^\^\^)(\s|$)")
# What a reader might end a line at: .NET does at the first three.
_LINE_END = re.compile("\r\n|\r|\n|\x0b|\x0c|\x1c|\x1d|\x1e|\x85|\u2028|\u2029")


def github_v2(line: str) -> bool:
    """Find ``::name …::`` at the start, blanks aside."""
    return line.lstrip().startswith("::")


def github_v1(line: str) -> bool:
    """Find ``##[name …]`` anywhere."""
    return 0 <= line.find("##[") < line.rfind("]")


def azure(line: str) -> bool:
    """Find ``##vso[area.event …]`` anywhere."""
    return "##vso[" in line.lower()


READERS: dict[str, Callable[[str], object]] = {
    "github v2": github_v2,
    "github v1": github_v1,
    "azure": azure,
    "azure format": lambda line: "##[" in line,
    "gitlab": _GITLAB.search,
    "teamcity": _TEAMCITY.search,
    "travis": _TRAVIS.search,
    "buildkite": _BUILDKITE.match,
}


def commands(text: str) -> Iterator[tuple[str, str]]:
    """Yield every line that a CI system takes for a command, with whose it is."""
    for line in _LINE_END.split(text):
        for name, takes in READERS.items():
            if takes(line):
                yield name, line
