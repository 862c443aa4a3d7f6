"""Make an installed environment run from wherever its slug is unpacked."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

# A script that finds the interpreter beside itself.
_RELOCATABLE = """\
#!/bin/sh
'''exec' "$(dirname -- "$0")/{python}" "$0" "$@"
' '''
"""


def relocate(environment: Path, build: Path) -> None:
    """Rewrite all that names the place where the build happened."""
    for script in (environment / "bin").iterdir():
        if script.is_file() and not script.is_symlink():
            _rewrite_script(script, environment)
    for file in environment.glob("lib/python*/site-packages/*"):
        if file.suffix == ".pth":
            _rewrite_path_file(file, build)
        elif re.fullmatch(r"__editable__.*_finder\.py", file.name):
            _rewrite_finder(file, build)


def _rewrite_script(script: Path, environment: Path) -> None:
    here = re.escape(bytes(environment))
    plain = rb"#!" + here + rb"/bin/(python[0-9.]*)[ \t]*\n"
    # What installers write when the path is longer than a kernel takes.
    long = rb"#!/bin/sh\n'''exec' [\"']?" + here + rb"/bin/(python[0-9.]*)[\"']? [^\n]*\n' '''\n"
    content = script.read_bytes()
    found = re.match(plain, content) or re.match(long, content)
    if found:
        head = _RELOCATABLE.format(python=found[1].decode()).encode()
        script.write_bytes(head + content[found.end() :])
    elif script.name.lower().startswith("activate"):
        script.unlink()


def _rewrite_path_file(file: Path, build: Path) -> None:
    """Make the lines relative to the folder the file is in, as they may be."""
    lines = file.read_text(errors="surrogateescape").splitlines()
    fresh = [_relative(line, file, build) for line in lines]
    if fresh != lines:
        file.write_text("".join(f"{line}\n" for line in fresh), errors="surrogateescape")


def _relative(line: str, file: Path, build: Path) -> str:
    if line == str(build) or line.startswith(f"{build}/"):
        return os.path.relpath(line, file.parent)
    return line


def _rewrite_finder(file: Path, build: Path) -> None:
    """Rewrite the program that setuptools writes for an editable install: it has paths as texts."""
    up = os.path.relpath(build, file.parent)
    here = f"__import__('os').path.realpath(__file__ + '/../{up}')"
    text = file.read_text()
    named = re.compile(f"'{re.escape(str(build))}((?:/[^'\\\\]*)?)'")
    file.write_text(named.sub(lambda found: f"({here} + '{found[1]}')", text))
