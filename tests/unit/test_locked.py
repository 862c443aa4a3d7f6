"""What the doors install is written down: every version, with the hashes of its files."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
LOCKED = ROOT / "scripts" / "locked"
LINE = re.compile(
    r"(?P<name>[a-z0-9-]+)==(?P<version>\S+)(?: ; (?P<marker>.+?))? \\\n"
    r"(?P<hashes>(?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)"
)
# The last version with a known hole, of what is installed for the tool: CVE-2026-25645 of requests,
# -44431 and -44432 of urllib3, -45409 of idna, -78676 of GitPython, -54283 of Starlette, -69247 of
# cryptography, CVE-2025-43859 of h11.
HOLES = {
    "requests": "2.32.5",
    "urllib3": "2.6.3",
    "idna": "3.14",
    "gitpython": "3.1.58",
    "starlette": "1.3.0",
    "cryptography": "49.0.0",
    "h11": "0.15.0",
}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def wanted(extra: str) -> list[Requirement]:
    """List what pyproject.toml wants with an extra, those that it holds included."""
    own = PROJECT["project"]["name"]
    extras = PROJECT["project"]["optional-dependencies"]
    listed = [Requirement(line) for line in extras[extra]]
    held = [
        each for one in listed if one.name == own for name in one.extras for each in wanted(name)
    ]
    return [*map(Requirement, PROJECT["project"]["dependencies"]), *held, *listed]


def locked(extra: str) -> dict[str, Version]:
    """Read a file of locked versions; every line of it must be understood."""
    text = (LOCKED / f"{extra}.txt").read_text(encoding="utf-8")
    body = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE)
    assert LINE.sub("", body) == "", "a line that is no version with its hashes"
    return {found["name"]: Version(found["version"]) for found in LINE.finditer(body)}


@pytest.mark.parametrize("extra", ["dev", "local"])
def test_everything_that_is_wanted_is_locked_at_a_version_that_will_do(extra: str) -> None:
    build = [Requirement(line) for line in PROJECT["build-system"]["requires"]]
    versions = locked(extra)

    missing = [
        str(each)
        for each in (*wanted(extra), *build)
        if each.name != PROJECT["project"]["name"]
        and not (
            canonicalize_name(each.name) in versions
            and each.specifier.contains(versions[canonicalize_name(each.name)])
        )
    ]

    assert missing == []


def test_the_demo_gets_the_very_versions_that_are_tested() -> None:
    assert locked("local").items() <= locked("dev").items()


@pytest.mark.parametrize(("name", "hole"), HOLES.items(), ids=str)
def test_no_floor_lets_in_a_version_with_a_known_hole(name: str, hole: str) -> None:
    build = [Requirement(line) for line in PROJECT["build-system"]["requires"]]
    floors = [each for each in (*wanted("dev"), *build) if canonicalize_name(each.name) == name]

    assert floors
    assert not any(each.specifier.contains(hole) for each in floors)
    assert locked("dev")[name] > Version(hole)


def test_the_doors_install_by_hash_and_nothing_else() -> None:
    library = (ROOT / "scripts" / "lib.sh").read_text(encoding="utf-8")
    installs = re.findall(r"^ *pip_install (.*)$", library, re.MULTILINE)

    assert [line.split()[0] for line in installs] == [
        "--editable",  # LOCKED=no
        "--require-hashes",
        "--no-deps",
    ]
