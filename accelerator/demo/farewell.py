"""What the demo says last: where the command lies, the sites, and what to type next."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from accelerator.demo.screen import wrap_command

if TYPE_CHECKING:
    from collections.abc import Mapping

    from accelerator.demo.platform import LocalPlatform
    from accelerator.demo.report import DemoReport
    from accelerator.demo.repository import DemoRepository

NAME = "accelerator"


def find_program(environment: Mapping[str, str], directory: Path) -> str:
    """Return how to call the command that runs now: by its name where that finds it.

    After `scripts/demo` it lies in an environment that the caller's shell knows nothing of.
    """
    own = Path(sys.executable).parent / NAME
    found = shutil.which(NAME, path=environment.get("PATH", ""))
    if not own.is_file() or (found and Path(found).resolve() == own.resolve()):
        return NAME
    return shlex.quote(str(own.relative_to(directory) if own.is_relative_to(directory) else own))


def render_farewell(program: str) -> list[str]:
    """Render what a viewer may do next when everything is gone again."""
    lines = [
        "",
        "The sites are gone. To leave them up and try commands on them, or to ship your",
        "own repository:",
        f"  {program} demo --keep",
        f"  {program} demo --repo DIR",
    ]
    if program == NAME:
        return lines
    activate = Path(program.strip("'")).with_name("activate")
    path = [f"`. {activate}` puts the command on your PATH."] if activate.is_file() else []
    return [*lines, *path]


def render_kept(
    report: DemoReport, local: LocalPlatform, repository: DemoRepository, program: str
) -> list[str]:
    """Render the sites, and lines that can be pasted into another terminal."""
    width = max(map(len, report.sites))
    prepare = next(iter(report.sites)).replace("-staging", "-prepare")
    folder = shlex.quote(str(Path(*shlex.split(program)).absolute().parent))
    # What is printed there in turn names the command plainly.
    found = [] if program == NAME else [f"export PATH={folder}:$PATH"]
    deploy = (NAME, "deploy", *("--from", prepare), *("--to", "staging"))
    return [
        "",
        *(f"{app:<{width}}  {url}" for app, url in report.sites.items()),
        "",
        "The sites stay up until Ctrl-C. In another terminal:",
        f"  cd {shlex.quote(str(repository.directory))}",
        *(f"  {line}" for line in (*local.exports, *found)),
        "  git commit --allow-empty --message 'Try it'",
        f"  {NAME} prepare --app {prepare}",
        *(f"  {line}" for line in wrap_command(deploy)),
    ]
