"""Run git: environment, answers and processes, but no meaning. GitPython opens the repository."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from accelerator.errors import RepositoryProblem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from git import Repo

    from accelerator.waiting import Deadline

OUT_OF_TIME = 124  # as `timeout` has it
MOMENT_SECONDS = 1.0
LONGEST_SECONDS = 7 * 24 * 3600.0  # the system's own waits cannot be told to last for years

# English, because outcomes are told apart by git's words; no replaced objects, because what is
# shipped is the commit that was named.
_ALWAYS = {
    "LC_ALL": "C",
    "LANGUAGE": "C",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_TERMINAL_PROMPT": "0",  # nobody is there to answer
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What git answered: exit status, standard output as bytes, standard error as text."""

    status: int
    out: bytes
    error: str

    @property
    def text(self) -> str:
        """Return the output as one stripped text."""
        return self.out.decode("utf-8", "replace").strip()

    @property
    def complaint(self) -> str:
        """Return the last thing git complained about, without its prefix."""
        lines = [line for line in self.error.splitlines() if line.strip()] or ["git said nothing"]
        blamed = [line for line in lines if line.startswith(("fatal:", "error:"))]
        return (blamed or lines)[0].partition(": ")[2] if blamed else lines[-1].strip()


class Git:
    """Runs git commands in one folder, with one environment and nothing of this process's own.

    So it does not go through GitPython, which starts from the environment of the process and only
    adds to it: hooks, helpers and servers that git starts would find the API key there.
    """

    def __init__(
        self, folder: Path, environment: Mapping[str, str], deadline: Deadline | None = None
    ) -> None:
        self._folder, self._environment = folder, dict(environment)
        self._deadline = deadline
        self._program = environment.get("GIT_PYTHON_GIT_EXECUTABLE") or "git"

    def ask(
        self,
        *arguments: str,
        seconds: float | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Answer:
        """Run git to its end, or for so long; the exit status is the caller's to judge.

        Git knows no deadline, and the servers it asks may never answer: past the run's own it has
        a moment, for what is to be put in order. When we are interrupted git is ended too: it would
        go on and finish behind our back.
        """
        seconds = self._limit(seconds)
        with self.running(*arguments, environment=environment) as process:
            try:
                out, error = process.communicate(timeout=seconds)
            except subprocess.TimeoutExpired:
                end(process)
                return Answer(OUT_OF_TIME, b"", f"fatal: git did not end within {seconds:g} s")
        answer = Answer(process.returncode, out.strip(b"\n"), error.decode("utf-8", "replace"))
        if "dubious ownership" in answer.error:
            raise RepositoryProblem(
                "git refuses to read this repository, because somebody else owns its folder",
                "`git config --global --add safe.directory '*'` in the job, or run as the owner",
            )
        return answer

    def outside(self) -> dict[str, str]:
        """Return the environment for a command outside of any repository, wherever it is run."""
        return {**self._environment, "GIT_DIR": os.devnull}

    def _limit(self, seconds: float | None) -> float | None:
        if self._deadline is None or self._deadline.remaining > LONGEST_SECONDS:
            return seconds
        left = max(self._deadline.remaining, MOMENT_SECONDS)
        return left if seconds is None else min(seconds, left)

    @contextmanager
    def running(
        self, *arguments: str, stdin: Any = None, environment: Mapping[str, str] | None = None
    ) -> Iterator[subprocess.Popen[bytes]]:
        """Start git with pipes; when the block ends early, git and all its helpers are ended.

        With an `environment` that one holds, in place of the usual one.
        """
        process = self._start(arguments, stdin, environment or self._environment)
        try:
            yield process
        except BaseException:
            end(process)
            raise
        finally:
            for pipe in (process.stdout, process.stderr):
                if pipe is not None:
                    pipe.close()
            process.wait()

    def _start(
        self, arguments: tuple[str, ...], stdin: Any, environment: Mapping[str, str]
    ) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(
                [self._program, *arguments],
                cwd=self._folder,
                env={**environment, **_ALWAYS},
                stdin=stdin or subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except FileNotFoundError as missing:
            if self._folder.is_dir():
                raise git_missing() from missing
            raise RepositoryProblem(f"the folder {self._folder} is gone") from missing


def end(process: subprocess.Popen[bytes]) -> None:
    """Kill a process started by `Git.running`, with its children."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def git_missing() -> RepositoryProblem:
    """Return the error that there is no git; only the strategies that need one run into it."""
    return RepositoryProblem("git was not found", "install git, or put it on PATH")


def open_repo(path: Path) -> Repo:
    """Open the repository that holds `path`, however deep inside."""
    try:
        from git import Repo  # noqa: PLC0415  # costs 30 ms, and a full sha needs no repository
        from git.exc import InvalidGitRepositoryError, NoSuchPathError  # noqa: PLC0415  # same
    except ImportError as missing:  # GitPython looks for git when it is imported
        raise git_missing() from missing
    try:
        return Repo(path, search_parent_directories=True)
    except (InvalidGitRepositoryError, NoSuchPathError) as error:
        raise RepositoryProblem(
            f"{path} is not inside a git repository",
            "run this in a checkout of the app (in CI: after the checkout step)",
        ) from error
