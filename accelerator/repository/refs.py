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

from accelerator.errors import LockUnavailable, UsageProblem
from accelerator.foreign import hide_credentials, one_line
from accelerator.models import Swap
from accelerator.repository.commands import OUT_OF_TIME, Git
from accelerator.repository.surroundings import Redactor, make_access, read_remote, with_config

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from accelerator.models import Secret
    from accelerator.repository.commands import Answer
    from accelerator.waiting import Deadline

_TEXT_LIMIT = 20_000
_AT_ONCE = 200  # refs on one command line, which may be 128 kB on any system
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

# What a stranger may have named a branch: all that git takes, but nothing it could misunderstand.
_REF = re.compile(r"refs/heads/(?!-)[^\x00-\x20\x7f~^:?*\[\\]+")
# The settings of whoever runs this are for their repositories: no hooks, and no tidying up.
_ALONE = (("core.hooksPath", "/dev/null"), ("gc.auto", "0"), ("maintenance.auto", "false"))


@dataclass(frozen=True, slots=True)
class LockHost:
    """Where locks, freezes and rejections are kept: a git repository that is opened when needed.

    `key` goes along only to Heroku's own git host; None where the remote needs none of ours.
    """

    url: str = field(repr=False)
    key: Secret | None
    environment: Mapping[str, str] = field(repr=False)
    deadline: Deadline | None = None

    def open(self) -> RefStore:
        """Connect to the remote; raises where git is missing or no folder can be made."""
        return RefStore(self.url, self.key, self.environment, self.deadline)


class RefStore:
    """The notes of one remote repository; usable from several threads.

    `key` is sent to that remote only, and None where the remote needs none of ours. Past the
    `deadline` the remote has a moment to answer.
    """

    def __init__(
        self,
        url: str,
        key: Secret | None,
        environment: Mapping[str, str],
        deadline: Deadline | None = None,
    ) -> None:
        remote = read_remote(url)
        self.is_metered = key is not None  # Heroku's host counts requests; only that takes our key
        self._redact = Redactor(key, remote.password)
        self._access = make_access(remote, key, environment)
        # Removed when the process ends at the latest: a thread may be hanging in a push then.
        self._temporary = tempfile.TemporaryDirectory(prefix="accelerator-refs-")
        folder = Path(self._temporary.name)
        own = {**_IDENTITY, **_ALLOCATION, "GIT_DIR": str(folder)}
        self._remotely = with_config({**self._access.environment, **own}, _ALONE)
        self._git = Git(folder, with_config({**self._access.beside, **own}, _ALONE), deadline)
        try:
            self._demand("init", "--quiet", "--bare", "--template=", "--object-format=sha1")
        except BaseException:
            self._temporary.cleanup()
            raise
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
        self._temporary.cleanup()

    def hurry(self) -> None:
        """Wait for the remote a moment only, from now on: the run is being stopped."""
        self._seconds = HURRY_SECONDS

    def find(self, prefix: str) -> dict[str, str]:
        """List the refs that begin with `prefix`, with the sha of each: one git request.

        Raises `LockUnavailable` when the remote cannot be read.
        """
        listed = ("-c", "protocol.version=0", "ls-remote", "--heads", "--quiet", "--")
        answer = self._ask(*listed, self._access.address)
        if answer.status != 0:
            raise LockUnavailable(self._shown(answer.complaint))
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
        what = ("fetch", "--quiet", "--no-tags", "--depth", "1", "--")
        return self._ask(*_STREAMED, *what, self._access.address, _checked(ref))

    def _read_text(self, sha: str) -> str:
        """Return the message of a commit; nothing for any other object, and for a large one."""
        size = self._git.ask("cat-file", "-s", sha).text
        if not size.isdecimal() or int(size) > _READ_LIMIT:
            return ""
        shown = self._git.ask("rev-list", "-1", "--format=%B", "--encoding=UTF-8", sha)
        return shown.out.decode("utf-8", "replace").partition("\n")[2].strip()

    def write(self, text: str) -> str:
        """Make a note's commit in the throwaway repository; return its sha."""
        tree = self._demand("hash-object", "-t", "tree", "-w", "/dev/null")
        utf8 = ("-c", "i18n.commitEncoding=UTF-8")
        return self._demand(*utf8, "commit-tree", tree, "-m", text[:_TEXT_LIMIT])

    def swap(self, ref: str, old: str | None, new: str | None) -> Swap:
        """Change a ref from `old` to `new` where it still is `old`; None stands for no ref.

        After `Swap.UNKNOWN` (the reply was lost) `find` shows which it was. Raises
        `LockUnavailable` when the remote refuses such refs altogether.
        """
        spec = f"{new or ''}:{_checked(ref)}"
        lease = f"--force-with-lease={ref}:{old or ''}"
        pushed = ("push", "--porcelain", "--no-verify", "--no-signed", lease, "--")
        answer = self._ask(*pushed, self._access.address, spec)
        report = answer.out.decode("utf-8", "replace")
        if _LOST.search(report):
            return Swap.LOST
        if answer.status == 0 and _TAKEN.search(report):
            return Swap.DONE
        if new is None and "remote ref does not exist" in answer.error:
            return Swap.LOST
        if "rejected]" in report or self._is_certain(answer.error):
            raise LockUnavailable(self._shown(_reason(report, answer.error)))
        return Swap.UNKNOWN

    def remove(self, refs: Mapping[str, str]) -> None:
        """Remove refs where they still are as given: many at once, as servers count requests.

        What is left shows `find`.
        """
        names = [_checked(ref) for ref in refs]
        for first in range(0, len(names), _AT_ONCE):
            some = names[first : first + _AT_ONCE]
            leases = (f"--force-with-lease={ref}:{refs[ref]}" for ref in some)
            pushed = ("push", "--porcelain", "--no-verify", "--no-signed", *leases, "--")
            self._ask(*pushed, self._access.address, *(f":{ref}" for ref in some))

    def _ask(self, *arguments: str) -> Answer:
        """Run a command that talks to the remote, which may never answer."""
        return self._git.ask(*arguments, seconds=self._seconds, environment=self._remotely)

    def _demand(self, *arguments: str) -> str:
        """Run a command in the throwaway repository; raises where git does not do it."""
        answer = self._git.ask(*arguments)
        if answer.status != 0:
            raise LockUnavailable(answer.complaint)
        return answer.text

    def _shown(self, complaint: str) -> str:
        """Return what git or the server said, without secrets: both repeat addresses."""
        return hide_credentials(self._redact(complaint))

    @staticmethod
    def _is_certain(said: str) -> bool:
        """Return whether the push provably changed nothing."""
        words = ("Authentication failed", "not found", "unable to access", "could not read")
        return any(word in said for word in words) or bool(_TURNED_AWAY.search(said))


def _checked(ref: str) -> str:
    """Return the ref; never one that git would take for something else, or that is a pattern."""
    if not _REF.fullmatch(ref):
        raise UsageProblem(
            f"{one_line(ref, 100)!r} cannot be the name of a branch",
            "names of apps on Heroku are of letters, digits and dashes",
        )
    return ref


def _reason(report: str, said: str) -> str:
    refused = re.search(r"\[(?:remote )?rejected\] \((?P<why>.*)\)", report)
    if refused:
        return refused["why"]
    lines = [line for line in said.splitlines() if line and not line.startswith(_CHATTER)]
    return lines[-1] if lines else "no reason given"
