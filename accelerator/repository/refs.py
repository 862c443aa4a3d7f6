"""Small notes kept as refs of a remote repository, each created, replaced and removed atomically.

A note is a commit of the empty tree whose message is the note's text. Git's own compare-and-swap
makes it safe: a push names the value the ref has to have, and the server refuses when it has
another. Pushed from a throwaway bare repository, so a shallow clone does not matter, and nothing is
written into anybody's checkout. The refs are branches, because those are what Heroku's git is known
to store without building them (platform facts, section 7).
"""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from accelerator.errors import LockUnavailable
from accelerator.models import Swap
from accelerator.repository.commands import OUT_OF_TIME, Git, git_missing
from accelerator.repository.pushing import Redactor, child_environment

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from accelerator.models import Secret
    from accelerator.repository.commands import Answer

_TEXT_LIMIT = 20_000
_READ_LIMIT = 64_000  # bytes of a commit, with its headers
# What strangers put there may be any size. Git gives up a fetch for which it would need more memory
# than this at once (a commit is held whole), and streams files beyond a megabyte to disk.
_ALLOCATION = {"GIT_ALLOC_LIMIT": "16m"}
_STREAMED = ("-c", "core.bigFileThreshold=1m")
ANSWER_SECONDS = 30.0
HURRY_SECONDS = 2.0
_IDENTITY = {
    "GIT_AUTHOR_NAME": "accelerator",
    "GIT_AUTHOR_EMAIL": "accelerator@localhost",
    "GIT_COMMITTER_NAME": "accelerator",
    "GIT_COMMITTER_EMAIL": "accelerator@localhost",
}
_LOST = re.compile(
    r"^!\t[^\t]*\t\[(?:remote )?rejected\] \((?:stale info|fetch first|non-fast-forward|"
    r"cannot lock ref|failed to update ref|incorrect old value|reference already exists)",
    re.MULTILINE,
)
_TAKEN = re.compile(r"^[ +*=-]\t", re.MULTILINE)
_TURNED_AWAY = re.compile(r"RPC failed; .*\b4\d\d\b")  # 403: no such pushes; 429: too many
_CHATTER = ("remote:", "To ", "error: failed to push")


@dataclass(frozen=True, slots=True)
class LockHost:
    """Where locks, freezes and rejections are kept: a git repository that is opened when needed.

    `key` goes along only to Heroku's own git host; None where the remote needs none of ours.
    """

    url: str
    key: Secret | None
    environment: Mapping[str, str] = field(repr=False)

    def open(self) -> RefStore:
        """Connect to the remote; raises where git is missing or no folder can be made."""
        return RefStore(self.url, self.key, self.environment)


