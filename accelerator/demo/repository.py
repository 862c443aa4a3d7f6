"""The repository the demo ships: the sample, or a clone of the user's own."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from dataclasses import dataclass
from importlib.resources import as_file, files
from typing import TYPE_CHECKING

from accelerator.errors import UsageProblem

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

AUTHOR = {
    "GIT_AUTHOR_NAME": "Demo",
    "GIT_AUTHOR_EMAIL": "demo@example.invalid",
    "GIT_COMMITTER_NAME": "Demo",
    "GIT_COMMITTER_EMAIL": "demo@example.invalid",
}
# With a Procfile it is said how the app runs; with one of the others their buildpack knows.
RUNNABLE = ("Procfile", "package.json", "Gemfile", "go.mod", "build.gradle", "build.gradle.kts")
NO_ROOM_HINT = "set TMPDIR to a folder with room for the demo's files"


@dataclass(frozen=True, slots=True)
class DemoRepository:
    """A git repository of the demo's own; the user's is never touched."""

    directory: Path
    environment: Mapping[str, str]

    def git(self, *arguments: str, **more: str) -> str:
        """Run git; return what it printed."""
        try:
            done = subprocess.run(
                ["git", *arguments],
                cwd=self.directory,
                env={**self.environment, **AUTHOR, **more},
                capture_output=True,
                text=True,
                check=False,
            )
        except FileNotFoundError:
            raise UsageProblem("git was not found", "install git, or put it on PATH") from None
        if done.returncode != 0:
            hint = NO_ROOM_HINT if os.strerror(errno.ENOSPC) in done.stderr else None
            raise UsageProblem(f"git {arguments[0]} failed: {done.stderr.strip()}", hint)
        return done.stdout.strip()

    def commit(self, subject: str) -> str:
        """Commit what is there (also when nothing changed); return the sha."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--no-verify", "--message", subject)
        return self.git("rev-parse", "HEAD")

    def check_out_beside(self, sha: str) -> DemoRepository:
        """Check a commit out into a folder of its own: tests leave files behind."""
        beside = self.directory.with_name(f"{self.directory.name}-beside")
        self.git("worktree", "add", "--quiet", "--detach", str(beside), sha)
        return DemoRepository(beside, self.environment)

    def take_commits(self) -> None:
        """Let anyone commit here who has not told git a name yet: the folder may be tried on."""
        self.git("config", "user.name", AUTHOR["GIT_AUTHOR_NAME"])
        self.git("config", "user.email", AUTHOR["GIT_AUTHOR_EMAIL"])


def make_sample(to: Path, environment: Mapping[str, str]) -> DemoRepository:
    """Make a repository of the sample application, without a commit yet."""
    with as_file(files("accelerator.demo") / "sample") as sample:
        shutil.copytree(sample, to, ignore=shutil.ignore_patterns("__pycache__"))
    repository = DemoRepository(to, environment)
    repository.git("init", "--quiet", "--initial-branch", "main")
    return repository


def change_sample(repository: DemoRepository) -> None:
    """Make the change of the second commit: visitors see another title."""
    module = repository.directory / "guestbook" / "__init__.py"
    module.write_text(module.read_text().replace('"Guestbook"', '"The guestbook"'))


def clone(source: Path, to: Path, environment: Mapping[str, str]) -> DemoRepository:
    """Clone the user's repository; raises `UsageProblem` when it cannot be run."""
    to.mkdir()
    repository = DemoRepository(to, environment)
    repository.git("clone", "--quiet", str(source.resolve()), ".")
    if not any((to / name).is_file() for name in RUNNABLE):
        uncommitted = " that is committed" if (source / "Procfile").is_file() else ""
        raise UsageProblem(
            f"{source} has no Procfile{uncommitted}, so it is not known how to run it",
            "commit a Procfile with a line such as `web: python -m http.server $PORT`",
        )
    return repository
