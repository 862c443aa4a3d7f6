"""Small notes kept as refs of a remote repository, each created, replaced and removed atomically.

A note is a commit of the empty tree whose message is the note's text. Git's own compare-and-swap
makes it safe: a push names the value the ref has to have, and the server refuses when it has
another. Pushed from a throwaway bare repository, so a shallow clone does not matter, and nothing is
written into anybody's checkout.

Everywhere else such a ref is named as we name it ("lock/shop"). Only this module knows where the
refs are (`repository.namespaces`). On Heroku's git host two pushes at once may both succeed: what
is stored there is one archive per app. So a store there is advisory.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING

from accelerator.errors import LockUnavailable, NoLockRefs
from accelerator.foreign import hide_credentials
from accelerator.models import Swap
from accelerator.repository import replies
from accelerator.repository.commands import OUT_OF_TIME, Git
from accelerator.repository.namespaces import KINDS, OF_ITS_OWN, ON_HEROKU, parse_list
from accelerator.repository.repeating import METERED_PATIENCE, PATIENCE, ask_again
from accelerator.repository.surroundings import Redactor, for_throwaway, make_access, read_remote
from accelerator.repository.throwaway import Throwaway

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from accelerator.models import Secret
    from accelerator.repository.commands import Answer
    from accelerator.repository.surroundings import Entries
    from accelerator.waiting import Deadline

_TEXT_LIMIT = 20_000
_AT_ONCE = 200  # refs on one command line, which may be 128 kB on any system
_READ_LIMIT = 64_000  # bytes of a commit, with its headers
_STREAMED = ("-c", "core.bigFileThreshold=1m")
ANSWER_SECONDS = 30.0
HURRY_SECONDS = 2.0
# Where notes are put that were fetched to be listed: those of today, and an older version's.
_LISTED, _LEFT = "refs/listed/", "refs/left/"


@dataclass(frozen=True, slots=True)
class LockHost:
    """Where locks, freezes and rejections are kept: a git repository that is opened when needed.

    `key` goes along only to Heroku's own git host; None where the remote needs none of ours.
    `entries` are settings of git for this host, with `secrets` in them. A prepare app's git is
    taken when nothing is said; `is_named_heroku` is whether ``lock_remote = "heroku"`` says it.
    """

    url: str = field(repr=False)
    key: Secret | None
    environment: Mapping[str, str] = field(repr=False)
    deadline: Deadline | None = None
    is_heroku: bool = False
    is_named_heroku: bool = False
    entries: Entries = field(default=(), repr=False)
    secrets: tuple[Secret, ...] = field(default=(), repr=False)

    def open(self) -> RefStore:
        """Connect to the remote; raises where git is missing or no folder can be made."""
        return RefStore(self)


class RefStore:
    """The notes of one remote repository; usable from several threads.

    `is_advisory` is true where two changes at once may both seem to work, `is_metered` where
    requests are counted. Past the deadline of the run the remote has a moment to answer.
    """

    def __init__(self, host: LockHost) -> None:
        remote = read_remote(host.url)
        self.is_metered = self.is_advisory = host.is_heroku
        self._key_source = host.key.source if host.key else ""
        self._namespace = ON_HEROKU if host.is_heroku else OF_ITS_OWN
        self._redact = Redactor(host.key, remote.password, *host.secrets)
        self._access = make_access(remote, host.key, host.environment, host.entries, host.secrets)
        self._temporary, self._deadline = Throwaway(), host.deadline
        folder = self._temporary.path
        self._remotely = for_throwaway(self._access.environment, folder)
        self._git = Git(folder, for_throwaway(self._access.beside, folder), host.deadline)
        try:
            self._git.demand_version()
            self._demand("init", "--quiet", "--bare", "--template=", "--object-format=sha1")
        except BaseException:
            self._temporary.remove()
            raise
        self._fetching = Lock()  # FETCH_HEAD is one file
        self._seconds, self._is_given_up = ANSWER_SECONDS, False

    def __enter__(self) -> RefStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Remove the throwaway repository."""
        self._temporary.remove()

    def hurry(self) -> None:
        """Wait for the remote a moment only, from now on: the run is being stopped."""
        self._seconds = HURRY_SECONDS

    def find(self) -> dict[str, str]:
        """List all notes with the sha of each.

        Raises `LockUnavailable` when the remote cannot be read, and when something stands there
        that keeps us from knowing or writing notes.
        """
        # Heroku counts requests, and its repositories hold next to no branches.
        found = self._list_all("--heads") if self.is_metered else self._list_namespace()
        return self._namespace.pick(found)

    def _list_namespace(self) -> dict[str, str]:
        """List the refs of our namespace, and those of ours that are in an older one.

        They are fetched, because git asks for a part of the refs in no other way, and a project may
        have very many. Where something there cannot be fetched, all are listed.
        """
        places = {_LISTED: OF_ITS_OWN.prefix, _LEFT: ON_HEROKU.prefix}
        old = (f"+{ON_HEROKU.prefix}{kind}/*:{_LEFT}{kind}/*" for kind in KINDS)
        with self._fetching:
            fetched = self._fetch("--prune", refs=(f"+{OF_ITS_OWN.prefix}*:{_LISTED}*", *old))
            if fetched.status == 0:
                shown = self._git.ask("for-each-ref", "--format=%(objectname)\t%(refname)")
                text = shown.out.decode("utf-8", "replace")
                for here, there in places.items():
                    text = text.replace(f"\t{here}", f"\t{there}")
                return parse_list(text)
        if fetched.status == OUT_OF_TIME or replies.is_turned_away(fetched.error):
            raise self._unavailable(fetched.complaint)
        return self._list_all()

    def _list_all(self, *options: str) -> dict[str, str]:
        """List all refs of the remote with one request."""
        listed = ("-c", "protocol.version=0", "ls-remote", *options, "--quiet", "--")
        answer = self._ask_again(*listed, self._access.address)
        if answer.status != 0:
            raise self._unavailable(answer.complaint)
        return parse_list(answer.out.decode("utf-8", "replace"))

    def read(self, name: str) -> tuple[str, str] | None:
        """Read a note's sha and text, or None when there is none.

        The text is empty where something stands there that is no note: no commit, too large, or
        not to be fetched although the remote lists it.
        """
        ref = self._namespace.full(name)
        fetched, found = self._fetch_note(ref)
        if found is not None:
            return found
        if "couldn't find remote ref" in fetched.error:
            return None
        standing = self.find().get(name)  # raises where the remote cannot be read at all
        if standing is None:
            return None
        if fetched.status != OUT_OF_TIME:
            _, found = self._fetch_note(ref)
        return found or (standing, "")

    def _fetch_note(self, ref: str) -> tuple[Answer, tuple[str, str] | None]:
        with self._fetching:
            fetched = self._fetch(refs=(ref,))
            if fetched.status != 0:
                return fetched, None
            sha = self._git.ask("rev-parse", "FETCH_HEAD").text
        return fetched, (sha, self._read_text(sha))

    def _fetch(self, *options: str, refs: tuple[str, ...]) -> Answer:
        what = ("fetch", "--quiet", "--no-tags", "--depth", "1", *options, "--")
        return self._ask_again(*_STREAMED, *what, self._access.address, *refs)

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

    def swap(self, name: str, old: str | None, new: str | None) -> Swap:
        """Change a note from `old` to `new` where it still is `old`; None stands for no note.

        After `Swap.UNKNOWN` (the reply was lost) `find` shows which it was. Raises `NoLockRefs`
        when the remote refuses such refs altogether, and `LockUnavailable` when it took nothing.
        """
        ref = self._namespace.full(name)
        answer = self._push({ref: (old, new)})
        report = answer.out.decode("utf-8", "replace")
        if replies.is_lost(report):
            if old is None and replies.is_blocked(report):
                self._demand_room()
            return Swap.LOST
        if answer.status == 0 and replies.is_taken(report):
            return Swap.DONE
        if new is None and "remote ref does not exist" in answer.error:
            return Swap.LOST
        why = self._shown(replies.find_reason(report, answer.error))
        if replies.is_refused_by_rule(report, answer.error):
            raise NoLockRefs(why)
        if replies.is_certainly_unchanged(report, answer.error):
            raise self._unavailable(why)
        return Swap.UNKNOWN

    def swap_all(self, changes: Mapping[str, tuple[str, str]]) -> dict[str, Swap]:
        """Change several notes with one push, each by itself: where it still is as given first."""
        refs = {name: self._namespace.full(name) for name in changes}
        answer = self._push({refs[name]: change for name, change in changes.items()})
        lines = answer.out.decode("utf-8", "replace").splitlines()
        ends = {}
        for name, ref in refs.items():
            line = next((line for line in lines if f":{ref}\t" in line), "")
            is_done = answer.status == 0 and replies.is_taken(line)
            lost_or_not_known = Swap.LOST if replies.is_lost(line) else Swap.UNKNOWN
            ends[name] = Swap.DONE if is_done else lost_or_not_known
        return ends

    def remove(self, notes: Mapping[str, str]) -> None:
        """Remove notes where they still are as given: many at once, as servers count requests.

        What is left shows `find`.
        """
        shas = {self._namespace.full(name): sha for name, sha in notes.items()}
        names = list(shas)
        for first in range(0, len(names), _AT_ONCE):
            self._push({ref: (shas[ref], None) for ref in names[first : first + _AT_ONCE]})

    def _push(self, changes: Mapping[str, tuple[str | None, str | None]]) -> Answer:
        """Push refs, each where it still is as given first; None stands for no ref."""
        leases = (f"--force-with-lease={ref}:{old or ''}" for ref, (old, _) in changes.items())
        specs = (f"{new or ''}:{ref}" for ref, (_, new) in changes.items())
        what = ("push", "--porcelain", "--no-verify", "--no-signed", *leases, "--")
        return self._ask(*what, self._access.address, *specs)

    def _demand_room(self) -> None:
        """Raise `LockUnavailable` where a ref stands in the place of our whole namespace."""
        self._namespace.pick(self._list_all("--heads") if self.is_metered else self._list_all())

    def _ask_again(self, *arguments: str) -> Answer:
        """Read from the remote, and again for a while where what went wrong may pass."""
        if self._deadline is None or self._seconds < ANSWER_SECONDS:
            return self._ask(*arguments)
        patience = METERED_PATIENCE if self.is_metered else PATIENCE
        return ask_again(lambda: self._ask(*arguments), self._deadline, patience)

    def _ask(self, *arguments: str) -> Answer:
        """Run a command that talks to the remote, which may never answer.

        One that kept an interrupted run waiting is not asked again: there is no time for it.
        """
        if self._is_given_up:
            raise LockUnavailable("it does not answer")
        answer = self._git.ask(*arguments, seconds=self._seconds, environment=self._remotely)
        is_hurried = self._seconds < ANSWER_SECONDS
        self._is_given_up = is_hurried and answer.status == OUT_OF_TIME
        return answer

    def _demand(self, *arguments: str) -> str:
        """Run a command in the throwaway repository; raises where git does not do it."""
        answer = self._git.ask(*arguments)
        if answer.status != 0:
            raise LockUnavailable(answer.complaint)
        return answer.text

    def _unavailable(self, why: str) -> LockUnavailable:
        said = replies.name_limit(self._shown(why), is_metered=self.is_metered)
        source = self._key_source
        remedy = replies.find_remedy(why, is_metered=self.is_metered, key_source=source)
        return LockUnavailable(said, remedy)

    def _shown(self, complaint: str) -> str:
        """Return what git or the server said, without secrets: both repeat addresses."""
        return hide_credentials(self._redact(complaint))
