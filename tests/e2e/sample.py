"""A real git repository with a small web application that builds in a moment."""

from __future__ import annotations

import shlex
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scripts.bench_parts.application import make_application

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PYTHON = shlex.quote(sys.executable)
ANSWER = """
import os, pathlib

def answer(path):
    commits = [os.environ.get(f"HEROKU_{name}_COMMIT", "?") for name in ("BUILD", "SLUG")]
    body = " ".join([*commits, pathlib.Path("text").read_text()]).encode()
    if path == "/away":
        return 302, body, {"Location": os.environ["AWAY_URL"]}
    return 500 if pathlib.Path("broken").exists() else 200, body, {}
"""
COMPILE = """
echo "-----> Compiling $SOURCE_VERSION"
if [ -e "$1/unbuildable" ]; then echo " !     this does not compile"; exit 1; fi
"""
APPLICATION: Mapping[str, str] = {
    **make_application(ANSWER, COMPILE, PYTHON),
    "text": "hello",
}
WEB = APPLICATION["Procfile"]
# Further states of the application, to be committed on top.
BROKEN = {"broken": "answers 500\n"}
UNBUILDABLE = {"unbuildable": "does not compile\n"}
WITH_RELEASE_COMMAND = {
    "Procfile": f'{WEB}release: echo "migrating"; test -z "$RELEASE_FAILS"\n',
}


@dataclass(frozen=True)
class Repository:
    """A working tree and its repository."""

    directory: Path
    environment: Mapping[str, str]

    @classmethod
    def create(cls, directory: Path, environment: Mapping[str, str]) -> Repository:
        """Make a repository; the application comes with the first commit."""
        directory.mkdir()
        repository = cls(directory, environment)
        repository.git("init", "--quiet", "--initial-branch", "main")
        repository.write(APPLICATION)
        return repository

    def git(self, *arguments: str) -> str:
        """Run git and return what it printed."""
        return subprocess.run(
            ["git", *arguments],
            cwd=self.directory,
            env=dict(self.environment),
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()

    def write(self, files: Mapping[str, str]) -> None:
        """Write files; scripts become executable."""
        for name, text in files.items():
            path = self.directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            path.chmod(0o755 if text.startswith("#!") else 0o644)

    def commit(self, files: Mapping[str, str] | None = None, subject: str = "Change") -> str:
        """Commit what is there and the given files; return the full sha."""
        self.write(files or {})
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", subject)
        return self.git("rev-parse", "HEAD")

    def clone(self, to: Path, *options: str) -> Repository:
        """Clone over the git protocol, so that `--depth` means something."""
        self.git("clone", "--quiet", *options, f"file://{self.directory}", str(to))
        return Repository(to, self.environment)