class RefStore:
    """The notes of one remote repository; usable from several threads.

    `key` is sent to that remote only, and None where the remote needs none of ours.
    """

    def __init__(self, url: str, key: Secret | None, environment: Mapping[str, str]) -> None:
        from git import Repo  # noqa: PLC0415  # costs 30 ms
        from git.exc import GitCommandNotFound  # noqa: PLC0415  # same

        self.url = url
        self._redact = Redactor(key)
        self._own = child_environment(environment, url, key) if key else {}
        # Removed when the process ends at the latest: a thread may be hanging in a push then.
        self._temporary = tempfile.TemporaryDirectory(prefix="accelerator-refs-")
        self._folder = Path(self._temporary.name)
        try:
            self._repo = Repo.init(self._folder, bare=True)
        except GitCommandNotFound as missing:
            self._temporary.cleanup()
            raise git_missing() from missing
        given = {**environment, **self._own, **_IDENTITY}
        self._git, self._reader = Git(self._repo, given), Git(self._repo, {**given, **_ALLOCATION})
        self._fetching = Lock()  # FETCH_HEAD is one file
        self._seconds = ANSWER_SECONDS

    def __enter__(self) -> RefStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Remove the throwaway repository."""
        self._repo.close()
        self._temporary.cleanup()

    @property
    def is_metered(self) -> bool:
        """True when this is Heroku's git host, which counts requests: only that takes our key."""
        return bool(self._own)

    def hurry(self) -> None:
        """Wait for the remote a moment only, from now on: the run is being stopped."""
        self._seconds = HURRY_SECONDS

    def find(self, prefix: str) -> dict[str, str]:
        """List the refs that begin with `prefix`, with the sha of each: one git request.

        Raises `LockUnavailable` when the remote cannot be read.
        """
        answer = self._ask("-c", "protocol.version=0", "ls-remote", "--heads", "--quiet", self.url)
        if answer.status != 0:
            raise LockUnavailable(self._redact(answer.complaint))
        # Parted at line ends alone: names may hold what Unicode calls one.
        lines = answer.out.decode("utf-8", "replace").split("\n")
        pairs = (line.split("\t", 1) for line in lines if "\t" in line)
        return {ref: sha for sha, ref in pairs if ref.startswith(prefix)}

    def read(self, ref: str) -> tuple[str, str] | None:
        """Read a note's sha and text, or None when there is none.

        The text is empty where something stands there that is no note: no commit, too large, or
        not to be fetched although the remote lists it.
        """
        with self._fetching:
            fetched = self._fetch(ref)
            if fetched.status != 0:
                if "couldn't find remote ref" in fetched.error:
                    return None
                standing = self.find(ref).get(ref)  # raises where the remote cannot be read at all
                if standing is None:
                    return None
                if fetched.status == OUT_OF_TIME or self._fetch(ref).status != 0:
                    return standing, ""
            sha = self._git.ask("rev-parse", "FETCH_HEAD").text
        return sha, self._read_text(sha)

    def _fetch(self, ref: str) -> Answer:
        what = ("fetch", "--quiet", "--no-tags", "--depth", "1", self.url, ref)
        return self._reader.ask(*_STREAMED, *what, seconds=self._seconds)

    def _read_text(self, sha: str) -> str:
        """Return the message of a commit; nothing for any other object, and for a large one."""
        size = self._reader.ask("cat-file", "-s", sha).text
        if not size.isdecimal() or int(size) > _READ_LIMIT:
            return ""
        shown = self._reader.ask("rev-list", "-1", "--format=%B", "--encoding=UTF-8", sha)
        return shown.out.decode("utf-8", "replace").partition("\n")[2].strip()

    def write(self, text: str) -> str:
        """Make a note's commit in the throwaway repository; return its sha."""
        tree = self._git.ask("hash-object", "-t", "tree", "-w", "/dev/null").text
        utf8 = ("-c", "i18n.commitEncoding=UTF-8")
        made = self._git.ask(*utf8, "commit-tree", tree, "-m", text[:_TEXT_LIMIT])
        if made.status != 0:
            raise LockUnavailable(made.complaint)
        return made.text

    def swap(self, ref: str, old: str | None, new: str | None) -> Swap:
        """Change a ref from `old` to `new` where it still is `old`; None stands for no ref.

        After `Swap.UNKNOWN` (the reply was lost) `find` shows which it was. Raises
        `LockUnavailable` when the remote refuses such refs altogether.
        """
        spec = f"{new or ''}:{ref}"
        lease = f"--force-with-lease={ref}:{old or ''}"
        answer = self._ask(
            "push", "--porcelain", "--no-verify", "--no-signed", lease, "--", self.url, spec
        )
        report = answer.out.decode("utf-8", "replace")
        if _LOST.search(report):
            return Swap.LOST
        if answer.status == 0 and _TAKEN.search(report):
            return Swap.DONE
        if new is None and "remote ref does not exist" in answer.error:
            return Swap.LOST
        if "rejected]" in report or self._is_certain(answer.error):
            raise LockUnavailable(self._redact(_reason(report, answer.error)))
        return Swap.UNKNOWN

    def _ask(self, *arguments: str) -> Answer:
        """Run a command that talks to the remote, which may never answer."""
        return self._git.ask(*arguments, seconds=self._seconds)

    @staticmethod
    def _is_certain(said: str) -> bool:
        """Return whether the push provably changed nothing."""
        words = ("Authentication failed", "not found", "unable to access", "could not read")
        return any(word in said for word in words) or bool(_TURNED_AWAY.search(said))


def _reason(report: str, said: str) -> str:
    refused = re.search(r"\[(?:remote )?rejected\] \((?P<why>.*)\)", report)
    if refused:
        return refused["why"]
    lines = [line for line in said.splitlines() if line and not line.startswith(_CHATTER)]
    return lines[-1] if lines else "no reason given"
